/*
 * Identity plug-ins of looker-mcp-server: a shared library that decides, for each tool call, as
 * whom it runs at Looker. This header is all that a plug-in needs; it stands alone, in C11 and in
 * C++.
 *
 *     LOOKER_IDENTITY_PLUGIN=/usr/lib/looker/exchange.so looker-mcp-server
 *
 *     start     looker_identity_plugin(1) ──> table ──> init
 *     a call    resolve(request) ── now or later, from any thread ──> host->reply(request id,
 * identity) └── no reply in time, or nobody waits for it any more: cancel(request id) shutdown
 * destroy
 *
 * The server asks before it looks at anything else, and what it gets decides:
 *
 *     LOOKER_IDENTITY_REFUSED    the call fails with the plug-in's message
 *     LOOKER_IDENTITY_NO_OPINION the server's own rules apply, as without a plug-in
 *     any other kind             the call runs as that; if its arguments have act_as_user, and the
 *                                server and the verified caller's scope allow that, as that user
 *
 * Whatever goes wrong is a refusal: no reply within LOOKER_IDENTITY_TIMEOUT, a reply that makes no
 * sense, an e-mail address that no user has, or two. With LOOKER_SUDO_AS_USER=false nobody is
 * impersonated, for a plug-in neither; with LOOKER_MCP_MODE=looker_oauth calls run under the
 * caller's own token, and a plug-in can only refuse or have no opinion.
 *
 * Threads. However many threads the server has (LOOKER_THREADS), it loads a plug-in once and calls
 * init, resolve, cancel and destroy from one and the same thread, one at a time. That thread serves
 * callers as well, and all others that are to be identified wait for it: return at once, and do
 * what takes time in a thread of the plug-in's. Threads that it starts do not get the server's
 * signals. `reply` and `log` may be called from any thread, from within resolve as well.
 *
 * Memory. What the server passes in is its own and is gone when the function returns: copy what is
 * needed later. What is passed to `reply` and `log` is copied before they return. All strings are
 * UTF-8, end in NUL, and are never NULL where the server passes them.
 *
 * Compatibility. LOOKER_IDENTITY_ABI changes when a plug-in has to change. Members may be added at
 * the end of structs without that: `size`, which whoever fills a struct sets to sizeof it, tells
 * how much of it there is.
 */
#ifndef LOOKER_MCP_IDENTITY_H
#define LOOKER_MCP_IDENTITY_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LOOKER_IDENTITY_ABI 1u

/* ---- what a plug-in is asked ---- */

struct looker_identity_header {
    const char *name;  /* as the plug-in has written it in `headers` */
    const char *value; /* its bytes, UTF-8 or not; several of one name are joined by ", " */
};

/* Whom the server has verified to call (LOOKER_MCP_MODE). What is not known is "". */
struct looker_identity_caller {
    size_t size;
    const char *subject; /* `sub` of the access token */
    const char *user;    /* the claim that names the user, such as an e-mail address */
    const char *scope;   /* space-separated */
};

struct looker_identity_request {
    size_t size;
    uint64_t id;           /* to reply to; never used twice */
    const char *tool;      /* such as "run_look"; of what is no tool's the MCP method, such as
                              "resources/read", "prompts/get", "completion/complete" */
    const char *group;     /* such as "query"; "mcp" of what is no tool's */
    const char *arguments; /* a JSON object, as the client sent it; "{}" when it sent none */
    /* Of the headers that the plug-in asked for, those that the HTTP request has; over stdio none.
     */
    const struct looker_identity_header *headers;
    size_t n_headers;
    const struct looker_identity_caller *caller; /* NULL: nobody was verified */
    uint32_t timeout_ms;                         /* how long the server waits for the reply */
};

/* ---- what it answers ---- */

/* 0 is none of them, so that a struct that was forgotten to be filled gives nothing away. */
enum looker_identity_kind {
    LOOKER_IDENTITY_NO_OPINION = 1,
    LOOKER_IDENTITY_REFUSED = 2,         /* message, status */
    LOOKER_IDENTITY_SERVICE_ACCOUNT = 3, /* the API keys of the server's settings */
    LOOKER_IDENTITY_USER = 4,            /* user: impersonated by the service account */
    LOOKER_IDENTITY_TOKEN = 5,           /* access_token: Looker's own, of whoever it belongs to */
    LOOKER_IDENTITY_API_KEYS = 6 /* client_id, client_secret: the server logs in with them */
};

/* What does not belong to the kind is ignored and may be NULL. Strings are at most 8,192 bytes. */
struct looker_identity {
    size_t size;
    uint32_t kind;   /* enum looker_identity_kind */
    uint32_t status; /* of a refusal, as HTTP has it: 401, 403, 503, …; 0: 403 */
    const char
        *message;     /* of a refusal: the client reads it; say what would help, and no secrets */
    const char *user; /* a Looker user's id or e-mail address */
    const char *access_token;
    const char *client_id;
    const char *client_secret;
};

/* ---- the server, as a plug-in sees it ---- */

enum looker_identity_log_level {
    LOOKER_IDENTITY_LOG_DEBUG = 0,
    LOOKER_IDENTITY_LOG_INFO = 1,
    LOOKER_IDENTITY_LOG_WARNING = 2,
    LOOKER_IDENTITY_LOG_ERROR = 3
};

/* Valid from init until destroy has returned; after that neither function may be called. */
struct looker_identity_host {
    size_t size;
    void *self_; /* the server's */
    /* One reply a request counts. Replies to a request that was cancelled, or replied to before, or
     * that there never was, are ignored. */
    void (*reply)(const struct looker_identity_host *host, uint64_t request,
                  const struct looker_identity *identity);
    /* A line in the server's log (event identity.plugin), at most 300 bytes. No secrets. When many
     * come at once, some are dropped. */
    void (*log)(const struct looker_identity_host *host, enum looker_identity_log_level level,
                const char *message);
};

/* Filled by init. */
struct looker_identity_setup {
    size_t size;         /* set by the server */
    void *state;         /* handed to the other functions */
    const char *headers; /* the request headers it wants to see, comma-separated, such as
                            "Authorization, X-Tenant"; at most 32; NULL: none. Must stay until
                            destroy */
    char error[256];     /* why init fails */
};

/* ---- the plug-in ---- */

struct looker_identity_plugin {
    uint32_t abi;     /* LOOKER_IDENTITY_ABI */
    uint32_t size;    /* sizeof(struct looker_identity_plugin) */
    const char *name; /* for messages and the log */

    /* 0: it is ready. Anything else stops the start of the server, which prints setup->error;
     * destroy is not called then. NULL: nothing to prepare. */
    int (*init)(const struct looker_identity_host *host, struct looker_identity_setup *setup);

    /* Decides, by calling host->reply(host, request->id, …) once, before it returns or later. */
    void (*resolve)(void *state, const struct looker_identity_request *request);

    /* Nobody waits for that reply any more: the client went away, the time is over, or the server
     * stops. To save work only, a reply that comes all the same is ignored; it may have been sent
     * already, by another thread. NULL: does not matter. */
    void (*cancel)(void *state, uint64_t request);

    /* The last call. Its threads must have ended when it returns, without waiting for anybody.
     * NULL: nothing to do. The library stays loaded until the process ends. */
    void (*destroy)(void *state);
};

/* What the library exports. `abi` is the server's LOOKER_IDENTITY_ABI. The table must stay; NULL:
 * it does not know that version. */
#if defined(__GNUC__)
__attribute__((visibility("default")))
#endif
const struct looker_identity_plugin *
looker_identity_plugin(uint32_t abi);

#ifdef __cplusplus
}
#endif

#endif
