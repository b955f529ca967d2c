/*
 * Retries (retry.h). Called by api.c and session.c around exchange.c; knows neither sessions nor
 * what the request is for.
 */
#include "api/retry.h"

#include "looker_ops.h"
#include "rt/co.h"

#include <sys/random.h>

#define FIRST_PAUSE_MS 250ULL
#define FIRST_PAUSE_LIMITED_MS 1000ULL /* whoever limits requests counts in seconds at least */

/* ---- what may be sent again ---- */

static bool runs_query(const struct lk_operation *op)
{
    static const enum looker_op running[] = {
        LOOKER_OP_RUN_INLINE_QUERY,        LOOKER_OP_RUN_INLINE_QUERY_ATTRIBUTED,
        LOOKER_OP_RUN_KEY_DRIVER_ANALYSIS, LOOKER_OP_RUN_LOOK,
        LOOKER_OP_RUN_LOOKML_TEST,         LOOKER_OP_RUN_QUERY,
        LOOKER_OP_RUN_SQL_INTERFACE_QUERY, LOOKER_OP_RUN_SQL_QUERY,
        LOOKER_OP_RUN_URL_ENCODED_QUERY,
    };

    for (size_t i = 0; i < sizeof(running) / sizeof(running[0]); i++) {
        if (op == &looker_ops[running[i]])
            return true;
    }
    return false;
}

bool lk_may_be_repeated(const struct lk_operation *op)
{
    /* A second login is only a second token, a query that is there already is not made again. */
    static const enum looker_op harmless[] = {
        LOOKER_OP_LOGIN,
        LOOKER_OP_LOGIN_USER,
        LOOKER_OP_CREATE_QUERY,
    };

    if (runs_query(op))
        return false;
    if (op->method != LK_POST && op->method != LK_PATCH)
        return !op->acts;
    for (size_t i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++) {
        if (op == &looker_ops[harmless[i]])
            return true;
    }
    return op->reads;
}

bool lk_retry_applies(const struct lk_operation *op, const struct lk_error *failure)
{
    bool upstream = failure->kind == LK_ERROR_UPSTREAM;

    if (upstream && failure->status == 429)
        return true;
    if (failure->kind == LK_ERROR_NETWORK && failure->unsent)
        return true;
    if (!lk_may_be_repeated(op))
        return false;
    return failure->kind == LK_ERROR_NETWORK ||
           (upstream && (failure->status == 502 || failure->status == 503));
}

/* ---- how long to wait ---- */

uint64_t lk_retry_pause_ms(unsigned tries, int status, int64_t retry_after_s, uint32_t random)
{
    uint64_t ms = (status == 429 ? FIRST_PAUSE_LIMITED_MS : FIRST_PAUSE_MS) << (tries - 1);

    /* Half of it is left to chance, or all who were turned away would come back together. */
    if (retry_after_s >= 0)
        return (uint64_t)retry_after_s * 1000 + random % (FIRST_PAUSE_MS + 1);
    return ms / 2 + random % (ms / 2 + 1);
}

static uint32_t random_bits(void)
{
    uint32_t bits = 0;

    /* Without any the pause is shorter, which is all that chance is wanted for. */
    (void)!getrandom(&bits, sizeof(bits), GRND_NONBLOCK);
    return bits;
}

/* ---- trying ---- */

static void count(struct lk_api_counters *counters, const struct lk_error *failure)
{
    if (counters == NULL)
        return;
    if (failure->status == 429)
        counters->retries_limited++;
    else if (failure->status != 0)
        counters->retries_unavailable++;
    else
        counters->retries_network++;
}

static void log_retry(const struct lk_log *log, const struct lk_operation *op, unsigned tries,
                      uint64_t pause_ms, const struct lk_error *failure)
{
    lk_log_debug(log, "looker.retry", lk_log_text("operation", op->id),
                 lk_log_int("try", (int64_t)tries), lk_log_int("pause_ms", (int64_t)pause_ms),
                 lk_log_text("kind", lk_error_kind_name(failure->kind)),
                 lk_log_int("status", failure->status));
}

/* Whoever watches the request may have lost interest; until it is sent again it has not been. */
static bool begin_again(struct lk_attempt *attempt)
{
    if (attempt == NULL)
        return true;
    attempt->begun = false;
    return !attempt->abandoned;
}

/* Not inlined: the stacks of calls in flight are what there is most of, and this is rare. False
 * when the pause would be too long, or (then *failure says so) the caller went away. */
static __attribute__((noinline)) bool pause_before(unsigned tries,
                                                   const struct lk_api_options *options,
                                                   const struct lk_exchange *exchange,
                                                   int64_t retry_after_s, struct lk_error *failure)
{
    uint64_t pause_ms = lk_retry_pause_ms(tries, failure->status, retry_after_s, random_bits());
    uint64_t now_ms = lk_loop_now_ms(options->loop);
    struct lk_error cancelled = {0};

    if (retry_after_s * 1000 > (int64_t)LK_RETRY_LONGEST_MS)
        return false;
    if (exchange->until_ms != 0 && now_ms + pause_ms >= exchange->until_ms) {
        lk_error_advise(failure, "the call has no time left to wait for another try");
        return false;
    }
    count(options->counters, failure);
    log_retry(options->log, exchange->request.op, tries, pause_ms, failure);
    if (lk_co_sleep(options->loop, pause_ms, &cancelled))
        return true;
    *failure = cancelled;
    return false;
}

static void say_tries(struct lk_error *failure, unsigned tries, uint64_t ms)
{
    if (tries > 1 && failure->kind != LK_ERROR_CANCELLED)
        lk_error_advise(failure, "it was tried %u times within %llu.%llu s", tries,
                        (unsigned long long)(ms / 1000), (unsigned long long)(ms % 1000 / 100));
}

static __attribute__((noinline)) bool perform_apart(const struct lk_api_options *options,
                                                    struct lk_str root, struct lk_arena *arena,
                                                    const struct lk_exchange *exchange,
                                                    struct lk_api_answer *ret_answer)
{
    struct lk_error unheard = {0};

    return lk_retry_perform(options, root, arena, exchange, ret_answer, &unheard);
}

bool lk_retry_perform(const struct lk_api_options *options, struct lk_str root,
                      struct lk_arena *arena, const struct lk_exchange *exchange,
                      struct lk_api_answer *ret_answer, struct lk_error *err)
{
    uint64_t began_ms = lk_loop_now_ms(options->loop);
    struct lk_exchange each = *exchange;
    int64_t retry_after_s;
    bool poured = false;

    if (err == NULL || err->kind != LK_ERROR_NONE)
        return perform_apart(options, root, arena, exchange, ret_answer);
    each.poured = &poured; /* what was taken in part would be taken twice */
    for (unsigned tries = 1;; tries++) {
        if (lk_exchange_perform(options, root, arena, &each, ret_answer, &retry_after_s, err))
            return true;
        if (poured || tries > LK_RETRY_MAX || !lk_retry_applies(exchange->request.op, err) ||
            !begin_again(exchange->request.attempt) ||
            !pause_before(tries, options, exchange, retry_after_s, err)) {
            say_tries(err, tries, lk_loop_now_ms(options->loop) - began_ms);
            return false;
        }
        *err = (struct lk_error){0};
    }
}
