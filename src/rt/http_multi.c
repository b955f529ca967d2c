/*
 * curl's multi handle on the loop. curl says which sockets it wants watched and when it wants to be
 * called at the latest; the loop tells it what has become ready; a hook at the end of each turn
 * handles time-outs that are due at once and wakes the coroutines whose transfers have finished.
 * No coroutine is ever run from inside a callback of curl's, which could not stand a second call.
 */
#include "base/memory.h"
#include "rt/http_internal.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * One socket of curl's. curl stops watching a connection whenever a transfer on it ends, and starts
 * again with the next; to the kernel that would be two system calls a request. So a connection
 * stays watched while it is idle, from its opening to its closing, of which curl tells. Sockets
 * that curl opens for itself (its resolver's) are watched exactly as long as it says.
 */
struct lk_http_socket {
    struct lk_watch watch;
    struct lk_http *http;
    bool connection; /* opened by open_socket, and closed by close_socket */
    bool watched;    /* by the loop */
    bool idle;       /* curl does not want to hear of it */
    struct lk_http_socket *next, **link;
};

/* ---- sockets ---- */

static void stop_watching(struct lk_http_socket *socket)
{
    if (socket->watched)
        lk_loop_unwatch(socket->http->loop, &socket->watch);
    socket->watched = false;
}

static void on_socket_ready(void *arg, uint32_t events)
{
    struct lk_http_socket *socket = arg; /* may be gone when curl returns */
    struct lk_http *http = socket->http;
    int action = 0, running;

    if (socket->idle) { /* closed by the peer, which curl finds out when it wants to use it */
        stop_watching(socket);
        return;
    }
    if ((events & (EPOLLIN | EPOLLHUP)) != 0)
        action |= CURL_CSELECT_IN;
    if ((events & EPOLLOUT) != 0)
        action |= CURL_CSELECT_OUT;
    if ((events & EPOLLERR) != 0)
        action |= CURL_CSELECT_ERR;
    curl_multi_socket_action(http->multi, socket->watch.fd, action, &running);
    http->hook.wanted = true;
}

static struct lk_http_socket *socket_new(struct lk_http *http, int fd)
{
    struct lk_http_socket *socket = lk_memory_new(sizeof(*socket));

    socket->http = http;
    socket->watch = (struct lk_watch){.fd = fd, .ready = on_socket_ready, .arg = socket};
    socket->next = http->sockets;
    socket->link = &http->sockets;
    if (socket->next != NULL)
        socket->next->link = &socket->next;
    http->sockets = socket;
    if ((size_t)fd >= http->n_by_fd) {
        size_t n = (size_t)fd * 2 + 64;

        http->by_fd = lk_memory_resize(http->by_fd, n * sizeof(struct lk_http_socket *));
        memset(http->by_fd + http->n_by_fd, 0,
               (n - http->n_by_fd) * sizeof(struct lk_http_socket *));
        http->n_by_fd = n;
    }
    http->by_fd[fd] = socket;
    return socket;
}

static void socket_free(struct lk_http_socket *socket)
{
    stop_watching(socket);
    socket->http->by_fd[socket->watch.fd] = NULL;
    socket->http->n_connections -= socket->connection;
    *socket->link = socket->next;
    if (socket->next != NULL)
        socket->next->link = socket->link;
    free(socket);
}

static struct lk_http_socket *find_socket(const struct lk_http *http, int fd)
{
    return (size_t)fd < http->n_by_fd ? http->by_fd[fd] : NULL;
}

static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);

    (void)purpose;
    if (fd < 0)
        return CURL_SOCKET_BAD;
    socket_new(arg, fd)->connection = true;
    ((struct lk_http *)arg)->n_connections++;
    return fd;
}

static int close_socket(void *arg, curl_socket_t fd)
{
    struct lk_http_socket *socket = find_socket(arg, fd);

    if (socket != NULL)
        socket_free(socket);
    return close(fd);
}

static int on_curl_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
    struct lk_http *http = arg;
    struct lk_http_socket *socket = socket_arg;
    uint32_t events = ((what & CURL_POLL_IN) != 0 ? (uint32_t)EPOLLIN : 0) |
                      ((what & CURL_POLL_OUT) != 0 ? (uint32_t)EPOLLOUT : 0);

    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        curl_multi_assign(http->multi, fd, NULL);
        if (socket != NULL && socket->connection)
            socket->idle = true;
        else if (socket != NULL)
            socket_free(socket);
        return 0;
    }
    if (socket == NULL) {
        socket = find_socket(http, fd);
        if (socket == NULL)
            socket = socket_new(http, fd);
        curl_multi_assign(http->multi, fd, socket);
    }
    socket->idle = false;
    if (socket->watched)
        lk_loop_rewatch(http->loop, &socket->watch, events);
    else /* When the kernel has no room for a watch, the transfer runs into its deadline. Failing
            here would end all the other transfers as well. */
        socket->watched = lk_loop_watch(http->loop, &socket->watch, events, NULL);
    return 0;
}

