/*
 * Links to whole results, and their download (export.h). CSV goes out byte for byte as Looker sends
 * it; of JSON each row becomes a line. Called by run.c and query.c, and by the core for downloads.
 *
 *     link:  https://host/export/ base64url( MAC, JSON )
 *     JSON:  {"e":expiry,"s":subject,"u":act_as_user,"c":cursor}
 */
#include "handlers/query/export.h"

#include "base/base64.h"
#include "handlers/ask.h"
#include "handlers/rows_internal.h"
#include "looker_ops.h"
#include "json/flow.h"
#include "json/scan.h"

#include <stdio.h>
#include <time.h>

#define MAC_BYTES 32
#define MAX_LINK_BYTES ((size_t)24 * 1024)
#define MAX_ROW_BYTES ((size_t)4 * 1024 * 1024)
#define MAX_LINE_BYTES (MAX_ROW_BYTES + 64 * 1024)
#define MAX_ERROR_BYTES ((size_t)64 * 1024)
/* So much of CSV is looked at before any is sent: enough to know a web page by. */
#define FIRST_LOOK_BYTES 1024

/* ---- the tool ---- */

struct export_args {
    struct lk_string link;
    struct lk_string act_as_user; /* out of the link */
};

static const struct lk_field export_fields[] = {
    {.name = "act_as_user",
     .kind = LK_KIND_STRING,
     .offset = offsetof(struct export_args, act_as_user)},
    {.name = "link",
     .kind = LK_KIND_STRING,
     .flags = LK_FIELD_REQUIRED,
     .offset = offsetof(struct export_args, link)},
};

static const struct lk_type export_type = {
    .name = "export",
    .size = sizeof(struct export_args),
    .fields = export_fields,
    .n_fields = sizeof(export_fields) / sizeof(export_fields[0]),
};

static const struct mcp_group export_group = {"export", "Downloads of whole results.", true};

static bool run_export(struct mcp_call *call, const void *args, struct lk_error *err);

const struct mcp_tool lk_export_tool = {
    .name = "export",
    .title = "Download of a result",
    .description = "What a resource_link of a query leads to.",
    .group = &export_group,
    .input_schema = "{\"type\":\"object\"}",
    .args = &export_type,
    .run = run_export,
    .hints = MCP_READ_ONLY | MCP_IDEMPOTENT | MCP_OPEN_WORLD,
};

/* ---- links ---- */

static struct lk_str subject_of(const struct mcp_call *call)
{
    const struct mcp_caller *caller = mcp_call_caller(call);

    return caller != NULL ? caller->subject : (struct lk_str){0};
}

bool lk_export_can(struct mcp_call *call)
{
    const struct lk_tool_context *context = lk_tool_context(call);

    return context->seal != NULL && mcp_call_origin(call).len > 0;
}

/* "https://host:port" */
static struct lk_str base_of(struct mcp_call *call)
{
    struct lk_str base = lk_tool_context(call)->public_url;

    return base.len > 0 ? base : mcp_call_origin(call);
}

static void seal(const struct lk_tool_context *context, struct lk_str text, unsigned char *ret_mac)
{
    context->seal(context->seal_arg, text, ret_mac);
}

static struct lk_str write_link(struct mcp_call *call, const struct lk_cursor *what,
                                struct lk_str act_as_user)
{
    struct lk_arena *arena = mcp_call_arena(call);
    struct lk_buf plain, link;
    struct lk_json_writer w = lk_json_writer(&plain);
    unsigned char mac[MAC_BYTES] = {0};
    struct lk_str base = base_of(call), result = {0};

