/*
 * One HTTP request, from the coroutine that awaits it: checks it, sets an easy handle up, gives it
 * to the multi handle (http_multi.c), parks until it is over, and takes the answer out. Called by
 * src/api and by whoever else needs a peer over HTTP.
 */
#include "rt/http.h"

#include "base/memory.h"
#include "rt/http_internal.h"

#include <assert.h>
#include <stdlib.h>

static char *copy(const char *text)
{
    size_t size = text != NULL ? strlen(text) + 1 : 0;

    return text != NULL ? memcpy(lk_memory_new(size), text, size) : NULL;
}

static char *user_agent_line(const char *user_agent)
{
    static const char name[] = "User-Agent: ";
    size_t size = sizeof(name) + (user_agent != NULL ? strlen(user_agent) : 0);
    char *line = NULL;

    if (user_agent != NULL) {
        line = lk_memory_new(size);
        memcpy(line, name, sizeof(name));
        memcpy(line + sizeof(name) - 1, user_agent, strlen(user_agent));
    }
    return line;
}

/* The variables that curl obeys; an upper-case HTTP_PROXY is not one of them, since CGI programs
 * get it from a request header. */
static bool names_proxy(void)
{
    return getenv("http_proxy") != NULL || getenv("https_proxy") != NULL ||
           getenv("HTTPS_PROXY") != NULL || getenv("all_proxy") != NULL ||
           getenv("ALL_PROXY") != NULL;
}

struct lk_http *lk_http_new(struct lk_loop *loop, const struct lk_http_options *options)
{
    struct lk_http *http = lk_memory_new(sizeof(*http));

    http->loop = loop;
    http->options = *options;
    http->options.ca_file = copy(options->ca_file);
    http->options.user_agent = NULL;
    http->options.max_in_flight_name = copy(options->max_in_flight_name);
    http->user_agent_line = user_agent_line(options->user_agent);
    if (http->options.connect_timeout_ms == 0)
        http->options.connect_timeout_ms = LK_HTTP_CONNECT_TIMEOUT_MS;
    if (http->options.max_in_flight == 0)
        http->options.max_in_flight = LK_HTTP_MAX_IN_FLIGHT;
    http->waiting_tail = &http->waiting;
    http->budget = lk_http_budget_new(options->max_total_bytes > 0 ? options->max_total_bytes
                                                                   : LK_HTTP_MAX_TOTAL_BYTES);
    http->proxy = names_proxy();
    return http;
}

void lk_http_free(struct lk_http *http)
{
    if (http == NULL)
        return;
    assert(http->n_in_flight == 0);
    lk_http_multi_close(http);
    free((char *)http->options.ca_file);
    free((char *)http->options.max_in_flight_name);
    free(http->user_agent_line);
    lk_http_budget_release(http->budget);
    free(http);
}

/* ---- the request ---- */

static bool starts_with(const char *text, const char *prefix)
{
    return strncasecmp(text, prefix, strlen(prefix)) == 0;
}

/* Whatever could end a header line early and begin another is refused here: curl sends it as is. */
static bool check(const struct lk_http_request *request, struct lk_error *err)
{
    if (!starts_with(request->url, "http://") && !starts_with(request->url, "https://"))
        return lk_fail(err, LK_ERROR_ARGUMENT, "the URL must begin with http:// or https://");
    for (const char *c = request->url; *c != '\0'; c++)
        if ((unsigned char)*c <= ' ' || *c == 0x7f)
            return lk_fail(err, LK_ERROR_ARGUMENT,
                           "the URL must not contain spaces or control characters");
    for (const char *const *line = request->headers; line != NULL && *line != NULL; line++)
        if (strpbrk(*line, "\r\n") != NULL)
            return lk_fail(err, LK_ERROR_ARGUMENT, "a request header must be one line");
    return true;
}

/* POST and its like say how long their body is even when there is none (RFC 9110 section 8.6). */
static bool has_length(const struct lk_http_request *request)
{
    return request->has_body || strcmp(request->method, "POST") == 0 ||
           strcmp(request->method, "PUT") == 0 || strcmp(request->method, "PATCH") == 0;
}

/* curl's list, but in the arena and without copies. What curl would add by itself it prints twice,
 * so those lines are given to it as well. */
