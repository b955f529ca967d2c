/*
 * One HTTP exchange with Looker: the request goes out with its headers, the answer is judged by
 * status and media type, and a failing one becomes an error that says what Looker said. Does not
 * know sessions (api/session.c) and never tries twice (api/api.c).
 */
#include "api/exchange.h"

#include "api/echo.h"
#include "api/request.h"
#include "api/retry.h"
#include "base/random.h"
#include "looker_ops.h"
#include "json/scan.h"

#define MAX_FORWARDED_BODY_BYTES ((size_t)8 * 1024)

static enum lk_media media_of(struct lk_str content_type)
{
    static const struct {
        struct lk_str name;
        enum lk_media media;
    } types[] = {
        {LK_STR_INIT("application/json"), LK_MEDIA_JSON},
        {LK_STR_INIT("image/png"), LK_MEDIA_PNG},
        {LK_STR_INIT("image/jpeg"), LK_MEDIA_JPEG},
        {LK_STR_INIT("image/svg+xml"), LK_MEDIA_SVG},
        {LK_STR_INIT("application/pdf"), LK_MEDIA_PDF},
        {LK_STR_INIT("text/html"), LK_MEDIA_HTML},
    };
    struct lk_str name = lk_str_trim(lk_str_take(&content_type, ';'));

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (lk_str_ieq(name, types[i].name))
            return types[i].media;
    }
    return LK_MEDIA_TEXT;
}

/* What the status means for whoever called, and what to do about it. */
static const char *status_message(int status)
{
    static const struct {
        int status;
        const char *message;
    } messages[] = {
        {400, "Looker refused the request as malformed; see detail"},
        {401, "Looker does not accept the session"},
        {402, "Looker's licence does not allow this"},
        {403, "permission denied: the Looker user lacks a permission or access for this"},
        {404, "Looker has no such thing, or its user may not see it; check the id or name"},
        {405, "Looker does not allow this here"},
        {409, "conflict: it exists already, or something changed it meanwhile"},
        {410, "Looker says that this is gone"},
        {413, "the request is larger than Looker takes; send less at once"},
        {415, "Looker does not take this type of content"},
        {422, "Looker found the values invalid; detail says which"},
        {429, "Looker is limiting requests; wait and call again"},
        {501, "this Looker does not have that function"},
        {502, "the gateway in front of Looker could not reach it; call again later"},
        {503, "Looker is not available at the moment; call again later"},
        {504, "the gateway in front of Looker waited too long; ask for less, or call again"},
    };

    for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
        if (messages[i].status == status)
            return messages[i].message;
    }
    if (status >= 300 && status < 400)
        return "Looker redirects elsewhere; LOOKER_BASE_URL should be the address of its API";
    return status >= 500 ? "Looker failed internally; call again later" : "Looker refused";
}

/* The HTTP client knows what went wrong, but not what users call the settings that would help. */
static void name_setting(const struct lk_exchange *exchange, struct lk_error *err)
{
    if (err->kind == LK_ERROR_TIMEOUT && exchange->timeout_ms == 0)
        lk_error_advise(err, "LOOKER_TIMEOUT sets how long to wait");
    else if (err->kind == LK_ERROR_TLS)
        lk_error_advise(err, "the CA file setting is LOOKER_CA_FILE");
    else if (err->kind == LK_ERROR_NETWORK)
        lk_error_advise(err, "Looker's address is LOOKER_BASE_URL");
}

