/*
 * Waiting for a render task, and what comes of it (see task.h). Called by render.c.
 *
 *     created, or looked at ──> waiting: look, 0.25 s … 2 s apart ──> success ──> its result
 *                                  │                             └──> failure: an error
 *                                  └ the wait is over: {"status":"rendering","how":…}
 *
 * A render task cannot be cancelled: a call that is cancelled leaves it to Looker.
 */
#include "handlers/render/task.h"

#include "handlers/ask.h"
#include "looker_ops.h"
#include "rt/co.h"
#include "json/scan.h"
#include "json/write.h"

#define FIRST_PAUSE_MS 250
#define LONGEST_PAUSE_MS 2000
#define TRIES 3 /* at one look, when Looker is not to be reached for a moment */

enum outcome { RENDERING, RENDERED, FAILED };

struct render {
    struct mcp_call *call;
    const struct lk_tool_context *context;
    struct lk_arena *arena;
    struct lk_str task, id, status; /* what Looker said last */
    uint64_t began_ms, until_ms;
    uint64_t pause_ms;
    int n_pauses;
};

/* ---- looking ---- */

static bool take(struct render *render, struct lk_str task, struct lk_error *err)
{
    render->task = task;
    render->id = lk_json_get_string(render->arena, task, LK_STR("id"));
    render->status = lk_json_get_string(render->arena, task, LK_STR("status"));
    return render->id.len > 0 ||
           lk_fail(err, LK_ERROR_PARSE, "Looker answered with a render task that has no id");
}

static enum outcome outcome_of(const struct render *render)
{
    if (lk_str_eq(render->status, LK_STR("success")))
        return RENDERED;
    return lk_str_eq(render->status, LK_STR("failure")) ? FAILED : RENDERING;
}

static bool look(struct render *render, struct lk_str id, struct lk_error *err)
{
    struct looker_render_task_params params = {
        .render_task_id = lk_string(id),
        .fields = lk_string(LK_STR(LK_RENDER_FIELDS)),
    };
    struct lk_str task;

    return lk_ask(render->context->api, render->arena, looker_render_task(&params), LK_JSON_OBJECT,
                  &task, err) &&
           take(render, task, err);
}

static bool may_pass(const struct lk_error *err)
{
    return err->kind == LK_ERROR_NETWORK || err->kind == LK_ERROR_TIMEOUT ||
           (err->kind == LK_ERROR_UPSTREAM && (err->status == 429 || err->status >= 500));
}

/* ---- waiting ---- */

static bool is_over(const struct render *render)
{
    return lk_loop_now_ms(render->context->loop) >= render->until_ms;
}

/* Tells the caller how far Looker is, then lets some time pass, longer each time. */
static bool pause(struct render *render, struct lk_error *err)
{
    struct lk_loop *loop = render->context->loop;
    uint64_t now_ms = lk_loop_now_ms(loop), left_ms = render->until_ms - now_ms;
    uint64_t pause_ms = render->pause_ms < left_ms ? render->pause_ms : left_ms;

    render->pause_ms += render->pause_ms / 2;
    if (render->pause_ms > LONGEST_PAUSE_MS)
        render->pause_ms = LONGEST_PAUSE_MS;
    mcp_call_progress(render->call, ++render->n_pauses, 0,
                      lk_arena_printf(render->arena, "%.*s, %llu s", LK_STR_ARG(render->status),
                                      (unsigned long long)(now_ms - render->began_ms) / 1000));
    return lk_co_sleep(loop, pause_ms, err);
}

/* Until the task has ended or the wait is over. */
static bool wait_for(struct render *render, struct lk_error *err)
{
    int failures = 0;

    while (outcome_of(render) == RENDERING && !is_over(render)) {
        struct lk_error failure = {0};

        if (!pause(render, err))
            return false;
        if (look(render, render->id, &failure)) {
            failures = 0;
        } else if (!may_pass(&failure) || ++failures == TRIES) {
            *err = failure;
            return false;
        }
    }
    return true;
}

/* ---- the result ---- */

struct format {
    struct lk_str name, mime_type, magic;
    enum lk_media media;
};