/* ---- time-outs and results ---- */

static void on_timer(void *arg)
{
    struct lk_http *http = arg;

    http->timeout_is_due = true;
    http->hook.wanted = true;
}

static int on_curl_timer(CURLM *multi, long timeout_ms, void *arg)
{
    struct lk_http *http = arg;

    (void)multi;
    if (timeout_ms > 0) {
        lk_timer_start(http->loop, &http->timer, (uint64_t)timeout_ms);
        return 0;
    }
    lk_timer_stop(http->loop, &http->timer);
    if (timeout_ms == 0)
        on_timer(http);
    return 0;
}

static void run_hook(void *arg)
{
    struct lk_http *http = arg;
    struct CURLMsg *message;
    int left, running;

    if (http->timeout_is_due) {
        http->timeout_is_due = false;
        curl_multi_socket_action(http->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    }
    while ((message = curl_multi_info_read(http->multi, &left)) != NULL) {
        struct lk_http_transfer *transfer;

        if (message->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&transfer);
        transfer->done = true;
        transfer->result = message->data.result;
        lk_co_wake(transfer->co);
    }
}

/* ---- the multi handle ---- */

/* The one global there is: curl and the TLS library below it have process-wide state, which must be
 * set up once, whichever worker comes first. */
static pthread_once_t curl_once = PTHREAD_ONCE_INIT;
static CURLcode curl_once_result;

static void init_curl(void)
{
    curl_once_result = curl_global_init(CURL_GLOBAL_DEFAULT);
}

bool lk_http_multi_open(struct lk_http *http, struct lk_error *err)
{
    long n = (long)http->options.max_in_flight;

    if (http->multi != NULL)
        return true;
    pthread_once(&curl_once, init_curl);
    http->multi = curl_once_result == CURLE_OK ? curl_multi_init() : NULL;
    if (http->multi == NULL)
        return lk_fail(err, LK_ERROR_INTERNAL, "libcurl cannot be initialised");
    curl_multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION, on_curl_socket);
    curl_multi_setopt(http->multi, CURLMOPT_SOCKETDATA, http);
    curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, on_curl_timer);
    curl_multi_setopt(http->multi, CURLMOPT_TIMERDATA, http);
    curl_multi_setopt(http->multi, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX);
    curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, n);
    http->timer = lk_timer(on_timer, http);
    http->hook = (struct lk_loop_hook){.run = run_hook, .arg = http};
    lk_loop_add_hook(http->loop, &http->hook);
    return true;
}

void lk_http_multi_close(struct lk_http *http)
{
    if (http->multi == NULL)
        return;
    while (http->n_idle > 0)
        curl_easy_cleanup(http->idle[--http->n_idle]);
    curl_multi_cleanup(http->multi);
    while (http->sockets != NULL)
        socket_free(http->sockets);
    lk_timer_stop(http->loop, &http->timer);
    lk_loop_remove_hook(http->loop, &http->hook);
    free(http->by_fd);
    http->by_fd = NULL;
    http->n_by_fd = 0;
    http->multi = NULL;
}

/* ---- easy handles ---- */

bool lk_http_flows(const struct lk_http_transfer *transfer)
{
    long status = 0;

    if (transfer->request->sink == NULL)
        return false;
    curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    return status >= 200 && status <= 299;
}

static size_t on_body(char *bytes, size_t size, size_t n, void *arg)
{
    struct lk_http_transfer *transfer = arg;

    if (lk_http_flows(transfer)) {
        lk_co_wake(transfer->co);
        /* curl keeps this piece, and comes with it again when the transfer goes on. */
        transfer->paused = transfer->body->buf.len >= LK_HTTP_WINDOW_BYTES;
        if (transfer->paused)
            return CURL_WRITEFUNC_PAUSE;
    }
    transfer->body_bytes += size * n;
    if (!lk_http_body_append(transfer->body, bytes, size * n, &transfer->over_budget))
        return CURL_WRITEFUNC_ERROR;
    return size * n;
}

static struct lk_str header_value(struct lk_str line, const char *name)
{
    size_t len = strlen(name);

    if (line.len <= len || line.ptr[len] != ':' || strncasecmp(line.ptr, name, len) != 0)
        return (struct lk_str){0};
    return lk_str_trim(lk_str_n(line.ptr + len + 1, line.len - len - 1));
}

