/*
 * A real redis-server for a test, on a port of its own, with its files in a folder of its own. It
 * is killed and started again, stopped and continued, as the test wants, and dies with it.
 */
#ifndef LK_TEST_REDIS_SERVER_H
#define LK_TEST_REDIS_SERVER_H

#include "test.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { REDIS_MAX_ARGUMENTS = 24 };

struct redis_server {
    const char *arguments[REDIS_MAX_ARGUMENTS]; /* beyond those that every one gets; NULL: end */
    bool tls;                                   /* `port` is --tls-port */
    uint16_t port;
    pid_t pid;
    char folder[32];
};

static inline int redis_connect_(uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    close(fd);
    return -1;
}

static inline uint16_t redis_free_port_(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    close(fd);
    return ntohs(address.sin_port);
}

static inline void redis_exec_(const struct redis_server *server)
{
    char port[8];
    const char *argv[REDIS_MAX_ARGUMENTS + 16] = {"redis-server",
                                                  server->tls ? "--tls-port" : "--port",
                                                  port,
                                                  "--bind",
                                                  "127.0.0.1",
                                                  "--dir",
                                                  server->folder,
                                                  "--save",
                                                  "",
                                                  "--appendfsync",
                                                  "always"};
    size_t n = 11;
    int null = open("/dev/null", O_RDWR);

    snprintf(port, sizeof(port), "%u", server->port);
    if (server->tls) {
        argv[n++] = "--port";
        argv[n++] = "0";
    }
    for (size_t i = 0; i < REDIS_MAX_ARGUMENTS && server->arguments[i] != NULL; i++)
        argv[n++] = server->arguments[i];
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(null, STDIN_FILENO);
    dup2(null, STDOUT_FILENO);
    execvp(argv[0], (char *const *)argv);
    _exit(127);
}

static inline bool redis_is_up_(struct redis_server *server)
{
    char reply[8];
    int fd = redis_connect_(server->port);
    bool up = fd >= 0;

    if (up && !server->tls) /* "+PONG", "-NOAUTH …", but not "-LOADING …" */
        up = write(fd, "PING\r\n", 6) == 6 && read(fd, reply, sizeof(reply)) > 1 && reply[1] != 'L';
    if (fd >= 0)
        close(fd);
    return up;
}

/* On the port that it had, or on a free one at first. */
static inline void redis_start(struct redis_server *server)
{
    struct timespec pause = {.tv_nsec = 5000000};
    bool fresh = server->port == 0;

    if (fresh) {
        snprintf(server->folder, sizeof(server->folder), "/tmp/lk-redis-XXXXXX");
        assert_non_null(mkdtemp(server->folder));
    }
    for (int attempt = 0; attempt < 5; attempt++) {
        if (fresh)
            server->port = redis_free_port_();
        server->pid = fork();
        assert_true(server->pid >= 0);
        if (server->pid == 0)
            redis_exec_(server);
        for (int i = 0; i < 4000; i++) {
            if (redis_is_up_(server))
                return;
            if (waitpid(server->pid, NULL, WNOHANG) == server->pid)
                break; /* somebody was quicker to take the port */
            nanosleep(&pause, NULL);
        }
    }
    fail_msg("redis-server does not start");
}

static inline void redis_kill(struct redis_server *server)
{
    if (server->pid > 0) {
        kill(server->pid, SIGKILL);
        waitpid(server->pid, NULL, 0);
    }
    server->pid = 0;
}

/* And its files. */
static inline void redis_end(struct redis_server *server)
{
    pid_t pid;

    redis_kill(server);
    pid = fork();
    if (pid == 0) {
        execlp("rm", "rm", "-rf", server->folder, NULL);
        _exit(127);
    }
    waitpid(pid, NULL, 0);
    server->port = 0;
}

#endif
