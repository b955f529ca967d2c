/*
 * check_branch: is a branch fit to be merged? What production has wrong as well is no fault of the
 * branch, so all is looked at on both sides, and the answer tells what only the branch has.
 *
 *     read_branch ── lookml ┐
 *                    tests   ├ several at once ── read_branch_again ── verdict
 *                    content │
 *                    explores┘
 *
 * The branch is checked out by the server before this runs (handlers/workspace.h); that it is, and
 * that it stayed the same, is looked at all the same.
 */
#include "handlers/workflows/check.h"

#include "handlers/ask.h"
#include "handlers/workflows/dev.h"
#include "looker_tools.h"
#include "rt/parallel.h"

#include <stdio.h>

#define N_PARTS 4
/* Each list gets this share of the room for results. */
#define N_SHARES 10

/* ---- what the parts use ---- */

bool lk_check_ask(struct lk_check *check, const char *step, struct lk_api_request request,
                  enum lk_json_type expected, struct lk_str *ret_text)
{
    struct lk_error failure = {0};
    struct lk_api_answer answer;

    if (lk_api_call_within(lk_tool_context(check->call)->api, check->arena, request,
                           check->timeout_ms, &answer, &failure) &&
        lk_expect_json(&answer, request.op, expected, &failure)) {
        *ret_text = answer.body;
        return true;
    }
    if (failure.kind == LK_ERROR_TIMEOUT)
        lk_error_advise(&failure, "raise timeout (%.0f seconds)", (double)check->timeout_ms / 1000);
    lk_steps_failed(&check->steps, step, false, &failure);
    return false;
}

struct both {
    struct lk_check *check;
    const char *steps[2];
    struct lk_api_request request;
    enum lk_json_type expected;
    struct lk_str answers[2];
    bool answered[2];
};

static void ask_side(void *arg, size_t i)
{
    struct both *both = arg;

    both->answered[i] = lk_check_ask(both->check, both->steps[i], lk_in_dev(both->request, i == 0),
                                     both->expected, &both->answers[i]);
}

void lk_check_ask_sides(struct lk_check *check, const char *branch_step,
                        const char *production_step, struct lk_api_request request,
                        enum lk_json_type expected, struct lk_check_sides *ret_sides)
{
    struct both both = {
        .check = check,
        .steps = {branch_step, production_step},
        .request = request,
        .expected = expected,
    };
    struct lk_error ignored = {0}; /* cancelled: then there are no answers */

    lk_parallel(lk_tool_context(check->call)->loop, 2, 2, ask_side, &both, &ignored);
    *ret_sides = (struct lk_check_sides){
        .has_branch = both.answered[0],
        .has_production = both.answered[1],
        .branch = both.answers[0],
        .production = both.answers[1],
    };
}

bool lk_check_list(struct lk_check *check, const char *step, struct lk_str object, const char *name,
                   struct lk_str *ret_list)
{
    struct lk_error failure = {0};

    if (lk_json_get(object, lk_str(name), ret_list) && lk_json_type(*ret_list) == LK_JSON_ARRAY)
        return true;
    *ret_list = LK_STR("[]");
    if (step == NULL)
        return false;
    lk_fail(&failure, LK_ERROR_PARSE, "Looker's answer has no list `%s`, so nothing was observed",
            name);
    lk_steps_failed(&check->steps, step, false, &failure);
    return false;
}

void lk_check_progress(struct lk_check *check, const char *format, ...)
{
    char text[128];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    mcp_call_progress(check->call, ++check->heartbeat.n, 0, lk_str(text));
}

/* ---- the branch ---- */

static bool read_branch(struct lk_check *check, struct lk_str wanted,
                        struct lk_dev_branch *ret_branch)
{
    if (!lk_dev_read_branch(&check->steps, check->project_id, ret_branch))
        return false;
    if (lk_str_eq(ret_branch->name, wanted))
        return true;
    lk_steps_refuse(&check->steps, "read_branch",
                    "the dev workspace has the branch %.*s checked out instead of %.*s, so "
                    "nothing was checked: somebody else may have switched it; call again",
                    LK_STR_ARG(ret_branch->name), LK_STR_ARG(wanted));
    return false;
}

/* Whether what was looked at was one and the same all the time. */
static bool stayed(struct lk_check *check, const struct lk_dev_branch *before)
{
    struct looker_git_branch_params params = {.project_id = lk_string(check->project_id)};
    struct lk_str json;

    if (!lk_check_ask(check, "read_branch_again", lk_in_dev(looker_git_branch(&params), true),
                      LK_JSON_OBJECT, &json))
        return false;
    struct lk_str name = lk_json_get_string(check->arena, json, LK_STR("name"));
    struct lk_str ref = lk_json_get_string(check->arena, json, LK_STR("ref"));
    if (lk_str_eq(name, before->name) && lk_str_eq(ref, before->ref)) {
        lk_steps_done(&check->steps, "read_branch_again", "it is as before");
        return true;
    }
    struct lk_error moved = {0};
    lk_fail(&moved, LK_ERROR_UPSTREAM,
            "while it was checked, the dev workspace went from branch %.*s at %.*s to %.*s at "
            "%.*s: findings may be of either; call again",
            LK_STR_ARG(before->name), LK_STR_ARG(before->ref), LK_STR_ARG(name), LK_STR_ARG(ref));
    lk_steps_failed(&check->steps, "read_branch_again", false, &moved);
    return false;
}

