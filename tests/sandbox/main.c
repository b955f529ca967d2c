/*
 * looker-sandbox: options, listener, threads, signals. Binds loopback only; says on standard output
 * in one line where it listens, once it does; ends at once on SIGTERM and SIGINT.
 */
#include "server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define MAX_THREADS 16
#define MAX_BODY_BYTES ((size_t)128 * 1024 * 1024)

/* ---- connections: known, so that stopping can end them ---- */

struct connection {
    h2o_linklist_t link;
    int fd;
};

static void on_close(void *arg)
{
    struct connection *connection = arg;

    h2o_linklist_unlink(&connection->link);
    free(connection);
}

static void on_accept(h2o_socket_t *listener, const char *err)
{
    struct sb_worker *worker = listener->data;

    if (err != NULL)
        return;
    for (int i = 0; i < 16; i++) {
        h2o_socket_t *socket = h2o_evloop_socket_accept(listener);
        struct connection *connection;

        if (socket == NULL)
            return;
        connection = sb_alloc(sizeof(*connection));
        connection->fd = h2o_socket_get_fd(socket);
        h2o_linklist_insert(&worker->connections, &connection->link);
        socket->on_close.cb = on_close;
        socket->on_close.data = connection;
        h2o_accept(&worker->accept, socket);
    }
}

/* ---- options ---- */

static void usage(FILE *out)
{
    fputs("usage: looker-sandbox [options]\n"
          "A stateful stand-in for Looker's API 4.0, for tests. Never use it for anything else.\n\n"
          "  --port N            port, 0 for any free one (default 0)\n"
          "  --host ADDRESS      a loopback address (default 127.0.0.1)\n"
          "  --client-id ID      accepted by login (default sandbox-id)\n"
          "  --client-secret S   accepted by login (default sandbox-secret)\n"
          "  --token-ttl SECONDS tokens expire after it (default 3600)\n"
          "  --tls-cert FILE     PEM; with --tls-key: HTTPS\n"
          "  --tls-key FILE      PEM\n"
          "  --threads N         event loops (default 1)\n"
          "  --no-record         do not record requests\n"
          "  --help\n",
          out);
}

static long number_option(const char *name, const char *text, long min, long max)
{
    char *end;
    long value = strtol(text, &end, 10);

    if (*text == '\0' || *end != '\0' || value < min || value > max) {
        fprintf(stderr, "looker-sandbox: --%s: expected a number from %ld to %ld, got \"%s\"\n",
                name, min, max, text);
        exit(2);
    }
    return value;
}

