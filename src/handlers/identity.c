/*
 * As whom a call runs (identity.h). Called by the worker around every tool; tools only see the
 * result, the `api` of their context. Sessions are api/pool.h.
 */
#include "handlers/identity.h"

#include "base/memory.h"
#include "handlers/users.h"
#include "handlers/workspace.h"
#include "json/scan.h"
#include "json/type.h"

#include <stdlib.h>

/* Who an e-mail address is, remembered: so many users, each for so long. */
#define REMEMBERED_MAX 512
#define REMEMBERED_MS ((uint64_t)5 * 60 * 1000)
#define MAX_NAME_BYTES 255

struct remembered {
    char asked[MAX_NAME_BYTES + 1]; /* what was asked for: an address or an id; "": empty */
    char id[64];
    char email[MAX_NAME_BYTES + 1];
    uint64_t until_ms;
};

struct lk_identity {
    struct lk_identity_options options;
    struct remembered users[REMEMBERED_MAX];
};

/* The context of one call. */
struct admitted {
    struct lk_tool_context tools; /* first: it is what the tools get */
    struct lk_str asked;          /* the name of the user whom it impersonates; empty: nobody */
};

struct lk_identity *lk_identity_new(const struct lk_identity_options *options)
{
    struct lk_identity *identity = lk_memory_new(sizeof(*identity));

    identity->options = *options;
    return identity;
}

void lk_identity_free(struct lk_identity *identity)
{
    free(identity);
}

/* ---- who is meant ---- */

static struct remembered *slot(struct lk_identity *identity, struct lk_str asked)
{
    uint64_t hash = 14695981039346656037u; /* FNV-1a */

    for (size_t i = 0; i < asked.len; i++)
        hash = (hash ^ (unsigned char)asked.ptr[i]) * 1099511628211u;
    return &identity->users[hash % REMEMBERED_MAX];
}

static void remember(struct remembered *slot, struct lk_str asked, struct lk_str id,
                     struct lk_str email, uint64_t now_ms)
{
    if (asked.len > MAX_NAME_BYTES || id.len >= sizeof(slot->id) || email.len > MAX_NAME_BYTES)
        return;
    *slot = (struct remembered){.until_ms = now_ms + REMEMBERED_MS};
    memcpy(slot->asked, asked.ptr, asked.len);
    memcpy(slot->id, id.ptr, id.len);
    if (email.len > 0)
        memcpy(slot->email, email.ptr, email.len);
}

struct user {
    struct lk_str id, email;
};

/* Asks as the service account, whom the user list is visible to. */
static bool find_user(struct lk_identity *identity, struct mcp_call *call, struct lk_str asked,
                      struct user *ret_user, struct lk_error *err)
{
    struct lk_arena *arena = mcp_call_arena(call);
    const struct lk_tool_context *tools = identity->options.tools;
    uint64_t now = lk_loop_now_ms(tools->loop);
    struct remembered *known = slot(identity, asked);
    struct lk_str user;

    if (asked.len > 0 && lk_str_eq(lk_str(known->asked), asked) && now < known->until_ms) {
        *ret_user = (struct user){lk_arena_str(arena, lk_str(known->id)),
                                  lk_arena_str(arena, lk_str(known->email))};
        return true;
    }
    if (!lk_user_find(tools->api, arena, asked, NULL, &user, err))
        return false;
    *ret_user = (struct user){
        .id = lk_json_get_string(arena, user, LK_STR("id")),
        .email = lk_json_get_string(arena, user, LK_STR("email")),
    };
    if (ret_user->id.len == 0)
        return lk_fail(err, LK_ERROR_PARSE, "Looker's answer to a search for a user has no id");
    remember(slot(identity, asked), asked, ret_user->id, ret_user->email, now);
    return true;
}

/* ---- the context of the call ---- */

static void run_as(struct lk_identity *identity, struct mcp_call *call,
                   const struct lk_principal *principal, struct lk_str asked)
{
    struct admitted *admitted = lk_arena_new_object(mcp_call_arena(call), struct admitted);
    uint64_t most_ms = identity->options.tools->call_timeout_ms, left_ms = mcp_call_left_ms(call);

    admitted->tools = *identity->options.tools;
    admitted->tools.api = lk_api_as(identity->options.tools->api, mcp_call_arena(call), principal);
    if (most_ms != 0)
        lk_api_set_end(admitted->tools.api, lk_loop_now_ms(admitted->tools.loop) +
                                                (left_ms < most_ms ? left_ms : most_ms));
    lk_api_set_trace(admitted->tools.api, mcp_call_trace(call));
    admitted->asked = asked;
    mcp_call_set_context(call, admitted);
}

static void run_as_user(struct lk_identity *identity, struct mcp_call *call, struct lk_str asked,
                        const struct user *user)
{
    run_as(identity, call,
           &(struct lk_principal){.kind = LK_AS_USER,
                                  .user_id = user->id,
                                  .associative = identity->options.associative},
           asked);
}