static void set_headers(struct lk_http_transfer *transfer, struct lk_arena *arena)
{
    static const char no_accept[] = "Accept:"; /* none is as good as the one that curl sends */
    static const char accept_encoding[] = "Accept-Encoding: " LK_HTTP_ENCODINGS;
    /* While a transfer is paused curl holds what it has read, decompressed: a thousand times as
     * much as was sent, in the worst case. */
    static const char accept_plain[] = "Accept-Encoding: identity";
    static const char no_expect[] = "Expect:"; /* no waiting for 100 Continue */
    static const char content_type[] = "Content-Type:";
    const char *const *lines = transfer->request->headers;
    const char *user_agent = transfer->http->user_agent_line;
    struct curl_slist *items;
    size_t n = 0, n_items = 0;
    bool typed = false;

    while (lines != NULL && lines[n] != NULL)
        n++;
    items = lk_arena_array(arena, n + 5, sizeof(*items));
    items[n_items++].data = (char *)no_accept; /* curl only reads them */
    items[n_items++].data =
        (char *)(transfer->request->sink != NULL ? accept_plain : accept_encoding);
    if (user_agent != NULL)
        items[n_items++].data = (char *)user_agent;
    for (size_t i = 0; i < n; i++) {
        typed = typed || starts_with(lines[i], content_type);
        items[n_items++].data = (char *)lines[i];
    }
    if (has_length(transfer->request))
        items[n_items++].data = (char *)no_expect;
    if (has_length(transfer->request) && !typed) /* or curl says that it is a form */
        items[n_items++].data = (char *)content_type;
    for (size_t i = 0; i + 1 < n_items; i++)
        items[i].next = &items[i + 1];
    curl_easy_setopt(transfer->easy, CURLOPT_HTTPHEADER, items);
}

static void set_method(const struct lk_http_transfer *transfer)
{
    const struct lk_http_request *request = transfer->request;
    const char *method = request->method;
    CURL *easy = transfer->easy;
    bool sends = has_length(request);

    curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L); /* takes back what the last request had set */
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, NULL);
    if (sends) {
        curl_easy_setopt(easy, CURLOPT_POST, 1L);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                         request->has_body ? (curl_off_t)request->body.len : 0);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS,
                         request->has_body && request->body.len > 0 ? request->body.ptr : "");
    } else if (strcmp(method, "HEAD") == 0) {
        curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
        return;
    }
    if (strcmp(method, sends ? "POST" : "GET") != 0)
        curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);
}

/* curl builds its request a character at a time, but copies a given target whole; and the shorter
 * the URL, the less there is to parse. A proxy for plain http wants the whole URL as the target. */
static CURLcode set_url(const struct lk_http_transfer *transfer)
{
    const char *url = transfer->request->url;
    const char *authority = strstr(url, "//") + 2;
    size_t len = (size_t)(authority - url) + strcspn(authority, "/?#");
    char root[300];
    bool split = url[len] == '/' && len + 2 < sizeof(root) && strchr(url, '#') == NULL &&
                 !(transfer->http->proxy && starts_with(url, "http://"));

    if (split) {
        memcpy(root, url, len + 1);
        root[len + 1] = '\0';
    }
    curl_easy_setopt(transfer->easy, CURLOPT_REQUEST_TARGET, split ? url + len : NULL);
    return curl_easy_setopt(transfer->easy, CURLOPT_URL, split ? root : url);
}

/* ---- time ---- */

static void on_deadline(void *arg)
{
    struct lk_http_transfer *transfer = arg;

    transfer->expired = true;
    lk_co_wake(transfer->co);
}

/* Not curl's own time-out, which does not run while a request waits. */
static void start_deadline(struct lk_http_transfer *transfer, uint64_t delay_ms)
{
    if (delay_ms > 0)
        lk_timer_start(transfer->http->loop, &transfer->deadline, delay_ms);
}

static uint64_t queue_ms(const struct lk_http_request *request)
{
    return request->queue_ms > 0 ? request->queue_ms : request->timeout_ms;
}

/* ---- waiting for its turn ---- */

/* curl would queue as well, but it looks at all that wait whenever one ends. */
static bool await_turn(struct lk_http_transfer *transfer)
{
    struct lk_http *http = transfer->http;

    if (http->waiting == NULL && http->n_in_flight < http->options.max_in_flight) {
        http->n_in_flight++;
        transfer->admitted = true;
        return true;
    }
    *http->waiting_tail = transfer;
    http->waiting_tail = &transfer->next;
    http->n_waiting++;
    start_deadline(transfer, queue_ms(transfer->request));
    while (!transfer->admitted && !transfer->expired && !lk_co_cancelled(transfer->co))
        lk_co_park(http->loop);
    if (transfer->admitted) {
        transfer->expired = false; /* both in one turn */
        return true;
    }
    http->n_waiting--;
    for (struct lk_http_transfer **at = &http->waiting; *at != NULL; at = &(*at)->next)
        if (*at == transfer) {
            *at = transfer->next;
            if (*at == NULL)
                http->waiting_tail = at;
            break;
        }
    return false;
}