/* ---- the parts ---- */

static const struct {
    const char *name;
    void (*run)(struct lk_check *check, struct lk_check_part *part);
} parts[N_PARTS] = {
    {"lookml", lk_check_lookml},
    {"tests", lk_check_tests},
    {"content", lk_check_content},
    {"explores", lk_check_explores},
};

struct run {
    struct lk_check *check;
    struct lk_check_part parts[N_PARTS];
};

static void run_part(void *arg, size_t i)
{
    struct run *run = arg;
    struct lk_check_part *part = &run->parts[i];

    if (!part->wanted) {
        lk_steps_skipped(&run->check->steps, part->name, "not asked for");
        return;
    }
    parts[i].run(run->check, part);
    lk_check_progress(run->check, "%s: %s", part->name,
                      part->seen ? "looked at" : "could not be looked at");
}

static void init_parts(struct run *run, const struct looker_check_branch_args *args)
{
    const bool wanted[N_PARTS] = {true, args->tests.value, args->content.value,
                                  args->explores.is == LK_PRESENT && args->explores.len > 0};
    size_t max_bytes = lk_tool_max_result_bytes(lk_tool_context(run->check->call)) / N_SHARES;

    for (size_t i = 0; i < N_PARTS; i++) {
        struct lk_check_part *part = &run->parts[i];
        *part = (struct lk_check_part){.name = parts[i].name, .wanted = wanted[i]};
        part->looked_at = part->branch = part->production = part->on_both = part->gone = -1;
        lk_items_init(&part->fresh, run->check->arena, max_bytes, 0, args->limit.value);
        lk_items_init(&part->doubtful, run->check->arena, max_bytes, 0, args->limit.value);
    }
}

/* ---- the verdict ---- */

enum verdict { VALID, INVALID, UNKNOWN };

static enum verdict judge(const struct lk_check_part *part)
{
    if (part->n_breaking > 0)
        return INVALID;
    return part->seen && part->n_doubtful == 0 ? VALID : UNKNOWN;
}

static void write_valid(struct lk_json_writer *w, enum verdict verdict)
{
    lk_json_key(w, "valid");
    if (verdict == UNKNOWN)
        lk_json_put_null(w);
    else
        lk_json_put_boolean(w, verdict == VALID);
}

/* Commits that nobody has looked at may be wrong, but do not make right what is found wrong. */
static void write_unfetched(struct lk_json_writer *w, const struct run *run, int64_t behind)
{
    write_valid(w, UNKNOWN);
    lk_json_member_string(w, "valid_note",
                          lk_arena_printf(run->check->arena,
                                          "not known: nothing is wrong with what was checked, but "
                                          "%lld commits of the branch's remote were not; "
                                          "left_to_do says how to fetch them",
                                          (long long)behind));
}

static void write_verdict(struct lk_json_writer *w, const struct run *run, bool same_branch,
                          int64_t behind)
{
    enum verdict verdict = same_branch ? VALID : UNKNOWN;
    struct lk_str unknown = {0};

    for (size_t i = 0; i < N_PARTS; i++) {
        const struct lk_check_part *part = &run->parts[i];
        enum verdict judged = part->wanted ? judge(part) : VALID;
        if (judged == INVALID && same_branch)
            verdict = INVALID;
        if (judged == UNKNOWN && verdict == VALID)
            verdict = UNKNOWN;
        if (judged == UNKNOWN)
            unknown = lk_arena_printf(run->check->arena, "%.*s%s%s", LK_STR_ARG(unknown),
                                      unknown.len > 0 ? ", " : "", part->name);
    }
    if (verdict == VALID && behind > 0) {
        write_unfetched(w, run, behind);
        return;
    }
    write_valid(w, verdict);
    if (verdict != UNKNOWN)
        return;
    lk_json_member_string(
        w, "valid_note",
        same_branch
            ? lk_arena_printf(run->check->arena,
                              "not known: %.*s could not be observed or compared as a whole; "
                              "checks and steps say why",
                              LK_STR_ARG(unknown))
            : LK_STR("not known: it is not certain that the branch stayed the same meanwhile; "
                     "steps say why"));
}