/* "message; field: message; …" of Looker's Error and ValidationError. */
static void describe_failure(struct lk_arena *arena, struct lk_str body, struct lk_error *err)
{
    struct lk_str message = lk_json_get_string(arena, body, LK_STR("message"));
    struct lk_str errors, item;
    struct lk_buf text;

    lk_buf_init(&text, 4096);
    lk_buf_str(&text, message);
    if (lk_json_get(body, LK_STR("errors"), &errors)) {
        struct lk_json_iter it = lk_json_iter(errors);

        while (lk_json_next(&it, NULL, &item)) {
            struct lk_str field = lk_json_get_string(arena, item, LK_STR("field"));
            struct lk_str what = lk_json_get_string(arena, item, LK_STR("message"));

            if (what.len == 0)
                what = lk_json_get_string(arena, item, LK_STR("code"));
            if (text.len > 0)
                lk_buf_lit(&text, "; ");
            if (field.len > 0)
                lk_buf_printf(&text, "%.*s: ", LK_STR_ARG(field));
            lk_buf_str(&text, what);
        }
    }
    if (text.len > 0)
        lk_error_detail(err, "%.*s", LK_STR_ARG(lk_buf_view(&text)));
    lk_buf_free(&text);
}

/* What callers and the log get to see must not contain the credentials that were in the request,
 * nor what it was to set. */
static bool repeats_credentials(const struct lk_api_options *options, const char *token,
                                const struct lk_wire_request *wire, struct lk_arena *arena,
                                struct lk_str text)
{
    bool form = wire->content_type != NULL && strstr(wire->content_type, "form") != NULL;
    const struct lk_str secrets[] = {token != NULL ? lk_str(token) : (struct lk_str){0},
                                     options->client_secret};

    for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++) {
        if (secrets[i].len > 0 && text.len > 0 &&
            memmem(text.ptr, text.len, secrets[i].ptr, secrets[i].len) != NULL)
            return true;
    }
    return lk_echoes_secret(arena, wire->body, form, text);
}

/* Not inlined, as what follows with an error of its own: see lk_exchange_perform. */
static __attribute__((noinline)) bool
fail_with_status(const struct lk_api_options *options, const char *token,
                 const struct lk_wire_request *wire, struct lk_arena *arena,
                 const struct lk_http_answer *answer, struct lk_error *err)
{
    bool json = media_of(answer->content_type) == LK_MEDIA_JSON && answer->body.len > 0 &&
                lk_json_check(answer->body, LK_JSON_MAX_DEPTH, 0, NULL);

    if ((answer->status == 429 || answer->status == 503) && answer->retry_after_s >= 0)
        lk_fail(err, LK_ERROR_UPSTREAM, "Looker %s; wait %lld s and call again",
                answer->status == 429 ? "is limiting requests" : "is not available at the moment",
                (long long)answer->retry_after_s);
    else
        lk_fail(err, LK_ERROR_UPSTREAM, "%s", status_message(answer->status));
    err->status = answer->status;
    if (repeats_credentials(options, token, wire, arena, answer->body)) {
        lk_error_detail(err, "the answer repeats the credentials of the request, so it is left "
                             "out");
        return false;
    }
    if (json)
        describe_failure(arena, answer->body, err);
    else if (answer->body.len > 0)
        lk_error_detail(err, "the answer is %zu bytes of %.*s, not Looker's error format",
                        answer->body.len,
                        LK_STR_ARG(answer->content_type.len > 0 ? answer->content_type
                                                                : LK_STR("no stated type")));
    if (json && answer->body.len <= MAX_FORWARDED_BODY_BYTES)
        err->body = answer->body;
    return false;
}

/* HTML is text as well, but only where it was asked for: elsewhere it is some proxy's page. */
static uint8_t acceptable_media(const struct lk_api_request *request)
{
    const struct lk_type *params = request->op->params;
    const struct lk_field *field =
        params != NULL ? lk_type_field(params, LK_STR("result_format")) : NULL;
    struct lk_string format = {0};

    if (request->is_html)
        return request->op->answer_media | LK_MEDIA_HTML;
    if (field != NULL && field->kind == LK_KIND_STRING && request->params != NULL)
        memcpy(&format, (const char *)request->params + field->offset, sizeof(format));
    if (format.is == LK_PRESENT && lk_str_eq(format.value, LK_STR("html")))
        return request->op->answer_media | LK_MEDIA_HTML;
    return request->op->answer_media;
}

static bool declares(const struct lk_operation *op, int status)
{
    for (size_t i = 0; i < sizeof(op->success) / sizeof(op->success[0]); i++) {
        if (op->success[i] == status)
            return true;
    }
    return false;
}

