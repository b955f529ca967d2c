/*
 * Comparing and copying principals (principal.h).
 */
#include "api/principal.h"

bool lk_principal_same(const struct lk_principal *a, const struct lk_principal *b)
{
    return a->kind == b->kind && a->associative == b->associative &&
           lk_str_eq(a->user_id, b->user_id) && lk_str_eq(a->token, b->token) &&
           lk_str_eq(a->client_id, b->client_id) && lk_str_eq(a->client_secret, b->client_secret);
}

struct lk_principal lk_principal_copy(struct lk_arena *arena, const struct lk_principal *principal)
{
    return (struct lk_principal){
        .kind = principal->kind,
        .user_id = lk_arena_str(arena, principal->user_id),
        .associative = principal->associative,
        .token = lk_arena_str(arena, principal->token),
        .client_id = lk_arena_str(arena, principal->client_id),
        .client_secret = lk_arena_str(arena, principal->client_secret),
    };
}