/* RFC 9110 section 10.2.3: seconds, or a date. */
static int64_t parse_retry_after(struct lk_str value)
{
    char text[64];
    int64_t seconds = 0;
    time_t date;

    if (value.len == 0 || value.len >= sizeof(text))
        return -1;
    memcpy(text, value.ptr, value.len);
    text[value.len] = '\0';
    if (strspn(text, "0123456789") == value.len) {
        for (size_t i = 0; i < value.len && seconds < INT32_MAX; i++)
            seconds = seconds * 10 + (text[i] - '0');
        return seconds < INT32_MAX ? seconds : INT32_MAX;
    }
    date = curl_getdate(text, NULL);
    if (date < 0)
        return -1;
    seconds = (int64_t)date - (int64_t)time(NULL);
    return seconds > 0 ? seconds : 0;
}

/* Called for each line, of interim answers (1xx) and of trailers too. */
static size_t on_header(char *bytes, size_t size, size_t n, void *arg)
{
    struct lk_http_transfer *transfer = arg;
    struct lk_str line = {bytes, size * n}, value;

    transfer->header_bytes += line.len;
    transfer->header_lines++;
    if (transfer->header_bytes > LK_HTTP_MAX_HEADER_BYTES ||
        transfer->header_lines > LK_HTTP_MAX_HEADER_LINES) {
        transfer->header_too_large = true;
        return CURL_WRITEFUNC_ERROR;
    }
    if (!transfer->in_header) {
        if (!lk_str_starts(line, LK_STR("HTTP/")))
            return line.len; /* a trailer */
        transfer->in_header = true;
        transfer->header_complete = false;
        transfer->retry_after_s = -1;
        return line.len;
    }
    if (lk_str_trim(line).len == 0) {
        transfer->in_header = false;
        transfer->header_complete = true;
        return line.len;
    }
    value = header_value(line, "Retry-After");
    if (value.len > 0)
        transfer->retry_after_s = parse_retry_after(value);
    return line.len;
}

/* Called when a request is about to be written, and again when curl is about to repeat it. */
static int on_begin(void *arg, char *peer, char *local, int peer_port, int local_port)
{
    struct lk_http_transfer *transfer = arg;
    const struct lk_http_request *request = transfer->request;
    bool again = transfer->begun;

    (void)peer;
    (void)local;
    (void)peer_port;
    (void)local_port;
    transfer->refused =
        request->may_go != NULL && !request->may_go(request->may_go_arg, transfer->err);
    if (transfer->refused)
        return CURL_PREREQFUNC_ABORT;
    transfer->begun = true;
    if (transfer->request->begun != NULL)
        *transfer->request->begun = true;
    return again && transfer->request->once ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

static CURL *handle_new(struct lk_http *http)
{
    const struct lk_http_options *options = &http->options;
    CURL *easy = curl_easy_init();

    if (easy == NULL)
        return NULL;
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, http);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, close_socket);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, http);
    if (!http->proxy) /* nothing to look up in the environment for each request */
        curl_easy_setopt(easy, CURLOPT_PROXY, "");
    /* A cancelled transfer must not make the loop wait for the thread that resolves its name. */
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, LK_HTTP_ENCODINGS);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)options->connect_timeout_ms);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
                     options->http1_only ? (long)CURL_HTTP_VERSION_1_1
                                         : (long)CURL_HTTP_VERSION_2TLS);
    /* Not CURLOPT_PIPEWAIT: with a peer that speaks HTTP/1.1 only, the first requests would then
     * get their connections one after the other, each waiting for the answer to the one before. */
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, options->verify_tls ? 1L : 0L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, options->verify_tls ? 2L : 0L);
    if (options->ca_file != NULL)
        curl_easy_setopt(easy, CURLOPT_CAINFO, options->ca_file);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_begin);
    return easy;
}

CURL *lk_http_handle_take(struct lk_http *http, bool *ret_small)
{
    CURL *easy;

    *ret_small = false;
    if (http->n_idle > 0)
        return http->idle[--http->n_idle];
    easy = handle_new(http);
    *ret_small = http->n_in_flight > LK_HTTP_MANY;
    if (easy != NULL && *ret_small)
        curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, LK_HTTP_SMALL_BUFFER_BYTES);
    return easy;
}

void lk_http_handle_give(struct lk_http *http, CURL *easy, bool small)
{
    if (small || http->n_idle == LK_HTTP_IDLE_HANDLES) {
        curl_easy_cleanup(easy);
        return;
    }
    /* Whatever points into the memory of the request that is over. */
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, NULL);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, NULL);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, NULL);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, NULL);
    http->idle[http->n_idle++] = easy;
}