    lk_buf_init(&plain, MAX_LINK_BYTES);
    lk_buf_init(&link, 2 * MAX_LINK_BYTES);
    lk_buf_append(&plain, mac, MAC_BYTES);
    lk_json_begin_object(&w);
    lk_json_member_integer(&w, "e", (int64_t)time(NULL) + LK_EXPORT_SECONDS);
    lk_json_member_string(&w, "s", subject_of(call));
    lk_json_member_string(&w, "u", act_as_user);
    lk_json_member_string(&w, "c", lk_cursor_write(arena, what));
    lk_json_end_object(&w);
    if (!plain.overflow) {
        seal(lk_tool_context(call), lk_str_n(plain.ptr + MAC_BYTES, plain.len - MAC_BYTES), mac);
        memcpy(plain.ptr, mac, MAC_BYTES);
        lk_buf_printf(&link, "%.*s/export/", LK_STR_ARG(base));
        if (lk_base64url(&link, lk_buf_view(&plain)))
            result = lk_arena_str(arena, lk_buf_view(&link));
    }
    lk_buf_free(&plain);
    lk_buf_free(&link);
    return result;
}

static bool is_csv(const struct lk_cursor *what)
{
    return lk_str_eq(what->format, LK_STR("csv"));
}

static struct lk_str name_of(struct lk_arena *arena, const struct lk_cursor *what)
{
    bool look = what->look_id.len > 0;
    struct lk_str id = look ? what->look_id : what->query_id;
    char safe[41];
    size_t n = 0;

    for (size_t i = 0; i < id.len && n < sizeof(safe) - 1; i++) {
        if ((id.ptr[i] >= '0' && id.ptr[i] <= '9') ||
            ((id.ptr[i] | 0x20) >= 'a' && (id.ptr[i] | 0x20) <= 'z'))
            safe[n++] = id.ptr[i];
    }
    safe[n] = '\0';
    return lk_arena_printf(arena, "%s-%s.%s", look ? "look" : "query", safe,
                           is_csv(what) ? "csv" : "jsonl");
}

static struct lk_str type_of(const struct lk_cursor *what)
{
    return is_csv(what) ? LK_STR("text/csv") : LK_STR("application/x-ndjson");
}

bool lk_export_answer(struct mcp_call *call, const char *name, struct lk_str object,
                      const struct lk_projection *projection, struct lk_cursor *what,
                      const struct lk_export_ask *ask, struct lk_error *err)
{
    int64_t max = lk_tool_max_export_rows(lk_tool_context(call));
    struct lk_json_writer w = lk_json_writer(mcp_call_answer(call));
    bool csv = lk_str_eq(ask->format, LK_STR("csv"));
    struct lk_str link;

    if (what->dev)
        return lk_fail(
            err, LK_ERROR_UNSUPPORTED,
            "export is of production: a download would keep the dev workspace from "
            "others for as long as its reader takes; leave export out and go on with the "
            "cursor of a cut answer");
    if (csv && what->fields.len > 0)
        return lk_fail(err, LK_ERROR_ARGUMENT,
                       "fields picks columns of JSON rows; with export csv leave it out");
    what->format = csv ? LK_STR("csv") : LK_STR("json");
    what->limit = ask->limit > 0 && ask->limit < max ? ask->limit : max;
    link = lk_export_offer(call, what, ask->act_as_user);
    if (link.len == 0)
        return lk_fail(err, LK_ERROR_UNSUPPORTED,
                       "export answers with a link, which this server can serve over HTTP only "
                       "(--transport streamable-http); here leave it out and go on with the cursor "
                       "of a cut answer, with max_bytes up to 4194304");
    lk_json_begin_object(&w);
    lk_json_key(&w, name);
    if (!lk_project(object, projection, false, w.buf, err))
        return false;
    w.comma = true;
    lk_json_key(&w, "export");
    lk_json_begin_object(&w);
    lk_json_member_string(&w, "uri", link);
    lk_json_member_string(&w, "format", ask->format);
    lk_json_member_integer(&w, "limit", what->limit);
    if (ask->limit > max)
        lk_json_member_string(
            &w, "limit_note",
            lk_arena_printf(mcp_call_arena(call),
                            "limit %lld is above this server's maximum of %lld rows "
                            "(LOOKER_MAX_EXPORT_ROWS) and was lowered to it",
                            (long long)ask->limit, (long long)max));
    lk_json_member_integer(&w, "expires_in_s", LK_EXPORT_SECONDS);
    lk_json_end_object(&w);
    lk_json_end_object(&w);
    return true;
}

