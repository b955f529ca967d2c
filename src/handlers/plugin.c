/*
 * Asking the identity plug-in (plugin.h), and its replies, which come from any thread.
 *
 *     call's coroutine, its loop      the plug-in's loop     plug-in
 *     link ── lk_loop_post ─────────> resolve ─────────────> …
 *     parks                                        reply <── (any thread; copied under the mutex)
 *        ^──── wake ── deliver <── lk_loop_post
 *     unlink, look at the reply; none (time is over, cancelled): cancel, on the plug-in's loop too
 *
 * Each thread that asks has a seat, which says where its calls are woken. A reply finds its call by
 * number in the list of those that wait. One that is late, or comes twice, or was made up, finds
 * nothing; so nobody has to keep anything for a plug-in that never replies. Plug-in code runs on
 * the loop's own stack, since a coroutine's is small.
 */
#include "handlers/plugin.h"

#include "base/memory.h"
#include "handlers/plugin_reply.h"
#include "rt/co.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define MAX_HEADERS 32
#define MAX_LINES 16
#define MAX_LINE_BYTES 300

/* A loop that calls are asked from. Made when the first one is, and kept. */
struct seat {
    struct lk_plugin *plugin;
    struct lk_loop *loop;
    bool posted; /* `deliver` will run; guarded by the plug-in's mutex */
    struct seat *next;
};

/* A call that is being asked about, in its arena. */
struct waiting {
    struct lk_plugin *plugin;
    struct seat *seat;
    struct lk_co *co;
    atomic_bool unwanted; /* cancelled before resolve was called */
    struct looker_identity_request request;
    struct lk_timer timer;
    bool asked, told;              /* resolve has returned; cancel has */
    bool skipped;                  /* resolve was not called, for the call was cancelled by then */
    bool timed_out, woken;         /* what the coroutine is woken for */
    struct lk_plugin_reply *reply; /* guarded by the plug-in's mutex */
    struct waiting *next;          /* likewise */
};

struct line {
    enum lk_log_level level;
    char text[MAX_LINE_BYTES + 1];
};

struct lk_plugin {
    struct lk_plugin_options options;
    const struct looker_identity_plugin *table;
    struct looker_identity_host host;
    struct looker_identity_setup setup;
    struct lk_arena *arena;
    const char *headers[MAX_HEADERS];
    size_t n_headers;

    pthread_mutex_t mutex; /* guards what follows */
    uint64_t last_id;
    struct seat home, *seats; /* home: of the loop that the plug-in runs on */
    struct waiting *waiting;
    struct line lines[MAX_LINES];
    size_t n_lines;
};

/* ---- what the plug-in calls, from any thread ---- */

static void deliver(void *arg);

/* With the mutex held. */
static void post(struct seat *seat)
{
    if (!seat->posted)
        lk_loop_post(seat->loop, deliver, seat);
    seat->posted = true;
}

static void on_reply(const struct looker_identity_host *host, uint64_t request,
                     const struct looker_identity *identity)
{
    struct lk_plugin *plugin = host->self_;
    struct lk_plugin_reply *reply = lk_plugin_reply_copy(identity);
    struct waiting *waiting;

    pthread_mutex_lock(&plugin->mutex);
    waiting = plugin->waiting;
    while (waiting != NULL && waiting->request.id != request)
        waiting = waiting->next;
    if (waiting != NULL && waiting->reply == NULL) {
        waiting->reply = reply;
        reply = NULL;
        post(waiting->seat);
    }
    pthread_mutex_unlock(&plugin->mutex);
    lk_plugin_reply_free(reply);
}

static void on_log(const struct looker_identity_host *host, enum looker_identity_log_level level,
                   const char *message)
{
    static const enum lk_log_level levels[] = {LK_LOG_DEBUG, LK_LOG_INFO, LK_LOG_WARNING,
                                               LK_LOG_ERROR};
    struct lk_plugin *plugin = host->self_;
    struct line *line;

    pthread_mutex_lock(&plugin->mutex);
    if (plugin->n_lines < MAX_LINES && message != NULL) {
        line = &plugin->lines[plugin->n_lines++];
        line->level = (unsigned)level < 4 ? levels[level] : LK_LOG_INFO;
        snprintf(line->text, sizeof(line->text), "%s", message);
        post(&plugin->home);
    }
    pthread_mutex_unlock(&plugin->mutex);
}

