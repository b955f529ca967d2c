/*
 * The dev workspace of a project (dev.h).
 */
#include "handlers/workflows/dev.h"

#include "handlers/ask.h"
#include "handlers/modeling/project.h"
#include "handlers/workflows/people.h"
#include "looker_ops.h"

#define SHOWN 200

static int64_t count_of(struct lk_str object, const char *member)
{
    struct lk_str value;
    int64_t n = 0;

    if (lk_json_get(object, lk_str(member), &value))
        lk_json_integer(value, &n);
    return n;
}

bool lk_dev_read_branch(struct lk_steps *steps, struct lk_str project_id,
                        struct lk_dev_branch *ret_branch)
{
    struct lk_arena *arena = mcp_call_arena(steps->call);
    struct looker_git_branch_params params = {.project_id = lk_string(project_id)};
    struct lk_error failure = {0};
    struct lk_str json;

    if (!lk_ask(lk_tool_context(steps->call)->api, arena,
                lk_in_dev(looker_git_branch(&params), true), LK_JSON_OBJECT, &json, &failure)) {
        lk_explain_status(&failure, 404,
                          "there is no such project, no access to it, or no git behind it: "
                          "list_projects shows the projects");
        lk_steps_failed(steps, "read_branch", true, &failure);
        return false;
    }
    *ret_branch = (struct lk_dev_branch){
        .name = lk_json_get_string(arena, json, LK_STR("name")),
        .ref = lk_json_get_string(arena, json, LK_STR("ref")),
        .production = lk_member_is_true(json, "is_production"),
        .readonly = lk_member_is_true(json, "readonly"),
        .ahead = count_of(json, "ahead_count"),
        .behind = count_of(json, "behind_count"),
    };
    lk_steps_done(steps, "read_branch", "%.*s%s, %lld ahead of its remote, %lld behind",
                  LK_STR_ARG(ret_branch->name), ret_branch->production ? " (production)" : "",
                  (long long)ret_branch->ahead, (long long)ret_branch->behind);
    return true;
}

bool lk_dev_read_files(struct lk_steps *steps, const char *step, struct lk_str project_id,
                       struct lk_dev_files *ret_files)
{
    struct lk_arena *arena = mcp_call_arena(steps->call);
    struct looker_all_project_files_params params = {
        .project_id = lk_string(project_id),
        .fields = lk_string(LK_STR("path,git_status")),
    };
    struct lk_str list, file;

    if (!lk_steps_ask(steps, step, lk_in_dev(looker_all_project_files(&params), true),
                      LK_JSON_ARRAY, &list))
        return false;
    struct lk_dev_files files = {
        .items = lk_arena_array(arena, lk_json_count(list), sizeof(*files.items)),
    };
    struct lk_json_iter it = lk_json_iter(list);
    while (lk_json_next(&it, NULL, &file)) {
        struct lk_dev_file *item = &files.items[files.n++];
        item->path = lk_json_get_string(arena, file, LK_STR("path"));
        item->change = lk_project_file_change(arena, file);
        files.n_changed += item->change.len > 0;
    }
    lk_steps_done(steps, step, "%zu files, %zu with changes that are not committed", files.n,
                  files.n_changed);
    *ret_files = files;
    return true;
}

bool lk_dev_has_file(const struct lk_dev_files *files, struct lk_str path)
{
    for (size_t i = 0; i < files->n; i++) {
        if (lk_str_eq(files->items[i].path, path))
            return true;
    }
    return false;
}

void lk_dev_write_branch(struct lk_json_writer *w, const struct lk_dev_branch *branch)
{
    lk_json_begin_object(w);
    lk_json_member_string(w, "name", branch->name);
    lk_json_member_integer(w, "ahead", branch->ahead);
    lk_json_member_integer(w, "behind", branch->behind);
    lk_json_end_object(w);
}

void lk_dev_write_changed(struct lk_json_writer *w, const struct lk_dev_files *files)
{
    size_t n = 0;

    lk_json_begin_array(w);
    for (size_t i = 0; i < files->n && n < SHOWN; i++) {
        if (files->items[i].change.len == 0)
            continue;
        lk_json_put_string(w, files->items[i].path);
        n++;
    }
    lk_json_end_array(w);
}
