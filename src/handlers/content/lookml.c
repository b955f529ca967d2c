/*
 * list_lookml_dashboards. The items of Looker's answer have their title in the LookML only.
 */
#include "handlers/ask.h"
#include "handlers/bind.h"
#include "handlers/content/parts.h"
#include "handlers/context.h"
#include "handlers/listing.h"
#include "looker_tools.h"

static struct lk_str first_string(struct lk_arena *arena, struct lk_str object, const char *a,
                                  const char *b)
{
    struct lk_str text = lk_json_get_string(arena, object, lk_str(a));

    return text.len > 0 ? text : lk_json_get_string(arena, object, lk_str(b));
}

/* The value of the first line "title: …" of the LookML, or empty. */
static struct lk_str title_in(struct lk_str lookml)
{
    while (lookml.len > 0) {
        struct lk_str line = lk_str_trim(lk_str_take(&lookml, '\n'));
        if (lk_str_starts(line, LK_STR("- ")))
            line = lk_str_n(line.ptr + 2, line.len - 2);
        if (!lk_str_starts(line, LK_STR("title:")))
            continue;
        line = lk_str_trim(lk_str_n(line.ptr + 6, line.len - 6));
        if (line.len > 1 && (line.ptr[0] == '"' || line.ptr[0] == '\'') &&
            line.ptr[line.len - 1] == line.ptr[0])
            line = lk_str_n(line.ptr + 1, line.len - 2);
        return line;
    }
    return (struct lk_str){0};
}

static void write_item(struct lk_arena *arena, struct lk_str item, struct lk_buf *buf)
{
    struct lk_json_writer w = lk_json_writer(buf);
    struct lk_str title = lk_json_get_string(arena, item, LK_STR("title"));

    if (title.len == 0)
        title = title_in(lk_json_get_string(arena, item, LK_STR("lookml")));
    lk_json_begin_object(&w);
    lk_write_filled(&w, "id", lk_string(first_string(arena, item, "dashboard_id", "id")));
    lk_write_filled(&w, "title", lk_string(title));
    lk_write_filled(&w, "description",
                    lk_string(lk_json_get_string(arena, item, LK_STR("description"))));
    lk_write_filled(&w, "folder_id",
                    lk_string(lk_json_get_string(arena, item, LK_STR("folder_id"))));
    lk_json_end_object(&w);
}

bool lk_handler_list_lookml_dashboards(struct mcp_call *call, const void *args_,
                                       struct lk_error *err)
{
    const struct looker_list_lookml_dashboards_args *args = args_;
    struct lk_arena *arena = mcp_call_arena(call);
    struct looker_search_lookml_dashboards_params params = {
        .title = lk_contains(arena, args->title),
        .folder_id = args->folder_id,
        .limit = args->limit,
        .offset = args->offset,
    };
    const struct lk_page page = {.request = looker_search_lookml_dashboards(&params),
                                 .offset = args->offset.value,
                                 .limit = args->limit.value,
                                 .write = write_item};

    return lk_answer_page(call, &page, err);
}
