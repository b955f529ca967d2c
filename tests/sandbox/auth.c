/*
 * Login, tokens, sudo, logout and sessions. A token's text begins with its number, so finding it
 * takes no search; the rest of the text is a hash that a guess would have to meet. Tokens are never
 * forgotten (a test wants to know that one was used after logout), only revoked.
 */
#include "sandbox.h"

#include <stdio.h>
#include <stdlib.h>

#define SERVICE_USER "1"

struct sb_auth {
    struct sb_token **tokens;
    size_t n, cap;
    uint64_t logins, sudo_logins, logouts, refused;
};

struct sb_auth *sb_auth_new(void)
{
    return sb_alloc(sizeof(struct sb_auth));
}

void sb_auth_reset(struct sb_auth *auth)
{
    for (size_t i = 0; i < auth->n; i++)
        free(auth->tokens[i]);
    free(auth->tokens);
    *auth = (struct sb_auth){0};
}

void sb_auth_free(struct sb_auth *auth)
{
    sb_auth_reset(auth);
    free(auth);
}

void sb_auth_expire_all(struct sb_auth *auth)
{
    for (size_t i = 0; i < auth->n; i++)
        auth->tokens[i]->expires_ms = 0;
}

static struct sb_token *new_token(struct sb *sb, const char *user_id, bool sudo)
{
    struct sb_auth *auth = sb->auth;
    struct sb_token *token = sb_alloc(sizeof(*token));
    char seed[64];

    if (auth->n == auth->cap) {
        auth->cap = auth->cap > 0 ? auth->cap * 2 : 64;
        auth->tokens = realloc(auth->tokens, auth->cap * sizeof(struct sb_token *));
        if (auth->tokens == NULL)
            abort();
    }
    auth->tokens[auth->n++] = token;
    token->number = (uint32_t)auth->n;
    snprintf(seed, sizeof(seed), "%u/%llu", token->number, (unsigned long long)sb_now_ms());
    snprintf(token->text, sizeof(token->text), "%08x%016llx", token->number,
             (unsigned long long)sb_hash(lk_str(seed)));
    snprintf(token->user_id, sizeof(token->user_id), "%s", user_id);
    snprintf(token->workspace, sizeof(token->workspace), "production");
    token->sudo = sudo;
    token->expires_ms = sb_now_ms() + (uint64_t)sb->options.token_ttl_s * 1000;
    return token;
}

/* The token that the header names, valid or not. */
static struct sb_token *named_token(struct sb_request *rq)
{
    struct lk_str header = sb_header(rq, "authorization"), text;
    char digits[9] = {0};
    size_t number;

    if (lk_str_starts(header, LK_STR("token ")))
        text = lk_str_n(header.ptr + 6, header.len - 6);
    else if (lk_str_starts(header, LK_STR("Bearer ")))
        text = lk_str_n(header.ptr + 7, header.len - 7);
    else
        return NULL;
    if (text.len < 24)
        return NULL;
    memcpy(digits, text.ptr, 8);
    number = strtoul(digits, NULL, 16);
    if (number == 0 || number > rq->sb->auth->n)
        return NULL;
    if (!lk_str_eq(text, lk_str(rq->sb->auth->tokens[number - 1]->text)))
        return NULL;
    return rq->sb->auth->tokens[number - 1];
}

void sb_auth_identify(struct sb_request *rq)
{
    struct sb_token *token = named_token(rq);

    rq->token = token != NULL && token->expires_ms > sb_now_ms() ? token : NULL;
}

const char *sb_auth_label(struct sb_request *rq)
{
    struct sb_token *token = named_token(rq);

    if (token != NULL)
        return lk_arena_printf(rq->arena, "token %u", token->number).ptr;
    return sb_header(rq, "authorization").len > 0 ? "invalid" : NULL;
}

void sb_auth_write_state(struct sb_auth *auth, struct lk_json_writer *w)
{
    int64_t live = 0;
    uint64_t now = sb_now_ms();

    for (size_t i = 0; i < auth->n; i++)
        live += auth->tokens[i]->expires_ms > now;
    lk_json_member_integer(w, "logins", (int64_t)auth->logins);
    lk_json_member_integer(w, "sudo_logins", (int64_t)auth->sudo_logins);
    lk_json_member_integer(w, "logouts", (int64_t)auth->logouts);
    lk_json_member_integer(w, "refused_logins", (int64_t)auth->refused);
    lk_json_member_integer(w, "live_tokens", live);
}

static void answer_token(struct sb_request *rq, struct sb_answer *out, struct sb_token *token)
{
    struct lk_buf *buf = sb_buf(rq);
    struct lk_json_writer w = lk_json_writer(buf);

    lk_json_begin_object(&w);
    lk_json_member_string(&w, "access_token", lk_str(token->text));
    lk_json_member_string(&w, "token_type", LK_STR("Bearer"));
    lk_json_member_integer(&w, "expires_in", rq->sb->options.token_ttl_s);
    lk_json_key(&w, "refresh_token");
    lk_json_put_null(&w);
    lk_json_end_object(&w);
    sb_answer_json(out, 200, lk_buf_view(buf));
}

