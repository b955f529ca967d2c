/*
 * Fields of an explore (and other members that Looker fills with nulls) in short form, and the
 * `fields` parameter that asks Looker for no more than that.
 */
#ifndef LK_HANDLERS_EXPLORE_FIELDS_H
#define LK_HANDLERS_EXPLORE_FIELDS_H

#include "base/arena.h"
#include "json/project.h"
#include "json/write.h"

/* "name,explores(name,label)": what to send as the `fields` parameter for that projection. */
struct lk_str lk_projection_fields(struct lk_arena *arena, const struct lk_projection *projection);

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

/* What list_dimensions and list_measures show of a field; the SQL only for those who ask for it. */
struct lk_projection lk_field_projection(bool sql);
/* Writes that, without suggest_explore and suggest_dimension where they name the field itself. */
void lk_write_field(struct lk_json_writer *w, struct lk_str object, bool sql);

/* What get_explore shows of a field, and of the explore. */
extern const struct lk_projection lk_field_short_projection;
extern const struct lk_projection lk_explore_projection;

#endif