/* ---- act_as_user ---- */

/* Whether the space-separated list has it. */
static bool has_scope(struct lk_str list, struct lk_str wanted)
{
    while (list.len > 0) {
        if (lk_str_eq(lk_str_take(&list, ' '), wanted))
            return true;
    }
    return false;
}

/* Whether this caller, on this server, may name a user at all. */
static bool may_act_as(const struct lk_identity *identity, struct mcp_call *call,
                       struct lk_error *err)
{
    const struct lk_identity_options *options = &identity->options;
    const struct mcp_caller *caller = mcp_call_caller(call);

    if (options->own_tokens_only)
        return lk_fail(err, LK_ERROR_ARGUMENT,
                       "act_as_user: this server runs every call as the user whose Looker token it "
                       "came with (LOOKER_MCP_MODE=looker_oauth); leave it out");
    if (!options->sudo_as_user)
        return lk_fail(err, LK_ERROR_ARGUMENT,
                       "act_as_user: impersonation is switched off on this server "
                       "(LOOKER_SUDO_AS_USER=false); leave it out to run as the configured user");
    if (caller == NULL || has_scope(caller->scope, options->act_as_scope))
        return true;
    mcp_call_demand_scope(call, options->act_as_scope);
    return lk_fail(err, LK_ERROR_AUTH,
                   "act_as_user: your access token lacks the scope \"%.*s\"; ask the authorization "
                   "server for it, or leave act_as_user out",
                   LK_STR_ARG(options->act_as_scope));
}

/* Who asked is said when somebody has verified it. */
static void log_act_as(const struct lk_tool_context *tools, struct mcp_call *call,
                       const struct user *user, const char *triggered_by)
{
    const struct mcp_caller *caller = mcp_call_caller(call);
    const struct lk_log_field fields[] = {
        lk_log_str("request_id", mcp_call_request_id(call)),
        lk_log_text("tool", mcp_call_tool(call)->name),
        lk_log_str("target_user_id", user->id),
        lk_log_str("target_user_email", user->email),
        lk_log_text("triggered_by", triggered_by),
        lk_log_str("configured_user", tools->client_id),
        lk_log_str("caller", caller == NULL         ? (struct lk_str){0}
                             : caller->user.len > 0 ? caller->user
                                                    : caller->subject),
    };

    lk_log_write(tools->log, LK_LOG_INFO, "looker.audit.act_as_user", fields,
                 caller != NULL ? 7 : 6);
}

/* As one of the CI users, whoever is free: the call has the branch then. */
static bool run_as_ci_user(struct lk_identity *identity, struct mcp_call *call,
                           struct lk_error *err)
{
    const struct lk_tool_context *tools = identity->options.tools;
    struct lk_tool_context *own;
    struct lk_ci_user found;
    struct lk_visit *visit;
    struct user user;

    if (!lk_workspace_borrow_user(call, identity->options.associative, &found, &visit, err))
        return false;
    user = (struct user){found.id, found.email};
    log_act_as(tools, call, &user, "pool");
    run_as_user(identity, call, (struct lk_str){0}, &user);
    own = mcp_call_context(call);
    own->visit = visit;
    return true;
}

static bool run_as_argument(struct lk_identity *identity, struct mcp_call *call,
                            struct lk_str argument, struct lk_error *err)
{
    const struct lk_tool_context *tools = identity->options.tools;
    struct lk_str asked = lk_str_trim(argument);
    struct user user;

    if (!may_act_as(identity, call, err))
        return false;
    if (lk_is_ci_pool(asked))
        return run_as_ci_user(identity, call, err);
    if (!lk_is_user_id(asked) && !lk_is_email(asked))
        return lk_fail(err, LK_ERROR_ARGUMENT,
                       "act_as_user: %s; give a user id or an e-mail address, or leave it out",
                       asked.len == 0 ? "it is blank" : "that is neither a number nor an address");
    if (!find_user(identity, call, asked, &user, err)) {
        if (err->kind == LK_ERROR_ARGUMENT || err->status == 404)
            lk_error_advise(err, "act_as_user has to name one user");
        return false;
    }
    log_act_as(tools, call, &user, "argument");
    run_as_user(identity, call, asked, &user);
    return true;
}

/* ---- what came with the request ---- */

/* asked: an e-mail address or an id; source: "the header X-User-Email", "the verified caller".
 * Errors about them are not the model's to mend. */