static void write_count(struct lk_json_writer *w, const char *key, int64_t count)
{
    lk_json_key(w, key);
    if (count < 0)
        lk_json_put_null(w);
    else
        lk_json_put_integer(w, count);
}

static void write_part(struct lk_json_writer *w, const struct lk_check_part *part)
{
    lk_json_begin_object(w);
    write_valid(w, judge(part));
    if (part->looked_at >= 0)
        lk_json_member_integer(w, "run", part->looked_at);
    write_count(w, "branch", part->branch);
    write_count(w, "production", part->production);
    write_count(w, "on_both", part->on_both);
    write_count(w, "gone", part->gone);
    if (part->note.len > 0)
        lk_json_member_string(w, "note", part->note);
    lk_json_end_object(w);
}

static void write_items(struct lk_json_writer *w, struct lk_items *items)
{
    lk_json_begin_object(w);
    lk_items_write(items, w, items->offered, -1);
    lk_json_end_object(w);
}

static void write_parts(struct lk_json_writer *w, struct run *run)
{
    bool doubts = false;

    lk_json_key(w, "new");
    lk_json_begin_object(w);
    for (size_t i = 0; i < N_PARTS; i++) {
        struct lk_check_part *part = &run->parts[i];
        doubts |= part->doubtful.offered > 0;
        lk_json_key(w, part->name);
        if (part->wanted && (part->seen || part->fresh.offered > 0))
            write_items(w, &part->fresh);
        else
            lk_json_put_null(w);
    }
    lk_json_end_object(w);
    if (doubts) {
        lk_json_key(w, "undecided");
        lk_json_begin_object(w);
        for (size_t i = 0; i < N_PARTS; i++) {
            if (run->parts[i].doubtful.offered == 0)
                continue;
            lk_json_key(w, run->parts[i].name);
            write_items(w, &run->parts[i].doubtful);
        }
        lk_json_end_object(w);
    }
    lk_json_key(w, "checks");
    lk_json_begin_object(w);
    for (size_t i = 0; i < N_PARTS; i++) {
        lk_json_key(w, run->parts[i].name);
        if (run->parts[i].wanted)
            write_part(w, &run->parts[i]);
        else
            lk_json_put_null(w);
    }
    lk_json_end_object(w);
}

static void write_head(struct lk_check *check, const struct lk_dev_branch *branch)
{
    struct lk_json_writer *w = &check->steps.w;

    lk_json_member_string(w, "project_id", check->project_id);
    lk_json_member_string(w, "branch", branch->name);
    if (branch->ref.len > 0)
        lk_json_member_string(w, "ref", branch->ref);
    if (branch->behind <= 0)
        return;
    lk_json_member_integer(w, "behind", branch->behind);
    lk_steps_left(&check->steps,
                  "the branch's remote has commits that the dev workspace lacks (%lld), and they "
                  "were not checked: check out %.*s with switch_git_branch, then fetch them with "
                  "reset_git_branch_to_remote%s, both as the same user, and call again",
                  (long long)branch->behind, LK_STR_ARG(branch->name),
                  branch->ahead > 0 ? " (what was not pushed is lost)" : "");
}

bool lk_handler_check_branch(struct mcp_call *call, const void *args_, struct lk_error *err)
{
    const struct looker_check_branch_args *args = args_;
    const struct lk_tool_context *context = lk_tool_context(call);
    struct lk_check *check = lk_arena_new_object(mcp_call_arena(call), struct lk_check);
    struct run *run = lk_arena_new_object(mcp_call_arena(call), struct run);
    struct lk_dev_branch branch;
    struct lk_error failure = {0};

    *check = (struct lk_check){
        .call = call,
        .arena = mcp_call_arena(call),
        .project_id = args->project_id.value,
        .timeout_ms = (uint64_t)(args->timeout.value * 1000),
        .explores = &args->explores,
    };
    run->check = check;
    if (!lk_check_explores_named(&args->explores, err) || !lk_check_explores_exist(check, err))
        return false;
    lk_steps_begin(&check->steps, call);
    init_parts(run, args);

    /* 1. The branch must be the one: fatal. */
    if (!read_branch(check, args->branch.value, &branch))
        return lk_steps_end(&check->steps, err);
    write_head(check, &branch);

    /* 2. The parts, none of which is fatal. */
    lk_heartbeat_start(&check->heartbeat, call, LK_HEARTBEAT_MS, LK_STR("checking the branch"));
    bool done =
        lk_parallel(context->loop, lk_tool_max_parallel(context), N_PARTS, run_part, run, &failure);
    bool same = done && stayed(check, &branch);
    lk_heartbeat_stop(&check->heartbeat);
    if (!done)
        lk_steps_failed(&check->steps, "check", true, &failure);

    /* 3. The verdict. */
    write_verdict(&check->steps.w, run, same, branch.behind);
    write_parts(&check->steps.w, run);
    return lk_steps_end(&check->steps, err);
}
