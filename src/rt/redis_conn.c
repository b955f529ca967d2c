/*
 * The connection: looks the name up, tries its addresses in turn, does TLS if asked to, says AUTH
 * and SELECT, and then carries commands and replies until it is lost.
 */
#include "rt/redis_internal.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_BYTES ((size_t)16 * 1024)
#define KEEPALIVE_S 15

static void try_next(struct lk_redis *redis, const char *trouble);

static void close_socket(struct lk_redis *redis)
{
    lk_timer_stop(redis->loop, &redis->attempt);
    lk_tls_free(redis->tls);
    redis->tls = NULL;
    redis->tls_read_wants_write = false;
    if (redis->watch.fd >= 0) {
        lk_loop_unwatch(redis->loop, &redis->watch);
        close(redis->watch.fd);
    }
    redis->watch.fd = -1;
}

void lk_redis_close(struct lk_redis *redis, const struct lk_error *error)
{
    if (redis->resolve != NULL)
        lk_resolve_cancel(redis->resolve);
    redis->resolve = NULL;
    close_socket(redis);
    lk_redis_replies_clean_up(&redis->replies);
    lk_buf_free(&redis->out);
    redis->out_sent = 0;
    redis->greetings = 0;
    redis->state = LK_REDIS_CLOSED;
    if (error != NULL)
        lk_redis_fail_all(redis, error);
}

/* "Redis at HOST:PORT …", to all that wait. */
static void lose(struct lk_redis *redis, enum lk_error_kind kind, const char *what,
                 const char *detail)
{
    struct lk_error error = {0};

    lk_fail(&error, kind, "Redis at %.*s %s", LK_STR_ARG(redis->name), what);
    if (detail != NULL && detail[0] != '\0')
        lk_error_detail(&error, "%s", detail);
    lk_redis_close(redis, &error);
}

/* ---- carrying ---- */

/* EPOLLOUT only while there is something to write and the socket, or TLS, would not take it. */
static void watch_for(struct lk_redis *redis, bool out)
{
    lk_loop_rewatch(redis->loop, &redis->watch,
                    EPOLLIN | (out || redis->tls_read_wants_write ? (uint32_t)EPOLLOUT : 0));
}

static enum lk_tls_step write_some(struct lk_redis *redis, const char *bytes, size_t len,
                                   size_t *ret_n, struct lk_error *err)
{
    ssize_t n;

    if (redis->tls != NULL)
        return lk_tls_write(redis->tls, bytes, len, ret_n, err);
    n = send(redis->watch.fd, bytes, len, MSG_NOSIGNAL);
    if (n >= 0)
        return *ret_n = (size_t)n, LK_TLS_DONE;
    return errno == EAGAIN || errno == EINTR ? LK_TLS_WANT_WRITE : LK_TLS_CLOSED;
}

static enum lk_tls_step read_some(struct lk_redis *redis, char *bytes, size_t size, size_t *ret_n,
                                  struct lk_error *err)
{
    ssize_t n;

    if (redis->tls != NULL)
        return lk_tls_read(redis->tls, bytes, size, ret_n, err);
    n = recv(redis->watch.fd, bytes, size, 0);
    if (n > 0)
        return *ret_n = (size_t)n, LK_TLS_DONE;
    return n < 0 && (errno == EAGAIN || errno == EINTR) ? LK_TLS_WANT_READ : LK_TLS_CLOSED;
}

/* A connection that was lost, and TLS that failed. */
static void lose_carrier(struct lk_redis *redis, enum lk_tls_step step,
                         const struct lk_error *error)
{
    if (step == LK_TLS_FAILED)
        lose(redis, LK_ERROR_TLS, "cannot be talked to any more", error->message);
    else
        lose(redis, LK_ERROR_NETWORK, "closed the connection before it answered", NULL);
}

void lk_redis_flush(struct lk_redis *redis)
{
    struct lk_error error = {0};

    while (redis->out_sent < redis->out.len) {
        size_t n = 0;
        enum lk_tls_step step = write_some(redis, redis->out.ptr + redis->out_sent,
                                           redis->out.len - redis->out_sent, &n, &error);

        redis->out_sent += n;
        if (step == LK_TLS_CLOSED || step == LK_TLS_FAILED) {
            lose_carrier(redis, step, &error);
            return;
        }
        if (step != LK_TLS_DONE) {
            watch_for(redis, step == LK_TLS_WANT_WRITE);
            return;
        }
    }
    redis->out_sent = 0;
    if (redis->out.cap > LK_REDIS_MAX_OUT_BYTES / 32)
        lk_buf_free(&redis->out);
    else
        lk_buf_truncate(&redis->out, 0);
    watch_for(redis, false);
}

