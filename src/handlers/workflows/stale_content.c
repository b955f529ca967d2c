/*
 * find_stale_content: dashboards and Looks that nobody opened for long, by System Activity, and
 * those that nobody ever opened, which System Activity does not know: they are what is left of all
 * content without its usage. Changes nothing.
 */
#include "handlers/activity.h"
#include "handlers/ask.h"
#include "handlers/health/usage.h"
#include "handlers/sessions.h"
#include "handlers/steps.h"
#include "looker_tools.h"

#include <stdlib.h>
#include <time.h>

#define PAGE 500
/* Rows of usage, and pages of content, that are read at most. */
#define USED_MAX 50000
#define PAGES_MAX 40
#define DAY_SECONDS 86400

struct never {
    struct lk_steps *steps;
    struct lk_arena *arena;
    struct lk_str *used; /* "dashboard 12", sorted: what was ever opened */
    size_t n_used;
    struct lk_items items;
    int64_t now, days, looked_at;
};

struct kind {
    const char *type, *step;
    struct lk_api_request (*request)(struct lk_arena *arena, int64_t offset);
};

#define CONTENT_FIELDS "id,title,created_at,view_count,last_accessed_at,deleted,folder(id,name)"

static struct lk_api_request dashboards(struct lk_arena *arena, int64_t offset)
{
    struct looker_search_dashboards_params *params =
        lk_arena_new_object(arena, struct looker_search_dashboards_params);

    *params = (struct looker_search_dashboards_params){
        .fields = lk_string(LK_STR(CONTENT_FIELDS)),
        .deleted = lk_string(LK_STR("false")),
        .sorts = lk_string(LK_STR("id")),
        .limit = lk_integer(PAGE),
        .offset = lk_integer(offset),
    };
    return looker_search_dashboards(params);
}

static struct lk_api_request looks(struct lk_arena *arena, int64_t offset)
{
    struct looker_search_looks_params *params =
        lk_arena_new_object(arena, struct looker_search_looks_params);

    *params = (struct looker_search_looks_params){
        .fields = lk_string(LK_STR(CONTENT_FIELDS)),
        .deleted = lk_boolean(false),
        .sorts = lk_string(LK_STR("id")),
        .limit = lk_integer(PAGE),
        .offset = lk_integer(offset),
    };
    return looker_search_looks(params);
}

static const struct kind kinds[] = {
    {"dashboard", "read_dashboards", dashboards},
    {"look", "read_looks", looks},
};

/* ---- what was never opened ---- */

static int compare(const void *a_, const void *b_)
{
    const struct lk_str *a = a_, *b = b_;
    int order = memcmp(a->ptr, b->ptr, a->len < b->len ? a->len : b->len);

    return order != 0 ? order : (a->len > b->len) - (a->len < b->len);
}

static bool was_used(const struct never *never, const char *type, struct lk_str id)
{
    struct lk_str key = lk_arena_printf(never->arena, "%s %.*s", type, LK_STR_ARG(id));

    return never->n_used > 0 &&
           bsearch(&key, never->used, never->n_used, sizeof(key), compare) != NULL;
}

/* Looker's own counters say that it was opened, or it is too young to be called unused. */
static bool is_excused(const struct never *never, struct lk_str content)
{
    struct lk_str value;
    int64_t created;

    if (lk_row_number(content, "view_count") > 0)
        return true;
    if (lk_json_get(content, LK_STR("last_accessed_at"), &value) &&
        lk_json_type(value) != LK_JSON_NULL)
        return true;
    return lk_time_parse(lk_json_get_string(never->arena, content, LK_STR("created_at")),
                         &created) &&
           never->now - created < never->days * DAY_SECONDS;
}

static void offer(struct never *never, const char *type, struct lk_str content)
{
    struct lk_str id = lk_json_get_string(never->arena, content, LK_STR("id")), value;
    struct lk_json_writer w = lk_json_writer(&never->items.buf);

    never->looked_at++;
    if (is_excused(never, content) || was_used(never, type, id) || !lk_items_next(&never->items))
        return;
    lk_json_begin_object(&w);
    lk_json_member_string(&w, "content_type", lk_str(type));
    lk_json_member_string(&w, "content_id", id);
    lk_json_member_string(&w, "title", lk_json_get_string(never->arena, content, LK_STR("title")));
    if (lk_json_get(content, LK_STR("created_at"), &value) && lk_json_type(value) != LK_JSON_NULL)
        lk_json_member_raw(&w, "created_at", value);
    if (lk_json_get(content, LK_STR("folder"), &value) && lk_json_type(value) == LK_JSON_OBJECT)
        lk_json_member_raw(&w, "folder", value);
    lk_json_end_object(&w);
    lk_items_end(&never->items);
}

