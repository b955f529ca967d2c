/*
 * An identity plug-in to start from: the caller's bearer token is exchanged for a Looker token at a
 * token service, and the call runs under that.
 *
 *     Authorization: Bearer TOKEN ──> POST $TOKEN_EXCHANGE_URL, the same header
 *                 200 {"access_token": "…"} ──> that token
 *                 401, 403                  ──> refused; the caller's token is no good
 *                 anything else             ──> refused; try again later
 *     no bearer token ──────────────────────> no opinion: the server's own rules
 *
 * One thread does all transfers (curl multi). The server's thread only puts requests and cancels
 * into a list and wakes it, so that it never waits.
 *
 *     cc -shared -fPIC exchange.c -o exchange.so -lcurl -lcjson
 */
#include "looker_mcp_identity.h"

#include <cjson/cJSON.h>
#include <curl/curl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MAX_ANSWER_BYTES 65536
#define MAX_HEADER_BYTES 8192
#define TRANSFER_TIMEOUT_MS 30000L

/* One request, from resolve to its end. */
struct exchange {
    uint64_t id;
    bool cancelled;
    CURL *easy; /* NULL: not begun */
    struct curl_slist *headers;
    char authorization[MAX_HEADER_BYTES + 32];
    char answer[MAX_ANSWER_BYTES + 1];
    size_t answer_len;
    struct exchange *next;
};

struct state {
    const struct looker_identity_host *host;
    char *url;
    CURLM *multi;
    pthread_t thread;
    pthread_mutex_t mutex;      /* guards what follows, as far as threads share it */
    struct exchange *exchanges; /* added by the server's thread, removed by ours */
    bool stopping;
};

/* ---- replies ---- */

static void refuse(struct state *state, uint64_t id, uint32_t status, const char *message)
{
    struct looker_identity identity = {
        .size = sizeof(identity),
        .kind = LOOKER_IDENTITY_REFUSED,
        .status = status,
        .message = message,
    };

    state->host->reply(state->host, id, &identity);
}

static void reply_token(struct state *state, const struct exchange *exchange)
{
    cJSON *answer = cJSON_ParseWithLength(exchange->answer, exchange->answer_len);
    const char *token = cJSON_GetStringValue(cJSON_GetObjectItem(answer, "access_token"));
    struct looker_identity identity = {
        .size = sizeof(identity),
        .kind = LOOKER_IDENTITY_TOKEN,
        .access_token = token,
    };

    if (token != NULL)
        state->host->reply(state->host, exchange->id, &identity);
    else
        refuse(state, exchange->id, 503, "the token service gave no access_token");
    cJSON_Delete(answer);
}

static void reply(struct state *state, const struct exchange *exchange, CURLcode code)
{
    long status = 0;
    char line[160];

    curl_easy_getinfo(exchange->easy, CURLINFO_RESPONSE_CODE, &status);
    snprintf(line, sizeof(line), "token service: %s, HTTP %ld", curl_easy_strerror(code), status);
    state->host->log(state->host, LOOKER_IDENTITY_LOG_DEBUG, line);
    if (code == CURLE_OK && status == 200)
        reply_token(state, exchange);
    else if (code == CURLE_OK && (status == 401 || status == 403))
        refuse(state, exchange->id, 401,
               "the token service does not accept your bearer token; get a new one");
    else
        refuse(state, exchange->id, 503, "the token service cannot be asked now; try again later");
}

/* ---- the thread ---- */

static size_t on_answer(char *bytes, size_t size, size_t n, void *arg)
{
    struct exchange *exchange = arg;
    size_t len = size * n;

    if (len > MAX_ANSWER_BYTES - exchange->answer_len)
        return 0; /* fails the transfer */
    memcpy(exchange->answer + exchange->answer_len, bytes, len);
    exchange->answer_len += len;
    return len;
}

