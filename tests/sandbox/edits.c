/*
 * What the files of a branch change about the models of models.c. No LookML is parsed; lines that
 * begin with #sandbox say it, in any file of the project:
 *
 *     #sandbox error MESSAGE               an error of the validation at that line
 *     #sandbox warning MESSAGE             a warning
 *     #sandbox removes_field VIEW.FIELD    there is no such field
 *     #sandbox adds_dimension VIEW.FIELD   there is one more (a number)
 *     #sandbox adds_measure VIEW.FIELD
 *     #sandbox removes_explore EXPLORE
 *     #sandbox adds_explore EXPLORE AS     there is one more, which is like AS
 *     #sandbox breaks_explore EXPLORE      the database refuses its queries
 *     #sandbox has_rows EXPLORE N          it has so many rows
 *     #sandbox skips_rows EXPLORE N        the first N of its rows are missing
 *     #sandbox changes_values VIEW.FIELD N the values of every Nth row are others (all: 1)
 *
 * They count for whoever sees the branch: the lines of production for the production workspace.
 */
#include "projects.h"

#include <stdlib.h>

static const char mark[] = "#sandbox ";

bool sb_edit_next(const cJSON *files, struct sb_edit *edit)
{
    const cJSON *file = edit->file != NULL ? edit->file : files != NULL ? files->child : NULL;
    const char *at = edit->at;

    for (; file != NULL; file = file->next, at = NULL) {
        struct lk_str rest;

        at = strstr(at != NULL ? at : file->valuestring, mark);
        if (at == NULL)
            continue;
        at += sizeof(mark) - 1;
        rest = lk_str_trim(lk_str_n(at, strcspn(at, "\n")));
        *edit = (struct sb_edit){.file = file, .at = at};
        edit->word = lk_str_take(&rest, ' ');
        edit->text = rest;
        edit->thing = lk_str_take(&rest, ' ');
        edit->rest = rest;
        return true;
    }
    return false;
}

bool sb_edited(const cJSON *files, const char *word, struct lk_str thing, struct sb_edit *ret_edit)
{
    struct sb_edit edit = {0};

    while (sb_edit_next(files, &edit)) {
        if (!lk_str_eq(edit.word, lk_str(word)) || !lk_str_eq(edit.thing, thing))
            continue;
        if (ret_edit != NULL)
            *ret_edit = edit;
        return true;
    }
    return false;
}

int64_t sb_edited_number(const cJSON *files, const char *word, struct lk_str thing, int64_t bare,
                         int64_t absent)
{
    struct sb_edit edit;
    int64_t number;

    if (!sb_edited(files, word, thing, &edit))
        return absent;
    return sb_parse_int(edit.rest, &number) ? number : bare;
}

/* ---- what a request sees ---- */

static const struct sb_model *model_named(struct lk_str name)
{
    for (size_t i = 0; i < sb_n_models; i++)
        if (lk_str_eq(lk_str(sb_models[i].name), name))
            return &sb_models[i];
    return NULL;
}

static bool has_edits(const cJSON *files)
{
    struct sb_edit edit = {0};

    return sb_edit_next(files, &edit);
}

const cJSON *sb_edited_files(struct sb_request *rq, const char *project)
{
    const cJSON *files = sb_seen_files(rq, project, NULL);

    return has_edits(files) ? files : NULL;
}

bool sb_explore_seen(struct sb_request *rq, struct lk_str model, struct lk_str name,
                     const struct sb_model **ret_model, struct sb_explore *ret_explore)
{
    const struct sb_model *known = model_named(model);
    const cJSON *files = known != NULL ? sb_seen_files(rq, known->project, &rq->branch) : NULL;
    struct sb_edit edit;

    if (!has_edits(files))
        return sb_explore_find(rq->arena, model, name, ret_model, ret_explore);
    if (sb_edited(files, "removes_explore", name, NULL))
        return false;
    if (sb_edited(files, "adds_explore", name, &edit)) {
        if (!sb_explore_find(rq->arena, model, edit.rest, ret_model, ret_explore))
            return false;
        ret_explore->name = ret_explore->label = lk_arena_cstr(rq->arena, name);
    } else if (!sb_explore_find(rq->arena, model, name, ret_model, ret_explore)) {
        return false;
    }
    ret_explore->files = files;
    ret_explore->rows = sb_edited_number(files, "has_rows", name, 0, ret_explore->rows);
    ret_explore->skips = sb_edited_number(files, "skips_rows", name, 0, 0);
    return true;
}

/* ---- fields ---- */

static bool has_view(const struct sb_explore *explore, struct lk_str view)
{
    for (const char *const *v = explore->views; *v != NULL; v++)
        if (lk_str_eq(lk_str(*v), view))
            return true;
    return false;
}

/* The field that the line adds to the explore; false: none. */
static bool added_field(struct lk_arena *arena, const struct sb_explore *explore,
                        const struct sb_edit *edit, struct sb_field *ret_field)
{
    bool measure = lk_str_eq(edit->word, LK_STR("adds_measure"));
    struct lk_str name = edit->thing, view = lk_str_take(&name, '.');

    if ((!measure && !lk_str_eq(edit->word, LK_STR("adds_dimension"))) || !has_view(explore, view))
        return false;
    *ret_field = (struct sb_field){
        .view = lk_arena_cstr(arena, view),
        .name = lk_arena_cstr(arena, name),
        .type = measure ? "sum" : "number",
        .flags = measure ? SB_MEASURE : 0,
        .description = "Only where the branch is",
    };
    return true;
}

bool sb_edited_field(struct lk_arena *arena, const struct sb_explore *explore, struct lk_str name,
                     bool known, struct sb_field *ret_field)
{
    struct sb_edit edit = {0};

    if (known)
        return !sb_edited(explore->files, "removes_field", name, NULL);
    while (sb_edit_next(explore->files, &edit))
        if (lk_str_eq(edit.thing, name) && added_field(arena, explore, &edit, ret_field))
            return true;
    return false;
}

bool sb_edited_field_at(struct lk_arena *arena, const struct sb_explore *explore, size_t i,
                        struct sb_field *ret_field)
{
    struct sb_edit edit = {0};

    while (sb_edit_next(explore->files, &edit))
        if (added_field(arena, explore, &edit, ret_field) && i-- == 0)
            return true;
    return false;
}

/* ---- explores of a model ---- */

static void add_explore(cJSON *list, const struct sb_edit *edit)
{
    const cJSON *explore;
    struct sb_edit name = *edit;

    cJSON_ArrayForEach(explore, list)
    {
        cJSON *copy;
        char *text;

        if (!lk_str_eq(lk_str(sb_member(explore, "name")), name.rest))
            continue;
        copy = cJSON_Duplicate(explore, true);
        text = sb_strdup(name.thing);
        sb_set_text(copy, "name", text);
        sb_set_text(copy, "label", text);
        free(text);
        cJSON_AddItemToArray(list, copy);
        return;
    }
}

void sb_edit_model(struct sb_request *rq, cJSON *model)
{
    const cJSON *files = sb_edited_files(rq, sb_member(model, "project_name"));
    cJSON *list = cJSON_GetObjectItemCaseSensitive(model, "explores");
    struct sb_edit edit = {0};

    while (sb_edit_next(files, &edit))
        if (lk_str_eq(edit.word, LK_STR("adds_explore")))
            add_explore(list, &edit);
    for (int i = cJSON_GetArraySize(list) - 1; i >= 0; i--)
        if (sb_edited(files, "removes_explore",
                      lk_str(sb_member(cJSON_GetArrayItem(list, i), "name")), NULL))
            cJSON_DeleteItemFromArray(list, i);
}
