/*
 * The answer of tools that take several steps (steps.h): collects steps, changes and what is left,
 * and puts them together at the end. Called by the workflows and by every handler that changes
 * things in more than one call.
 */
#include "handlers/steps.h"

#include "handlers/ask.h"
#include "rt/co.h"

#include <stdio.h>

/* Of one list; the three of them and the tool's own members stay below the limit of an answer. */
#define LIST_BYTES_MAX ((size_t)256 * 1024)

/* Entries of JSON, separated by commas, each there whole or not at all. */
struct list {
    struct lk_buf buf;
    int64_t left_out;
};

struct lk_steps_lists {
    struct list steps, changed, left;
};

static void init_list(struct list *list, struct lk_arena *arena)
{
    lk_buf_init(&list->buf, LIST_BYTES_MAX);
    lk_arena_defer(arena, lk_buf_free_deferred, &list->buf);
}

void lk_steps_begin(struct lk_steps *steps, struct mcp_call *call)
{
    struct lk_arena *arena = mcp_call_arena(call);
    struct lk_steps_lists *lists = lk_arena_new_object(arena, struct lk_steps_lists);

    init_list(&lists->steps, arena);
    init_list(&lists->changed, arena);
    init_list(&lists->left, arena);
    *steps = (struct lk_steps){
        .call = call,
        .w = lk_json_writer(mcp_call_answer(call)),
        .lists_ = lists,
    };
    lk_json_begin_object(&steps->w);
}

static struct lk_str format_text(struct lk_steps *steps, const char *format, va_list args)
{
    va_list again;

    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    char *text = lk_arena_alloc(mcp_call_arena(steps->call), len > 0 ? (size_t)len + 1 : 1);
    if (len > 0)
        vsnprintf(text, (size_t)len + 1, format, again);
    va_end(again);
    return lk_str_n(text, len > 0 ? (size_t)len : 0);
}

/* A writer that goes on in a list. */
static struct lk_json_writer begin_entry(struct list *list)
{
    struct lk_json_writer w = lk_json_writer(&list->buf);

    w.comma = list->buf.len > 0;
    return w;
}

/* Takes back the entry that began at `before`, if there was no room for all of it. */
static void end_entry(struct list *list, size_t before)
{
    if (!list->buf.overflow)
        return;
    lk_buf_truncate(&list->buf, before);
    list->left_out++;
}

/* What a client that wants log messages hears at once, before the answer, and even if it cancels.
 */
static void tell(struct lk_steps *steps, enum mcp_log_level level, struct lk_str text)
{
    mcp_call_log(steps->call, level, mcp_call_tool(steps->call)->name, text);
}

static void add_step(struct lk_steps *steps, const char *step, const char *status,
                     struct lk_str detail)
{
    struct list *list = &steps->lists_->steps;
    size_t before = list->buf.len;
    struct lk_json_writer w = begin_entry(list);

    lk_json_begin_object(&w);
    lk_json_member_string(&w, "step", lk_str(step));
    lk_json_member_string(&w, "status", lk_str(status));
    if (detail.len > 0)
        lk_json_member_string(&w, "detail", detail);
    lk_json_end_object(&w);
    end_entry(list, before);
}

#define ADD_STEP(status)                                                                           \
    do {                                                                                           \
        va_list args;                                                                              \
        va_start(args, format);                                                                    \
        add_step(steps, step, status, format_text(steps, format, args));                           \
        va_end(args);                                                                              \
    } while (0)

void lk_steps_done(struct lk_steps *steps, const char *step, const char *format, ...)
{
    ADD_STEP("done");
}

void lk_steps_skipped(struct lk_steps *steps, const char *step, const char *format, ...)
{
    ADD_STEP("skipped");
}

void lk_steps_planned(struct lk_steps *steps, const char *step, const char *format, ...)
{
    ADD_STEP("planned");
}

void lk_steps_not_done(struct lk_steps *steps, const char *step, const char *format, ...)
{
    ADD_STEP("not_done");
}

void lk_steps_failed(struct lk_steps *steps, const char *step, bool needed,
                     const struct lk_error *failure)
{
    struct list *list = &steps->lists_->steps;
    size_t before = list->buf.len;
    struct lk_json_writer w = begin_entry(list);

    lk_json_begin_object(&w);
    lk_json_member_string(&w, "step", lk_str(step));
    lk_json_member_string(&w, "status", LK_STR("failed"));
    lk_json_member_string(&w, "error", lk_str(failure->message));
    if (failure->status != 0)
        lk_json_member_integer(&w, "http_status", failure->status);
    if (failure->detail[0] != '\0')
        lk_json_member_string(&w, "detail", lk_str(failure->detail));
    lk_json_end_object(&w);
    end_entry(list, before);
    tell(steps, MCP_LOG_WARNING,
         lk_arena_printf(mcp_call_arena(steps->call), "%s failed: %s", step, failure->message));
    steps->n_failed++;
    steps->cancelled_ |= failure->kind == LK_ERROR_CANCELLED;
    if (needed && steps->failure_.kind == LK_ERROR_NONE) {
        steps->failure_ = *failure;
        steps->stopped_at_ = lk_arena_cstr(mcp_call_arena(steps->call), lk_str(step));
    }
}

void lk_steps_refuse(struct lk_steps *steps, const char *step, const char *format, ...)
{
    struct lk_error failure = {0};
    va_list args;

    va_start(args, format);
    struct lk_str text = format_text(steps, format, args);
    va_end(args);
    lk_fail(&failure, LK_ERROR_ARGUMENT, "%.*s", LK_STR_ARG(text));
    lk_steps_failed(steps, step, true, &failure);
}

