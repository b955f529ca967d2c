/*
 * As whom a call runs at Looker. Which one a caller gets is decided above (handlers/identity.h);
 * here it only decides which session a request goes out under.
 */
#ifndef LK_API_PRINCIPAL_H
#define LK_API_PRINCIPAL_H

#include "base/arena.h"

enum lk_principal_kind {
    LK_AS_SERVICE, /* the service account: the API keys of the settings */
    LK_AS_USER,    /* a user whom the service account impersonates (POST /login/{user_id}) */
    LK_AS_TOKEN,   /* whoever the access token belongs to: somebody else logged in, and logs out */
    LK_AS_KEYS,    /* the user whose API keys these are: logged in with them */
};

/* What does not belong to the kind is empty. */
struct lk_principal {
    enum lk_principal_kind kind;
    struct lk_str user_id;   /* LK_AS_USER */
    bool associative;        /* LK_AS_USER: Looker attributes what is done to the service account */
    struct lk_str token;     /* LK_AS_TOKEN; a secret */
    struct lk_str client_id; /* LK_AS_KEYS */
    struct lk_str client_secret; /* LK_AS_KEYS; a secret */
};

bool lk_principal_same(const struct lk_principal *a, const struct lk_principal *b);
/* Copies the strings into the arena. */
struct lk_principal lk_principal_copy(struct lk_arena *arena, const struct lk_principal *principal);

#endif