static const struct format formats[] = {
    {LK_STR_INIT("png"), LK_STR_INIT("image/png"), LK_STR_INIT("\x89PNG\r\n\x1a\n"), LK_MEDIA_PNG},
    {LK_STR_INIT("jpg"), LK_STR_INIT("image/jpeg"), LK_STR_INIT("\xff\xd8\xff"), LK_MEDIA_JPEG},
    {LK_STR_INIT("pdf"), LK_STR_INIT("application/pdf"), LK_STR_INIT("%PDF-"), LK_MEDIA_PDF},
};

/* The format of what came, which must be what the task says that it renders. */
static const struct format *check_format(const struct render *render,
                                         const struct lk_api_answer *answer, struct lk_error *err)
{
    struct lk_str wanted = lk_json_get_string(render->arena, render->task, LK_STR("result_format"));

    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
        const struct format *format = &formats[i];

        if (answer->media == format->media && lk_str_starts(answer->body, format->magic) &&
            (wanted.len == 0 || lk_str_eq(wanted, format->name)))
            return format;
    }
    lk_fail(err, LK_ERROR_PARSE, "what Looker sent as the result of render task %.*s is no %.*s",
            LK_STR_ARG(render->id),
            LK_STR_ARG(wanted.len > 0 ? wanted : LK_STR("png, jpg or pdf")));
    return NULL;
}

static bool check_size(const struct render *render, const struct lk_api_answer *answer,
                       struct lk_error *err)
{
    size_t max_bytes = lk_tool_max_render_bytes(render->context);

    return answer->body.len <= max_bytes ||
           lk_fail(err, LK_ERROR_LIMIT,
                   "the result has %zu bytes and %zu are allowed (LOOKER_MAX_RENDER_BYTES); render "
                   "it with a smaller width or height or as jpg, or have the limit raised",
                   answer->body.len, max_bytes);
}

/* Copies those members of the task that have a value. */
static void write_members(const struct render *render, struct lk_json_writer *w)
{
    static const struct lk_str names[] = {
        LK_STR_INIT("result_format"),
        LK_STR_INIT("width"),
        LK_STR_INIT("height"),
        LK_STR_INIT("runtime"),
        LK_STR_INIT("query_runtime"),
        LK_STR_INIT("render_runtime"),
        LK_STR_INIT("query_id"),
        LK_STR_INIT("look_id"),
        LK_STR_INIT("dashboard_id"),
        LK_STR_INIT("lookml_dashboard_id"),
        LK_STR_INIT("dashboard_element_id"),
    };
    struct lk_str value;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (lk_json_get(render->task, names[i], &value) && lk_json_type(value) != LK_JSON_NULL)
            lk_json_member_raw(w, names[i].ptr, value);
    }
}

static void write_rendered(const struct render *render, const struct format *format,
                           struct lk_str bytes)
{
    struct lk_json_writer w = lk_json_writer(mcp_call_answer(render->call));

    lk_json_begin_object(&w);
    lk_json_member_string(&w, "render_task_id", render->id);
    lk_json_member_string(&w, "status", LK_STR("success"));
    lk_json_member_string(&w, "mime_type", format->mime_type);
    lk_json_member_integer(&w, "bytes", (int64_t)bytes.len);
    write_members(render, &w);
    lk_json_end_object(&w);
    mcp_call_add_content(
        render->call,
        &(struct mcp_content){
            .kind = format->media == LK_MEDIA_PDF ? MCP_CONTENT_BLOB : MCP_CONTENT_IMAGE,
            .mime_type = format->mime_type,
            .uri = lk_arena_printf(render->arena, "looker://render_tasks/%.*s/results.%.*s",
                                   LK_STR_ARG(render->id), LK_STR_ARG(format->name)),
            .bytes = bytes,
        });
}

static void write_rendering(const struct render *render)
{
    struct lk_json_writer w = lk_json_writer(mcp_call_answer(render->call));
    uint64_t waited_ms = lk_loop_now_ms(render->context->loop) - render->began_ms;

    lk_json_begin_object(&w);
    lk_json_member_string(&w, "render_task_id", render->id);
    lk_json_member_string(&w, "status", LK_STR("rendering"));
    lk_json_member_string(&w, "looker_status", render->status);
    lk_json_member_integer(&w, "waited_seconds", (int64_t)(waited_ms / 1000));
    lk_json_member_string(
        &w, "how",
        render->context->visit == NULL
            ? LK_STR("Looker goes on with it: call get_render with this render_task_id in a while")
            : LK_STR(
                  "Looker goes on with it, but the dev workspace is free for others now, so that "
                  "what get_render shows may be of another branch: render it again with a "
                  "longer max_wait_seconds"));
    write_members(render, &w);
    lk_json_end_object(&w);
}

