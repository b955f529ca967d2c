/*
 * render_query, render_look, render_dashboard, render_dashboard_tile, get_render: what is rendered
 * and how it is asked for. How it is waited for and answered is in task.c.
 */
#include "handlers/ask.h"
#include "handlers/bind.h"
#include "handlers/query/filters.h"
#include "handlers/query/validate.h"
#include "handlers/render/task.h"
#include "handlers/rows.h"
#include "looker_tools.h"
#include "rt/http.h"
#include "json/scan.h"

#define MAX_FILTERS_BYTES ((size_t)64 * 1024)

/* ---- a query ---- */

static bool save_query(struct mcp_call *call, const struct looker_render_query_args *args,
                       struct lk_string *ret_id, struct lk_error *err)
{
    struct lk_arena *arena = mcp_call_arena(call);
    const struct lk_tool_context *context = lk_tool_context(call);
    int64_t limit = lk_rows_limit(lk_tool_max_rows(context), args->limit.value, 0).applied;
    struct looker_create_query_params params = {.fields = lk_string(LK_STR("id"))};
    bool dev = lk_is_true(args->dev_mode);
    struct looker_query query;
    struct lk_str saved, id;

    if (!lk_query_from_args(call, args, &query, err) ||
        (lk_is_true(args->validate) && !lk_query_validate(call, &query, dev, err)))
        return false;
    query.limit = lk_string(lk_arena_printf(arena, "%lld", (long long)limit));
    if (!lk_ask(context->api, arena, lk_in_dev(looker_create_query(&params, &query), dev),
                LK_JSON_OBJECT, &saved, err))
        return lk_query_explain(call, &query, dev, err);
    id = lk_json_get_string(arena, saved, LK_STR("id"));
    if (id.len == 0)
        return lk_fail(err, LK_ERROR_PARSE, "Looker answered with a query that has no id");
    *ret_id = lk_string(id);
    return true;
}

bool lk_handler_render_query(struct mcp_call *call, const void *args_, struct lk_error *err)
{
    const struct looker_render_query_args *args = args_;
    struct looker_create_query_render_task_params params = {
        .result_format = args->result_format,
        .width = args->width,
        .height = args->height,
        .fields = lk_string(LK_STR(LK_RENDER_FIELDS)),
    };

    /* 1. The query, with names that the explore has; Looker renders it by its id. */
    if (!save_query(call, args, &params.query_id, err))
        return false;

    /* 2. Its picture. */
    return lk_render_create(
        call,
        &(struct lk_render_order){
            .create =
                lk_in_dev(looker_create_query_render_task(&params), lk_is_true(args->dev_mode)),
            .not_found = "Looker does not find the query that it has just saved; call again",
            .max_wait_seconds = args->max_wait_seconds.value,
        },
        err);
}

/* ---- a Look, a tile ---- */

bool lk_handler_render_look(struct mcp_call *call, const void *args_, struct lk_error *err)
{
    const struct looker_render_look_args *args = args_;
    struct looker_create_look_render_task_params params = {
        .look_id = args->look_id,
        .result_format = args->result_format,
        .width = args->width,
        .height = args->height,
        .fields = lk_string(LK_STR(LK_RENDER_FIELDS)),
    };

    return lk_render_create(call,
                            &(struct lk_render_order){
                                .create = looker_create_look_render_task(&params),
                                .not_found = "there is no Look with this id, or no access to it: "
                                             "search_content finds Looks by title",
                                .max_wait_seconds = args->max_wait_seconds.value,
                            },
                            err);
}

bool lk_handler_render_dashboard_tile(struct mcp_call *call, const void *args_,
                                      struct lk_error *err)
{
    const struct looker_render_dashboard_tile_args *args = args_;
    struct looker_create_dashboard_element_render_task_params params = {
        .dashboard_element_id = args->dashboard_element_id,
        .result_format = args->result_format,
        .width = args->width,
        .height = args->height,
        .fields = lk_string(LK_STR(LK_RENDER_FIELDS)),
    };

    return lk_render_create(call,
                            &(struct lk_render_order){
                                .create = looker_create_dashboard_element_render_task(&params),
                                .not_found =
                                    "there is no dashboard tile with this id, or no access to it: "
                                    "run_dashboard shows the tiles of a dashboard",
                                .max_wait_seconds = args->max_wait_seconds.value,
                            },
                            err);
}

