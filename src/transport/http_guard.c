/*
 * May this request come in? Two questions, each on its own: is it one request beyond doubt
 * (framing), and where does it come from (Host and Origin: browsers that were led here by a strange
 * page). Who calls is asked by http_auth.c. Called by http_routes.c.
 */
#include "transport/http_internal.h"

#include <stdio.h>

bool lk_http_list_any(struct lk_str list, bool (*each)(void *arg, struct lk_str item), void *arg)
{
    while (list.len != 0) {
        struct lk_str item = lk_str_trim(lk_str_take(&list, ','));

        if (item.len != 0 && each(arg, item))
            return true;
    }
    return false;
}

/* ---- framing ---- */

/* Cuts the next line off *text, without its end; counts those that end in LF alone. */
static struct lk_str next_line(struct lk_str *text, unsigned *bare)
{
    struct lk_str line = lk_str_take(text, '\n');

    if (line.len != 0 && line.ptr[line.len - 1] == '\r')
        line.len--;
    else
        ++*bare;
    return line;
}

static bool is_header(struct lk_str line, struct lk_str name)
{
    return line.len > name.len && line.ptr[name.len] == ':' &&
           lk_str_ieq(lk_str_n(line.ptr, name.len), name);
}

/* What the head of a request says of its own form: how many of each there are. */
struct form {
    unsigned lengths, chunked, hosts, folded, bare;
};

static struct form read_form(struct lk_str text)
{
    struct form form = {0};
    struct lk_str line = next_line(&text, &form.bare);

    if (line.len == 0) /* an empty line may come before a request */
        line = next_line(&text, &form.bare);
    while ((line = next_line(&text, &form.bare)).len != 0) {
        form.lengths += is_header(line, LK_STR("content-length"));
        form.chunked += is_header(line, LK_STR("transfer-encoding"));
        form.hosts += is_header(line, LK_STR("host"));
        form.folded += line.ptr[0] == ' ' || line.ptr[0] == '\t';
    }
    return form;
}

/* NULL: nothing. */
static const char *what_is_wrong(const struct form *form, bool before_1_1)
{
    if (form->bare > 0)
        return "a line of the head ends without CR";
    if (form->lengths + form->chunked > 1)
        return "more than one header says how long the body is";
    if (form->chunked > 0 && before_1_1)
        return "before HTTP/1.1 there is no Transfer-Encoding";
    if (form->folded > 0)
        return "a header goes on in the next line; write it in one";
    if (form->hosts > 1 || (form->hosts == 0 && !before_1_1))
        return "there must be one Host header";
    return NULL;
}

/*
 * Content-Length twice or next to Transfer-Encoding, and Host twice or missing, are what lets a
 * gateway and this server see different requests in the same bytes (RFC 9112 sections 3.2 and 6.3);
 * so is a line that goes on with the value of the header before it (section 5.2), or that ends in
 * LF alone (section 2.2), which some join and some take for a header. h2o takes the one or the
 * other and forgets the rest, so the head is read again, as it came: h2o keeps it at the beginning
 * of its input until the request is answered. The lines between chunks it does not keep, and takes
 * ones like "0x28" or "28 28" for something; so what comes behind a chunked body is not read.
 */
bool lk_http_guard_framing(h2o_req_t *req)
{
    const h2o_buffer_t *input = lk_http_connection(req)->sock->input;
    struct form form = read_form(lk_str_n(input->bytes, input->size));
    const char *wrong = what_is_wrong(&form, req->version < 0x101);

    if (wrong != NULL || form.chunked > 0)
        req->http1_is_persistent = 0; /* what follows may belong to either reading */
    if (wrong != NULL)
        lk_http_refuse(req, 400, wrong);
    return wrong == NULL;
}

/* ---- place ---- */

static bool same(void *arg, struct lk_str item)
{
    const struct lk_str *wanted = arg;

    return lk_str_ieq(*wanted, item);
}