/* ---- on the loop ---- */

static void write_lines(struct lk_plugin *plugin)
{
    for (size_t i = 0; i < plugin->n_lines; i++) {
        const struct lk_log_field fields[] = {
            lk_log_text("plugin", plugin->table->name),
            lk_log_str("message", lk_str_cut(lk_str(plugin->lines[i].text), MAX_LINE_BYTES)),
        };

        lk_log_write(plugin->options.log, plugin->lines[i].level, "identity.plugin", fields, 2);
    }
    plugin->n_lines = 0;
}

static void deliver(void *arg)
{
    struct seat *seat = arg;
    struct lk_plugin *plugin = seat->plugin;

    pthread_mutex_lock(&plugin->mutex);
    seat->posted = false;
    for (struct waiting *waiting = plugin->waiting; waiting != NULL; waiting = waiting->next) {
        if (waiting->seat != seat || waiting->reply == NULL || waiting->woken)
            continue;
        waiting->woken = true;
        lk_co_wake(waiting->co);
    }
    if (seat == &plugin->home)
        write_lines(plugin);
    pthread_mutex_unlock(&plugin->mutex);
}

/* Has fn(waiting) called on the plug-in's loop (there) or on the call's. */
static void hand_over(struct waiting *waiting, bool there, void (*fn)(void *arg))
{
    struct seat *home = &waiting->plugin->home;

    if (waiting->seat == home)
        lk_loop_defer(home->loop, fn, waiting);
    else
        lk_loop_post(there ? home->loop : waiting->seat->loop, fn, waiting);
}

static void on_asked(void *arg)
{
    struct waiting *waiting = arg;

    waiting->asked = true;
    lk_co_wake(waiting->co);
}

static void call_resolve(void *arg)
{
    struct waiting *waiting = arg;
    const struct lk_plugin *plugin = waiting->plugin;
    bool at_home = waiting->seat == &plugin->home;

    /* The call waits for on_asked, so it is there; what else is its own must not be looked at from
     * another thread. */
    if (atomic_load(&waiting->unwanted) || (at_home && lk_co_cancelled(waiting->co)))
        waiting->skipped = true;
    else
        plugin->table->resolve(plugin->setup.state, &waiting->request);
    if (at_home)
        on_asked(waiting);
    else
        hand_over(waiting, false, on_asked);
}

static void on_told(void *arg)
{
    struct waiting *waiting = arg;

    waiting->told = true;
    lk_co_wake(waiting->co);
}

static void call_cancel(void *arg)
{
    struct waiting *waiting = arg;
    const struct lk_plugin *plugin = waiting->plugin;

    plugin->table->cancel(plugin->setup.state, waiting->request.id);
    if (waiting->seat == &plugin->home)
        on_told(waiting);
    else
        hand_over(waiting, false, on_told);
}

static void on_timer(void *arg)
{
    struct waiting *waiting = arg;

    waiting->timed_out = true;
    lk_co_wake(waiting->co);
}

/* ---- the request ---- */

/* The loop's, made when there is none yet. With the mutex held. */
static struct seat *find_seat(struct lk_plugin *plugin, struct lk_loop *loop)
{
    struct seat *seat = plugin->seats;

    while (seat != NULL && seat->loop != loop)
        seat = seat->next;
    if (seat == NULL) {
        seat = lk_memory_new(sizeof(*seat));
        *seat = (struct seat){.plugin = plugin, .loop = loop, .next = plugin->seats};
        plugin->seats = seat;
    }
    return seat;
}

static struct waiting *new_waiting(struct lk_plugin *plugin, struct lk_loop *loop,
                                   struct mcp_call *call)
{
    struct waiting *waiting = lk_arena_new_object(mcp_call_arena(call), struct waiting);

