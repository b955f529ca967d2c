/*
 * MCP over standard input and output: one JSON-RPC message a line, and nothing else on stdout.
 *
 *     stdin ──read──> lines ──> mcp core ──> answers, in the order in which calls end ──> stdout
 *
 * Neither descriptor is made non-blocking: that flag belongs to the open file, which a shell or
 * the client shares. It reads once when the loop says that there is something, and writes no more
 * than fits. SIGPIPE must be ignored by the process.
 */
#ifndef LK_TRANSPORT_STDIO_H
#define LK_TRANSPORT_STDIO_H

#include "base/error.h"
#include "base/log.h"
#include "mcp/server.h"
#include "rt/loop.h"

struct lk_stdio;

/* Borrowed pointers must outlive the transport. */
struct lk_stdio_options {
    struct lk_loop *loop;
    const struct lk_log *log;
    struct mcp_server *server;
    int in_fd, out_fd;        /* not closed by the transport */
    size_t max_message_bytes; /* of one line; longer ones are answered with an error; 0: 4 MiB */
    const char *max_message_name; /* what users call that limit; NULL: "max_message_bytes" */
    uint64_t drain_ms;            /* how long calls may go on once input has ended; 0: 5,000 */
};

/*
 * Starts reading. When input ends, calls in flight get drain_ms, are then cancelled, answers are
 * written out, and lk_loop_stop is called; output that nobody reads any more (EPIPE) ends it the
 * same way, without the wait.
 */
bool lk_stdio_new(const struct lk_stdio_options *options, struct lk_stdio **ret_stdio,
                  struct lk_error *err);

/* As if input had ended; for SIGTERM. When it has ended already, calls in flight are cancelled
 * without further wait. */
void lk_stdio_close(struct lk_stdio *stdio);

/* The loop has stopped. NULL is legal. */
void lk_stdio_free(struct lk_stdio *stdio);

#endif
