/*
 * Boards, their sections and items. A board shows its sections and they their items, in the order
 * that section_order and item_order give; what an item calls itself follows from what it points at.
 */
#include "content.h"

#include <stdio.h>

static const char boards_json[] =
    "[{\"id\":\"1\",\"title\":\"KPIs\",\"description\":\"What matters\",\"user_id\":\"2\","
    "\"section_order\":[\"1\",\"2\"]},"
    "{\"id\":\"2\",\"title\":\"Web\",\"user_id\":\"3\",\"section_order\":[]}]";

static const char sections_json[] =
    "[{\"id\":\"1\",\"board_id\":\"1\",\"title\":\"Sales\",\"item_order\":[\"1\",\"2\"]},"
    "{\"id\":\"2\",\"board_id\":\"1\",\"title\":\"Elsewhere\",\"item_order\":[\"3\"]}]";

static const char items_json[] =
    "[{\"id\":\"1\",\"board_section_id\":\"1\",\"dashboard_id\":\"1\"},"
    "{\"id\":\"2\",\"board_section_id\":\"1\",\"look_id\":\"1\",\"custom_title\":\"Statuses\","
    "\"use_custom_title\":true},"
    "{\"id\":\"3\",\"board_section_id\":\"2\",\"custom_url\":\"https://example.com/\","
    "\"use_custom_url\":true,\"custom_title\":\"Help\",\"use_custom_title\":true}]";

/* ---- completing ---- */

static bool uses(const cJSON *item, const char *member)
{
    return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(item, member));
}

/* The Look or dashboard behind it, or NULL. */
static const cJSON *content_of(struct sb *sb, const cJSON *item, const char **ret_kind)
{
    static const char *const members[] = {"dashboard_id", "look_id", "lookml_dashboard_id"};
    static const char *const paths[] = {"/dashboards", "/looks", "/dashboards"};

    for (size_t i = 0; i < 3; i++) {
        const char *id = sb_member(item, members[i]);
        struct sb_entity *thing = id != NULL ? sb_find(sb, paths[i], lk_str(id)) : NULL;

        *ret_kind = paths[i];
        if (thing != NULL)
            return thing->json;
    }
    return NULL;
}

static void decorate_item(struct sb *sb, cJSON *item)
{
    const char *kind;
    const cJSON *content = content_of(sb, item, &kind);
    char url[300] = "";

    sb_set_text(item, "title",
                uses(item, "use_custom_title") ? sb_member(item, "custom_title")
                                               : sb_member(content, "title"));
    sb_set_text(item, "description",
                uses(item, "use_custom_description") ? sb_member(item, "custom_description")
                                                     : sb_member(content, "description"));
    if (content != NULL)
        snprintf(url, sizeof(url), "%s/%s", kind, sb_member(content, "id"));
    sb_set_text(item, "url", uses(item, "use_custom_url") ? sb_member(item, "custom_url") : url);
}

/* Those of the collection whose member is that text: first those in `order`, in that order. */
static cJSON *ordered(struct sb *sb, const char *path, const char *member, const char *text,
                      const cJSON *order)
{
    struct sb_collection *c = sb_collection(sb->store, lk_str(path));
    cJSON *list = cJSON_CreateArray();
    int places = cJSON_GetArraySize(order);

    for (int place = 0; place <= places; place++) {
        const cJSON *wanted = cJSON_GetArrayItem(order, place);
        for (size_t i = 0; i < c->n; i++) {
            const cJSON *thing = c->items[i].json;
            bool here = thing != NULL && lk_str_eq(lk_str(sb_member(thing, member)), lk_str(text));
            cJSON *copy;

            if (!here || (place < places ? strcmp(c->items[i].key, wanted->valuestring) != 0
                                         : sb_list_has(order, c->items[i].key)))
                continue;
            copy = cJSON_Duplicate(thing, true);
            c->decorate(sb, copy);
            cJSON_AddItemToArray(list, copy);
        }
    }
    return list;
}

static void decorate_section(struct sb *sb, cJSON *section)
{
    sb_set(section, "board_items",
           ordered(sb, "/board_items", "board_section_id", sb_member(section, "id"),
                   cJSON_GetObjectItemCaseSensitive(section, "item_order")));
}

