/*
 * The answer of tools that take several steps (steps.h): collects steps, changes and what is left,
 * and puts them together at the end. Called by the workflows and by every handler that changes
 * things in more than one call.
 */
#include "handlers/steps.h"

#include "handlers/ask.h"

#include <stdio.h>

#define LIST_BYTES_MAX ((size_t)4 * 1024 * 1024)

void lk_steps_begin(struct lk_steps *steps, struct mcp_call *call)
{
    struct lk_buf *const lists[] = {&steps->steps_, &steps->changed_, &steps->left_};

    *steps = (struct lk_steps){.call = call, .w = lk_json_writer(mcp_call_answer(call))};
    for (size_t i = 0; i < 3; i++) {
        lk_buf_init(lists[i], LIST_BYTES_MAX);
        lk_arena_defer(mcp_call_arena(call), lk_buf_free_deferred, lists[i]);
    }
    lk_json_begin_object(&steps->w);
}

static struct lk_str format_text(struct lk_steps *steps, const char *format, va_list args)
{
    char text[1200];
    int len = vsnprintf(text, sizeof(text), format, args);

    if (len < 0)
        return (struct lk_str){0};
    return lk_arena_str(mcp_call_arena(steps->call), lk_str(text));
}

/* A writer that goes on in a list. */
static struct lk_json_writer list_writer(struct lk_buf *list)
{
    struct lk_json_writer w = lk_json_writer(list);

    w.comma = list->len > 0;
    return w;
}

static void add_step(struct lk_steps *steps, const char *step, const char *status,
                     struct lk_str detail)
{
    struct lk_json_writer w = list_writer(&steps->steps_);

    lk_json_begin_object(&w);
    lk_json_member_string(&w, "step", lk_str(step));
    lk_json_member_string(&w, "status", lk_str(status));
    if (detail.len > 0)
        lk_json_member_string(&w, "detail", detail);
    lk_json_end_object(&w);
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
    struct lk_json_writer w = list_writer(&steps->steps_);

    lk_json_begin_object(&w);
    lk_json_member_string(&w, "step", lk_str(step));
    lk_json_member_string(&w, "status", LK_STR("failed"));
    lk_json_member_string(&w, "error", lk_str(failure->message));
    if (failure->status != 0)
        lk_json_member_integer(&w, "http_status", failure->status);
    if (failure->detail[0] != '\0')
        lk_json_member_string(&w, "detail", lk_str(failure->detail));
    lk_json_end_object(&w);
    steps->n_failed++;
    if (needed && steps->first_failure_.kind == LK_ERROR_NONE)
        steps->first_failure_ = *failure;
}

bool lk_steps_call(struct lk_steps *steps, const char *step, struct lk_api_request request,
                   struct lk_api_answer *ret_answer)
{
    struct lk_error failure = {0};

    if (lk_api_call(lk_tool_context(steps->call)->api, mcp_call_arena(steps->call), request,
                    ret_answer, &failure))
        return true;
    lk_steps_failed(steps, step, true, &failure);
    return false;
}

bool lk_steps_ask(struct lk_steps *steps, const char *step, struct lk_api_request request,
                  enum lk_json_type expected, struct lk_str *ret_text)
{
    struct lk_error failure = {0};

    if (lk_ask(lk_tool_context(steps->call)->api, mcp_call_arena(steps->call), request, expected,
               ret_text, &failure))
        return true;
    lk_steps_failed(steps, step, true, &failure);
    return false;
}

#define ADD_SENTENCE(list)                                                                         \
    do {                                                                                           \
        struct lk_json_writer w = list_writer(list);                                               \
        va_list args;                                                                              \
        va_start(args, format);                                                                    \
        lk_json_put_string(&w, format_text(steps, format, args));                                  \
        va_end(args);                                                                              \
    } while (0)

void lk_steps_changed(struct lk_steps *steps, const char *format, ...)
{
    ADD_SENTENCE(&steps->changed_);
}

void lk_steps_left(struct lk_steps *steps, const char *format, ...)
{
    ADD_SENTENCE(&steps->left_);
}

bool lk_steps_have_failed(const struct lk_steps *steps)
{
    return steps->first_failure_.kind != LK_ERROR_NONE;
}

static void write_list(struct lk_json_writer *w, const char *name, const struct lk_buf *list)
{
    lk_json_key(w, name);
    lk_json_begin_array(w);
    if (list->len > 0)
        lk_json_put_raw(w, lk_buf_view(list));
    lk_json_end_array(w);
}

bool lk_steps_end(struct lk_steps *steps, struct lk_error *err)
{
    const struct lk_error *failure = &steps->first_failure_;
    const char *outcome = steps->preview ? "preview" : "done";

    if (failure->kind == LK_ERROR_CANCELLED && steps->changed_.len == 0) {
        *err = *failure;
        return false;
    }
    if (lk_steps_have_failed(steps)) {
        outcome = "failed";
        mcp_call_set_failed(steps->call);
        mcp_write_error(&steps->w, failure);
    }
    lk_json_member_string(&steps->w, "outcome", lk_str(outcome));
    write_list(&steps->w, "steps", &steps->steps_);
    write_list(&steps->w, "changed", &steps->changed_);
    write_list(&steps->w, "left_to_do", &steps->left_);
    lk_json_end_object(&steps->w);
    return true;
}
