/*
 * What a tool of several calls did, step by step, as its answer tells it:
 *
 *     {…the tool's own members…, "outcome": "done" | "partial" | "failed" | "preview",
 *      "steps":      [{"step": "create_user", "status": "done", "detail": "user 12"}, …],
 *      "changed":    ["created user 12", …],
 *      "left_to_do": ["give the roles 3, 4 with set_user_roles", …]}
 *
 * A step that failed has `error` (what lk_error says, with its http status) beside Looker's own
 * words in `detail`. When a step that the task cannot do without has failed, the outcome is
 * "failed", the whole answer has isError and repeats that error at its top (error, kind, status,
 * detail, body: no member of the tool's own may be called so), so that no client takes it for
 * success; `stopped_at` names the step. When only others have failed, the outcome is "partial".
 *
 *     lk_steps_begin(&steps, call);
 *     if (lk_steps_ask(&steps, "create_user", looker_create_user(&body), LK_JSON_OBJECT, &user))
 *         lk_steps_done(&steps, "create_user", "user %s", id);
 *     …
 *     return lk_steps_end(&steps, err);
 */
#ifndef LK_HANDLERS_STEPS_H
#define LK_HANDLERS_STEPS_H

#include "api/api.h"
#include "handlers/context.h"
#include "json/scan.h"
#include "json/write.h"

struct lk_steps {
    struct mcp_call *call;
    struct lk_json_writer w;  /* for the tool's own members: they come before the steps */
    bool preview;             /* nothing is changed: outcome "preview" instead of "done" */
    unsigned n_failed;        /* steps with status failed, needed or not */
    bool in_doubt;            /* a change may have happened that no answer told of */
    struct lk_error failure_; /* the first of a step that the task needs */
    const char *stopped_at_;  /* its name */
    bool cancelled_;          /* a step failed because the call was cancelled */
    struct lk_steps_lists *lists_;
};

/* Opens the answer object. Its memory goes with the call; `steps` itself may stand on the stack. */
void lk_steps_begin(struct lk_steps *steps, struct mcp_call *call);

/* ---- one step, said after the fact; details are printf-formatted ---- */

/* It was done. */
void lk_steps_done(struct lk_steps *steps, const char *step, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* It was not needed: the wanted state was there already, or nobody asked for it. */
void lk_steps_skipped(struct lk_steps *steps, const char *step, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* It would be done, were this no preview. */
void lk_steps_planned(struct lk_steps *steps, const char *step, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* It was not tried, because an earlier step failed. */
void lk_steps_not_done(struct lk_steps *steps, const char *step, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* It failed. needed: the task as a whole has failed with it. */
void lk_steps_failed(struct lk_steps *steps, const char *step, bool needed,
                     const struct lk_error *failure);
/* It failed, and the task with it, for a reason of ours: what was asked for cannot be done. The
 * text is the cause and the remedy, as for lk_fail with LK_ERROR_ARGUMENT. */
void lk_steps_refuse(struct lk_steps *steps, const char *step, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- a step that is one call ---- */

/*
 * Awaits. lk_api_call; when it fails, writes the step as failed and needed, and returns false.
 * When it succeeds nothing is written yet: say what was done with lk_steps_done. Of a call that may
 * have been obeyed all the same (lk_may_have_happened, ask.h), left_to_do says to look whether it
 * was.
 */
bool lk_steps_call(struct lk_steps *steps, const char *step, struct lk_api_request request,
                   struct lk_api_answer *ret_answer);
/* The same for an answer that must be JSON of a type (handlers/ask.h). */
bool lk_steps_ask(struct lk_steps *steps, const char *step, struct lk_api_request request,
                  enum lk_json_type expected, struct lk_str *ret_text);
/* lk_steps_call for a step that the task can do without: failed, but not needed. */
bool lk_steps_try(struct lk_steps *steps, const char *step, struct lk_api_request request,
                  struct lk_api_answer *ret_answer);

/* For steps that call lk_api_call by themselves: lk_steps_failed and, where it may have happened,
 * the same words in left_to_do; returns whether it may. */
bool lk_steps_call_failed(struct lk_steps *steps, const char *step, bool needed,
                          const struct lk_operation *op, const struct lk_error *failure);

/* ---- the sums ---- */

/* One sentence each: what is different at Looker now (a client that wants log messages hears it at
 * once, as it does of steps that fail); what remains for the caller to do. */
void lk_steps_changed(struct lk_steps *steps, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void lk_steps_left(struct lk_steps *steps, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Whether a needed step has failed: the time to stop and report. */
bool lk_steps_have_failed(const struct lk_steps *steps);

/*
 * Closes the answer. Returns true also for a failed task (its answer says so, with isError), but
 * false when the call was cancelled and nothing can have been changed yet: then nobody needs the
 * report. One that was cancelled later is logged as well ("tool.cancelled_midway", with `changed`
 * and `left_to_do`), since who cancels a call gets no answer.
 * Of very long lists the end is left out; `steps_left_out` (changed_…, left_to_do_…) says how much.
 */
bool lk_steps_end(struct lk_steps *steps, struct lk_error *err);

#endif