/* A reply to AUTH or SELECT. What Redis says of AUTH is not passed on: it may quote the password.
 */
static bool take_greeting(struct lk_redis *redis, const struct lk_redis_value *value)
{
    unsigned selects = redis->url.db > 0;
    struct lk_str text;

    if (value->kind == LK_REDIS_ERROR && redis->greetings > selects) {
        lose(redis, LK_ERROR_AUTH, "refuses the user or the password", NULL);
        return false;
    }
    if (value->kind == LK_REDIS_ERROR) {
        struct lk_arena *arena = lk_arena_new();
        bool wants_password = lk_str_starts(value->text, LK_STR("NOAUTH"));

        text = lk_redis_printable(arena, value->text, 300);
        lose(redis, wants_password ? LK_ERROR_AUTH : LK_ERROR_UPSTREAM,
             wants_password ? "wants a password" : "does not have this database", text.ptr);
        lk_arena_free(arena);
        return false;
    }
    if (--redis->greetings == 0) {
        redis->state = LK_REDIS_OPEN;
        lk_redis_send_waiting(redis);
    }
    return true;
}

/* False when the connection is gone. */
static bool take_replies(struct lk_redis *redis, const char *bytes, size_t len)
{
    struct lk_redis_value value;
    struct lk_error error = {0};
    struct lk_arena *arena;
    bool any = true, ok;

    if (!lk_redis_replies_feed(&redis->replies, bytes, len)) {
        lose(redis, LK_ERROR_PARSE, "does not speak the protocol of Redis", NULL);
        return false;
    }
    while (any) {
        if (!lk_redis_replies_next(&redis->replies, &any, &value, &arena, &error)) {
            lose(redis, error.kind, error.message, NULL);
            return false;
        }
        if (!any)
            break;
        if (redis->greetings > 0) {
            ok = take_greeting(redis, &value);
            lk_arena_free(arena);
            if (!ok)
                return false;
        } else if (!lk_redis_deliver(redis, &value, arena)) {
            lose(redis, LK_ERROR_PARSE, "sends replies that nobody asked for", NULL);
            return false;
        }
    }
    return true;
}

static void carry(struct lk_redis *redis)
{
    char bytes[READ_BYTES];
    struct lk_error error = {0};
    enum lk_tls_step step;

    for (;;) {
        size_t n = 0;

        step = read_some(redis, bytes, sizeof(bytes), &n, &error);
        if (step != LK_TLS_DONE)
            break;
        if (!take_replies(redis, bytes, n))
            return;
    }
    if (step == LK_TLS_CLOSED || step == LK_TLS_FAILED) {
        lose_carrier(redis, step, &error);
        return;
    }
    redis->tls_read_wants_write = step == LK_TLS_WANT_WRITE;
    lk_redis_flush(redis);
}

/* ---- connecting ---- */

static void add_command(struct lk_redis *redis, const struct lk_str *words, int n)
{
    const char *texts[3];
    size_t lens[3];
    char *command = NULL;
    int len;

    for (int i = 0; i < n; i++) {
        texts[i] = words[i].ptr;
        lens[i] = words[i].len;
    }
    len = redisFormatCommandArgv(&command, n, texts, lens);
    if (len > 0)
        lk_buf_append(&redis->out, command, (size_t)len);
    redisFreeCommand(command);
}

static void greet(struct lk_redis *redis)
{
    const struct lk_redis_url *url = &redis->url;
    char db[16];

    lk_timer_stop(redis->loop, &redis->attempt);
    lk_buf_init(&redis->out, LK_REDIS_MAX_OUT_BYTES);
    redis->state = LK_REDIS_GREETING;
    if (url->password.len > 0) {
        const struct lk_str words[] = {LK_STR("AUTH"), url->user, url->password};
        const struct lk_str without_user[] = {LK_STR("AUTH"), url->password};

        add_command(redis, url->user.len > 0 ? words : without_user, url->user.len > 0 ? 3 : 2);
        redis->greetings++;
    }
    if (url->db > 0) {
        snprintf(db, sizeof(db), "%u", url->db);
        add_command(redis, (const struct lk_str[]){LK_STR("SELECT"), lk_str(db)}, 2);
        redis->greetings++;
    }
    if (redis->greetings == 0) {
        redis->state = LK_REDIS_OPEN;
        lk_redis_send_waiting(redis);
    }
    lk_redis_flush(redis);
}