    *waiting = (struct waiting){
        .plugin = plugin,
        .co = lk_co_self(loop),
        .timer = lk_timer(on_timer, waiting),
        .request = lk_plugin_request(call, plugin->headers, plugin->n_headers),
    };
    waiting->request.timeout_ms = (uint32_t)plugin->options.timeout_ms;
    return waiting;
}

static bool judge(const struct lk_plugin *plugin, struct lk_arena *arena,
                  const struct lk_plugin_reply *reply, struct lk_plugin_identity *ret_identity,
                  struct lk_error *err)
{
    bool ok = lk_plugin_reply_judge(plugin->table->name, arena, reply, ret_identity, err);

    const struct lk_log_field fields[] = {lk_log_text("plugin", plugin->table->name),
                                          lk_log_int("kind", reply->kind)};

    if (!ok) /* one that makes no sense is a mistake of the plug-in's */
        lk_log_write(plugin->options.log,
                     reply->kind == LOOKER_IDENTITY_REFUSED ? LK_LOG_INFO : LK_LOG_ERROR,
                     "identity.plugin_refused", fields, 2);
    return ok;
}

static bool explain_silence(const struct waiting *waiting, struct lk_error *err)
{
    const struct lk_plugin *plugin = waiting->plugin;

    if (lk_co_cancelled(waiting->co))
        return lk_fail(err, LK_ERROR_CANCELLED, "cancelled while waiting for the identity plug-in");
    lk_log_warning(plugin->options.log, "identity.plugin_timeout",
                   lk_log_text("plugin", plugin->table->name),
                   lk_log_text("tool", waiting->request.tool));
    return lk_fail(
        err, LK_ERROR_TIMEOUT,
        "the identity plug-in %s did not say within %llu ms (LOOKER_IDENTITY_TIMEOUT) as "
        "whom this call should run",
        plugin->table->name, (unsigned long long)plugin->options.timeout_ms);
}

/* ---- asking ---- */

static void link_waiting(struct lk_plugin *plugin, struct lk_loop *loop, struct waiting *waiting)
{
    pthread_mutex_lock(&plugin->mutex);
    waiting->request.id = ++plugin->last_id;
    waiting->seat = find_seat(plugin, loop);
    waiting->next = plugin->waiting;
    plugin->waiting = waiting;
    pthread_mutex_unlock(&plugin->mutex);
}

/* From here on a reply does not find it. */
static struct lk_plugin_reply *unlink_waiting(struct lk_plugin *plugin, struct waiting *waiting)
{
    struct waiting **at = &plugin->waiting;

    pthread_mutex_lock(&plugin->mutex);
    while (*at != waiting)
        at = &(*at)->next;
    *at = waiting->next;
    pthread_mutex_unlock(&plugin->mutex);
    return waiting->reply;
}

/* Waits until resolve has returned, cancelled or not: it reads the request, which is the call's. */
static void await_resolve(struct lk_loop *loop, struct waiting *waiting)
{
    hand_over(waiting, true, call_resolve);
    while (!waiting->asked) {
        lk_co_park(loop);
        if (lk_co_cancelled(waiting->co))
            atomic_store(&waiting->unwanted, true);
    }
}

bool lk_plugin_ask(struct lk_plugin *plugin, struct lk_loop *loop, struct mcp_call *call,
                   struct lk_plugin_identity *ret_identity, struct lk_error *err)
{
    struct waiting *waiting = new_waiting(plugin, loop, call);
    struct lk_plugin_reply *reply;
    bool ok;

    link_waiting(plugin, loop, waiting);
    lk_timer_start(loop, &waiting->timer, plugin->options.timeout_ms);
    await_resolve(loop, waiting);
    while (!waiting->woken && !waiting->timed_out && !lk_co_cancelled(waiting->co))
        lk_co_park(loop);
    lk_timer_stop(loop, &waiting->timer);
    reply = unlink_waiting(plugin, waiting);
    if (reply == NULL && !waiting->skipped && plugin->table->cancel != NULL) {
        hand_over(waiting, true, call_cancel);
        while (!waiting->told)
            lk_co_park(loop);
    }
    ok = reply != NULL ? judge(plugin, mcp_call_arena(call), reply, ret_identity, err)
                       : explain_silence(waiting, err);
    lk_plugin_reply_free(reply);
    return ok;
}