/* One option of the table: where its text or number goes. */
static void set_option(struct sb_options *options, const char *name, const char *value)
{
    const struct {
        const char *name;
        const char **text;
    } texts[] = {
        {"host", &options->host},
        {"client-id", &options->client_id},
        {"client-secret", &options->client_secret},
        {"tls-cert", &options->tls_cert},
        {"tls-key", &options->tls_key},
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (strcmp(texts[i].name, name) == 0)
            *texts[i].text = value;
    if (strcmp(name, "port") == 0)
        options->port = (uint16_t)number_option(name, value, 0, 65535);
    else if (strcmp(name, "token-ttl") == 0)
        options->token_ttl_s = number_option(name, value, 0, 1000000000);
    else if (strcmp(name, "threads") == 0)
        options->threads = (unsigned)number_option(name, value, 1, MAX_THREADS);
    else if (strcmp(name, "no-record") == 0)
        options->record = false;
}

static void read_options(int argc, char **argv, struct sb_options *options)
{
    static const struct option table[] = {
        {"port", required_argument, NULL, 'o'},
        {"host", required_argument, NULL, 'o'},
        {"client-id", required_argument, NULL, 'o'},
        {"client-secret", required_argument, NULL, 'o'},
        {"token-ttl", required_argument, NULL, 'o'},
        {"tls-cert", required_argument, NULL, 'o'},
        {"tls-key", required_argument, NULL, 'o'},
        {"threads", required_argument, NULL, 'o'},
        {"no-record", no_argument, NULL, 'o'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    int option, index = 0;

    *options = (struct sb_options){
        .host = "127.0.0.1",
        .client_id = "sandbox-id",
        .client_secret = "sandbox-secret",
        .token_ttl_s = 3600,
        .threads = 1,
        .record = true,
    };
    while ((option = getopt_long(argc, argv, "", table, &index)) != -1) {
        if (option == 'h') {
            usage(stdout);
            exit(0);
        }
        if (option != 'o') {
            usage(stderr);
            exit(2);
        }
        set_option(options, table[index].name, optarg);
    }
    if (optind != argc || (options->tls_cert == NULL) != (options->tls_key == NULL)) {
        usage(stderr);
        exit(2);
    }
}

/* ---- set-up ---- */

static int listen_on(struct sb *sb)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof(address);
    int fd, on = 1;

    if (inet_pton(AF_INET, sb->options.host, &address.sin_addr) != 1 ||
        (ntohl(address.sin_addr.s_addr) >> 24) != 127) {
        fprintf(stderr, "looker-sandbox: --host: %s is no loopback address (127.x.y.z)\n",
                sb->options.host);
        exit(2);
    }
    address.sin_port = htons(sb->options.port);
    fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 || listen(fd, 4096) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &len) != 0) {
        fprintf(stderr, "looker-sandbox: cannot listen on %s:%u: %s\n", sb->options.host,
                sb->options.port, strerror(errno));
        exit(1);
    }
    snprintf(sb->base_url, sizeof(sb->base_url), "%s://%s:%u",
             sb->options.tls_cert != NULL ? "https" : "http", sb->options.host,
             ntohs(address.sin_port));
    return fd;
}

static SSL_CTX *tls_context(const struct sb_options *options)
{
    SSL_CTX *tls;

    if (options->tls_cert == NULL)
        return NULL;
    tls = SSL_CTX_new(TLS_server_method());
    if (tls == NULL || SSL_CTX_use_certificate_chain_file(tls, options->tls_cert) != 1 ||
        SSL_CTX_use_PrivateKey_file(tls, options->tls_key, SSL_FILETYPE_PEM) != 1) {
        fprintf(stderr, "looker-sandbox: cannot use %s and %s\n", options->tls_cert,
                options->tls_key);
        ERR_print_errors_fp(stderr);
        exit(1);
    }
    return tls;
}

/* ---- running ---- */

static void begin_stop(struct sb_worker *worker)
{
    h2o_linklist_t *at;

    worker->stopping = true;
    worker->context.shutdown_requested = 1;
    for (at = worker->connections.next; at != &worker->connections; at = at->next)
        shutdown(H2O_STRUCT_FROM_MEMBER(struct connection, link, at)->fd, SHUT_RDWR);
}

static void on_wake(h2o_socket_t *socket, const char *err)
{
    struct sb_worker *worker = socket->data;
    uint64_t one = 1;

    (void)err;
    h2o_socket_read_stop(socket);
    begin_stop(worker);
    for (unsigned i = 0; i < worker->n_others; i++)
        if (write(worker->others[i].wake_fd, &one, sizeof(one)) < 0)
            abort();
}

static void worker_init(struct sb_worker *worker, struct sb *sb, h2o_globalconf_t *config,
                        SSL_CTX *tls, int listen_fd, int wake_fd)
{
    h2o_context_init(&worker->context, h2o_evloop_create(), config);
    worker->sb = sb;
    worker->wake_fd = wake_fd;
    worker->accept =
        (h2o_accept_ctx_t){.ctx = &worker->context, .hosts = config->hosts, .ssl_ctx = tls};
    h2o_linklist_init_anchor(&worker->connections);
    h2o_timeout_init(worker->context.loop, &worker->tick, 2);
    worker->listener =
        h2o_evloop_socket_create(worker->context.loop, listen_fd, H2O_SOCKET_FLAG_DONT_READ);
    worker->listener->data = worker;
    h2o_socket_read_start(worker->listener, on_accept);
    worker->waker =
        h2o_evloop_socket_create(worker->context.loop, wake_fd, H2O_SOCKET_FLAG_DONT_READ);
    worker->waker->data = worker;
    h2o_socket_read_start(worker->waker, on_wake);
}