struct lk_str lk_export_offer(struct mcp_call *call, const struct lk_cursor *what,
                              struct lk_str act_as_user)
{
    struct lk_cursor whole = *what;
    struct lk_str link;

    if (!lk_export_can(call) || what->dev)
        return (struct lk_str){0};
    whole.row = 0;
    whole.mark = 0;
    whole.max_bytes = 0;
    whole.format = is_csv(what) ? what->format : LK_STR("json");
    link = write_link(call, &whole, act_as_user);
    if (link.len == 0)
        return link;
    mcp_call_add_content(
        call, &(struct mcp_content){
                  .kind = MCP_CONTENT_LINK,
                  .uri = link,
                  .name = name_of(mcp_call_arena(call), &whole),
                  .mime_type = type_of(&whole),
                  .description = lk_arena_printf(
                      mcp_call_arena(call),
                      "All rows (%lld at most) as %s. GET it within %d minutes, authorized as for "
                      "/mcp.",
                      (long long)whole.limit, is_csv(&whole) ? "CSV" : "JSON lines",
                      LK_EXPORT_SECONDS / 60),
              });
    return link;
}

/* The JSON in a link that this server, or one with the same key, has sealed. */
static bool unseal(struct mcp_call *call, struct lk_str link, struct lk_str *ret_json)
{
    struct lk_arena *arena = mcp_call_arena(call);
    unsigned char *bytes, mac[MAC_BYTES];
    struct lk_str json;
    size_t len = 0;

    if (link.len > 2 * MAX_LINK_BYTES)
        return false;
    bytes = lk_arena_alloc(arena, link.len + 1);
    if (!lk_base64url_decode(link, bytes, &len) || len <= MAC_BYTES)
        return false;
    json = lk_str_n((const char *)bytes + MAC_BYTES, len - MAC_BYTES);
    seal(lk_tool_context(call), json, mac);
    if (!lk_str_eq_secret(lk_str_n((const char *)mac, MAC_BYTES),
                          lk_str_n((const char *)bytes, MAC_BYTES)) ||
        !lk_json_check(json, 4, 0, NULL))
        return false;
    *ret_json = json;
    return true;
}

bool lk_export_open(struct mcp_call *call, struct lk_error *err)
{
    struct export_args *args = (struct export_args *)(uintptr_t)mcp_call_args(call);
    struct lk_arena *arena = mcp_call_arena(call);
    struct lk_str json, value, act_as_user;
    int64_t expiry = 0;

    if (mcp_call_tool(call) != &lk_export_tool)
        return true;
    if (lk_tool_context(call)->seal == NULL || !unseal(call, args->link.value, &json))
        return lk_fail(err, LK_ERROR_ARGUMENT,
                       "this is no link that this server has handed out, or not all of it; ask the "
                       "tool for another (links of another replica, or of before a restart, need "
                       "the same LOOKER_SIGNING_KEY or client secret)");
    if (!lk_json_get(json, LK_STR("e"), &value) || !lk_json_integer(value, &expiry) ||
        expiry < (int64_t)time(NULL))
        return lk_fail(err, LK_ERROR_ARGUMENT,
                       "the link has expired: links last %d minutes; ask the tool for another",
                       LK_EXPORT_SECONDS / 60);
    if (!lk_str_eq(lk_json_get_string(arena, json, LK_STR("s")), subject_of(call)))
        return lk_fail(err, LK_ERROR_AUTH, "the link was handed out to another caller");
    act_as_user = lk_json_get_string(arena, json, LK_STR("u"));
    args->act_as_user = act_as_user.len > 0 ? lk_string(act_as_user) : (struct lk_string){0};
    args->link = lk_string(lk_json_get_string(arena, json, LK_STR("c"))); /* what is left to read */
    return true;
}