static bool fail_rendering(const struct render *render, struct lk_error *err)
{
    struct lk_str reason = lk_json_get_string(render->arena, render->task, LK_STR("status_detail"));

    lk_fail(err, LK_ERROR_UPSTREAM, "Looker could not render it (render task %.*s); %s",
            LK_STR_ARG(render->id),
            reason.len > 0 ? "detail says why"
                           : "it does not say why: run it for its data to see whether that works");
    lk_error_detail(err, "%.*s", LK_STR_ARG(reason));
    return false;
}

/* The bytes of a task that has succeeded; empty when the wait ended before they were there. */
static bool get_result(struct render *render, struct lk_api_answer *ret_answer,
                       struct lk_error *err)
{
    struct looker_render_task_results_params params = {.render_task_id = lk_string(render->id)};

    for (;;) {
        if (!lk_api_call(render->context->api, render->arena, looker_render_task_results(&params),
                         ret_answer, err))
            return lk_explain_status(err, 404,
                                     "the result is no longer there: Looker keeps it for a short "
                                     "time only; render it again");
        if (ret_answer->body.len > 0 || is_over(render))
            return true;
        if (!pause(render, err)) /* 202: not quite there yet */
            return false;
    }
}

/* ---- all of it ---- */

static struct render begin(struct mcp_call *call, double max_wait_seconds)
{
    const struct lk_tool_context *context = lk_tool_context(call);
    uint64_t now_ms = lk_loop_now_ms(context->loop), most_ms = lk_tool_most_wait_ms(call),
             wait_ms = (uint64_t)(max_wait_seconds * 1000);

    if (wait_ms > most_ms)
        wait_ms = most_ms;
    return (struct render){
        .call = call,
        .context = context,
        .arena = mcp_call_arena(call),
        .began_ms = now_ms,
        .until_ms = now_ms + wait_ms,
        .pause_ms = FIRST_PAUSE_MS,
    };
}

static bool finish(struct render *render, struct lk_error *err)
{
    struct lk_api_answer answer;
    const struct format *format;

    if (outcome_of(render) == FAILED)
        return fail_rendering(render, err);
    if (outcome_of(render) == RENDERING) {
        write_rendering(render);
        return true;
    }
    if (!get_result(render, &answer, err))
        return false;
    if (answer.body.len == 0) {
        write_rendering(render);
        return true;
    }
    if (!check_size(render, &answer, err) || (format = check_format(render, &answer, err)) == NULL)
        return false;
    write_rendered(render, format, answer.body);
    return true;
}

bool lk_render_create(struct mcp_call *call, const struct lk_render_order *order,
                      struct lk_error *err)
{
    struct render render = begin(call, order->max_wait_seconds);
    struct lk_str task;

    /* 1. The task: fatal. */
    if (!lk_ask(render.context->api, render.arena, order->create, LK_JSON_OBJECT, &task, err))
        return lk_explain_status(err, 404, "%s", order->not_found);
    if (!take(&render, task, err))
        return false;

    /* 2. Its end, 3. its result. What goes wrong on the way does not stop Looker. */
    bool ended = wait_for(&render, err);
    if (ended && finish(&render, err))
        return true;
    if (!ended || may_pass(err) || err->kind == LK_ERROR_CANCELLED)
        lk_error_advise(err,
                        "Looker goes on rendering, and get_render with render_task_id %.*s "
                        "fetches the result",
                        LK_STR_ARG(render.id));
    return false;
}

bool lk_render_fetch(struct mcp_call *call, struct lk_str id, double max_wait_seconds,
                     struct lk_error *err)
{
    struct render render = begin(call, max_wait_seconds);

    if (!look(&render, id, err))
        return lk_explain_status(err, 404,
                                 "there is no render task with this id, or it is another user's, "
                                 "or Looker has dropped it: render it again");
    return wait_for(&render, err) && finish(&render, err);
}
