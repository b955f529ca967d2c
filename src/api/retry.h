/*
 * Sending a request again: which failures pass by themselves, after which of them an operation may
 * be sent again, and how long to wait before. The one place where anything is tried twice, but for
 * the new token after a 401 (api/api.c).
 */
#ifndef LK_API_RETRY_H
#define LK_API_RETRY_H

#include "api/exchange.h"

#define LK_RETRY_MAX 3               /* times that a request is sent again */
#define LK_RETRY_LONGEST_MS 15000ULL /* a Retry-After beyond it is the caller's to wait for */

/*
 * Whether Looker is none the worse for getting it twice: by its method (RFC 9110 section 9.2.2),
 * unless it is a GET that acts, or because it only computes; but not what runs a query, which may
 * be running at the database still: a second one on top is what a loaded database needs least.
 */
bool lk_may_be_repeated(const struct lk_operation *op);

/*
 * Whether a request that failed so is worth sending again, and may be:
 *
 *                                     may be repeated   others
 *     never left this machine               yes          yes
 *     429                                   yes          yes     nothing was done
 *     502, 503, cut off                     yes          no
 *     anything else                         no           no
 */
bool lk_retry_applies(const struct lk_operation *op, const struct lk_error *failure);

/* How long to wait before try number `tries` (1: the first repetition): what Retry-After asks for
 * (-1: nothing) and a random part more, or a random part of a time that doubles. */
uint64_t lk_retry_pause_ms(unsigned tries, int status, int64_t retry_after_s, uint32_t random);

/*
 * Awaits. lk_exchange_perform, again while lk_retry_applies, LK_RETRY_MAX times at most, and not
 * beyond exchange->until_ms, nor once a piece of an answer has gone into a sink. An error that
 * stayed says how often it was tried. Each repetition is logged at DEBUG (looker.retry) and
 * counted.
 */
bool lk_retry_perform(const struct lk_api_options *options, struct lk_str root,
                      struct lk_arena *arena, const struct lk_exchange *exchange,
                      struct lk_api_answer *ret_answer, struct lk_error *err);

#endif
