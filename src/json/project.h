/*
 * Projection: which fields of a JSON answer to forward. It works on the bytes that came: chosen
 * values are copied as they stand, so numbers keep every digit and unknown fields inside a chosen
 * value survive.
 *
 *     {id, name, explores{name, label}}   a node a field; one without fields takes all of its value
 *
 * A list stands for its items: the node's fields apply to each. What is absent stays absent.
 */
#ifndef LK_JSON_PROJECT_H
#define LK_JSON_PROJECT_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"

#include <stdint.h>

struct lk_projection {
    const char *name;                   /* of the field; NULL at the root */
    const struct lk_projection *fields; /* sorted by name; NULL: the whole value */
    uint16_t n_fields;
    const char *drop_if_true; /* an object (or list item) in which this field is true is left out
                                 when the caller asks for dropping; NULL: never */
};

/*
 * Appends the projected text to *out. `text` is checked JSON (json/scan.h). Members appear in the
 * order in which they came. A text that is itself an object to leave out becomes null. Fails with
 * LK_ERROR_LIMIT when *out overflows. A NULL projection copies the text.
 */
bool lk_project(struct lk_str text, const struct lk_projection *projection, bool drop,
                struct lk_buf *out, struct lk_error *err);

/* The field of that key of lk_json_next, or NULL. */
const struct lk_projection *lk_projection_field(const struct lk_projection *node,
                                                struct lk_str key);

/* The projection as Looker's parameter `fields` takes it: "id,title,folder(id,name)". */
struct lk_str lk_projection_text(struct lk_arena *arena, const struct lk_projection *projection);

#endif