static bool run_as_named(struct lk_identity *identity, struct mcp_call *call, struct lk_str asked,
                         const char *triggered_by, struct lk_str source, struct lk_error *err)
{
    struct user user;

    if (!find_user(identity, call, asked, &user, err)) {
        if (err->kind == LK_ERROR_ARGUMENT || err->status == 404) {
            err->kind = LK_ERROR_AUTH;
            lk_error_advise(err, "%.*s has to name one user", LK_STR_ARG(source));
        }
        return false;
    }
    lk_log_debug(identity->options.tools->log, "looker.session.sudo",
                 lk_log_text("tool", mcp_call_tool(call)->name),
                 lk_log_str("target_user_id", user.id), lk_log_str("target_user_email", user.email),
                 lk_log_text("triggered_by", triggered_by));
    run_as_user(identity, call, asked, &user);
    return true;
}

static bool run_as_email(struct lk_identity *identity, struct mcp_call *call, struct lk_str email,
                         const char *triggered_by, struct lk_str source, struct lk_error *err)
{
    struct lk_str asked = lk_str_trim(email);

    if (!lk_is_email(asked))
        return lk_fail(err, LK_ERROR_AUTH,
                       "%.*s names no e-mail address, so it is not known as whom this call should "
                       "run",
                       LK_STR_ARG(source));
    return run_as_named(identity, call, asked, triggered_by, source, err);
}

static bool run_as_token(struct lk_identity *identity, struct mcp_call *call, struct lk_str header,
                         struct lk_error *err)
{
    struct lk_str token = lk_str_trim(header);

    if (token.len == 0)
        return lk_fail(err, LK_ERROR_AUTH,
                       "the header %.*s is empty, so it is not known as whom this call should run",
                       LK_STR_ARG(identity->options.token_header));
    run_as(identity, call, &(struct lk_principal){.kind = LK_AS_TOKEN, .token = token},
           (struct lk_str){0});
    return true;
}

/* Whether identity headers mean anything in this call. */
static bool headers_count(const struct lk_identity_options *options, const struct mcp_call *call)
{
    return options->sudo_as_user && !options->own_tokens_only &&
           (mcp_call_caller(call) == NULL || options->trust_headers);
}

void lk_identity_put_caller(const struct lk_identity *identity, const struct mcp_call *call,
                            struct lk_buf *out)
{
    const struct lk_identity_options *options = &identity->options;

    if (!headers_count(options, call))
        return;
    lk_buf_str(out, mcp_call_header(call, options->email_header));
    lk_buf_str(out, mcp_call_header(call, options->token_header));
}

static bool has_identity_header(const struct lk_identity_options *options, struct mcp_call *call)
{
    return mcp_call_header(call, options->email_header).ptr != NULL ||
           mcp_call_header(call, options->token_header).ptr != NULL;
}

static bool run_as_header(struct lk_identity *identity, struct mcp_call *call, struct lk_error *err)
{
    const struct lk_identity_options *options = &identity->options;
    struct lk_str email = mcp_call_header(call, options->email_header);
    struct lk_str token = mcp_call_header(call, options->token_header);
    bool core = options->google_cloud_core;

    if (core && token.ptr != NULL)
        return run_as_token(identity, call, token, err);
    if (!core && email.ptr != NULL)
        return run_as_email(identity, call, email, "header",
                            lk_arena_printf(mcp_call_arena(call), "the header %.*s",
                                            LK_STR_ARG(options->email_header)),
                            err);
    if (email.ptr == NULL && token.ptr == NULL) {
        run_as(identity, call, &(struct lk_principal){.kind = LK_AS_SERVICE}, (struct lk_str){0});
        return true;
    }
    return lk_fail(err, LK_ERROR_AUTH,
                   "the header %.*s asks to run as a user, which LOOKER_DEPLOYMENT_TYPE=%s does "
                   "by %.*s; send that one, or set LOOKER_SUDO_AS_USER=false to ignore both",
                   LK_STR_ARG(core ? options->email_header : options->token_header),
                   core ? "google_cloud_core" : "self_hosted",
                   LK_STR_ARG(core ? options->token_header : options->email_header));
}

/* A token that was issued by Looker is used; otherwise the claim says who it is. */
static bool run_as_caller(struct lk_identity *identity, struct mcp_call *call,
                          const struct mcp_caller *caller, struct lk_error *err)
{
    if (caller->access_token.len > 0) {
        run_as(identity, call,
               &(struct lk_principal){.kind = LK_AS_TOKEN, .token = caller->access_token},
               (struct lk_str){0});
        return true;
    }
    if (!identity->options.sudo_as_user)
        return lk_fail(err, LK_ERROR_AUTH,
                       "this server may not run calls as the user of the access token "
                       "(LOOKER_SUDO_AS_USER=false), and does not run them as anybody else");
    return run_as_email(identity, call, caller->user, "token",
                        LK_STR("the claim of the access token that says who the user is"), err);
}

/* ---- what the plug-in says ---- */