/* Its place goes to whoever has waited longest. */
static void end_turn(struct lk_http_transfer *transfer)
{
    struct lk_http *http = transfer->http;
    struct lk_http_transfer *next = http->waiting;

    if (transfer->turn_ended)
        return;
    transfer->turn_ended = true;
    if (next == NULL) {
        http->n_in_flight--;
        return;
    }
    http->waiting = next->next;
    if (http->waiting == NULL)
        http->waiting_tail = &http->waiting;
    next->next = NULL;
    next->admitted = true;
    http->n_waiting--;
    lk_co_wake(next->co);
}

/* ---- the exchange ---- */

/* With HTTP/1 each request has a connection to itself. When all are taken, curl would look at every
 * one of them to find that out. */
static bool needs_connection(const struct lk_http *http)
{
    return http->peer_speaks_http1 && http->n_in_flight > http->n_connections;
}

static bool begin(struct lk_http_transfer *transfer, struct lk_arena *arena, struct lk_error *err)
{
    CURL *easy = transfer->easy;
    CURLMcode code;

    set_method(transfer);
    set_headers(transfer, arena);
    curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN,
                     transfer->request->once ? LK_HTTP_MAX_IDLE_ONCE_S : LK_HTTP_MAX_IDLE_S);
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, needs_connection(transfer->http) ? 1L : 0L);
    curl_easy_setopt(easy, CURLOPT_PREREQDATA, transfer);
    if (transfer->request->sink != NULL) /* pausing one stream of HTTP/2 would hold up the others */
        curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->text);
    if (set_url(transfer) != CURLE_OK)
        return lk_fail(err, LK_ERROR_ARGUMENT, "the URL is too long");
    code = curl_multi_add_handle(transfer->http->multi, easy);
    if (code != CURLM_OK)
        return lk_fail(err, LK_ERROR_INTERNAL, "libcurl takes no more requests: %s",
                       curl_multi_strerror(code));
    return true;
}

/* ---- the answer ---- */

static void take_answer(const struct lk_http_transfer *transfer, struct lk_arena *arena,
                        struct lk_http_answer *ret_answer)
{
    const char *content_type = NULL;
    long status = 0, version = 0;

    curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(transfer->easy, CURLINFO_HTTP_VERSION, &version);
    transfer->http->peer_speaks_http1 =
        version == CURL_HTTP_VERSION_1_0 || version == CURL_HTTP_VERSION_1_1;
    curl_easy_getinfo(transfer->easy, CURLINFO_CONTENT_TYPE, &content_type);
    *ret_answer = (struct lk_http_answer){
        .status = (int)status,
        .content_type =
            content_type != NULL ? lk_arena_str(arena, lk_str(content_type)) : (struct lk_str){0},
        .retry_after_s = transfer->retry_after_s,
        .body = lk_buf_view(&transfer->body->buf),
    };
}

static bool has_piece(const struct lk_http_transfer *transfer)
{
    return transfer->body->buf.len > 0 && lk_http_flows(transfer);
}

/* Hands what has come over to the sink. False: it has enough. */
static bool pour(struct lk_http_transfer *transfer, const struct lk_http_answer *head)
{
    const struct lk_http_request *request = transfer->request;
    struct lk_loop *loop = transfer->http->loop;
    uint64_t now_ms = lk_loop_now_ms(loop), left_ms = request->timeout_ms;
    struct lk_buf piece;
    bool more;

    if (!request->sink->endless && left_ms > 0)
        left_ms = transfer->deadline.at_ms > now_ms ? transfer->deadline.at_ms - now_ms : 1;
    if (request->sink->endless) /* from now on it waits for its reader more than for the peer */
        end_turn(transfer);
    lk_http_body_move(transfer->body, &piece);
    lk_timer_stop(loop, &transfer->deadline);
    /* So the next piece comes while this one is looked at. */
    if (transfer->paused && !transfer->done)
        curl_easy_pause(transfer->easy, CURLPAUSE_CONT);
    more = request->sink->take(request->sink->arg, head, lk_buf_view(&piece));
    lk_buf_free(&piece);
    start_deadline(transfer, left_ms);
    return more;
}