/* host[:port], the port left out; an IPv6 address keeps its brackets. False when malformed. */
static bool host_of(struct lk_str authority, struct lk_str *ret_host)
{
    size_t len = 0;

    if (authority.len != 0 && authority.ptr[0] == '[') {
        const char *end = memchr(authority.ptr, ']', authority.len);

        if (end == NULL)
            return false;
        len = (size_t)(end - authority.ptr) + 1;
    } else {
        while (len < authority.len && authority.ptr[len] != ':')
            len++;
    }
    for (size_t i = len; i < authority.len; i++) {
        bool digit = authority.ptr[i] >= '0' && authority.ptr[i] <= '9';

        if (i == len ? authority.ptr[i] != ':' : !digit)
            return false;
    }
    *ret_host = lk_str_n(authority.ptr, len);
    return len != 0;
}

static bool is_loopback_name(struct lk_str host)
{
    return lk_str_ieq(host, LK_STR("localhost")) || lk_str_eq(host, LK_STR("127.0.0.1")) ||
           lk_str_eq(host, LK_STR("[::1]"));
}

static bool is_loopback_origin(struct lk_str origin)
{
    static const struct lk_str schemes[] = {LK_STR_INIT("http://"), LK_STR_INIT("https://")};
    struct lk_str host;

    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        if (origin.len <= schemes[i].len ||
            strncasecmp(origin.ptr, schemes[i].ptr, schemes[i].len) != 0)
            continue;
        origin.ptr += schemes[i].len;
        origin.len -= schemes[i].len;
        return host_of(origin, &host) && is_loopback_name(host);
    }
    return false;
}

static bool origin_allowed(const struct lk_http_server *server, struct lk_str origin)
{
    if (server->options.allowed_origins.len == 0)
        return is_loopback_origin(origin);
    return lk_http_list_any(server->options.allowed_origins, same, &origin);
}

static bool is_public_host(struct lk_str url, struct lk_str host)
{
    const char *at = url.len > 0 ? memmem(url.ptr, url.len, "://", 3) : NULL;
    struct lk_str authority, known;

    if (at == NULL)
        return false;
    authority = lk_str_n(at + 3, (size_t)(lk_str_end(url) - at - 3));
    authority = lk_str_take(&authority, '/');
    return host_of(authority, &known) && lk_str_ieq(known, host);
}

static bool host_allowed(const struct lk_http_server *server, h2o_req_t *req)
{
    struct lk_str host;

    if (server->options.allowed_hosts.len == 0 && !server->loopback_hosts_only)
        return true;
    if (!host_of(lk_str_n(req->input.authority.base, req->input.authority.len), &host))
        return false;
    if (is_public_host(server->options.public_url, host))
        return true;
    if (server->options.allowed_hosts.len == 0)
        return is_loopback_name(host);
    return lk_http_list_any(server->options.allowed_hosts, same, &host);
}

bool lk_http_guard_place(struct lk_http_server *server, h2o_req_t *req)
{
    struct lk_str origin = lk_http_header(req, LK_STR("origin"));
    char text[160];

    if (!host_allowed(server, req)) {
        snprintf(text, sizeof(text), "the Host header names no host of this server; add it to %s",
                 server->options.allowed_hosts_name);
        lk_http_refuse(req, 403, text);
        return false;
    }
    if (origin.len == 0)
        return true;
    if (!origin_allowed(server, origin)) {
        snprintf(text, sizeof(text), "this Origin may not call; add it to %s",
                 server->options.allowed_origins_name);
        lk_http_refuse(req, 403, text);
        return false;
    }
    lk_http_add_header(req, LK_STR("access-control-allow-origin"), origin);
    lk_http_add_header(req, LK_STR("access-control-expose-headers"),
                       LK_STR("WWW-Authenticate, X-Request-Id"));
    lk_http_add_header(req, LK_STR("vary"), LK_STR("Origin"));
    return true;
}
