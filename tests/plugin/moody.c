/*
 * An identity plug-in that does what the request's header X-Mood tells it, for tests:
 *
 *     none, service, user=WHO, token=TOKEN, keys=ID:SECRET, refuse=MESSAGE, busy=MESSAGE
 *     zero          a reply that was forgotten to be filled in
 *     empty-user, half-keys, kind=N, short    replies that make no sense
 *     null          no reply at all, said with NULL
 *     twice=WHO     the same, and then another that should be ignored
 *     late=MS,WHO   user=WHO after so long, from a thread; also after it was cancelled
 *     never         nothing, ever
 *     seen          refuses with what it was shown
 *
 * Called from another thread than the one of init, it aborts: that it does not happen is promised.
 * A call without the header gets no opinion. Cancels are logged. The threads of `late` are joined
 * by destroy, whatever they still wait for: a pipe ends their sleep.
 */
#include "looker_mcp_identity.h"

#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_THREADS 512

struct late {
    uint64_t id;
    int ms;
    char user[200];
};

static const struct looker_identity_host *host;
static pthread_t home, threads[MAX_THREADS];
static size_t n_threads;
static int stop_pipe[2];

static void check_thread(void)
{
    if (!pthread_equal(home, pthread_self()))
        abort();
}

static void say(uint64_t id, struct looker_identity identity)
{
    identity.size = sizeof(identity);
    host->reply(host, id, &identity);
}

static void *sleep_and_say(void *arg)
{
    struct late *late = arg;
    struct pollfd stop = {.fd = stop_pipe[0], .events = POLLIN};

    poll(&stop, 1, late->ms);
    say(late->id, (struct looker_identity){.kind = LOOKER_IDENTITY_USER, .user = late->user});
    free(late);
    return NULL;
}

static void start_late(uint64_t id, const char *text)
{
    struct late *late = calloc(1, sizeof(*late));

    late->id = id;
    sscanf(text, "%d,%199s", &late->ms, late->user);
    if (n_threads == MAX_THREADS ||
        pthread_create(&threads[n_threads], NULL, sleep_and_say, late) != 0)
        abort();
    n_threads++;
}

static void show(const struct looker_identity_request *request)
{
    char text[2000];
    int len = snprintf(text, sizeof(text), "tool=%s group=%s arguments=%s timeout=%u",
                       request->tool, request->group, request->arguments, request->timeout_ms);

    for (size_t i = 0; i < request->n_headers && len < (int)sizeof(text); i++)
        len += snprintf(text + len, sizeof(text) - (size_t)len, " %s=%s", request->headers[i].name,
                        request->headers[i].value);
    if (request->caller != NULL && len < (int)sizeof(text))
        snprintf(text + len, sizeof(text) - (size_t)len, " subject=%s user=%s scope=%s",
                 request->caller->subject, request->caller->user, request->caller->scope);
    say(request->id, (struct looker_identity){.kind = LOOKER_IDENTITY_REFUSED, .message = text});
}

static void say_keys(uint64_t id, const char *text)
{
    const char *colon = strchr(text, ':');
    char *client_id = strndup(text, colon != NULL ? (size_t)(colon - text) : strlen(text));

    say(id, (struct looker_identity){.kind = LOOKER_IDENTITY_API_KEYS,
                                     .client_id = client_id,
                                     .client_secret = colon != NULL ? colon + 1 : NULL});
    free(client_id);
}

/* What stands behind the word and "=", or NULL when it is another word. */
static const char *after(const char *mood, const char *word)
{
    size_t len = strlen(word);

    return strncmp(mood, word, len) == 0 && mood[len] == '=' ? mood + len + 1 : NULL;
}

