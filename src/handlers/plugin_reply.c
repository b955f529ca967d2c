/*
 * Copying and judging replies of the identity plug-in (plugin_reply.h). Called by plugin.c.
 */
#include "handlers/plugin_reply.h"

#include "base/memory.h"

#include <stdlib.h>

#define MAX_TEXT_BYTES 8192

static bool copy_text(const char *text, char **ret_copy)
{
    size_t len;

    if (text == NULL)
        return true;
    len = strnlen(text, MAX_TEXT_BYTES + 1);
    if (len > MAX_TEXT_BYTES)
        return false;
    *ret_copy = lk_memory_new(len + 1);
    memcpy(*ret_copy, text, len);
    return true;
}

/* What makes no sense becomes a reply of kind 0, which is none. */
struct lk_plugin_reply *lk_plugin_reply_copy(const struct looker_identity *identity)
{
    struct lk_plugin_reply *reply = lk_memory_new(sizeof(*reply));

    if (identity != NULL && identity->size >= sizeof(*identity) &&
        copy_text(identity->message, &reply->texts[LK_PLUGIN_MESSAGE]) &&
        copy_text(identity->user, &reply->texts[LK_PLUGIN_USER]) &&
        copy_text(identity->access_token, &reply->texts[LK_PLUGIN_ACCESS_TOKEN]) &&
        copy_text(identity->client_id, &reply->texts[LK_PLUGIN_CLIENT_ID]) &&
        copy_text(identity->client_secret, &reply->texts[LK_PLUGIN_CLIENT_SECRET])) {
        reply->kind = identity->kind;
        reply->status = identity->status;
    }
    return reply;
}

void lk_plugin_reply_free(struct lk_plugin_reply *reply)
{
    for (size_t i = 0; reply != NULL && i < LK_PLUGIN_N_TEXTS; i++) {
        if (reply->texts[i] != NULL)
            explicit_bzero(reply->texts[i], strlen(reply->texts[i]));
        free(reply->texts[i]);
    }
    free(reply);
}

static bool refuse(const char *name, const struct lk_plugin_reply *reply, struct lk_error *err)
{
    struct lk_str message = lk_str_trim(lk_str(reply->texts[LK_PLUGIN_MESSAGE]));
    bool known = reply->status >= 400 && reply->status <= 599;
    uint32_t status = known ? reply->status : 403;

    if (message.len == 0 || !lk_str_is_utf8(message))
        message = LK_STR("no reason was given");
    lk_fail(err, status >= 500 ? LK_ERROR_UPSTREAM : LK_ERROR_AUTH,
            "the identity plug-in %s refused this call: %.*s", name, LK_STR_ARG(message));
    if (err != NULL)
        err->status = (int)status;
    return false;
}

static struct lk_str text_of(struct lk_arena *arena, const struct lk_plugin_reply *reply,
                             enum lk_plugin_text text)
{
    return lk_str_trim(lk_arena_str(arena, lk_str(reply->texts[text])));
}

/* The texts that a kind cannot do without. */
static bool is_complete(const struct lk_plugin_identity *identity)
{
    switch (identity->kind) {
    case LOOKER_IDENTITY_NO_OPINION:
    case LOOKER_IDENTITY_SERVICE_ACCOUNT:
        return true;
    case LOOKER_IDENTITY_USER:
        return identity->user.len > 0;
    case LOOKER_IDENTITY_TOKEN:
        return identity->access_token.len > 0;
    case LOOKER_IDENTITY_API_KEYS:
        return identity->client_id.len > 0 && identity->client_secret.len > 0;
    case LOOKER_IDENTITY_REFUSED:
        break;
    }
    return false;
}

bool lk_plugin_reply_judge(const char *name, struct lk_arena *arena,
                           const struct lk_plugin_reply *reply,
                           struct lk_plugin_identity *ret_identity, struct lk_error *err)
{
    struct lk_plugin_identity identity = {
        .kind = (enum looker_identity_kind)reply->kind,
        .user = text_of(arena, reply, LK_PLUGIN_USER),
        .access_token = text_of(arena, reply, LK_PLUGIN_ACCESS_TOKEN),
        .client_id = text_of(arena, reply, LK_PLUGIN_CLIENT_ID),
        .client_secret = text_of(arena, reply, LK_PLUGIN_CLIENT_SECRET),
    };

    if (reply->kind == LOOKER_IDENTITY_REFUSED)
        return refuse(name, reply, err);
    if (!is_complete(&identity))
        return lk_fail(err, LK_ERROR_AUTH,
                       "the identity plug-in %s gave an answer that makes no sense, so it is not "
                       "known as whom this call should run",
                       name);
    *ret_identity = identity;
    return true;
}
