/*
 * What went wrong with a transfer, said so that a user can act on it: kind, host and port, how far
 * it had come, the remedy; what curl says about it goes into the detail. Called by http.c.
 */
#include "rt/http_internal.h"

#include <errno.h>
#include <stdio.h>

struct place {
    char text[300]; /* "host:port" */
};

/* Host and port only: path and query can hold secrets. */
static struct place place_of(const char *url)
{
    struct place place = {"the server"};
    CURLU *parsed = curl_url();
    char *host = NULL, *port = NULL;

    if (parsed != NULL && curl_url_set(parsed, CURLUPART_URL, url, 0) == CURLUE_OK &&
        curl_url_get(parsed, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
        curl_url_get(parsed, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK)
        snprintf(place.text, sizeof(place.text), "%s:%s", host, port);
    curl_free(host);
    curl_free(port);
    curl_url_cleanup(parsed);
    return place;
}

static bool fail_in_queue(const struct lk_http_transfer *transfer, const char *where,
                          struct lk_error *err)
{
    const struct lk_http_request *request = transfer->request;
    const struct lk_http_options *options = &transfer->http->options;
    const char *name = options->max_in_flight_name;

    return lk_fail(
        err, LK_ERROR_LIMIT,
        "%u requests to %s were on their way already, the limit%s%s%s, and the turn of "
        "this one did not come within %llu ms, so it was not sent; try again when fewer "
        "calls are running",
        options->max_in_flight, where, name != NULL ? " (" : "", name != NULL ? name : "",
        name != NULL ? ")" : "",
        (unsigned long long)(request->queue_ms > 0 ? request->queue_ms : request->timeout_ms));
}

static bool fail_by_deadline(const struct lk_http_transfer *transfer, const char *where,
                             struct lk_error *err)
{
    unsigned long long ms = transfer->request->timeout_ms;
    curl_off_t sent_us = 0;

    if (!transfer->admitted)
        return fail_in_queue(transfer, where, err);
    curl_easy_getinfo(transfer->easy, CURLINFO_PRETRANSFER_TIME_T, &sent_us);
    if (transfer->body_bytes > 0 && lk_http_flows(transfer) && transfer->request->sink->endless)
        return lk_fail(err, LK_ERROR_TIMEOUT,
                       "the answer of %s stood still for %llu ms after %llu bytes of its body",
                       where, ms, (unsigned long long)transfer->body_bytes);
    if (transfer->header_bytes > 0)
        return lk_fail(err, LK_ERROR_TIMEOUT,
                       "the answer of %s was not complete within %llu ms: %zu bytes of its header "
                       "and %llu of its body had come",
                       where, ms, transfer->header_bytes, (unsigned long long)transfer->body_bytes);
    if (sent_us > 0)
        return lk_fail(err, LK_ERROR_TIMEOUT, "%s did not answer within %llu ms", where, ms);
    return lk_fail(err, LK_ERROR_TIMEOUT, "there was no connection with %s within %llu ms", where,
                   ms);
}

static bool fail_by_limit(const struct lk_http_transfer *transfer, const char *where,
                          struct lk_error *err)
{
    if (transfer->header_too_large || transfer->in_header)
        return lk_fail(err, LK_ERROR_LIMIT,
                       "the header of the answer of %s is larger than %zu bytes or %d lines", where,
                       LK_HTTP_MAX_HEADER_BYTES, LK_HTTP_MAX_HEADER_LINES);
    if (transfer->over_budget)
        return lk_fail(err, LK_ERROR_LIMIT,
                       "all answers that are in memory together would be larger than the limit of "
                       "%zu bytes; call again when fewer calls are running, or ask for less",
                       transfer->http->budget->max_bytes);
    return lk_fail(err, LK_ERROR_LIMIT,
                   "the answer of %s is larger than the limit of %zu bytes; ask for less: fewer "
                   "rows, fewer fields, or a page at a time",
                   where, transfer->body->buf.max_bytes);
}

static bool fail_cut_off(const struct lk_http_transfer *transfer, const char *where,
                         struct lk_error *err)
{
    if (transfer->header_bytes == 0)
        return lk_fail(err, LK_ERROR_NETWORK, "%s ended the connection without an answer", where);
    return lk_fail(err, LK_ERROR_NETWORK,
                   "the connection with %s ended before the answer was complete: %zu bytes of its "
                   "header and %llu of its body had come",
                   where, transfer->header_bytes, (unsigned long long)transfer->body_bytes);
}

static bool fail_to_connect(const struct lk_http_transfer *transfer, const char *where,
                            struct lk_error *err)
{
    long number = 0;

    curl_easy_getinfo(transfer->easy, CURLINFO_OS_ERRNO, &number);
    if (number == ECONNREFUSED)
        return lk_fail(err, LK_ERROR_NETWORK,
                       "%s refused the connection; check host and port, and that the server runs",
                       where);
    return lk_fail(err, LK_ERROR_NETWORK,
                   "there is no way to connect with %s (%s); check host, port, proxy and firewall",
                   where, number != 0 ? strerror((int)number) : "no reason given");
}

static bool fail_verification(const struct lk_http_transfer *transfer, const char *where,
                              struct lk_error *err)
{
    if (strstr(transfer->text, "subject name") != NULL)
        return lk_fail(err, LK_ERROR_TLS,
                       "the certificate of %s is for another name; use the host name that the "
                       "certificate is for",
                       where);
    return lk_fail(err, LK_ERROR_TLS,
                   "%s could not prove who it is; check its certificate, or point the CA file "
                   "setting at its issuer",
                   where);
}

/* The rest: one sentence each, in which %s stands for host and port. */
static const struct {
    CURLcode code;
    enum lk_error_kind kind;
    const char *before, *after;
} sentences[] = {
    {CURLE_COULDNT_RESOLVE_HOST, LK_ERROR_NETWORK, "there is no address for the host of ",
     "; check the name, and the DNS of this machine"},
    {CURLE_COULDNT_RESOLVE_PROXY, LK_ERROR_NETWORK, "there is no address for the proxy to ",
     "; check the proxy variables of the environment"},
    {CURLE_OPERATION_TIMEDOUT, LK_ERROR_TIMEOUT, "", " did not take the connection in time"},
    {CURLE_WEIRD_SERVER_REPLY, LK_ERROR_NETWORK, "",
     " answered, but not in HTTP; check scheme and port"},
    {CURLE_UNSUPPORTED_PROTOCOL, LK_ERROR_NETWORK, "",
     " answered, but not in HTTP/1.0 or later; check scheme and port"},
    {CURLE_URL_MALFORMAT, LK_ERROR_ARGUMENT, "the URL for ", " is malformed"},
    {CURLE_SSL_CONNECT_ERROR, LK_ERROR_TLS, "there is no TLS connection with ",
     "; check that it speaks TLS 1.2 or later at that port"},
    {CURLE_SSL_CACERT_BADFILE, LK_ERROR_TLS, "the CA file that ",
     " is to be checked with cannot be read; check the CA file setting"},
    {CURLE_OUT_OF_MEMORY, LK_ERROR_INTERNAL, "no memory for a request to ", ""},
};

static bool fail_by_table(const struct lk_http_transfer *transfer, const char *where,
                          struct lk_error *err)
{
    for (size_t i = 0; i < sizeof(sentences) / sizeof(sentences[0]); i++)
        if (sentences[i].code == transfer->result)
            return lk_fail(err, sentences[i].kind, "%s%s%s", sentences[i].before, where,
                           sentences[i].after);
    return lk_fail(err, LK_ERROR_NETWORK, "the exchange with %s failed", where);
}

static bool fail(const struct lk_http_transfer *transfer, const char *where, struct lk_error *err)
{
    if (!transfer->done) {
        if (transfer->expired)
            return fail_by_deadline(transfer, where, err);
        return lk_fail(err, LK_ERROR_CANCELLED, "cancelled while waiting for %s", where);
    }
    switch (transfer->result) {
    case CURLE_WRITE_ERROR:
        return fail_by_limit(transfer, where, err);
    case CURLE_OUT_OF_MEMORY: /* so curl calls a header line that is too long for it, too */
        if (transfer->in_header)
            return fail_by_limit(transfer, where, err);
        (void)fail_by_table(transfer, where, err);
        break;
    case CURLE_OK: /* curl takes the end of the connection for the end of the header */
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
    case CURLE_ABORTED_BY_CALLBACK: /* it would have been sent again */
    case CURLE_BAD_CONTENT_ENCODING:
        (void)fail_cut_off(transfer, where, err);
        break;
    case CURLE_COULDNT_CONNECT:
        (void)fail_to_connect(transfer, where, err);
        break;
    case CURLE_PEER_FAILED_VERIFICATION:
        (void)fail_verification(transfer, where, err);
        break;
    default:
        (void)fail_by_table(transfer, where, err);
        break;
    }
    if (transfer->result != CURLE_OK)
        lk_error_detail(err, "%s",
                        transfer->text[0] != '\0' ? transfer->text
                                                  : curl_easy_strerror(transfer->result));
    return false;
}

bool lk_http_fail(const struct lk_http_transfer *transfer, struct lk_error *err)
{
    struct place place = place_of(transfer->request->url);
    bool first = err != NULL && err->kind == LK_ERROR_NONE;

    if (!transfer->refused)
        (void)fail(transfer, place.text, err);
    if (first || (err != NULL && transfer->refused))
        err->unsent = !transfer->begun;
    return false;
}