static bool say_valid(uint64_t id, const char *mood)
{
    const char *text;

    if (strcmp(mood, "none") == 0)
        say(id, (struct looker_identity){.kind = LOOKER_IDENTITY_NO_OPINION});
    else if (strcmp(mood, "service") == 0)
        say(id, (struct looker_identity){.kind = LOOKER_IDENTITY_SERVICE_ACCOUNT});
    else if ((text = after(mood, "user")) != NULL || (text = after(mood, "twice")) != NULL)
        say(id, (struct looker_identity){.kind = LOOKER_IDENTITY_USER, .user = text});
    else if ((text = after(mood, "token")) != NULL)
        say(id, (struct looker_identity){.kind = LOOKER_IDENTITY_TOKEN, .access_token = text});
    else if ((text = after(mood, "keys")) != NULL)
        say_keys(id, text);
    else if ((text = after(mood, "refuse")) != NULL)
        say(id, (struct looker_identity){.kind = LOOKER_IDENTITY_REFUSED, .message = text});
    else if ((text = after(mood, "busy")) != NULL)
        say(id, (struct looker_identity){
                    .kind = LOOKER_IDENTITY_REFUSED, .status = 503, .message = text});
    else if ((text = after(mood, "late")) != NULL)
        start_late(id, text);
    else
        return false;
    if (strncmp(mood, "twice=", 6) == 0)
        say(id, (struct looker_identity){.kind = LOOKER_IDENTITY_SERVICE_ACCOUNT});
    return true;
}

static void say_nonsense(uint64_t id, const char *mood)
{
    struct looker_identity identity = {.kind = LOOKER_IDENTITY_SERVICE_ACCOUNT, .size = 8};
    const char *text = after(mood, "kind");

    if (strcmp(mood, "zero") == 0)
        say(id, (struct looker_identity){0});
    else if (strcmp(mood, "empty-user") == 0)
        say(id, (struct looker_identity){.kind = LOOKER_IDENTITY_USER, .user = " "});
    else if (strcmp(mood, "half-keys") == 0)
        say(id, (struct looker_identity){.kind = LOOKER_IDENTITY_API_KEYS, .client_id = "x"});
    else if (text != NULL)
        say(id, (struct looker_identity){.kind = (uint32_t)strtoul(text, NULL, 10), .user = "2"});
    else if (strcmp(mood, "short") == 0)
        host->reply(host, id, &identity);
    else if (strcmp(mood, "null") == 0)
        host->reply(host, id, NULL);
}

static void resolve(void *state, const struct looker_identity_request *request)
{
    const char *mood = "none";

    (void)state;
    check_thread();
    for (size_t i = 0; i < request->n_headers; i++) {
        if (strcmp(request->headers[i].name, "X-Mood") == 0)
            mood = request->headers[i].value;
    }
    if (strcmp(mood, "seen") == 0)
        show(request);
    else if (strcmp(mood, "never") != 0 && !say_valid(request->id, mood))
        say_nonsense(request->id, mood);
}

static void cancel(void *state, uint64_t id)
{
    char line[60];

    (void)state;
    check_thread();
    snprintf(line, sizeof(line), "cancelled %llu", (unsigned long long)id);
    host->log(host, LOOKER_IDENTITY_LOG_INFO, line);
}

static int init(const struct looker_identity_host *the_host, struct looker_identity_setup *setup)
{
    host = the_host;
    home = pthread_self();
    setup->headers = "X-Mood, Authorization,, X-Tenant";
    host->log(host, LOOKER_IDENTITY_LOG_WARNING, "moody today");
    return pipe(stop_pipe);
}

static void destroy(void *state)
{
    (void)state;
    check_thread();
    close(stop_pipe[1]);
    for (size_t i = 0; i < n_threads; i++)
        pthread_join(threads[i], NULL);
    close(stop_pipe[0]);
}

const struct looker_identity_plugin *looker_identity_plugin(uint32_t abi)
{
    static const struct looker_identity_plugin plugin = {
        .abi = LOOKER_IDENTITY_ABI,
        .size = sizeof(plugin),
        .name = "moody",
        .init = init,
        .resolve = resolve,
        .cancel = cancel,
        .destroy = destroy,
    };

    return abi == LOOKER_IDENTITY_ABI ? &plugin : NULL;
}
