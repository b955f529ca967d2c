/*
 * create_look: Looker saves Looks of queries that it has, so the query is made first.
 */
#include "handlers/content/parts.h"
#include "handlers/content/tile_query.h"
#include "handlers/query/validate.h"
#include "looker_tools.h"
#include "json/codec.h"
#include "json/project.h"

#define LOOK_FIELDS "id,title,description,folder_id,query_id,url,short_url"

static void write_look(struct lk_steps *steps, struct lk_str text)
{
    static const char *const members[] = {"id",       "title", "description", "folder_id",
                                          "query_id", "url",   "short_url"};
    struct lk_str value;

    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        if (lk_json_get(text, lk_str(members[i]), &value) && lk_json_type(value) != LK_JSON_NULL)
            lk_json_member_raw(&steps->w, members[i], value);
    }
}

bool lk_handler_create_look(struct mcp_call *call, const void *args_, struct lk_error *err)
{
    const struct looker_create_look_args *args = args_;
    struct looker_create_look_params params = {.fields = lk_string(LK_STR(LOOK_FIELDS))};
    struct looker_look_with_query look = {
        .title = args->title, .description = args->description, .folder_id = args->folder_id};
    struct looker_query query;
    struct lk_steps steps;
    struct lk_str text;

    /* 1. The query: the arguments without those of the Look. */
    if (!lk_query_from_args(call, args, &query, err) ||
        (lk_is_true(args->validate) && !lk_query_validate(call, &query, false, err)))
        return false;
    lk_steps_begin(&steps, call);
    if (!lk_query_create(&steps, &query, &look.query_id)) {
        lk_steps_not_done(&steps, "create_look", "it needs the query");
        return lk_steps_end(&steps, err);
    }

    /* 2. The Look that shows it. A query that no Look shows does no harm. */
    if (lk_steps_ask(&steps, "create_look", looker_create_look(&params, &look), LK_JSON_OBJECT,
                     &text)) {
        struct lk_str id = lk_json_get_string(mcp_call_arena(call), text, LK_STR("id"));
        write_look(&steps, text);
        lk_steps_done(&steps, "create_look", "Look %.*s", LK_STR_ARG(id));
        lk_steps_changed(&steps, "created Look %.*s", LK_STR_ARG(id));
    } else {
        lk_json_member_string(&steps.w, "query_id", look.query_id.value);
        lk_steps_left(&steps,
                      "no Look was created. Query %.*s exists and can be run with run_query; "
                      "calling create_look again uses it again",
                      LK_STR_ARG(look.query_id.value));
    }
    return lk_steps_end(&steps, err);
}