/* ---- lifecycle ---- */

static bool read_headers(struct lk_plugin *plugin, struct lk_error *err)
{
    struct lk_str list = lk_str(plugin->setup.headers);

    while (list.len > 0) {
        struct lk_str name = lk_str_trim(lk_str_take(&list, ','));

        if (name.len == 0)
            continue;
        if (!lk_plugin_is_header_name(name) || plugin->n_headers == MAX_HEADERS)
            return lk_fail(err, LK_ERROR_CONFIG,
                           "LOOKER_IDENTITY_PLUGIN (%.*s): the plug-in asks for the header "
                           "\"%.*s\"; expected are the names of %d headers at most, "
                           "comma-separated",
                           LK_STR_ARG(plugin->options.path), LK_STR_ARG(lk_str_cut(name, 100)),
                           MAX_HEADERS);
        plugin->headers[plugin->n_headers++] = lk_arena_cstr(plugin->arena, name);
    }
    return true;
}

static void destroy(struct lk_plugin *plugin)
{
    if (plugin->table->destroy != NULL)
        plugin->table->destroy(plugin->setup.state);
}

static bool initialise(struct lk_plugin *plugin, struct lk_error *err)
{
    int status =
        plugin->table->init != NULL ? plugin->table->init(&plugin->host, &plugin->setup) : 0;

    plugin->setup.error[sizeof(plugin->setup.error) - 1] = '\0';
    if (status != 0)
        return lk_fail(err, LK_ERROR_CONFIG,
                       "LOOKER_IDENTITY_PLUGIN (%.*s): the plug-in %s could not initialise itself "
                       "(%d): %s",
                       LK_STR_ARG(plugin->options.path), plugin->table->name, status,
                       plugin->setup.error[0] != '\0' ? plugin->setup.error
                                                      : "it does not say why");
    if (read_headers(plugin, err))
        return true;
    destroy(plugin);
    return false;
}

static void free_plugin(struct lk_plugin *plugin)
{
    struct seat *next;

    assert(plugin->waiting == NULL);
    write_lines(plugin);
    for (struct seat *seat = plugin->seats; seat != NULL; seat = next) {
        next = seat->next;
        if (seat != &plugin->home)
            free(seat);
    }
    pthread_mutex_destroy(&plugin->mutex);
    lk_arena_free(plugin->arena);
    free(plugin);
}

bool lk_plugin_new(const struct lk_plugin_options *options,
                   const struct looker_identity_plugin *table, struct lk_plugin **ret_plugin,
                   struct lk_error *err)
{
    struct lk_plugin *plugin;

    if (!lk_plugin_check(options->path, table, err))
        return false;
    plugin = lk_memory_new(sizeof(*plugin));
    plugin->options = *options;
    plugin->table = table;
    plugin->arena = lk_arena_new();
    plugin->host = (struct looker_identity_host){
        .size = sizeof(plugin->host), .self_ = plugin, .reply = on_reply, .log = on_log};
    plugin->setup.size = sizeof(plugin->setup);
    plugin->home = (struct seat){.plugin = plugin, .loop = options->loop};
    plugin->seats = &plugin->home;
    pthread_mutex_init(&plugin->mutex, NULL);
    if (!initialise(plugin, err)) {
        free_plugin(plugin);
        return false;
    }
    *ret_plugin = plugin;
    return true;
}

bool lk_plugin_load(const struct lk_plugin_options *options, struct lk_plugin **ret_plugin,
                    struct lk_error *err)
{
    const struct looker_identity_plugin *table;
    sigset_t all, before;
    bool ok;

    /* Threads that it starts inherit this; otherwise one of them might get SIGTERM, and that would
     * be the end of the process. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    ok = lk_plugin_open(options->path, &table, err) &&
         lk_plugin_new(options, table, ret_plugin, err);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return ok;
}

void lk_plugin_free(struct lk_plugin *plugin)
{
    if (plugin == NULL)
        return;
    destroy(plugin);
    free_plugin(plugin);
}

struct lk_str lk_plugin_headers(const struct lk_plugin *plugin)
{
    return lk_str(plugin->setup.headers);
}
