/*
 * Running queries as query tasks (task.h). Creating one is in start.c, since it has to be finished
 * even when nobody waits any more; here is the wait for its end, and what each end means.
 */
#include "handlers/query/task.h"

#include "handlers/ask.h"
#include "handlers/query/start.h"
#include "rt/co.h"
#include "json/scan.h"

#define FIRST_PAUSE_MS 25
#define LONGEST_PAUSE_MS 2000
#define SHORT_MS                                                                                   \
    5000        /* until then the result itself is asked for, without asking whether it is there */
#define TRIES 3 /* at one look, when Looker is not to be reached for a moment */

static const char expired_text[] = "Looker has this query's result no more: it keeps results for a "
                                   "short time only; run the query again";
static const char failed_text[] =
    "Looker could not run the query; the detail says why. Field names "
    "come from list_dimensions and list_measures";

enum outcome { RUNNING, COMPLETE, FAILED, KILLED, EXPIRED };

struct work {
    const struct lk_query_wait *wait;
    struct lk_arena *arena;
    struct lk_rows_ask ask;
    struct lk_query_run run;
    bool dev;
    bool learns; /* nobody here knows what runs: the first look says it */
    uint64_t until_ms, pause_ms;
};

static enum outcome outcome_of(struct lk_str status)
{
    static const struct {
        struct lk_str status;
        enum outcome outcome;
    } known[] = {
        {LK_STR_INIT("complete"), COMPLETE}, {LK_STR_INIT("error"), FAILED},
        {LK_STR_INIT("failure"), FAILED},    {LK_STR_INIT("killed"), KILLED},
        {LK_STR_INIT("expired"), EXPIRED},
    };

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (lk_str_ieq(status, known[i].status))
            return known[i].outcome;
    }
    return RUNNING; /* new, added, running, and whatever else there may be */
}

/* ---- the wait ---- */

static struct lk_loop *loop_of(const struct work *work)
{
    return work->wait->context->loop;
}

static uint64_t waited_ms(const struct lk_query_wait *wait)
{
    return lk_loop_now_ms(wait->context->loop) - wait->began_ms;
}

static bool is_over(const struct work *work)
{
    return lk_loop_now_ms(loop_of(work)) >= work->until_ms;
}

/* Lets some time pass, longer each time: a short query is not kept waiting by more than half of the
 * time that it takes. */
static bool pause(struct work *work, struct lk_error *err)
{
    uint64_t left_ms = work->until_ms - lk_loop_now_ms(loop_of(work));
    uint64_t pause_ms = work->pause_ms < left_ms ? work->pause_ms : left_ms;

    work->pause_ms += work->pause_ms / 2;
    if (work->pause_ms > LONGEST_PAUSE_MS)
        work->pause_ms = LONGEST_PAUSE_MS;
    return lk_co_sleep(loop_of(work), pause_ms, err);
}

static void tell(const struct work *work)
{
    if (work->wait->tell != NULL)
        work->wait->tell(work->wait->arg, work->run.status, waited_ms(work->wait));
}

/* ---- looking ---- */

/* What the task says of itself, where it was not begun here. */
static void learn(struct work *work, struct lk_str task)
{
    struct lk_str query, limit;

    work->learns = false;
    work->ask.format = lk_json_get_string(work->arena, task, LK_STR("result_format"));
    work->run.query_id = lk_json_get_string(work->arena, task, LK_STR("query_id"));
    work->ask.limit = (struct lk_rows_limit){.max_rows = work->ask.limit.max_rows};
    if (!lk_json_get(task, LK_STR("query"), &query))
        return;
    limit = lk_json_get_string(work->arena, query, LK_STR("limit"));
    if (lk_json_integer(limit, &work->ask.limit.applied) && work->ask.limit.applied < 0)
        work->ask.limit.applied = 0;
}

static bool look(struct work *work, struct lk_error *err)
{
    struct looker_query_task_params params = {
        .query_task_id = lk_string(work->run.task_id),
        .fields = lk_string(work->learns ? LK_STR("id,status,result_format,query_id,query(limit)")
                                         : LK_STR("id,status")),
    };
    struct lk_str task;

    if (!lk_ask(work->wait->context->api, work->arena,
                lk_in_dev(looker_query_task(&params), work->dev), LK_JSON_OBJECT, &task, err))
        return false;
    work->run.status = lk_json_get_string(work->arena, task, LK_STR("status"));
    if (work->learns)
        learn(work, task);
    return true;
}