bool lk_steps_call_failed(struct lk_steps *steps, const char *step, bool needed,
                          const struct lk_operation *op, const struct lk_error *failure)
{
    lk_steps_failed(steps, step, needed, failure);
    if (!lk_may_have_happened(op, failure))
        return false;
    steps->in_doubt = true;
    lk_steps_left(steps, "look whether %s has happened all the same: its answer did not come",
                  step);
    return true;
}

/* After a cancel nothing more is sent, so there is nothing to doubt. */
static bool may_send(struct lk_steps *steps, const char *step, bool needed)
{
    const struct lk_co *self = lk_co_self(lk_tool_context(steps->call)->loop);
    struct lk_error failure = {0};

    if (!lk_co_cancelled(self))
        return true;
    lk_fail(&failure, LK_ERROR_CANCELLED, "cancelled before it was begun");
    lk_steps_failed(steps, step, needed, &failure);
    return false;
}

static bool call_step(struct lk_steps *steps, const char *step, bool needed,
                      struct lk_api_request request, struct lk_api_answer *ret_answer)
{
    struct lk_error failure = {0};

    if (!may_send(steps, step, needed))
        return false;
    if (lk_api_call(lk_tool_context(steps->call)->api, mcp_call_arena(steps->call), request,
                    ret_answer, &failure))
        return true;
    lk_steps_call_failed(steps, step, needed, request.op, &failure);
    return false;
}

bool lk_steps_call(struct lk_steps *steps, const char *step, struct lk_api_request request,
                   struct lk_api_answer *ret_answer)
{
    return call_step(steps, step, true, request, ret_answer);
}

bool lk_steps_try(struct lk_steps *steps, const char *step, struct lk_api_request request,
                  struct lk_api_answer *ret_answer)
{
    return call_step(steps, step, false, request, ret_answer);
}

bool lk_steps_ask(struct lk_steps *steps, const char *step, struct lk_api_request request,
                  enum lk_json_type expected, struct lk_str *ret_text)
{
    struct lk_error failure = {0};

    if (!may_send(steps, step, true))
        return false;
    if (lk_ask(lk_tool_context(steps->call)->api, mcp_call_arena(steps->call), request, expected,
               ret_text, &failure))
        return true;
    lk_steps_call_failed(steps, step, true, request.op, &failure);
    return false;
}

#define ADD_SENTENCE(list)                                                                         \
    do {                                                                                           \
        size_t before = (list)->buf.len;                                                           \
        struct lk_json_writer w = begin_entry(list);                                               \
        va_list args;                                                                              \
        va_start(args, format);                                                                    \
        lk_json_put_string(&w, format_text(steps, format, args));                                  \
        va_end(args);                                                                              \
        end_entry(list, before);                                                                   \
    } while (0)

void lk_steps_changed(struct lk_steps *steps, const char *format, ...)
{
    va_list again;

    ADD_SENTENCE(&steps->lists_->changed);
    va_start(again, format);
    tell(steps, MCP_LOG_NOTICE, format_text(steps, format, again));
    va_end(again);
}

void lk_steps_left(struct lk_steps *steps, const char *format, ...)
{
    ADD_SENTENCE(&steps->lists_->left);
}

bool lk_steps_have_failed(const struct lk_steps *steps)
{
    return steps->failure_.kind != LK_ERROR_NONE;
}

static void write_list(struct lk_json_writer *w, const char *name, const char *name_left_out,
                       const struct list *list)
{
    lk_json_key(w, name);
    lk_json_begin_array(w);
    if (list->buf.len > 0)
        lk_json_put_raw(w, lk_buf_view(&list->buf));
    lk_json_end_array(w);
    if (list->left_out > 0)
        lk_json_member_integer(w, name_left_out, list->left_out);
}

static void log_cancelled(const struct lk_steps *steps)
{
    lk_log_warning(lk_tool_context(steps->call)->log, "tool.cancelled_midway",
                   lk_log_text("tool", mcp_call_tool(steps->call)->name),
                   lk_log_str("changed", lk_buf_view(&steps->lists_->changed.buf)),
                   lk_log_str("left_to_do", lk_buf_view(&steps->lists_->left.buf)));
}

bool lk_steps_end(struct lk_steps *steps, struct lk_error *err)
{
    const struct lk_steps_lists *lists = steps->lists_;
    struct lk_error *failure = &steps->failure_;
    const char *outcome = steps->preview ? "preview" : steps->n_failed > 0 ? "partial" : "done";

    if (steps->cancelled_ && (lists->changed.buf.len > 0 || steps->in_doubt)) {
        log_cancelled(steps);
    } else if (failure->kind == LK_ERROR_CANCELLED) {
        *err = *failure;
        return false;
    }
    if (lk_steps_have_failed(steps)) {
        outcome = "failed";
        mcp_call_set_failed(steps->call);
        mcp_call_explain_cancel(steps->call, failure);
        mcp_write_error(&steps->w, failure);
        lk_json_member_string(&steps->w, "stopped_at", lk_str(steps->stopped_at_));
    }
    lk_json_member_string(&steps->w, "outcome", lk_str(outcome));
    write_list(&steps->w, "steps", "steps_left_out", &lists->steps);
    write_list(&steps->w, "changed", "changed_left_out", &lists->changed);
    write_list(&steps->w, "left_to_do", "left_to_do_left_out", &lists->left);
    lk_json_end_object(&steps->w);
    return true;
}
