/*
 * Chooses the tools to serve by group; see toolset.h.
 */
#include "toolset.h"

#include "base/nearest.h"
#include "looker_tools.h"

static const char *group_name(const void *arg, size_t i)
{
    (void)arg;
    if (i < LOOKER_GROUP_COUNT)
        return looker_groups[i].name;
    return i == LOOKER_GROUP_COUNT ? "all" : NULL;
}

static bool fail_group(struct lk_str name, struct lk_error *err)
{
    const char *near = lk_nearest(name, group_name, NULL);
    struct lk_buf known;

    lk_buf_init(&known, 512);
    for (size_t i = 0; group_name(NULL, i) != NULL; i++)
        lk_buf_printf(&known, "%s%s", i > 0 ? ", " : "", group_name(NULL, i));
    lk_fail(err, LK_ERROR_CONFIG, "LOOKER_GROUPS: unknown group \"%.*s\"%s%s%s; there are: %.*s",
            LK_STR_ARG(name), near != NULL ? "; did you mean \"" : "", near != NULL ? near : "",
            near != NULL ? "\"?" : "", LK_STR_ARG(lk_buf_view(&known)));
    lk_buf_free(&known);
    return false;
}

/* Marks the groups of a list such as "explore, query". */
static bool mark_groups(struct lk_str list, bool *chosen, struct lk_error *err)
{
    while (list.len > 0) {
        struct lk_str name = lk_str_trim(lk_str_take(&list, ','));
        bool all = lk_str_eq(name, LK_STR("all")), known = all || name.len == 0;

        for (size_t i = 0; i < LOOKER_GROUP_COUNT; i++) {
            if (all || lk_str_eq(name, lk_str(looker_groups[i].name)))
                known = chosen[i] = true;
        }
        if (!known)
            return fail_group(name, err);
    }
    return true;
}

bool lk_toolset_select(struct lk_arena *arena, struct lk_str groups, struct lk_toolset *ret_toolset,
                       struct lk_error *err)
{
    bool *chosen = lk_arena_array(arena, LOOKER_GROUP_COUNT + 1, sizeof(bool));
    struct lk_toolset set = {
        .tools = lk_arena_array(arena, LOOKER_TOOL_COUNT + 1, sizeof(*set.tools)),
    };

    for (size_t i = 0; groups.len == 0 && i < LOOKER_GROUP_COUNT; i++)
        chosen[i] = looker_groups[i].on_by_default;
    if (!mark_groups(groups, chosen, err))
        return false;
    for (size_t i = 0; i < LOOKER_TOOL_COUNT; i++) {
        if (chosen[looker_tools[i].group - looker_groups])
            set.tools[set.n_tools++] = &looker_tools[i];
    }
    if (set.n_tools == 0)
        return lk_fail(err, LK_ERROR_CONFIG, "LOOKER_GROUPS names no group");
    *ret_toolset = set;
    return true;
}

void lk_toolset_explain(struct lk_str tool, struct lk_buf *out)
{
    for (size_t i = 0; i < LOOKER_TOOL_COUNT; i++) {
        if (!lk_str_eq(tool, lk_str(looker_tools[i].name)))
            continue;
        lk_buf_printf(out,
                      ": it is in the group \"%s\", which is not served here; whoever runs this "
                      "server adds it to --groups (LOOKER_GROUPS) and starts it again",
                      looker_tools[i].group->name);
        return;
    }
}
