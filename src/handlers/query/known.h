/*
 * Names of fields that explores were seen to have, so that a query all of whose names are known
 * costs no request of its own. One a worker, hung off the tool context.
 *
 * It only ever says "known". What it does not know must be looked up anew, so an old entry can let
 * a query through to Looker, which then decides, but can never hold one back. For the same reason
 * it is harmless that callers share it: only names that somebody gave are compared, none is shown.
 */
#ifndef LK_HANDLERS_QUERY_KNOWN_H
#define LK_HANDLERS_QUERY_KNOWN_H

#include "base/arena.h"
#include "base/str.h"

#include <stdint.h>

struct lk_known;

/* Holds at most 64 explores of at most 16,384 names (8 bytes each), for five minutes each. */
struct lk_known *lk_known_new(void);
/* NULL is legal. */
void lk_known_free(struct lk_known *known);

/* explore: whatever text tells it from others; project: that has its model, empty: not said. An
 * explore with more names than there is room for is not remembered. With NULL nothing is, and
 * nothing is known. */
void lk_known_learn(struct lk_known *known, struct lk_str explore, struct lk_str project,
                    const struct lk_str *names, size_t n, uint64_t now_ms);

bool lk_known_explore(const struct lk_known *known, struct lk_str explore, uint64_t now_ms);
bool lk_known_has(const struct lk_known *known, struct lk_str explore, struct lk_str name,
                  uint64_t now_ms);
/* Empty when it is not known; until the next call here. */
struct lk_str lk_known_project(const struct lk_known *known, struct lk_str explore,
                               uint64_t now_ms);

#endif
