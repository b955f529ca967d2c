/*
 * health_pulse: several looks at the instance at once. What a check says was observed in this call;
 * one that could not be made says so and why, and then the instance is not called healthy. The
 * checks themselves are in checks.c.
 */
#include "handlers/health/checks.h"
#include "looker_tools.h"
#include "rt/parallel.h"

struct pulse {
    struct mcp_call *call;
    struct lk_check *checks;
    size_t n_checks, n_done;
};

static void run_check(void *arg, size_t i)
{
    struct pulse *pulse = arg;
    struct lk_check *check = &pulse->checks[i];

    check->run(check);
    if (check->error.kind != LK_ERROR_NONE)
        check->status = LK_CHECK_UNKNOWN;
    mcp_call_progress(pulse->call, (double)++pulse->n_done, (double)pulse->n_checks,
                      lk_str(check->name));
}

static bool is_wanted(const char *name, const struct lk_string_list *wanted)
{
    for (size_t i = 0; i < wanted->len; i++) {
        if (lk_str_eq(wanted->items[i], lk_str(name)))
            return true;
    }
    return wanted->is != LK_PRESENT;
}

static void write_items(struct lk_json_writer *w, const struct lk_items *items)
{
    if (items->taken > 0) {
        lk_json_key(w, "items");
        lk_json_begin_array(w);
        lk_json_put_raw(w, lk_buf_view(&items->buf));
        lk_json_end_array(w);
    }
    if (items->cut)
        lk_write_truncated(w, items->max_bytes, items->taken, -1,
                           "ask for this check alone (checks), or for a shorter date_range");
}

static void write_check(struct lk_json_writer *w, const struct lk_check *check)
{
    const struct lk_error *error = &check->error;

    lk_json_begin_object(w);
    lk_json_member_string(w, "check", lk_str(check->name));
    lk_json_member_string(w, "status", lk_str(lk_check_status_name(check->status)));
    if (error->kind != LK_ERROR_NONE) {
        lk_json_member_string(w, "error", lk_str(error->message));
        if (error->status != 0)
            lk_json_member_integer(w, "http_status", error->status);
        if (error->detail[0] != '\0')
            lk_json_member_string(w, "detail", lk_str(error->detail));
    } else {
        lk_json_member_string(w, "detail", check->detail);
    }
    write_items(w, &check->items);
    lk_json_end_object(w);
}

/* The worst that was seen; what is unknown may be anything, but what failed has failed. */
static enum lk_check_status verdict(const struct pulse *pulse)
{
    enum lk_check_status worst = LK_CHECK_OK;

    for (size_t i = 0; i < pulse->n_checks; i++) {
        if (pulse->checks[i].status > worst)
            worst = pulse->checks[i].status;
    }
    return worst;
}

bool lk_handler_health_pulse(struct mcp_call *call, const void *args_, struct lk_error *err)
{
    const struct looker_health_pulse_args *args = args_;
    const struct lk_tool_context *context = lk_tool_context(call);
    struct lk_arena *arena = mcp_call_arena(call);
    struct lk_json_writer w = lk_json_writer(mcp_call_answer(call));
    struct pulse *pulse = lk_arena_new_object(arena, struct pulse);
    size_t n = args->checks.is == LK_PRESENT ? args->checks.len : lk_n_checks;
    size_t max_bytes = lk_tool_max_result_bytes(context) / (n + 1); /* one for all the rest */

    /* 1. The checks that are wanted, at once; a failure is recorded with its check. */
    *pulse = (struct pulse){.call = call,
                            .checks = lk_arena_array(arena, lk_n_checks, sizeof(struct lk_check))};
    for (size_t i = 0; i < lk_n_checks; i++) {
        if (is_wanted(lk_checks[i].name, &args->checks))
            lk_check_init(&pulse->checks[pulse->n_checks++], &lk_checks[i], context, arena,
                          args->date_range.value, max_bytes);
    }
    if (!lk_parallel(context->loop, lk_tool_max_parallel(context), pulse->n_checks, run_check,
                     pulse, err))
        return false;

    /* 2. The verdict: healthy only when all of them were seen to be. */
    enum lk_check_status worst = verdict(pulse);
    lk_json_begin_object(&w);
    lk_json_member_boolean(&w, "healthy", worst == LK_CHECK_OK);
    lk_json_member_string(&w, "status",
                          lk_str(worst == LK_CHECK_OK ? "healthy" : lk_check_status_name(worst)));
    lk_json_member_string(&w, "date_range", args->date_range.value);
    lk_json_key(&w, "checks");
    lk_json_begin_array(&w);
    for (size_t i = 0; i < pulse->n_checks; i++)
        write_check(&w, &pulse->checks[i]);
    lk_json_end_array(&w);
    lk_json_end_object(&w);
    return true;
}