static void worker_run(struct sb_worker *worker)
{
    uint64_t give_up_ms = UINT64_MAX;

    while (!worker->stopping || !h2o_linklist_is_empty(&worker->connections)) {
        h2o_evloop_run(worker->context.loop, worker->stopping ? 10 : INT32_MAX);
        if (worker->stopping && give_up_ms == UINT64_MAX)
            give_up_ms = sb_now_ms() + 2000;
        if (sb_now_ms() > give_up_ms)
            break;
    }
}

/* Never returns: h2o keeps free memory a thread, which would be lost with the thread. */
static void *worker_thread(void *arg)
{
    struct sb_worker *worker = arg;

    worker_run(worker);
    sem_post(&worker->done);
    for (;;)
        pause();
    return NULL;
}

static void worker_free(struct sb_worker *worker)
{
    h2o_loop_t *loop = worker->context.loop;
    h2o_multithread_queue_t *queue;

    h2o_socket_close(worker->listener);
    h2o_socket_close(worker->waker);
    h2o_evloop_run(loop, 0);
    if (!h2o_linklist_is_empty(&worker->connections))
        return; /* a peer that would not go: leave the rest to the end of the process */
    h2o_timeout_dispose(loop, &worker->tick);
    queue = worker->context.queue;
    h2o_context_dispose(&worker->context);
    h2o_evloop_run(loop, 0); /* frees the sockets that were just closed */
    free(queue);             /* h2o 2.2 forgets it */
    h2o_evloop_destroy(loop);
}

int main(int argc, char **argv)
{
    struct sb *sb = sb_alloc(sizeof(*sb));
    struct sb_worker *workers;
    h2o_globalconf_t config;
    sigset_t signals;
    pthread_t thread;
    SSL_CTX *tls;
    int fd;

    read_options(argc, argv, &sb->options);
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    fd = listen_on(sb);
    tls = tls_context(&sb->options);
    sb_state_init(sb);
    h2o_config_init(&config);
    config.max_request_entity_size = MAX_BODY_BYTES;
    config.http1.upgrade_to_http2 = 0;
    config.http1.req_timeout = 60 * 1000;
    sb_http_register(&config, sb);
    workers = sb_alloc(sb->options.threads * sizeof(*workers));
    for (unsigned i = 0; i < sb->options.threads; i++) {
        int wake_fd = i == 0 ? signalfd(-1, &signals, SFD_CLOEXEC) : eventfd(0, EFD_CLOEXEC);

        worker_init(&workers[i], sb, &config, tls, i == 0 ? fd : dup(fd), wake_fd);
        sem_init(&workers[i].done, 0, 0);
        if (i > 0 && pthread_create(&thread, NULL, worker_thread, &workers[i]) != 0)
            abort();
    }
    workers[0].others = workers + 1;
    workers[0].n_others = sb->options.threads - 1;
    printf("looker-sandbox listening on %s\n", sb->base_url);
    fflush(stdout);
    worker_run(&workers[0]);
    for (unsigned i = 1; i < sb->options.threads; i++)
        while (sem_wait(&workers[i].done) != 0)
            ;
    for (unsigned i = 0; i < sb->options.threads; i++)
        worker_free(&workers[i]);
    h2o_config_dispose(&config);
    SSL_CTX_free(tls);
    sb_state_free(sb);
    free(workers);
    free(sb);
    return 0;
}