/* Asks for the result; what is not there yet leaves run.rows NULL. */
static bool fetch(struct work *work, struct lk_error *err)
{
    struct looker_query_task_results_params params = {.query_task_id =
                                                          lk_string(work->run.task_id)};
    struct lk_rows *rows;

    work->ask.request = lk_in_dev(looker_query_task_results(&params), work->dev);
    work->ask.request.is_html = lk_str_eq(work->ask.format, LK_STR("html"));
    if (!lk_rows_fetch(work->wait->context->api, work->arena, &work->ask, &rows, err)) {
        lk_explain_status(err, 400, "%s", failed_text);
        lk_explain_status(err, 404, "%s", expired_text);
        if (lk_failed_with(err, 404))
            err->status = 0; /* it is not what was asked for that does not exist */
        return false;
    }
    work->run.rows = rows->pending ? NULL : rows;
    return true;
}

/* One look, at what there is to learn now. */
static bool look_or_fetch(struct work *work, struct lk_error *err)
{
    if (waited_ms(work->wait) >= SHORT_MS && outcome_of(work->run.status) == RUNNING &&
        !look(work, err))
        return false;
    switch (outcome_of(work->run.status)) {
    case RUNNING:
        if (waited_ms(work->wait) >= SHORT_MS)
            return true;
        if (!fetch(work, err))
            return false;
        if (work->run.rows == NULL)
            work->run.status = LK_STR("running");
        return true;
    case COMPLETE:
        return fetch(work, err);
    case FAILED:
        if (!fetch(work, err))
            return false;
        return work->run.rows != NULL ||
               lk_fail(err, LK_ERROR_UPSTREAM, "Looker says that the query failed, but not why");
    case KILLED:
        return lk_fail(err, LK_ERROR_UPSTREAM,
                       "the query was stopped in Looker before it ended, by kill_query or an "
                       "administrator; run it again if it is still wanted");
    default:
        return lk_fail(err, LK_ERROR_UPSTREAM, "%s", expired_text);
    }
}

/* ---- until the end ---- */

static bool may_pass(const struct lk_error *err)
{
    return err->kind == LK_ERROR_NETWORK ||
           (err->kind == LK_ERROR_UPSTREAM &&
            (err->status == 429 || (err->status >= 502 && err->status <= 504)));
}

/* Until there is an answer, or the wait is over. */
static bool wait_for(struct work *work, struct lk_error *err)
{
    int failures = 0;
    bool at_once = outcome_of(work->run.status) != RUNNING; /* it was over when it had begun */

    while (work->run.rows == NULL && (at_once || !is_over(work))) {
        struct lk_error failure = {0};

        if (!at_once && !pause(work, err))
            return false;
        if (!look_or_fetch(work, &failure)) {
            if (may_pass(&failure) && ++failures < TRIES)
                continue;
            *err = failure;
            return false;
        }
        failures = 0;
        /* What was running may be complete now, and is fetched without another pause, once. */
        at_once = !at_once && outcome_of(work->run.status) != RUNNING;
        if (work->run.rows == NULL && !at_once)
            tell(work);
    }
    return true;
}

/* Not so of what Looker said of the query, nor of a result that came. */
static bool leaves_it_running(const struct lk_error *err)
{
    return may_pass(err) || err->kind == LK_ERROR_TIMEOUT || err->unsent ||
           (err->kind == LK_ERROR_UPSTREAM && err->status >= 500);
}

static bool follow(struct work *work, struct lk_error *err)
{
    bool runs;

    if (wait_for(work, err))
        return true;
    runs = outcome_of(work->run.status) == RUNNING;
    if (lk_co_cancelled(lk_co_self(loop_of(work))) || (work->dev && leaves_it_running(err))) {
        if (runs)
            lk_query_kill(work->wait->context, work->run.task_id);
    } else if (runs && leaves_it_running(err)) {
        lk_error_advise(err,
                        "the query goes on in Looker, and get_query_result with query_task_id %.*s "
                        "fetches its result",
                        LK_STR_ARG(work->run.task_id));
    }
    return false;
}

/* Looker may not have read its LookML yet, and what it reads later may be another branch. */
static bool stop_in_dev(const struct work *work, struct lk_error *err)
{
    if (outcome_of(work->run.status) == RUNNING)
        lk_query_kill(work->wait->context, work->run.task_id);
    return lk_fail(err, LK_ERROR_TIMEOUT,
                   "Looker did not end the query within %.1f s, and it was stopped: a query in the "
                   "dev workspace cannot go on without its call, which gives the branch back; "
                   "narrow it, or give it longer: max_wait_seconds, if it was set, or else "
                   "LOOKER_CALL_TIMEOUT, of which a query has four fifths",
                   (double)waited_ms(work->wait) / 1000);
}

static bool take_task(struct work *work, struct lk_str task, struct lk_error *err)
{
    work->run.task_id = lk_json_get_string(work->arena, task, LK_STR("id"));
    work->run.status = lk_json_get_string(work->arena, task, LK_STR("status"));
    return work->run.task_id.len > 0 ||
           lk_fail(err, LK_ERROR_PARSE, "Looker answered with a query task that has no id");
}

