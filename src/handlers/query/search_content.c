/*
 * search_content: one call, with results that Looker marks as hidden left out. (Looker's published
 * answer has no such mark, which is why a manifest row cannot say this.)
 */
#include "handlers/ask.h"
#include "handlers/bind.h"
#include "handlers/context.h"
#include "handlers/explore/fields.h"
#include "handlers/listing.h"
#include "looker_tools.h"

static const struct lk_projection result_fields[] = {
    {.name = "certification_status"},
    {.name = "content_id"},
    {.name = "description"},
    {.name = "folder_id"},
    {.name = "folder_name"},
    {.name = "hidden"},
    {.name = "model"},
    {.name = "title"},
    {.name = "type"},
    {.name = "view_count"},
};
static const struct lk_projection result_projection = {
    .fields = result_fields,
    .n_fields = sizeof(result_fields) / sizeof(result_fields[0]),
};

bool lk_handler_search_content(struct mcp_call *call, const void *args_, struct lk_error *err)
{
    const struct looker_search_content_args *args = args_;
    struct lk_arena *arena = mcp_call_arena(call);
    struct looker_search_content_params params = {
        .terms = args->query_string,
        .types = lk_join_comma(arena, &args->types),
        .limit = args->limit,
        .offset = args->offset,
    };
    const struct lk_page page = {
        .request = looker_search_content(&params),
        .offset = args->offset.value,
        .limit = args->limit.value,
        .leaves_out = lk_is_true(args->include_hidden) ? NULL : lk_is_hidden,
        .projection = &result_projection,
    };

    return lk_answer_page(call, &page, err);
}