/* Between rt/http and the sink of whoever called. */
struct pouring {
    const struct lk_exchange *exchange;
    bool begun;
};

/* What is none of what was asked for is refused before anybody takes it for that. */
static bool pour(void *arg, const struct lk_http_answer *head, struct lk_str bytes)
{
    struct pouring *pouring = arg;
    const struct lk_exchange *exchange = pouring->exchange;
    enum lk_media media = media_of(head->content_type);

    if (head->status == 202) /* what was asked for is not there yet: this is no part of it */
        return true;
    pouring->begun = true;
    if (exchange->poured != NULL)
        *exchange->poured = true;
    return (media & acceptable_media(&exchange->request)) != 0 &&
           exchange->sink->take(exchange->sink->arg, media, bytes);
}

/* A 2xx answer must be what the operation's row says. poured: the body is elsewhere. */
static __attribute__((noinline)) bool judge(const struct lk_api_request *request,
                                            const struct lk_http_answer *http, bool poured,
                                            struct lk_api_answer *ret_answer, struct lk_error *err)
{
    const struct lk_operation *op = request->op;
    struct lk_api_answer answer = {
        .status = http->status, .body = http->body, .stopped = http->stopped};
    bool structured = (op->answer.flags & LK_FIELD_LIST) || op->answer.kind == LK_KIND_OBJECT;

    if (http->body.len == 0 && !poured) {
        if (structured && (http->status != 204 || !declares(op, 204)))
            return lk_fail(err, LK_ERROR_PARSE, "Looker answered %s with nothing", op->id);
        *ret_answer = answer;
        return true;
    }
    answer.media = media_of(http->content_type);
    if ((answer.media & acceptable_media(request)) == 0)
        return lk_fail(
            err, LK_ERROR_PARSE,
            "Looker answered %s with %.*s, which is none of what it can answer; is "
            "LOOKER_BASE_URL the address of Looker's API (self-hosted: often port 19999), "
            "or is a sign-in page in between?",
            op->id,
            LK_STR_ARG(http->content_type.len > 0 ? http->content_type
                                                  : LK_STR("an answer without a type")));
    if (answer.media == LK_MEDIA_JSON && !poured) {
        struct lk_error json_error = {0};

        if (!lk_json_check(http->body, LK_JSON_MAX_DEPTH, 0, &json_error)) {
            lk_fail(err, LK_ERROR_PARSE, "Looker's answer to %s is not valid JSON", op->id);
            lk_error_detail(err, "%s", json_error.message);
            return false;
        }
    }
    *ret_answer = answer;
    return true;
}

/* status 0: no answer. */
static void count(struct lk_api_counters *counters, const struct lk_operation *op, int status)
{
    enum lk_api_class class = LK_API_NO_ANSWER;

    if (counters == NULL)
        return;
    if (status >= 200 && status <= 599)
        class = (enum lk_api_class)(LK_API_2XX + status / 100 - 2);
    counters->requests++;
    counters->failures += class != LK_API_2XX;
    counters->by_operation[op - looker_ops][class]++;
}

/* Appends the header lines by which the request can be followed; three at most. */
static size_t put_trace(const struct lk_trace *trace, struct lk_arena *arena, const char **lines)
{
    struct lk_random random = {0}; /* a span needs no more than to differ from others */
    struct lk_buf parent;
    size_t n = 0;

    if (trace == NULL)
        return 0;
    if (trace->id.len > 0) {
        lk_buf_init(&parent, LK_TRACE_PARENT_BYTES);
        lk_trace_put_parent(&parent, trace, lk_random_next(&random) | 1);
        lines[n++] =
            lk_arena_printf(arena, "traceparent: %.*s", LK_STR_ARG(lk_buf_view(&parent))).ptr;
        lk_buf_free(&parent);
    }
    if (trace->state.len > 0)
        lines[n++] = lk_arena_printf(arena, "tracestate: %.*s", LK_STR_ARG(trace->state)).ptr;
    if (trace->baggage.len > 0)
        lines[n++] = lk_arena_printf(arena, "baggage: %.*s", LK_STR_ARG(trace->baggage)).ptr;
    return n;
}

