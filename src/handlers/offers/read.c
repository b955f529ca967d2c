/*
 * Resources that need more than the answer of a tool: the text of a file, the definition of a Look,
 * and the list of explores. Called by the MCP core through the rows of offers.c.
 */
#include "handlers/ask.h"
#include "handlers/context.h"
#include "handlers/explore/fields.h"
#include "handlers/offers/internal.h"
#include "looker_ops.h"

#include <inttypes.h>
#include <stdio.h>

/* ---- a file ---- */

/* After get_file, whose answer has the text as a member. */
bool lk_read_file(struct mcp_call *call, struct lk_error *err)
{
    struct lk_arena *arena = mcp_call_arena(call);
    struct lk_str answer = lk_buf_view(mcp_call_answer(call)), content, next;

    if (!lk_json_get(answer, LK_STR("content"), &content) ||
        lk_json_type(content) != LK_JSON_STRING)
        return lk_fail(err, LK_ERROR_UNSUPPORTED, "%.*s",
                       LK_STR_ARG(lk_json_get_string(arena, answer, LK_STR("content_note"))));
    /* Half a file would look like a whole one. */
    if (lk_json_get(answer, LK_STR("next_offset"), &next))
        return lk_fail(err, LK_ERROR_LIMIT,
                       "the file is longer than one answer may be (LOOKER_MAX_RESULT_BYTES); read "
                       "it in pieces with get_file, dev_mode=false");
    mcp_call_add_content(call,
                         &(struct mcp_content){.kind = MCP_CONTENT_TEXT,
                                               .bytes = lk_json_decode_string(arena, content)});
    return true;
}

/* ---- a Look ---- */

bool lk_read_look(struct mcp_call *call, struct lk_error *err)
{
    struct looker_look_params params = {
        .look_id = lk_string(mcp_call_value(call, "id")),
        .fields =
            lk_string(LK_STR("id,title,description,folder(id,name),updated_at,last_viewed_at,"
                             "view_count,deleted,query(id,model,view,fields,pivots,filters,"
                             "filter_expression,sorts,limit,dynamic_fields,total,row_total)")),
    };
    struct lk_str look;

    if (!lk_ask(lk_tool_context(call)->api, mcp_call_arena(call), looker_look(&params),
                LK_JSON_OBJECT, &look, err))
        return lk_explain_status(err, 404, "there is no Look with the id %.*s, or no access to it",
                                 LK_STR_ARG(params.look_id.value));
    mcp_call_add_content(call, &(struct mcp_content){.kind = MCP_CONTENT_TEXT, .bytes = look});
    return true;
}

/* ---- the explores ---- */

#define PAGE 100
#define LISTED_MAX 500 /* clients read all pages at once; the rest is found by completion */
#define MAX_DESCRIPTION_BYTES 200

/* Explores from the cursor on; as many as a page has. */
struct page {
    struct mcp_call *call;
    int64_t from, seen; /* explores; that the pages before had, that have come by */
};

/* False when the page is full. */
static bool list_explore(struct page *page, struct lk_str model, struct lk_str explore)
{
    struct lk_arena *arena = mcp_call_arena(page->call);
    const struct lk_str values[] = {model, lk_json_get_string(arena, explore, LK_STR("name"))};
    struct lk_buf uri;

    if (lk_is_hidden(explore) || model.len == 0 || values[1].len == 0)
        return true;
    if (page->seen++ < page->from)
        return true;
    if (page->seen > page->from + PAGE)
        return false;
    lk_buf_init(&uri, 64 + 3 * (model.len + values[1].len));
    mcp_uri_write(&uri, LK_EXPLORE_URI, values);
    mcp_call_add_resource(
        page->call,
        &(struct mcp_listed_resource){
            .uri = lk_buf_view(&uri),
            .name = lk_arena_printf(arena, "%.*s/%.*s", LK_STR_ARG(model), LK_STR_ARG(values[1])),
            .title = lk_json_get_string(arena, explore, LK_STR("label")),
            .description = lk_str_cut(lk_json_get_string(arena, explore, LK_STR("description")),
                                      MAX_DESCRIPTION_BYTES),
            .mime_type = LK_STR("application/json"),
        });
    lk_buf_free(&uri);
    return true;
}

static bool list_model(struct page *page, struct lk_str model)
{
    struct lk_str name = lk_json_get_string(mcp_call_arena(page->call), model, LK_STR("name"));
    struct lk_str explores, explore;

    if (!lk_json_get(model, LK_STR("explores"), &explores))
        return true;
    struct lk_json_iter it = lk_json_iter(explores);
    while (lk_json_next(&it, NULL, &explore)) {
        if (!list_explore(page, name, explore))
            return false;
    }
    return true;
}

/* How many explores the pages before had. */
static bool read_cursor(struct lk_str cursor, int64_t *ret_from)
{
    int64_t from = 0;

    if (cursor.len >= 10)
        return false;
    for (size_t i = 0; i < cursor.len; i++) {
        if (cursor.ptr[i] < '0' || cursor.ptr[i] > '9')
            return false;
        from = 10 * from + (cursor.ptr[i] - '0');
    }
    *ret_from = from;
    return from > 0;
}

bool lk_list_explores(struct mcp_call *call, struct lk_str cursor, struct lk_error *err)
{
    struct looker_all_lookml_models_params params = {
        .fields = lk_string(LK_STR("name,explores(name,label,description,hidden)")),
        .exclude_hidden = lk_boolean(true),
    };
    struct page page = {.call = call};
    struct lk_str models, model;
    char next[32];

    if (cursor.ptr != NULL && !read_cursor(cursor, &page.from))
        return lk_fail(err, LK_ERROR_ARGUMENT, "unknown cursor; begin again without one");
    if (!lk_ask(lk_tool_context(call)->api, mcp_call_arena(call), looker_all_lookml_models(&params),
                LK_JSON_ARRAY, &models, err))
        return false;
    struct lk_json_iter it = lk_json_iter(models);
    while (lk_json_next(&it, NULL, &model)) {
        if (list_model(&page, model))
            continue;
        if (page.from + PAGE >= LISTED_MAX)
            break;
        snprintf(next, sizeof(next), "%" PRId64, page.from + PAGE);
        mcp_call_set_next_cursor(call, lk_str(next));
        break;
    }
    return true;
}
