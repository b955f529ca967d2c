/*
 * Where the HTTP transport listens: names with several addresses, and starts that fail.
 */
#include "http_harness.h"

#include <dlfcn.h>
#include <netdb.h>

/* ---- names with several addresses ---- */

static struct sockaddr_in6 ipv6_loopback = {.sin6_family = AF_INET6};
static struct sockaddr_in ipv4_foreign = {.sin_family = AF_INET};
static struct sockaddr_in ipv4_loopback = {.sin_family = AF_INET};
static struct addrinfo entries[2];

static void set_entry(struct addrinfo *entry, void *address, in_port_t port)
{
    struct sockaddr *any = address;

    ((struct sockaddr_in *)address)->sin_port = port; /* in the same place in both families */
    *entry = (struct addrinfo){.ai_family = any->sa_family,
                               .ai_socktype = SOCK_STREAM,
                               .ai_addr = any,
                               .ai_addrlen = any->sa_family == AF_INET ? sizeof(ipv4_loopback)
                                                                       : sizeof(ipv6_loopback)};
}

/* Stands in for the C library's: knows `localhost` as ::1 and 127.0.0.1, `two` as an address that
 * is not ours and 127.0.0.1; numbers go to the real one. */
int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                struct addrinfo **found)
{
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    bool two = strcmp(host, "two") == 0;
    in_port_t port = htons((uint16_t)atoi(service));

    if (!two && strcasecmp(host, "localhost") != 0) {
        *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
        return real(host, service, hints, found);
    }
    ipv6_loopback.sin6_addr = in6addr_loopback;
    ipv4_foreign.sin_addr.s_addr = inet_addr("203.0.113.1");
    ipv4_loopback.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    set_entry(&entries[0], two ? (void *)&ipv4_foreign : (void *)&ipv6_loopback, port);
    set_entry(&entries[1], &ipv4_loopback, port);
    entries[0].ai_next = &entries[1];
    *found = hints->ai_family == AF_INET && !two ? &entries[1] : &entries[0];
    return 0;
}

void freeaddrinfo(struct addrinfo *found)
{
    void (*real)(struct addrinfo *);

    if (found == &entries[0] || found == &entries[1])
        return;
    *(void **)&real = dlsym(RTLD_NEXT, "freeaddrinfo");
    real(found);
}

static int setup_two(void **state)
{
    *state = world_new((struct lk_http_server_options){.host = LK_STR("two")});
    return 0;
}

static int setup_localhost(void **state)
{
    *state = world_new((struct lk_http_server_options){.host = LK_STR("LocalHost")});
    return 0;
}

static void it_answers_on_ipv4_loopback(void **state)
{
    assert_contains(ask(*state, HOST JSON, PING, 200), PONG);
}

static void a_name_whose_port_is_taken_is_not_bound_elsewhere(void **state)
{
    struct world *world = *state; /* has the port on 127.0.0.1 */
    struct lk_http_server_options options = {.loop = world->loop,
                                             .server = world->mcp,
                                             .host = LK_STR("two"),
                                             .port = lk_http_server_port(world->http)};
    struct lk_http_server *server;
    struct lk_error err = {0};
    char text[32];

    assert_false(lk_http_server_new(&options, &server, &err));
    snprintf(text, sizeof(text), "two port %u: ", options.port);
    assert_contains(err.message, text);
    assert_contains(err.message, "in use"); /* not what the first address said */
}

static void a_start_that_fails_says_why(void **state)
{
    struct world *world = *state;
    struct lk_http_server_options options = {.loop = world->loop, .server = world->mcp};
    struct lk_http_server *server;
    struct lk_error err = {0};
    char port[16];

    options.port = lk_http_server_port(world->http);
    snprintf(port, sizeof(port), "port %u:", options.port);
    assert_false(lk_http_server_new(&options, &server, &err));
    assert_int_equal(err.kind, LK_ERROR_CONFIG);
    assert_contains(err.message, "127.0.0.1");
    assert_contains(err.message, port);
    assert_contains(err.message, "in use");

    err = (struct lk_error){0};
    options.host = LK_STR("no.such.host.invalid");
    assert_false(lk_http_server_new(&options, &server, &err));
    assert_contains(err.message, "no.such.host.invalid");
    assert_contains(err.message, port);

    err = (struct lk_error){0};
    options.host = LK_STR("203.0.113.1"); /* not ours */
    assert_false(lk_http_server_new(&options, &server, &err));
    assert_contains(err.message, "203.0.113.1");
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
#define WITH(test, setup_) cmocka_unit_test_setup_teardown(test, setup_, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_start_that_fails_says_why),
        WITH(it_answers_on_ipv4_loopback, setup_two),
        WITH(it_answers_on_ipv4_loopback, setup_localhost),
        TEST(a_name_whose_port_is_taken_is_not_bound_elsewhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
