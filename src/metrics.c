/*
 * GET /metrics: the numbers of all workers added up, as Prometheus reads them (exposition format
 * 0.0.4). What has not happened yet is left out, so that there is no line for each tool and
 * operation that nobody has used. Every label has a bounded set of values, none of which a client
 * makes up. Called by transport/http_auth.c, on the thread that is asked.
 */
#include "mcp/stats.h"
#include "serve_internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static void begin(struct lk_buf *out, const char *name, const char *type, const char *help)
{
    lk_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void put(struct lk_buf *out, const char *name, uint64_t value)
{
    lk_buf_printf(out, "%s %" PRIu64 "\n", name, value);
}

static void put_one(struct lk_buf *out, const char *name, const char *type, const char *help,
                    uint64_t value)
{
    begin(out, name, type, help);
    put(out, name, value);
}

/* ---- calls ---- */

static struct mcp_call_stats sum_calls(const struct service *service, size_t i)
{
    struct mcp_call_stats sum = {0};

    for (unsigned w = 0; w < service->n_seats; w++)
        mcp_stats_add(service->seats[w].worker.mcp, i, &sum);
    return sum;
}

static void put_outcomes(const struct service *service, struct lk_buf *out)
{
    const struct mcp_server *mcp = lk_service_first(service)->mcp;

    begin(out, "looker_mcp_calls_total", "counter", "Calls that have ended, by tool and outcome.");
    for (size_t i = 0; i < mcp_stats_count(mcp); i++) {
        struct mcp_call_stats sum = sum_calls(service, i);

        for (unsigned o = 0; o < MCP_N_OUTCOMES; o++) {
            if (sum.n[o] != 0)
                lk_buf_printf(out,
                              "looker_mcp_calls_total{tool=\"%s\",outcome=\"%s\"} %" PRIu64 "\n",
                              mcp_stats_name(mcp, i), mcp_outcome_name(o), sum.n[o]);
        }
    }
}

static void put_durations(const struct service *service, struct lk_buf *out)
{
    static const char name[] = "looker_mcp_call_duration_seconds";
    const struct mcp_server *mcp = lk_service_first(service)->mcp;

    begin(out, name, "histogram", "How long calls took, the wait for their turn included.");
    for (size_t i = 0; i < mcp_stats_count(mcp); i++) {
        const char *tool = mcp_stats_name(mcp, i);
        struct mcp_call_stats sum = sum_calls(service, i);
        uint64_t n = 0;

        for (size_t j = 0; j <= MCP_N_BOUNDS; j++)
            n += sum.intervals[j];
        if (n == 0)
            continue;
        n = 0;
        for (size_t j = 0; j < MCP_N_BOUNDS; j++) {
            n += sum.intervals[j];
            lk_buf_printf(out, "%s_bucket{tool=\"%s\",le=\"%g\"} %" PRIu64 "\n", name, tool,
                          mcp_duration_bounds_ms[j] / 1000.0, n);
        }
        n += sum.intervals[MCP_N_BOUNDS];
        lk_buf_printf(out, "%s_bucket{tool=\"%s\",le=\"+Inf\"} %" PRIu64 "\n", name, tool, n);
        lk_buf_printf(out, "%s_sum{tool=\"%s\"} %.3f\n", name, tool, (double)sum.ms / 1000);
        lk_buf_printf(out, "%s_count{tool=\"%s\"} %" PRIu64 "\n", name, tool, n);
    }
}

static void put_turns(const struct service *service, struct lk_buf *out)
{
    struct mcp_gate_count count = mcp_gate_count(service->shared->gate);

    put_one(out, "looker_mcp_calls_in_flight", "gauge", "Calls that run now.", count.running);
    put_one(out, "looker_mcp_calls_queued", "gauge", "Calls that wait for their turn now.",
            count.waiting);
    put_one(out, "looker_mcp_calls_refused_total", "counter",
            "Calls that found no place to wait, or lost it to another caller.", count.refused);
}

/* ---- Looker ---- */

static void put_requests(const struct service *service, struct lk_buf *out)
{
    static const char *const classes[] = {"none", "2xx", "3xx", "4xx", "5xx"};

    begin(out, "looker_mcp_upstream_requests_total", "counter",
          "Requests to Looker, by operation and class of status (none: no answer).");
    for (size_t op = 0; op < LOOKER_OP_COUNT; op++) {
        for (size_t class = 0; class < LK_API_CLASSES; class ++) {
            uint64_t n = 0;

            for (unsigned w = 0; w < service->n_seats; w++)
                n += service->seats[w].worker.looker.by_operation[op][class];
            if (n != 0)
                lk_buf_printf(out,
                              "looker_mcp_upstream_requests_total{operation=\"%s\",code=\"%s\"} "
                              "%" PRIu64 "\n",
                              looker_ops[op].id, classes[class], n);
        }
    }
}

static void put_looker(const struct service *service, struct lk_buf *out)
{
    uint64_t limited = 0, unavailable = 0, network = 0;
    int64_t sessions = 0;

    for (unsigned w = 0; w < service->n_seats; w++) {
        const struct lk_api_counters *counters = &service->seats[w].worker.looker;

        limited += counters->retries_limited;
        unavailable += counters->retries_unavailable;
        network += counters->retries_network;
        sessions += counters->sessions;
    }
    begin(out, "looker_mcp_upstream_retries_total", "counter",
          "Requests that were sent again, by why: after a 429, a 502 or 503, or no answer.");
    lk_buf_printf(out,
                  "looker_mcp_upstream_retries_total{reason=\"limited\"} %" PRIu64 "\n"
                  "looker_mcp_upstream_retries_total{reason=\"unavailable\"} %" PRIu64 "\n"
                  "looker_mcp_upstream_retries_total{reason=\"network\"} %" PRIu64 "\n",
                  limited, unavailable, network);
    put_one(out, "looker_mcp_sessions", "gauge", "Sessions at Looker.",
            sessions > 0 ? (uint64_t)sessions : 0);
}

/* ---- branches ---- */

static void put_leases(const struct service *service, struct lk_buf *out)
{
    uint64_t held = 0, waiting = 0, stuck = 0, swaps = 0, given_back = 0, failed = 0;

    for (unsigned w = 0; w < service->n_seats; w++) {
        const struct lk_worker *worker = &service->seats[w].worker;

        held += worker->lease_count.held;
        waiting += worker->lease_count.waiting;
        stuck += worker->lease_count.stuck;
        swaps += worker->lease_count.swaps;
        given_back += worker->lease_count.given_back;
        failed += worker->lease_count.failed;
    }
    put_one(out, "looker_mcp_leases_held", "gauge", "Branches that calls have borrowed now.", held);
    put_one(out, "looker_mcp_leases_waiting", "gauge", "Calls that wait for a branch now.",
            waiting);
    put_one(out, "looker_mcp_leases_stuck", "gauge", "Branches that could not be given back yet.",
            stuck);
    put_one(out, "looker_mcp_branch_swaps_total", "counter", "Branches that were checked out.",
            swaps);
    put_one(out, "looker_mcp_branches_given_back_total", "counter",
            "Branches that were given back, those among them that a crash had left.", given_back);
    put_one(out, "looker_mcp_branch_swaps_failed_total", "counter",
            "Branches that could not be checked out or given back.", failed);
}

/* ---- HTTP ---- */

static void put_http(const struct service *service, struct lk_buf *out)
{
    const struct lk_http_listener *listener = service->listener;
    uint64_t failed = 0;

    put_one(out, "looker_mcp_connections", "gauge", "Client connections that are open.",
            lk_http_listener_connections(listener));
    put_one(out, "looker_mcp_connections_accepted_total", "counter", "Client connections accepted.",
            lk_http_listener_accepted(listener));
    put_one(out, "looker_mcp_connections_evicted_total", "counter",
            "Idle connections that were closed to make room for others.",
            lk_http_listener_evicted(listener));
    for (unsigned w = 0; w < service->n_seats; w++)
        failed += lk_http_server_failed_handshakes(service->seats[w].http);
    put_one(out, "looker_mcp_tls_handshakes_failed_total", "counter",
            "TLS handshakes that failed or took too long.", failed);
    begin(out, "looker_mcp_http_responses_total", "counter", "HTTP responses, by status.");
    for (size_t i = 0; lk_http_status(i) != 0; i++) {
        uint64_t n = 0;

        for (unsigned w = 0; w < service->n_seats; w++)
            n += lk_http_server_responses(service->seats[w].http, i);
        if (n != 0)
            lk_buf_printf(out, "looker_mcp_http_responses_total{code=\"%d\"} %" PRIu64 "\n",
                          lk_http_status(i), n);
    }
}

/* ---- the process ---- */

static uint64_t resident_bytes(void)
{
    unsigned long total = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "re");

    if (file != NULL && fscanf(file, "%lu %lu", &total, &resident) != 2)
        resident = 0;
    if (file != NULL)
        fclose(file);
    return (uint64_t)resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static double seconds(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

static void put_process(const struct service *service, struct lk_buf *out)
{
    struct rusage usage = {0};

    getrusage(RUSAGE_SELF, &usage);
    begin(out, "looker_mcp_build_info", "gauge", "Always 1; the version of this server.");
    lk_buf_printf(out, "looker_mcp_build_info{version=\"%s\"} 1\n", LK_VERSION);
    put_one(out, "looker_mcp_threads", "gauge", "Threads that serve.", service->n_seats);
    begin(out, "process_cpu_seconds_total", "counter", "User and system time of this process.");
    lk_buf_printf(out, "process_cpu_seconds_total %.2f\n",
                  seconds(usage.ru_utime) + seconds(usage.ru_stime));
    put_one(out, "process_resident_memory_bytes", "gauge", "Memory of this process.",
            resident_bytes());
    begin(out, "process_start_time_seconds", "gauge", "When this process began, Unix time.");
    lk_buf_printf(out, "process_start_time_seconds %" PRId64 "\n", service->shared->started_s);
}

void lk_service_write_metrics(void *arg, struct lk_buf *out)
{
    struct service *service = arg;

    put_outcomes(service, out);
    put_durations(service, out);
    put_turns(service, out);
    put_requests(service, out);
    put_looker(service, out);
    put_leases(service, out);
    put_http(service, out);
    put_process(service, out);
}