/* ---- the download ---- */

struct download {
    struct mcp_call *call;
    const struct lk_cursor *what;
    bool begun;
    struct lk_json_flow flow;
    enum lk_media media; /* of what is held of CSV */
    struct lk_buf held;  /* lines that are whole; of CSV the beginning, until it was looked at */
    struct lk_projection *columns; /* or NULL */
    int64_t rows;
    struct lk_error error;
};

static bool begin(struct download *download)
{
    if (download->begun)
        return true;
    download->begun = true;
    return mcp_call_send_head(download->call, type_of(download->what),
                              name_of(mcp_call_arena(download->call), download->what),
                              &download->error);
}

/* Nothing before the first row, which may say that the query failed. */
static bool send_held(struct download *download)
{
    bool ok = download->held.len == 0 ||
              (begin(download) &&
               mcp_call_send(download->call, lk_buf_view(&download->held), &download->error));

    lk_buf_truncate(&download->held, 0);
    return ok;
}

/* ---- JSON lines ---- */

/* Of what is an object, and should have been a list: it may say why. */
static bool on_member(void *arg, struct lk_str key, struct lk_str value)
{
    struct download *download = arg;

    return lk_rows_check_member(mcp_call_arena(download->call), key, value, &download->error);
}

/* A row without the line breaks that stand between its parts; inside a string there are none. */
static bool on_row(void *arg, struct lk_str row)
{
    struct download *download = arg;
    struct lk_buf *held = &download->held;
    size_t before = held->len;

    if (download->rows++ == 0 &&
        (!lk_rows_check_row(mcp_call_arena(download->call), row, &download->error) ||
         !lk_rows_check_columns(row, download->columns, &download->error)))
        return false;
    if (!lk_project(row, download->columns, false, held, &download->error))
        return false;
    for (size_t i = before; i < held->len; i++) {
        if (held->ptr[i] == '\n' || held->ptr[i] == '\r')
            held->ptr[i] = ' ';
    }
    return lk_buf_char(held, '\n') || lk_fail(&download->error, LK_ERROR_LIMIT,
                                              "one row is larger than %zu bytes", MAX_ROW_BYTES);
}

static bool take_lines(struct download *download, enum lk_media media, struct lk_str bytes)
{
    struct lk_error why = {0};

    if (media != LK_MEDIA_JSON)
        return lk_rows_fail_kind(&download->error, download->what->format, "text");
    if (lk_json_flow_feed(&download->flow, bytes, &why))
        return send_held(download);
    return why.kind != LK_ERROR_NONE && lk_rows_fail_json(&download->error, &why);
}

static bool end_lines(struct download *download)
{
    const struct lk_json_flow *flow = &download->flow;
    struct lk_error why = {0};

    if (!lk_json_flow_end(flow, &why))
        return lk_rows_fail_json(&download->error, &why);
    return (flow->has_list ||
            lk_rows_fail_kind(&download->error, download->what->format, "an object that has none"));
}

/* ---- CSV ---- */

/* Whether it is no error, nor a page of something in between. JSON is never CSV. */
static bool check_held(struct download *download)
{
    struct lk_str format = download->what->format;
    struct lk_api_answer answer = {.media = download->media, .body = lk_buf_view(&download->held)};
    bool json = answer.media == LK_MEDIA_JSON && answer.body.len > 0;

    if (json && !lk_json_check(answer.body, LK_JSON_MAX_DEPTH, 0, NULL))
        return lk_rows_fail_kind(&download->error, format, "JSON");
    return lk_rows_check(mcp_call_arena(download->call), &answer, format, &download->error) &&
           (!json || lk_rows_fail_kind(&download->error, format, "JSON"));
}