/* What waits for its turn may use the time that the call has left, but for a tenth: a request that
 * is sent when the call is about to end helps nobody. */
static uint64_t queue_ms(const struct lk_api_options *options, const struct lk_exchange *exchange)
{
    uint64_t now_ms = lk_loop_now_ms(options->loop);

    if (exchange->until_ms == 0)
        return 0;
    return exchange->until_ms > now_ms ? (exchange->until_ms - now_ms) / 10 * 9 + 1 : 1;
}

static __attribute__((noinline)) bool perform_unheard(const struct lk_api_options *options,
                                                      struct lk_str root, struct lk_arena *arena,
                                                      const struct lk_exchange *exchange,
                                                      struct lk_api_answer *ret_answer,
                                                      int64_t *ret_retry_after_s)
{
    struct lk_error unheard = {0};

    return lk_exchange_perform(options, root, arena, exchange, ret_answer, ret_retry_after_s,
                               &unheard);
}

/* Ten thousand of these may be on as many stacks: what is large and seldom needed stands in
 * functions of its own. */
bool lk_exchange_perform(const struct lk_api_options *options, struct lk_str root,
                         struct lk_arena *arena, const struct lk_exchange *exchange,
                         struct lk_api_answer *ret_answer, int64_t *ret_retry_after_s,
                         struct lk_error *err)
{
    const struct lk_operation *op = exchange->request.op;
    struct pouring pouring = {.exchange = exchange};
    const struct lk_http_sink sink = {pour, &pouring,
                                      exchange->sink != NULL && exchange->sink->endless};
    const char *headers[7];
    struct lk_wire_request wire;
    struct lk_http_answer answer;
    size_t n = 0;

    if (err == NULL)
        return perform_unheard(options, root, arena, exchange, ret_answer, ret_retry_after_s);
    if (ret_retry_after_s != NULL)
        *ret_retry_after_s = -1;
    if (!lk_request_build(arena, root, exchange->request, &wire, err))
        return false;
    /* As Looker's own SDKs do, so that System Activity shows who asked. */
    headers[n++] = "x-looker-appid: looker-mcp-server " LK_VERSION;
    if (exchange->token != NULL)
        headers[n++] = lk_arena_printf(arena, "Authorization: token %s", exchange->token).ptr;
    if (wire.content_type != NULL)
        headers[n++] = lk_arena_printf(arena, "Content-Type: %s", wire.content_type).ptr;
    n += put_trace(exchange->trace, arena, headers + n);
    headers[n] = NULL;
    if (!lk_http_perform(options->http,
                         &(struct lk_http_request){
                             .method = lk_method_name((enum lk_method)op->method),
                             .url = wire.url,
                             .headers = headers,
                             .body = wire.body,
                             .has_body = wire.content_type != NULL,
                             .begun = exchange->request.attempt != NULL
                                          ? &exchange->request.attempt->begun
                                          : NULL,
                             .once = !lk_may_be_repeated(op),
                             .queue_ms = queue_ms(options, exchange),
                             .timeout_ms = exchange->timeout_ms != 0 ? exchange->timeout_ms
                                                                     : options->timeout_ms,
                             .max_answer_bytes = options->max_answer_bytes,
                             .sink = exchange->sink != NULL ? &sink : NULL,
                             .may_go = exchange->may_go,
                             .may_go_arg = exchange->may_go_arg,
                         },
                         arena, &answer, err)) {
        count(options->counters, op, 0);
        name_setting(exchange, err);
        return false;
    }
    count(options->counters, op, answer.status);
    if (ret_retry_after_s != NULL)
        *ret_retry_after_s = answer.retry_after_s;
    if (answer.status < 200 || answer.status > 299)
        return fail_with_status(options, exchange->token, &wire, arena, &answer, err);
    return judge(&exchange->request, &answer, pouring.begun, ret_answer, err);
}