/* What a plug-in may not decide on this server, whatever it is trusted with. */
static bool may_plugin_choose(const struct lk_identity *identity, enum looker_identity_kind kind,
                              struct lk_error *err)
{
    if (identity->options.own_tokens_only)
        return lk_fail(err, LK_ERROR_AUTH,
                       "the identity plug-in wants to say as whom this call runs, but this server "
                       "runs every call under the caller's own token "
                       "(LOOKER_MCP_MODE=looker_oauth)");
    if (kind == LOOKER_IDENTITY_USER && !identity->options.sudo_as_user)
        return lk_fail(err, LK_ERROR_AUTH,
                       "the identity plug-in wants to impersonate a user, which is switched off on "
                       "this server (LOOKER_SUDO_AS_USER=false)");
    return true;
}

static bool run_as_plugin_s_user(struct lk_identity *identity, struct mcp_call *call,
                                 struct lk_str user, struct lk_error *err)
{
    static const struct lk_str source = LK_STR_INIT("the identity plug-in");

    if (lk_is_user_id(user))
        return run_as_named(identity, call, user, "plugin", source, err);
    return run_as_email(identity, call, user, "plugin", source, err);
}

/* Any kind but LOOKER_IDENTITY_NO_OPINION. */
static bool run_as_plugin_says(struct lk_identity *identity, struct mcp_call *call,
                               const struct lk_plugin_identity *said, struct lk_error *err)
{
    struct lk_principal principal = {.kind = LK_AS_SERVICE};

    if (said->kind == LOOKER_IDENTITY_USER)
        return run_as_plugin_s_user(identity, call, said->user, err);
    if (said->kind == LOOKER_IDENTITY_TOKEN)
        principal = (struct lk_principal){.kind = LK_AS_TOKEN, .token = said->access_token};
    if (said->kind == LOOKER_IDENTITY_API_KEYS)
        principal = (struct lk_principal){
            .kind = LK_AS_KEYS, .client_id = said->client_id, .client_secret = said->client_secret};
    run_as(identity, call, &principal, (struct lk_str){0});
    return true;
}

/* Without one there is no opinion. */
static bool ask_plugin(const struct lk_identity *identity, struct mcp_call *call,
                       struct lk_plugin_identity *ret_said, struct lk_error *err)
{
    *ret_said = (struct lk_plugin_identity){.kind = LOOKER_IDENTITY_NO_OPINION};
    if (identity->options.plugin == NULL)
        return true;
    if (!lk_plugin_ask(identity->options.plugin, identity->options.tools->loop, call, ret_said,
                       err))
        return false;
    return ret_said->kind == LOOKER_IDENTITY_NO_OPINION ||
           may_plugin_choose(identity, ret_said->kind, err);
}

/* ---- all ---- */

bool lk_identity_admit(struct lk_identity *identity, struct mcp_call *call, struct lk_error *err)
{
    const struct lk_identity_options *options = &identity->options;
    const struct mcp_caller *caller = mcp_call_caller(call);
    struct lk_str argument = lk_act_as_user(call);
    bool headers = headers_count(options, call);
    struct lk_plugin_identity said;

    if (options->verified_only && caller == NULL)
        return lk_fail(err, LK_ERROR_INTERNAL, "the caller of this call was not verified");
    if (!ask_plugin(identity, call, &said, err))
        return false;
    if (argument.ptr != NULL)
        return run_as_argument(identity, call, argument, err);
    if (said.kind != LOOKER_IDENTITY_NO_OPINION)
        return run_as_plugin_says(identity, call, &said, err);
    if (headers && (caller == NULL || has_identity_header(options, call)))
        return run_as_header(identity, call, err);
    if (caller != NULL)
        return run_as_caller(identity, call, caller, err);
    run_as(identity, call, &(struct lk_principal){.kind = LK_AS_SERVICE}, (struct lk_str){0});
    return true;
}

/* A caller whose token has ended has to get another, and clients only do that when they are told so
 * by the transport. */
static void check_token(struct lk_identity *identity, struct mcp_call *call,
                        const struct lk_error *err)
{
    const struct mcp_caller *caller = mcp_call_caller(call);

    if (err->kind != LK_ERROR_AUTH || err->status != 401 || caller == NULL ||
        caller->access_token.len == 0)
        return;
    mcp_call_refuse_caller(call);
    if (identity->options.token_refused != NULL)
        identity->options.token_refused(identity->options.token_refused_arg, caller->access_token);
}

void lk_identity_ended(struct lk_identity *identity, struct mcp_call *call,
                       const struct lk_error *err)
{
    struct admitted *admitted = mcp_call_context(call);

    if ((const void *)admitted == identity->options.tools)
        return; /* it was not let in */
    check_token(identity, call, err);
    if (err->kind == LK_ERROR_AUTH && admitted->asked.len > 0)
        *slot(identity, admitted->asked) = (struct remembered){0};
    lk_api_end(admitted->tools.api);
}
