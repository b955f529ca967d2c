/*
 * provision_connection: a database connection, and the tests that say whether it works. One that
 * exists already is tested when it is the one that was asked for, and never overwritten.
 */
#include "handlers/ask.h"
#include "handlers/bind.h"
#include "handlers/ids.h"
#include "handlers/workflows/people.h"
#include "looker_tools.h"
#include "json/codec.h"

struct provisioning {
    struct lk_steps steps;
    struct lk_arena *arena;
    const struct looker_provision_connection_args *args;
    struct looker_db_connection wanted;
    struct lk_str found; /* as it is, JSON; empty: there is none yet */
    struct lk_str tests; /* their results, JSON; empty: they did not run */
    size_t n_tests, n_passed;
};

/* ---- what is there ---- */

/* A value as text: what is absent, null or "" is all the same, and so are 5432 and "5432". */
static struct lk_str text_of(struct lk_arena *arena, struct lk_str value)
{
    switch (lk_json_type(value)) {
    case LK_JSON_STRING:
        return lk_json_decode_string(arena, value);
    case LK_JSON_NUMBER:
    case LK_JSON_BOOLEAN:
        return lk_str_trim(value);
    default:
        return (struct lk_str){0};
    }
}

/* "host is "a" there, not "b"; …": what was asked for and is otherwise. Empty: nothing. What Looker
 * does not show (passwords) is not compared. */
static struct lk_str differences(struct provisioning *p)
{
    struct lk_buf *wanted = lk_arena_new_object(p->arena, struct lk_buf);
    struct lk_str text = {0}, key, value;

    lk_buf_init(wanted, (size_t)1024 * 1024);
    lk_arena_defer(p->arena, lk_buf_free_deferred, wanted);
    lk_encode(&looker_db_connection_type, &p->wanted, wanted);
    struct lk_json_iter it = lk_json_iter(lk_buf_view(wanted));
    while (lk_json_next(&it, &key, &value)) {
        const struct lk_field *field = lk_type_field(&looker_db_connection_type, key);
        struct lk_str is = {0}, should = text_of(p->arena, value), raw;
        if (field == NULL || (field->flags & LK_FIELD_WRITE_ONLY) || lk_str_eq(key, LK_STR("name")))
            continue;
        if (lk_json_get(p->found, key, &raw))
            is = text_of(p->arena, raw);
        if (lk_str_eq(is, should) || (is.len == 0 && lk_str_eq(should, LK_STR("false"))))
            continue;
        text = lk_arena_printf(p->arena, "%.*s%s%.*s is \"%.*s\" there, not \"%.*s\"",
                               LK_STR_ARG(text), text.len > 0 ? "; " : "", LK_STR_ARG(key),
                               LK_STR_ARG(is), LK_STR_ARG(should));
    }
    return text;
}

static bool find(struct provisioning *p)
{
    static const char step[] = "find_connection";
    struct looker_connection_params params = {.connection_name = p->args->name};
    struct lk_error failure = {0};

    if (!lk_ask(lk_tool_context(p->steps.call)->api, p->arena, looker_connection(&params),
                LK_JSON_OBJECT, &p->found, &failure)) {
        p->found = (struct lk_str){0};
        if (!lk_failed_with(&failure, 404)) {
            lk_steps_failed(&p->steps, step, true, &failure);
            return false;
        }
        lk_steps_done(&p->steps, step, "there is none of this name yet");
        return true;
    }
    struct lk_str other = differences(p);
    if (other.len > 0) {
        lk_steps_refuse(&p->steps, step,
                        "the connection %.*s exists and is another (%.*s): take another name, or "
                        "change it with update_connection; nothing was changed",
                        LK_STR_ARG(p->args->name.value), LK_STR_ARG(other));
        return false;
    }
    lk_steps_done(&p->steps, step, "it exists, with these settings (as far as Looker shows them)");
    return true;
}

/* ---- making it ---- */

static bool create(struct provisioning *p)
{
    if (p->found.len > 0) {
        lk_steps_skipped(&p->steps, "create_connection", "it exists");
        return true;
    }
    if (!lk_steps_ask(&p->steps, "create_connection", looker_create_connection(&p->wanted),
                      LK_JSON_OBJECT, &p->found))
        return false;
    lk_steps_done(&p->steps, "create_connection", "%.*s", LK_STR_ARG(p->args->name.value));
    lk_steps_changed(&p->steps, "created connection %.*s", LK_STR_ARG(p->args->name.value));
    return true;
}

/* Looker turns them on by itself where it can; that is only to be seen. */
static void check_pdts(struct provisioning *p)
{
    bool on = lk_member_is_true(p->found, "pdts_enabled");

    if (p->args->pdts_enabled.is == LK_PRESENT && p->args->pdts_enabled.value != on)
        lk_steps_left(&p->steps,
                      "persistent derived tables are %s, other than asked for: Looker decides by "
                      "tmp_db_name and the rights of the database user (update_connection)",
                      on ? "on" : "off");
}

/* ---- testing it ---- */