static void begin(struct state *state, struct exchange *exchange)
{
    exchange->easy = curl_easy_init();
    exchange->headers = curl_slist_append(NULL, exchange->authorization);
    curl_easy_setopt(exchange->easy, CURLOPT_URL, state->url);
    curl_easy_setopt(exchange->easy, CURLOPT_HTTPHEADER, exchange->headers);
    curl_easy_setopt(exchange->easy, CURLOPT_POSTFIELDS, "");
    curl_easy_setopt(exchange->easy, CURLOPT_WRITEFUNCTION, on_answer);
    curl_easy_setopt(exchange->easy, CURLOPT_WRITEDATA, exchange);
    curl_easy_setopt(exchange->easy, CURLOPT_PRIVATE, exchange);
    curl_easy_setopt(exchange->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(exchange->easy, CURLOPT_TIMEOUT_MS, TRANSFER_TIMEOUT_MS);
    curl_multi_add_handle(state->multi, exchange->easy);
}

static void free_exchange(struct state *state, struct exchange *exchange)
{
    if (exchange->easy != NULL) {
        curl_multi_remove_handle(state->multi, exchange->easy);
        curl_easy_cleanup(exchange->easy);
    }
    curl_slist_free_all(exchange->headers);
    explicit_bzero(exchange, sizeof(*exchange)); /* there is a token in it */
    free(exchange);
}

/* Takes it out of the list; nobody else removes. */
static void end(struct state *state, struct exchange *exchange)
{
    struct exchange **at = &state->exchanges;

    pthread_mutex_lock(&state->mutex);
    while (*at != exchange)
        at = &(*at)->next;
    *at = exchange->next;
    pthread_mutex_unlock(&state->mutex);
    free_exchange(state, exchange);
}

/* Begins what is new and ends what was cancelled; false when it is time to go. */
static bool look_through_list(struct state *state)
{
    struct exchange **at = &state->exchanges;
    bool go_on;

    pthread_mutex_lock(&state->mutex);
    while (*at != NULL) {
        struct exchange *exchange = *at;

        if (exchange->cancelled || state->stopping) {
            *at = exchange->next;
            free_exchange(state, exchange);
            continue;
        }
        if (exchange->easy == NULL)
            begin(state, exchange);
        at = &exchange->next;
    }
    go_on = !state->stopping;
    pthread_mutex_unlock(&state->mutex);
    return go_on;
}

static void *run(void *arg)
{
    struct state *state = arg;
    struct exchange *exchange;
    const CURLMsg *message;
    int running, queued;

    while (look_through_list(state)) {
        curl_multi_perform(state->multi, &running);
        while ((message = curl_multi_info_read(state->multi, &queued)) != NULL) {
            CURLcode code = message->data.result;

            curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&exchange);
            reply(state, exchange, code);
            end(state, exchange);
        }
        curl_multi_poll(state->multi, NULL, 0, 10000, NULL);
    }
    return NULL;
}

/* ---- what the server calls ---- */

static int init(const struct looker_identity_host *host, struct looker_identity_setup *setup)
{
    const char *url = getenv("TOKEN_EXCHANGE_URL");
    struct state *state;

    if (url == NULL) {
        snprintf(setup->error, sizeof(setup->error),
                 "TOKEN_EXCHANGE_URL is not set: the address of the token service");
        return 1;
    }
    state = calloc(1, sizeof(*state));
    if (state == NULL)
        return 2;
    curl_global_init(CURL_GLOBAL_DEFAULT);
    state->host = host;
    state->url = strdup(url);
    state->multi = curl_multi_init();
    pthread_mutex_init(&state->mutex, NULL);
    if (pthread_create(&state->thread, NULL, run, state) != 0)
        return 3;
    setup->state = state;
    setup->headers = "Authorization";
    return 0;
}

static const char *bearer(const struct looker_identity_request *request)
{
    for (size_t i = 0; i < request->n_headers; i++) {
        if (strncasecmp(request->headers[i].value, "Bearer ", 7) == 0)
            return request->headers[i].value;
    }
    return NULL;
}

static void resolve(void *arg, const struct looker_identity_request *request)
{
    static const struct looker_identity no_opinion = {
        .size = sizeof(no_opinion),
        .kind = LOOKER_IDENTITY_NO_OPINION,
    };
    struct state *state = arg;
    const char *authorization = bearer(request);
    struct exchange *exchange;

    if (authorization == NULL) {
        state->host->reply(state->host, request->id, &no_opinion);
        return;
    }
    if (strlen(authorization) > MAX_HEADER_BYTES) {
        refuse(state, request->id, 401, "your bearer token is longer than any that is known");
        return;
    }
    exchange = calloc(1, sizeof(*exchange));
    if (exchange == NULL) {
        refuse(state, request->id, 503, "out of memory");
        return;
    }
    exchange->id = request->id;
    snprintf(exchange->authorization, sizeof(exchange->authorization), "Authorization: %s",
             authorization);
    pthread_mutex_lock(&state->mutex);
    exchange->next = state->exchanges;
    state->exchanges = exchange;
    pthread_mutex_unlock(&state->mutex);
    curl_multi_wakeup(state->multi);
}

static void cancel(void *arg, uint64_t id)
{
    struct state *state = arg;

    pthread_mutex_lock(&state->mutex);
    for (struct exchange *exchange = state->exchanges; exchange != NULL; exchange = exchange->next)
        exchange->cancelled = exchange->cancelled || exchange->id == id;
    pthread_mutex_unlock(&state->mutex);
    curl_multi_wakeup(state->multi);
}

static void destroy(void *arg)
{
    struct state *state = arg;

    pthread_mutex_lock(&state->mutex);
    state->stopping = true;
    pthread_mutex_unlock(&state->mutex);
    curl_multi_wakeup(state->multi);
    pthread_join(state->thread, NULL);
    curl_multi_cleanup(state->multi);
    curl_global_cleanup();
    pthread_mutex_destroy(&state->mutex);
    free(state->url);
    free(state);
}

const struct looker_identity_plugin *looker_identity_plugin(uint32_t abi)
{
    static const struct looker_identity_plugin plugin = {
        .abi = LOOKER_IDENTITY_ABI,
        .size = sizeof(plugin),
        .name = "exchange",
        .init = init,
        .resolve = resolve,
        .cancel = cancel,
        .destroy = destroy,
    };

    return abi == LOOKER_IDENTITY_ABI ? &plugin : NULL;
}