/* Awaits. All content of a kind, page by page; one step. */
static void look_through(struct never *never, const struct kind *kind)
{
    const struct lk_tool_context *context = lk_tool_context(never->steps->call);
    struct lk_error failure = {0};
    struct lk_str list, content;
    int64_t offset = 0, n = PAGE;
    int page = 0;

    for (; n == PAGE && page < PAGES_MAX; page++, offset += n) {
        if (!lk_ask(context->api, never->arena, kind->request(never->arena, offset), LK_JSON_ARRAY,
                    &list, &failure)) {
            lk_steps_failed(never->steps, kind->step, false, &failure);
            lk_steps_left(never->steps, "%ss that were never opened could not be told", kind->type);
            return;
        }
        struct lk_json_iter it = lk_json_iter(list);
        for (n = 0; lk_json_next(&it, NULL, &content); n++)
            offer(never, kind->type, content);
    }
    lk_steps_done(never->steps, kind->step, "%lld looked at", (long long)offset);
    if (n == PAGE)
        lk_steps_left(never->steps, "there are more than %d %ss: the rest was not looked at",
                      PAGE * PAGES_MAX, kind->type);
}

static bool take_used(void *arg, struct lk_str row)
{
    struct never *never = arg;
    struct lk_str type = lk_row_text(never->arena, row, "content_usage.content_type");
    struct lk_str id = lk_row_text(never->arena, row, "content_usage.content_id");

    never->used[never->n_used++] =
        lk_arena_printf(never->arena, "%.*s %.*s", LK_STR_ARG(type), LK_STR_ARG(id));
    return never->n_used < USED_MAX;
}

/* Awaits. What System Activity says was ever opened; one step. */
static bool read_used(struct never *never)
{
    struct lk_activity_query query = {
        .explore = "content_usage",
        .fields = "content_usage.content_type,content_usage.content_id",
        .limit = USED_MAX,
    };
    struct lk_error failure = {0};
    int64_t n;

    never->used = lk_arena_array(never->arena, USED_MAX, sizeof(*never->used));
    if (!lk_activity_each(lk_tool_context(never->steps->call), never->arena, &query, take_used,
                          never, &n, &failure)) {
        lk_steps_failed(never->steps, "read_used_content", false, &failure);
        lk_steps_left(never->steps, "content that was never opened could not be told");
        return false;
    }
    if (n >= USED_MAX) {
        lk_fail(&failure, LK_ERROR_LIMIT,
                "System Activity knows more than %d pieces of content, so one that it did not "
                "tell of may have been opened",
                USED_MAX);
        lk_steps_failed(never->steps, "read_used_content", false, &failure);
        lk_steps_left(never->steps, "content that was never opened could not be told");
        return false;
    }
    if (never->n_used > 0)
        qsort(never->used, never->n_used, sizeof(*never->used), compare);
    lk_steps_done(never->steps, "read_used_content", "%zu were opened at some time", never->n_used);
    return true;
}

/* ---- the tool ---- */

/* Awaits. What was opened, but long ago; needed. */
static void write_unopened(struct lk_steps *steps,
                           const struct looker_find_stale_content_args *args)
{
    struct lk_error failure = {0};

    if (lk_usage_write_unopened(steps->call, &steps->w, args->content_type.value,
                                args->min_days_unused.value, args->limit.value, &failure))
        lk_steps_done(steps, "read_content_usage", "by days since they were opened last");
    else
        lk_steps_failed(steps, "read_content_usage", true, &failure);
}

bool lk_handler_find_stale_content(struct mcp_call *call, const void *args_, struct lk_error *err)
{
    const struct looker_find_stale_content_args *args = args_;
    struct lk_arena *arena = mcp_call_arena(call);
    struct lk_steps *steps = lk_arena_new_object(arena, struct lk_steps);
    struct never *never = lk_arena_new_object(arena, struct never);

    *never = (struct never){
        .steps = steps, .arena = arena, .now = time(NULL), .days = args->min_days_unused.value};
    lk_items_init(&never->items, arena, lk_tool_max_result_bytes(lk_tool_context(call)) / 2, 0,
                  args->limit.value);
    lk_steps_begin(steps, call);
    lk_json_member_integer(&steps->w, "min_days_unused", args->min_days_unused.value);
    lk_json_member_string(&steps->w, "content_type", args->content_type.value);

    /* 1. Opened, but long ago: fatal. */
    write_unopened(steps, args);

    /* 2. Never opened: recorded. */
    if (!lk_steps_have_failed(steps) && lk_is_true(args->never_opened) && read_used(never)) {
        for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
            if (lk_str_eq(args->content_type.value, LK_STR("all")) ||
                lk_str_eq(args->content_type.value, lk_str(kinds[i].type)))
                look_through(never, &kinds[i]);
        }
        lk_json_key(&steps->w, "never_opened");
        lk_json_begin_object(&steps->w);
        lk_json_member_integer(&steps->w, "looked_at", never->looked_at);
        lk_items_write(&never->items, &steps->w, never->items.offered, -1);
        lk_json_end_object(&steps->w);
    }
    if (!lk_steps_have_failed(steps))
        lk_steps_left(steps, "delete_dashboard and delete_look take the ids; schedules "
                             "(content_usage.schedule_count) may still send what nobody opens");
    return lk_steps_end(steps, err);
}