/* ---- a dashboard ---- */

static const char no_dashboard[] = "there is no dashboard with this id, or no access to it: "
                                   "search_content finds dashboards by title";

/* What only a PDF has must not be asked for in vain. */
static bool check_paper(const struct looker_render_dashboard_args *args, struct lk_error *err)
{
    bool pdf = lk_str_eq(args->result_format.value, LK_STR("pdf"));

    if (pdf || (args->pdf_paper_size.is != LK_PRESENT && !lk_is_true(args->pdf_landscape)))
        return true;
    return lk_fail(err, LK_ERROR_ARGUMENT,
                   "%s goes with result_format pdf only; of an image width and height say the form",
                   args->pdf_paper_size.is == LK_PRESENT ? "pdf_paper_size" : "pdf_landscape");
}

/*
 * The values as Looker takes them, name=value&name=value, percent-encoded. Looker ignores names
 * that the dashboard does not have, and the picture would show what nobody asked for: so they are
 * looked up before.
 */
static bool make_filters(struct mcp_call *call, struct lk_str dashboard_id, struct lk_str given,
                         struct lk_string *ret_filters, struct lk_error *err)
{
    struct lk_arena *arena = mcp_call_arena(call);
    struct looker_dashboard_params params = {
        .dashboard_id = lk_string(dashboard_id),
        .fields = lk_string(LK_STR("id,dashboard_filters")),
    };
    struct lk_filters filters;
    struct lk_str dashboard;

    if (!lk_ask(lk_tool_context(call)->api, arena, looker_dashboard(&params), LK_JSON_OBJECT,
                &dashboard, err))
        return lk_explain_status(err, 404, "%s", no_dashboard);
    if (!lk_filters_of_dashboard(arena, dashboard, given, &filters, err))
        return false;
    struct lk_buf *text = lk_arena_new_object(arena, struct lk_buf);
    lk_buf_init(text, MAX_FILTERS_BYTES);
    lk_arena_defer(arena, lk_buf_free_deferred, text);
    for (size_t i = 0; i < filters.len; i++) {
        const struct lk_filter *filter = &filters.items[i];

        if (!filter->given)
            continue;
        if (text->len > 0)
            lk_buf_char(text, '&');
        lk_http_encode(text, filter->name);
        lk_buf_char(text, '=');
        lk_http_encode(text, filter->value);
    }
    if (text->overflow)
        return lk_fail(err, LK_ERROR_LIMIT,
                       "dashboard_filters are larger than %zu bytes together; give fewer values",
                       MAX_FILTERS_BYTES);
    *ret_filters = lk_string(lk_buf_view(text));
    return true;
}

bool lk_handler_render_dashboard(struct mcp_call *call, const void *args_, struct lk_error *err)
{
    const struct looker_render_dashboard_args *args = args_;
    struct lk_arena *arena = mcp_call_arena(call);
    struct looker_create_dashboard_render_task_params params = {0};
    struct looker_create_dashboard_render_task body = {
        .dashboard_style = args->dashboard_style,
        .tab_ids = args->tab_ids,
    };

    /* 1. The filters, by the names that the dashboard knows. */
    if (!check_paper(args, err))
        return false;
    if (lk_json_count(args->dashboard_filters.value) > 0 &&
        !make_filters(call, args->dashboard_id.value, args->dashboard_filters.value,
                      &body.dashboard_filters, err))
        return false;

    /* 2. The picture. */
    lk_bind_same_names(arena, &looker_render_dashboard_args_type, args,
                       &looker_create_dashboard_render_task_params_type, &params);
    params.fields = lk_string(LK_STR(LK_RENDER_FIELDS));
    return lk_render_create(call,
                            &(struct lk_render_order){
                                .create = looker_create_dashboard_render_task(&params, &body),
                                .not_found = no_dashboard,
                                .max_wait_seconds = args->max_wait_seconds.value,
                            },
                            err);
}

/* ---- what was begun before ---- */

bool lk_handler_get_render(struct mcp_call *call, const void *args_, struct lk_error *err)
{
    const struct looker_get_render_args *args = args_;

    return lk_render_fetch(call, args->render_task_id.value, args->max_wait_seconds.value, err);
}