/* Until it is over, or the sink has enough: then *ret_stopped. */
static void run_transfer(struct lk_http_transfer *transfer, struct lk_arena *arena,
                         bool *ret_stopped)
{
    struct lk_http_answer head = {0};

    *ret_stopped = false;
    for (;;) {
        bool piece = has_piece(transfer);

        if (!transfer->done && (transfer->expired || lk_co_cancelled(transfer->co)))
            return;
        if (piece && head.status == 0) {
            take_answer(transfer, arena, &head);
            head.body = (struct lk_str){0};
        }
        if (piece && !pour(transfer, &head)) {
            *ret_stopped = true;
            return;
        }
        if (transfer->done && !has_piece(transfer))
            return;
        if (!transfer->done && !has_piece(transfer))
            lk_co_park(transfer->http->loop);
    }
}

static bool await_answer(struct lk_http_transfer *transfer, struct lk_arena *arena,
                         struct lk_http_answer *ret_answer, struct lk_error *err)
{
    bool ok, stopped;

    if (!begin(transfer, arena, err))
        return false;
    run_transfer(transfer, arena, &stopped);
    ok = stopped || (transfer->done && transfer->result == CURLE_OK && transfer->header_complete);
    if (ok) {
        take_answer(transfer, arena, ret_answer);
        ret_answer->stopped = stopped;
    } else {
        (void)lk_http_fail(transfer, err);
    }
    curl_multi_remove_handle(transfer->http->multi, transfer->easy);
    return ok;
}

/* With an easy handle out of the pool, and a body that the arena frees. */
static bool exchange(struct lk_http_transfer *transfer, struct lk_arena *arena,
                     struct lk_http_answer *ret_answer, struct lk_error *err)
{
    size_t max_bytes = transfer->request->max_answer_bytes;
    bool ok;

    /* The window has to fit in as well. */
    if (transfer->request->sink != NULL && max_bytes > 0 && max_bytes < 4 * LK_HTTP_WINDOW_BYTES)
        max_bytes = 4 * LK_HTTP_WINDOW_BYTES;
    transfer->easy = lk_http_handle_take(transfer->http, &transfer->small);
    if (transfer->easy == NULL)
        return lk_fail(err, LK_ERROR_INTERNAL, "libcurl has no memory for a request");
    transfer->body = lk_http_body_new(arena, transfer->http->budget,
                                      max_bytes > 0 ? max_bytes : LK_HTTP_MAX_ANSWER_BYTES);
    ok = await_answer(transfer, arena, ret_answer, err);
    if (transfer->request->sink != NULL)
        curl_easy_cleanup(transfer->easy); /* it may be paused, and is set up otherwise */
    else
        lk_http_handle_give(transfer->http, transfer->easy, transfer->small);
    if (!ok)
        lk_http_body_drop(transfer->body);
    return ok;
}

bool lk_http_perform(struct lk_http *http, const struct lk_http_request *request,
                     struct lk_arena *arena, struct lk_http_answer *ret_answer,
                     struct lk_error *err)
{
    struct lk_http_transfer transfer = {.http = http,
                                        .request = request,
                                        .co = lk_co_self(http->loop),
                                        .err = err,
                                        .retry_after_s = -1};
    bool ok;

    assert(transfer.co != NULL && "awaiting on the loop's own stack");
    if (lk_co_cancelled(transfer.co))
        return lk_fail(err, LK_ERROR_CANCELLED, "cancelled before the request was sent");
    if (!check(request, err) || !lk_http_multi_open(http, err))
        return false;
    transfer.deadline = lk_timer(on_deadline, &transfer);
    if (await_turn(&transfer)) {
        lk_timer_stop(http->loop, &transfer.deadline);
        start_deadline(&transfer, request->timeout_ms);
        ok = exchange(&transfer, arena, ret_answer, err);
        end_turn(&transfer);
    } else {
        ok = lk_http_fail(&transfer, err);
    }
    lk_timer_stop(http->loop, &transfer.deadline);
    return ok;
}

struct lk_http_load lk_http_load(const struct lk_http *http)
{
    return (struct lk_http_load){.in_flight = http->n_in_flight, .waiting = http->n_waiting};
}

/* ---- encoding ---- */

static bool is_unreserved(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

void lk_http_encode(struct lk_buf *buf, struct lk_str s)
{
    static const char hex[] = "0123456789ABCDEF";
    size_t start = 0;

    for (size_t i = 0; i <= s.len; i++) {
        if (i < s.len && is_unreserved((unsigned char)s.ptr[i]))
            continue;
        lk_buf_append(buf, s.ptr + start, i - start);
        if (i < s.len) {
            unsigned char c = (unsigned char)s.ptr[i];
            char escaped[3] = {'%', hex[c >> 4], hex[c & 15]};

            lk_buf_append(buf, escaped, sizeof(escaped));
        }
        start = i + 1;
    }
}