/* POST /login: the two members of the form, and no others. */
static void login(struct sb_request *rq, struct sb_answer *out)
{
    struct lk_str id = {0}, secret = {0}, rest = rq->body;

    while (rest.len > 0) {
        const char *amp = memchr(rest.ptr, '&', rest.len);
        size_t len = amp != NULL ? (size_t)(amp - rest.ptr) : rest.len;
        const char *equals = memchr(rest.ptr, '=', len);
        size_t name_len = equals != NULL ? (size_t)(equals - rest.ptr) : len;
        struct lk_str name = {rest.ptr, name_len}, value = {0};

        if (equals == NULL ||
            !sb_percent_decode(rq->arena, lk_str_n(equals + 1, len - name_len - 1), true, &value))
            return sb_fail(rq, out, 400, "Malformed form body");
        if (lk_str_eq(name, LK_STR("client_id")))
            id = value;
        else if (lk_str_eq(name, LK_STR("client_secret")))
            secret = value;
        else
            return sb_fail(rq, out, 400, "login has no form field \"%.*s\"", LK_STR_ARG(name));
        rest = amp != NULL ? lk_str_n(amp + 1, rest.len - len - 1) : (struct lk_str){0};
    }
    if (!lk_str_eq(id, lk_str(rq->sb->options.client_id)) ||
        !lk_str_eq(secret, lk_str(rq->sb->options.client_secret))) {
        rq->sb->auth->refused++;
        sb_fail_not_found(rq, out);
        return;
    }
    rq->sb->auth->logins++;
    answer_token(rq, out, new_token(rq->sb, SERVICE_USER, false));
}

static void login_user(struct sb_request *rq, struct sb_answer *out)
{
    struct sb_collection *users = sb_collection(rq->sb->store, LK_STR("/users"));
    struct sb_entity *user = sb_entity(users, sb_path_arg(rq, "user_id"));

    if (user == NULL || user->json == NULL)
        return sb_fail_not_found(rq, out);
    if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(user->json, "is_disabled")))
        return sb_fail(rq, out, 403, "User is disabled");
    rq->sb->auth->sudo_logins++;
    answer_token(rq, out, new_token(rq->sb, user->key, true));
}

static void logout(struct sb_request *rq, struct sb_answer *out)
{
    rq->token->expires_ms = 0;
    rq->sb->auth->logouts++;
    sb_answer_empty(out, 204);
}

static void session(struct sb_request *rq, struct sb_answer *out)
{
    struct lk_buf *buf = sb_buf(rq);
    struct lk_json_writer w = lk_json_writer(buf);

    lk_json_begin_object(&w);
    lk_json_key(&w, "can");
    lk_json_put_raw(&w, LK_STR("{\"view\":true,\"update\":true}"));
    lk_json_member_string(&w, "workspace_id", lk_str(rq->token->workspace));
    lk_json_key(&w, "sudo_user_id");
    lk_json_put_cstr(&w, rq->token->sudo ? SERVICE_USER : NULL);
    lk_json_end_object(&w);
    sb_answer_json(out, 200, lk_buf_view(buf));
}

static void update_session(struct sb_request *rq, struct sb_answer *out)
{
    struct lk_str workspace = lk_json_get_string(rq->arena, rq->body, LK_STR("workspace_id"));

    if (!lk_str_eq(workspace, LK_STR("production")) && !lk_str_eq(workspace, LK_STR("dev")))
        return sb_fail_field(rq, out, "workspace_id", "invalid", "must be production or dev");
    snprintf(rq->token->workspace, sizeof(rq->token->workspace), "%.*s", LK_STR_ARG(workspace));
    session(rq, out);
}

static void me(struct sb_request *rq, struct sb_answer *out)
{
    struct sb_collection *users = sb_collection(rq->sb->store, LK_STR("/users"));
    struct sb_entity *user = sb_entity(users, lk_str(rq->token->user_id));

    if (user == NULL || user->json == NULL)
        return sb_fail_not_found(rq, out);
    sb_answer_json(out, 200, sb_entity_show(rq, users, user));
}

static void versions(struct sb_request *rq, struct sb_answer *out)
{
    const char *base = rq->sb->base_url;

    sb_answer_json(
        out, 200,
        lk_arena_printf(rq->arena,
                        "{\"looker_release_version\":\"26.12.7\","
                        "\"current_version\":{\"version\":\"4.0\",\"full_version\":\"4.0.26.12\","
                        "\"status\":\"current\",\"swagger_url\":\"%s/api/4.0/swagger.json\"},"
                        "\"supported_versions\":[{\"version\":\"4.0\","
                        "\"full_version\":\"4.0.26.12\",\"status\":\"current\","
                        "\"swagger_url\":\"%s/api/4.0/swagger.json\"}],"
                        "\"api_server_url\":\"%s\",\"web_server_url\":\"%s\"}",
                        base, base, base, base));
}

const struct sb_handler sb_auth_handlers[] = {
    {"login", login},
    {"login_user", login_user},
    {"logout", logout},
    {"session", session},
    {"update_session", update_session},
    {"me", me},
    {"versions", versions},
    {0},
};