/* Sees to it that the order's query has an id. */
static bool save(struct work *work, const struct lk_query_order *order, struct lk_error *err)
{
    struct looker_create_query_params params = {
        .fields = lk_string(order->fields.len > 0 ? order->fields : LK_STR("id"))};

    work->run.query_id = order->query_id;
    if (order->query == NULL)
        return true;
    if (!lk_ask(work->wait->context->api, work->arena,
                lk_in_dev(looker_create_query(&params, order->query), order->dev), LK_JSON_OBJECT,
                &work->run.created, err))
        return false;
    work->run.query_id = lk_json_get_string(work->arena, work->run.created, LK_STR("id"));
    return work->run.query_id.len > 0 ||
           lk_fail(err, LK_ERROR_PARSE, "Looker answered with a query that has no id");
}

bool lk_query_run(const struct lk_query_wait *wait, struct lk_arena *arena,
                  const struct lk_query_order *order, const struct lk_rows_ask *ask,
                  struct lk_query_run *ret_run, struct lk_error *err)
{
    struct work work = {.wait = wait,
                        .arena = arena,
                        .ask = *ask,
                        .dev = order->dev,
                        .until_ms = order->dev ? wait->dev_until_ms : wait->until_ms,
                        .pause_ms = FIRST_PAUSE_MS};
    struct lk_str task;

    if (!lk_rows_check_ask(ask, err) || !save(&work, order, err) ||
        !lk_query_start(wait->context, arena, order, work.run.query_id, ask->format, &task, err) ||
        !take_task(&work, task, err) || !follow(&work, err) ||
        (order->dev && work.run.rows == NULL && !stop_in_dev(&work, err)))
        return false;
    *ret_run = work.run;
    return true;
}

bool lk_query_await(const struct lk_query_wait *wait, struct lk_arena *arena, struct lk_str task_id,
                    const struct lk_rows_ask *ask, struct lk_query_run *ret_run,
                    struct lk_error *err)
{
    struct work work = {.wait = wait,
                        .arena = arena,
                        .ask = *ask,
                        .run = {.task_id = task_id},
                        .until_ms = wait->until_ms,
                        .learns = true,
                        .pause_ms = FIRST_PAUSE_MS};

    if (!look(&work, err))
        return lk_explain_status(err, 404,
                                 "there is no query task with this id, or it is another user's, or "
                                 "Looker has dropped it: run the query again");
    if (!follow(&work, err))
        return false;
    *ret_run = work.run;
    return true;
}

/* ---- for how long, and what the caller hears ---- */

struct listener {
    struct mcp_call *call;
    double n; /* notifications so far */
};

static void tell_call(void *arg, struct lk_str status, uint64_t ms)
{
    struct listener *listener = arg;

    mcp_call_progress(listener->call, ++listener->n, 0,
                      lk_arena_printf(mcp_call_arena(listener->call), "%.*s, %llu s",
                                      LK_STR_ARG(status), (unsigned long long)ms / 1000));
}

struct lk_query_wait lk_query_wait(struct mcp_call *call, struct lk_number max_wait_seconds)
{
    const struct lk_tool_context *context = lk_tool_context(call);
    struct listener *listener = lk_arena_new_object(mcp_call_arena(call), struct listener);
    uint64_t now_ms = lk_loop_now_ms(context->loop);
    uint64_t most_ms = lk_tool_most_wait_ms(call);
    bool asked = max_wait_seconds.is == LK_PRESENT;
    uint64_t dev_ms = asked && max_wait_seconds.value * 1000 < (double)most_ms
                          ? (uint64_t)(max_wait_seconds.value * 1000)
                          : most_ms;
    uint64_t wait_ms = asked ? dev_ms : lk_tool_query_wait_ms(context);

    *listener = (struct listener){.call = call};
    return (struct lk_query_wait){
        .context = context,
        .began_ms = now_ms,
        .until_ms = now_ms + (wait_ms < most_ms ? wait_ms : most_ms),
        .dev_until_ms = now_ms + dev_ms,
        .tell = tell_call,
        .arg = listener,
    };
}

void lk_query_write_handle(const struct lk_query_wait *wait, const struct lk_query_run *run,
                           struct lk_json_writer *w)
{
    lk_json_member_string(w, "query_task_id", run->task_id);
    lk_json_member_string(w, "status", run->status);
    lk_json_member_integer(w, "waited_seconds", (int64_t)(waited_ms(wait) / 1000));
    lk_json_member_string(w, "how",
                          LK_STR("Looker goes on with it: call get_query_result with this "
                                 "query_task_id, which waits for the rows"));
}