static void decorate_board(struct sb *sb, cJSON *board)
{
    sb_set(board, "board_sections",
           ordered(sb, "/board_sections", "board_id", sb_member(board, "id"),
                   cJSON_GetObjectItemCaseSensitive(board, "section_order")));
}

void sb_seed_boards(struct sb *sb)
{
    sb_seed(sb, "/boards", "board", "id", boards_json);
    sb_seed(sb, "/board_sections", "board_section", "id", sections_json);
    sb_seed(sb, "/board_items", "board_item", "id", items_json);
    sb_collection(sb->store, LK_STR("/boards"))->decorate = decorate_board;
    sb_collection(sb->store, LK_STR("/board_sections"))->decorate = decorate_section;
    sb_collection(sb->store, LK_STR("/board_items"))->decorate = decorate_item;
}

/* ---- changing ---- */

/* Whether the thing that the body puts this into exists. */
static bool parent_exists(struct sb_request *rq, struct sb_answer *out, const char *path,
                          const char *member, bool needed)
{
    const char *id = sb_member(sb_body(rq), member);

    if (id == NULL ? !needed : sb_find(rq->sb, path, lk_str(id)) != NULL)
        return true;
    sb_fail_field(rq, out, member, id == NULL ? "missing_field" : "invalid",
                  "There is nothing of that id to put it into");
    return false;
}

static void create_section(struct sb_request *rq, struct sb_answer *out)
{
    struct sb_entity *section, *board;

    if (!parent_exists(rq, out, "/boards", "board_id", true))
        return;
    sb_generic(rq, out);
    section = sb_created(rq, out, "/board_sections");
    if (section == NULL)
        return;
    board = sb_find(rq->sb, "/boards", lk_str(sb_member(section->json, "board_id")));
    sb_list_add(sb_list(board->json, "section_order"), section->key);
    sb_touched(rq->sb, "/boards", board);
}

static bool points_at_something(struct sb_request *rq, struct sb_answer *out, const cJSON *item)
{
    const char *kind;

    if (content_of(rq->sb, item, &kind) != NULL || sb_member(item, "custom_url") != NULL)
        return true;
    sb_fail_field(rq, out, "dashboard_id", "missing_field",
                  "A dashboard, a Look, a LookML dashboard or a link that exists is needed");
    return false;
}

static void create_item(struct sb_request *rq, struct sb_answer *out)
{
    if (parent_exists(rq, out, "/board_sections", "board_section_id", true) &&
        points_at_something(rq, out, sb_body(rq)))
        sb_generic(rq, out);
}

static void update_item(struct sb_request *rq, struct sb_answer *out)
{
    if (parent_exists(rq, out, "/board_sections", "board_section_id", false))
        sb_generic(rq, out);
}

static void delete_section(struct sb_request *rq, struct sb_answer *out)
{
    struct sb_entity *section = sb_find_arg(rq, out, "/board_sections", "board_section_id");

    if (section == NULL)
        return;
    sb_delete_those(rq->sb, "/board_items", "board_section_id", section->key);
    sb_entity_delete(section);
    sb_answer_empty(out, 204);
}

static void delete_board(struct sb_request *rq, struct sb_answer *out)
{
    struct sb_entity *board = sb_find_arg(rq, out, "/boards", "board_id");
    struct sb_collection *sections = sb_collection(rq->sb->store, LK_STR("/board_sections"));

    if (board == NULL)
        return;
    for (size_t i = 0; i < sections->n; i++)
        if (sections->items[i].json != NULL &&
            lk_str_eq(lk_str(sb_member(sections->items[i].json, "board_id")), lk_str(board->key)))
            sb_delete_those(rq->sb, "/board_items", "board_section_id", sections->items[i].key);
    sb_delete_those(rq->sb, "/board_sections", "board_id", board->key);
    sb_entity_delete(board);
    sb_answer_empty(out, 204);
}

const struct sb_handler sb_boards_handlers[] = {
    {"create_board_section", create_section}, {"delete_board_section", delete_section},
    {"create_board_item", create_item},       {"update_board_item", update_item},
    {"delete_board", delete_board},           {0},
};