static bool take_csv(struct download *download, enum lk_media media, struct lk_str bytes)
{
    struct lk_buf *held = &download->held;

    if (download->begun)
        return mcp_call_send(download->call, bytes, &download->error);
    download->media = media;
    if (media == LK_MEDIA_JSON && held->len + bytes.len > MAX_ERROR_BYTES)
        return lk_rows_fail_kind(&download->error, download->what->format, "JSON");
    if (!lk_buf_str(held, bytes)) /* one piece of the transfer is never that large */
        return lk_fail(&download->error, LK_ERROR_INTERNAL, "no room for %zu bytes", bytes.len);
    return media == LK_MEDIA_JSON || held->len < FIRST_LOOK_BYTES ||
           (check_held(download) && send_held(download));
}

static bool end_csv(struct download *download)
{
    return download->begun || (check_held(download) && send_held(download));
}

/* ---- both ---- */

static bool take(void *arg, enum lk_media media, struct lk_str bytes)
{
    struct download *download = arg;

    return is_csv(download->what) ? take_csv(download, media, bytes)
                                  : take_lines(download, media, bytes);
}

static bool transfer(struct download *download, struct lk_error *err)
{
    struct mcp_call *call = download->call;
    const struct lk_api_sink sink = {.take = take, .arg = download, .endless = true};
    const struct lk_tool_context *context = lk_tool_context(call);
    const struct lk_cursor *what = download->what;
    struct looker_run_query_params query = {
        .query_id = lk_string(what->query_id),
        .result_format = lk_string(what->format),
        .limit = lk_integer(what->limit),
        .apply_formatting = lk_boolean(what->apply_formatting),
        .apply_vis = lk_boolean(what->apply_vis),
        .server_table_calcs = lk_boolean(what->server_table_calcs),
        .cache = lk_boolean(!what->no_cache),
    };
    struct looker_run_look_params look = {
        .look_id = lk_string(what->look_id),
        .result_format = lk_string(what->format),
        .limit = lk_integer(what->limit),
        .apply_formatting = lk_boolean(what->apply_formatting),
        .apply_vis = lk_boolean(what->apply_vis),
        .cache = lk_boolean(!what->no_cache),
    };
    struct lk_api_answer answer;
    bool ok;

    ok = lk_api_stream(context->api, mcp_call_arena(call),
                       what->look_id.len > 0 ? looker_run_look(&look) : looker_run_query(&query),
                       context->call_timeout_ms /* for the query to run */, &sink, &answer, err);
    if (!ok)
        return lk_explain_status(err, 404,
                                 "what the link leads to is gone, or there is no access "
                                 "to it");
    if (download->error.kind == LK_ERROR_NONE &&
        (is_csv(download->what) ? end_csv(download) : end_lines(download)) &&
        begin(download)) /* of nothing at all */
        return true;
    *err = download->error;
    return false;
}

static bool run_export(struct mcp_call *call, const void *args_, struct lk_error *err)
{
    const struct export_args *args = args_;
    struct lk_arena *arena = mcp_call_arena(call);
    struct download download = {.call = call};
    struct lk_cursor what;
    bool ok;

    if (!lk_cursor_read(arena, args->link.value, &what, err))
        return false;
    download.what = &what;
    if (what.fields.len > 0)
        download.columns = lk_rows_columns(arena, &what.fields);
    lk_json_flow_init(&download.flow, &(struct lk_json_flow_options){
                                          .max_item_bytes = MAX_ROW_BYTES,
                                          .max_member_bytes = MAX_ROW_BYTES,
                                          .item = on_row,
                                          .member = on_member,
                                          .arg = &download,
                                      });
    lk_buf_init(&download.held, MAX_LINE_BYTES);
    ok = transfer(&download, err);
    lk_json_flow_free(&download.flow);
    lk_buf_free(&download.held);
    return ok;
}
