/*
 * As whom a tool call runs: decided once a call, before the tool, and never wider than asked for.
 *
 *     the plug-in, if there is one: may refuse ──> or says who, or that it has no opinion
 *     act_as_user in the arguments ──────────────> that user, impersonated   (audit line)
 *                                "pool" ─────────> a CI user who is free (handlers/workspace.h)
 *     else whom the plug-in named ───────────────> service account, user, Looker token or API keys
 *     else a verified caller (mcp_call_caller) ──> its Looker token, or its user, impersonated
 *     else the identity header of the deployment > self_hosted: X-User-Email, impersonated
 *                                                  google_cloud_core: X-User-Token, as it is
 *     else ──────────────────────────────────────> the service account
 *
 * What names nobody, or two users, is an error, and so is a header of the other kind of deployment:
 * falling back to the service account would give the caller its permissions. With
 * LOOKER_SUDO_AS_USER=false headers mean nothing, act_as_user is refused, and so is a plug-in's
 * user. A verified caller's headers mean nothing either, unless they are trusted: anybody can set a
 * header. A plug-in that fails, or does not answer, has refused.
 */
#ifndef LK_HANDLERS_IDENTITY_H
#define LK_HANDLERS_IDENTITY_H

#include "handlers/context.h"
#include "handlers/plugin.h"

struct lk_identity;

/* Borrowed; must outlive it. */
struct lk_identity_options {
    const struct lk_tool_context *tools; /* of the worker; its api is the service account's */
    bool sudo_as_user;                   /* LOOKER_SUDO_AS_USER */
    bool associative;                    /* LOOKER_SUDO_ASSOCIATIVE */
    bool google_cloud_core;              /* LOOKER_DEPLOYMENT_TYPE */
    bool own_tokens_only; /* LOOKER_MCP_MODE=looker_oauth: callers bring their Looker token, and
                             there is no impersonation, whatever else is set */
    bool verified_only; /* the transport verifies each caller, so one whom it did not is a mistake,
                           and gets nothing */
    bool trust_headers; /* LOOKER_TRUST_IDENTITY_HEADERS: count beside a verified caller */
    struct lk_str act_as_scope; /* LOOKER_MCP_ACT_AS_SCOPE: what a verified caller needs for
                                   act_as_user */
    /* Told when Looker has refused a caller's own access token; NULL: nobody wants to know. */
    void (*token_refused)(void *arg, struct lk_str token);
    void *token_refused_arg;
    struct lk_str email_header; /* LOOKER_USER_EMAIL_HEADER */
    struct lk_str token_header; /* LOOKER_USER_TOKEN_HEADER */
    struct lk_plugin *plugin;   /* LOOKER_IDENTITY_PLUGIN; NULL: none */
};

struct lk_identity *lk_identity_new(const struct lk_identity_options *options);
/* NULL is legal. */
void lk_identity_free(struct lk_identity *identity);

/*
 * Awaits. Finds out as whom the call runs and gives it a tool context whose `api` is Looker as that
 * principal sees it. Errors: LK_ERROR_ARGUMENT (act_as_user names nobody or several, or
 * impersonation is switched off), LK_ERROR_AUTH (a header or a claim does, or the scope is
 * missing), those of lk_plugin_ask and of lk_api_call.
 */
bool lk_identity_admit(struct lk_identity *identity, struct mcp_call *call, struct lk_error *err);

/* Appends what its identity headers say of who it is from, where they mean anything: to tell
 * callers apart, before any of it is verified. May be a secret. */
void lk_identity_put_caller(const struct lk_identity *identity, const struct mcp_call *call,
                            struct lk_buf *out);

/* The call that was admitted, or not, has ended: its view of Looker ends, and what was remembered
 * of a user whose login failed is forgotten. */
void lk_identity_ended(struct lk_identity *identity, struct mcp_call *call,
                       const struct lk_error *err);

#endif