static void shake(struct lk_redis *redis)
{
    struct lk_error error = {0};
    enum lk_tls_step step = lk_tls_handshake(redis->tls, &error);

    if (step == LK_TLS_DONE)
        greet(redis);
    else if (step == LK_TLS_FAILED)
        lose(redis, LK_ERROR_TLS, "cannot be connected to by TLS", error.message);
    else if (step == LK_TLS_CLOSED)
        try_next(redis, "the connection was closed during the TLS handshake; is TLS spoken there?");
    else
        lk_loop_rewatch(redis->loop, &redis->watch, step == LK_TLS_WANT_WRITE ? EPOLLOUT : EPOLLIN);
}

static void connected(struct lk_redis *redis)
{
    struct lk_error error = {0};

    if (!redis->url.tls) {
        greet(redis);
        return;
    }
    redis->state = LK_REDIS_SHAKING;
    if ((redis->tls_context == NULL &&
         !lk_tls_context_new(redis->verify_tls, redis->ca_file, &redis->tls_context, &error)) ||
        !lk_tls_new(redis->tls_context, redis->watch.fd, redis->url.host.ptr, &redis->tls, &error))
        lose(redis, LK_ERROR_TLS, "cannot be connected to by TLS", error.message);
    else
        shake(redis);
}

static void on_socket(void *arg, uint32_t events)
{
    struct lk_redis *redis = arg;
    int status = 0;
    socklen_t len = sizeof(status);

    (void)events; /* reading tells what has happened */
    if (redis->state == LK_REDIS_SHAKING) {
        shake(redis);
    } else if (redis->state != LK_REDIS_CONNECTING) {
        carry(redis);
    } else {
        if (getsockopt(redis->watch.fd, SOL_SOCKET, SO_ERROR, &status, &len) != 0)
            status = errno;
        if (status != 0)
            try_next(redis, strerror(status));
        else
            connected(redis);
    }
}

static void on_attempt(void *arg)
{
    try_next(arg, "no answer");
}

/* A peer that is gone without a word is noticed, also by a connection on which nothing is sent. */
static void set_options(int fd, uint64_t timeout_ms)
{
    static const int one = 1, idle_s = KEEPALIVE_S;
    unsigned timeout = (unsigned)timeout_ms;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof(idle_s));
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout, sizeof(timeout));
}

/* False, with errno: cannot even begin. */
static bool begin(struct lk_redis *redis, const struct lk_address *address)
{
    int fd =
        socket(address->addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);

    if (fd < 0)
        return false;
    set_options(fd, redis->timeout_ms);
    redis->watch = (struct lk_watch){.fd = fd, .ready = on_socket, .arg = redis};
    if ((connect(fd, (const struct sockaddr *)&address->addr, address->len) != 0 &&
         errno != EINPROGRESS) ||
        !lk_loop_watch(redis->loop, &redis->watch, EPOLLOUT, NULL)) {
        int saved_errno = errno;

        close(fd);
        redis->watch.fd = -1;
        errno = saved_errno;
        return false;
    }
    return true;
}

/* The addresses that are left share half of the time that a command has, so that the last one
 * still gets to answer it. */
static void try_next(struct lk_redis *redis, const char *trouble)
{
    close_socket(redis);
    redis->state = LK_REDIS_CONNECTING;
    while (redis->next_address < redis->n_addresses) {
        size_t left = redis->n_addresses - redis->next_address;
        const struct lk_address *address = &redis->addresses[redis->next_address++];

        if (begin(redis, address)) {
            redis->attempt = lk_timer(on_attempt, redis);
            lk_timer_start(redis->loop, &redis->attempt,
                           left > 1 ? redis->timeout_ms / 2 / redis->n_addresses
                                    : redis->timeout_ms);
            return;
        }
        trouble = strerror(errno);
    }
    lose(redis, LK_ERROR_NETWORK, "cannot be reached", trouble);
}

static void on_resolved(void *arg, const struct lk_address *addresses, size_t n,
                        const char *trouble)
{
    struct lk_redis *redis = arg;

    redis->resolve = NULL;
    memcpy(redis->addresses, addresses, n * sizeof(*addresses));
    redis->n_addresses = n;
    redis->next_address = 0;
    try_next(redis, trouble);
}

void lk_redis_connect(struct lk_redis *redis)
{
    struct lk_error error = {0};

    if (redis->state != LK_REDIS_CLOSED)
        return;
    redis->state = LK_REDIS_RESOLVING;
    redis->resolve = lk_resolve_start(redis->loop, redis->url.host.ptr, redis->url.port,
                                      on_resolved, redis, &error);
    if (redis->resolve == NULL)
        lose(redis, error.kind, "cannot be looked up", error.message);
}