static bool has_passed(struct provisioning *p, struct lk_str result)
{
    return lk_str_ieq(lk_json_get_string(p->arena, result, LK_STR("status")), LK_STR("success"));
}

static void test(struct provisioning *p)
{
    static const char step[] = "test_connection";
    struct looker_test_connection_params params = {.connection_name = p->args->name};
    struct lk_str result, first = {0};
    struct lk_error failure = {0};

    if (!lk_steps_ask(&p->steps, step, looker_test_connection(&params), LK_JSON_ARRAY, &p->tests)) {
        p->tests = (struct lk_str){0};
        lk_steps_left(&p->steps, "the connection exists, untested: call again, or test_connection");
        return;
    }
    struct lk_json_iter it = lk_json_iter(p->tests);
    while (lk_json_next(&it, NULL, &result)) {
        bool passed = has_passed(p, result);
        p->n_tests++;
        p->n_passed += passed;
        if (!passed && first.len == 0)
            first = result;
    }
    if (p->n_tests > 0 && p->n_passed == p->n_tests) {
        lk_steps_done(&p->steps, step, "all %zu passed", p->n_tests);
        return;
    }
    if (p->n_tests == 0)
        lk_fail(&failure, LK_ERROR_UPSTREAM, "Looker ran no test, so nothing says that it works");
    else
        lk_fail(&failure, LK_ERROR_UPSTREAM, "the connection exists, but %zu of %zu tests failed",
                p->n_tests - p->n_passed, p->n_tests);
    if (first.len > 0)
        lk_error_detail(&failure, "%.*s: %.*s",
                        LK_STR_ARG(lk_json_get_string(p->arena, first, LK_STR("name"))),
                        LK_STR_ARG(lk_json_get_string(p->arena, first, LK_STR("message"))));
    lk_steps_failed(&p->steps, step, true, &failure);
    lk_steps_left(&p->steps,
                  "mend what the tests say with update_connection, then test_connection; "
                  "delete_connection takes it away");
}

static void write_tests(struct provisioning *p)
{
    static const char *const shown[] = {"name", "status", "message"};
    struct lk_json_writer *w = &p->steps.w;
    struct lk_str result, value;

    lk_json_member_boolean(w, "healthy", p->n_tests > 0 && p->n_passed == p->n_tests);
    lk_json_key(w, "tests");
    lk_json_begin_array(w);
    struct lk_json_iter it = lk_json_iter(p->tests);
    while (lk_json_next(&it, NULL, &result)) {
        lk_json_begin_object(w);
        for (size_t i = 0; i < 3; i++) {
            if (lk_json_get(result, lk_str(shown[i]), &value))
                lk_json_member_raw(w, shown[i], value);
        }
        lk_json_end_object(w);
    }
    lk_json_end_array(w);
}

/* Looker has no switch for derived tables: they are on where there is a schema for them. */
static bool check_arguments(const struct looker_provision_connection_args *args,
                            struct lk_error *err)
{
    bool has_schema = args->tmp_db_name.is == LK_PRESENT && args->tmp_db_name.value.len > 0;

    if (args->pdts_enabled.is != LK_PRESENT || args->pdts_enabled.value == has_schema)
        return true;
    return lk_fail(err, LK_ERROR_ARGUMENT,
                   args->pdts_enabled.value
                       ? "pdts_enabled: persistent derived tables need a schema to write to: give "
                         "tmp_db_name as well"
                       : "pdts_enabled: with tmp_db_name persistent derived tables are on; leave "
                         "tmp_db_name out to have them off");
}

bool lk_handler_provision_connection(struct mcp_call *call, const void *args_, struct lk_error *err)
{
    const struct looker_provision_connection_args *args = args_;
    struct provisioning *p = lk_arena_new_object(mcp_call_arena(call), struct provisioning);

    p->arena = mcp_call_arena(call);
    p->args = args;
    if (!check_arguments(args, err))
        return false;
    lk_bind_same_names(p->arena, &looker_provision_connection_args_type, args,
                       &looker_db_connection_type, &p->wanted);
    lk_clear_read_only(&looker_db_connection_type, &p->wanted);
    lk_steps_begin(&p->steps, call);
    p->steps.preview = args->dry_run.value;

    /* 1. Is there one of that name, and is it this one: fatal. */
    bool ready = find(p);
    if (ready && p->steps.preview) {
        if (p->found.len > 0)
            lk_steps_skipped(&p->steps, "create_connection", "it exists");
        else
            lk_steps_planned(&p->steps, "create_connection", "%.*s", LK_STR_ARG(args->name.value));
        lk_steps_planned(&p->steps, "test_connection", "all tests that the dialect has");
    } else if (ready && create(p)) {
        /* 2. Make it: fatal. 3. Test it: a connection that does not work is a failure. */
        check_pdts(p);
        test(p);
    }
    lk_json_member_string(&p->steps.w, "connection_name", args->name.value);
    if (p->tests.len > 0)
        write_tests(p);
    return lk_steps_end(&p->steps, err);
}
