/*
 * cJSON trees from checked text (json/tree.h). Called with the arguments of tools.
 */
#include "json/tree.h"

#include "json/scan.h"

static void delete_tree(void *tree)
{
    cJSON_Delete(tree);
}

bool lk_tree_parse(struct lk_arena *arena, struct lk_str text, cJSON **ret_tree,
                   struct lk_error *err)
{
    if (!lk_json_check(text, LK_JSON_MAX_DEPTH, LK_JSON_REFUSE_NUL | LK_JSON_REFUSE_INEXACT, err))
        return false;
    cJSON *tree = cJSON_ParseWithLength(text.ptr, text.len);
    /* What passed the check, cJSON can read; so only memory can be missing. */
    if (tree == NULL)
        return lk_fail(err, LK_ERROR_INTERNAL, "out of memory for a JSON text of %zu bytes",
                       text.len);
    lk_arena_defer(arena, delete_tree, tree);
    *ret_tree = tree;
    return true;
}

const cJSON *lk_tree_get(const cJSON *tree, const char *key)
{
    return cJSON_IsObject(tree) ? cJSON_GetObjectItemCaseSensitive(tree, key) : NULL;
}

struct lk_str lk_tree_string(const cJSON *tree, const char *key)
{
    const cJSON *item = lk_tree_get(tree, key);
    return cJSON_IsString(item) ? lk_str(item->valuestring) : (struct lk_str){0};
}

/* As deep as the text, which the check has capped at LK_JSON_MAX_DEPTH. */
void lk_tree_write(const cJSON *tree, struct lk_json_writer *w)
{
    const cJSON *item;

    switch (tree->type & 0xFF) {
    case cJSON_True:
    case cJSON_False:
        lk_json_put_boolean(w, cJSON_IsTrue(tree));
        break;
    case cJSON_Number:
        lk_json_put_number(w, tree->valuedouble);
        break;
    case cJSON_String:
        lk_json_put_cstr(w, tree->valuestring);
        break;
    case cJSON_Array:
        lk_json_begin_array(w);
        cJSON_ArrayForEach(item, tree) lk_tree_write(item, w);
        lk_json_end_array(w);
        break;
    case cJSON_Object:
        lk_json_begin_object(w);
        cJSON_ArrayForEach(item, tree)
        {
            lk_json_key(w, item->string);
            lk_tree_write(item, w);
        }
        lk_json_end_object(w);
        break;
    default:
        lk_json_put_null(w);
    }
}
