/*
 * Fields of an explore (and other members that Looker fills with nulls) in short form.
 */
#ifndef LK_HANDLERS_EXPLORE_FIELDS_H
#define LK_HANDLERS_EXPLORE_FIELDS_H

#include "base/arena.h"
#include "mcp/tool.h"
#include "json/project.h"
#include "json/type.h"
#include "json/write.h"

/* Writes a checked JSON object with the projection's members only (in any order, unlike
 * lk_project), without those that are null, false, "", [] or {}: an explore has thousands of
 * fields, and most of a field is empty. */
void lk_write_short(struct lk_json_writer *w, struct lk_str object,
                    const struct lk_projection *projection);

/* The same as members of an object that is open already. */
void lk_write_short_members(struct lk_json_writer *w, struct lk_str object,
                            const struct lk_projection *projection);

/* Whether Looker marks the object (a field, an explore, a piece of content) as hidden. */
bool lk_is_hidden(struct lk_str object);

/* What list_dimensions and list_measures can show of a field, and what one call of them does. */
extern const struct lk_projection lk_field_projection;
struct lk_shown_fields {
    struct lk_projection projection;
    struct lk_str ask; /* for the `fields` parameter: these, and what searching needs */
};

/* chosen: names out of lk_field_projection; absent: the usual ones. Errors: LK_ERROR_ARGUMENT for
 * another name. */
bool lk_choose_fields(struct lk_arena *arena, const struct lk_string_list *chosen,
                      struct lk_shown_fields *ret_shown, struct lk_error *err);

/* Writes that; unless fields were chosen without suggest_explore and suggest_dimension where they
 * name the field itself. */
void lk_write_field(struct lk_json_writer *w, struct lk_str object,
                    const struct lk_shown_fields *shown);

/* What get_explore shows of a field, and of the explore. */
extern const struct lk_projection lk_field_short_projection;
extern const struct lk_projection lk_explore_projection;

/* Awaits. The explore (an object) with these `fields`. Errors: those of lk_ask; a 404 says which
 * names there are. */
bool lk_ask_explore(struct mcp_call *call, struct lk_string model, struct lk_string explore,
                    struct lk_str fields, struct lk_str *ret_explore, struct lk_error *err);

#endif
