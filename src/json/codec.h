/*
 * The one codec: C structs from JSON and JSON from C structs, by walking lk_type tables.
 */
#ifndef LK_JSON_CODEC_H
#define LK_JSON_CODEC_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "json/type.h"

#include <cjson/cJSON.h>

/*
 * Decodes tool arguments: strict. `tree` (NULL counts as {}) must be an object that has only fields
 * of `type`, all required ones, of the right kind and within their rules; defaults are filled in.
 * A null counts as absent. Strings are borrowed from the tree; the rest lives in the arena.
 * A NULL type takes no arguments (ret_object may be NULL then).
 *
 * Nothing is converted, with two exceptions: 5.0 is an integer, and where a string is expected
 * (also in lists and in maps of strings) an integer is taken as its decimal text, since ids are
 * strings to Looker and often numbers to a model. A member that comes twice is an error.
 *
 * On failure err is LK_ERROR_ARGUMENT and its message names the argument, what was expected and
 * what came, with the nearest known name for an unknown one:
 *     limit: expected an integer from 1 to 50000, got the string "ten"
 *     unknown argument "filds"; did you mean "fields"? known: …
 * Values of LK_FIELD_SECRET fields are never quoted.
 */
bool lk_decode_arguments(struct lk_arena *arena, const struct lk_type *type, const cJSON *tree,
                         void *ret_object, struct lk_error *err);

/*
 * Decodes a request body that a caller wrote: as strict as lk_decode_arguments, and with its two
 * conversions, but a null is kept as LK_NULL, since it means something in a body, and fields that
 * are readOnly are refused. *ret_body is what struct lk_api_request takes for such a body: the
 * struct of an object, or a pointer to the value wrapper of anything else. Errors have paths that
 * begin with `body`.
 */
struct lk_body_rules {
    bool sends_read_only; /* readOnly fields belong into this one all the same */
    bool partial;         /* a PATCH: nothing is required of the body's own fields */
};
bool lk_decode_body(struct lk_arena *arena, const struct lk_field *body, const cJSON *tree,
                    const struct lk_body_rules *rules, const void **ret_body, struct lk_error *err);

/*
 * Decodes an answer of Looker's into the struct of `type`: lenient. Unknown fields are skipped, a
 * null is LK_NULL (as an item of a list: a zeroed payload), a number where a string is expected is
 * taken as it is written, of a member that comes twice the first counts; a field of another kind
 * than the spec says is an LK_ERROR_PARSE that names it. `text` is JSON that
 * passed lk_json_check; strings without escapes and raw JSON are borrowed from it, all else lives
 * in the arena. Does not recurse deeper than LK_JSON_MAX_DEPTH.
 */
bool lk_decode_answer(struct lk_arena *arena, const struct lk_type *type, struct lk_str text,
                      void *ret_object, struct lk_error *err);
/* The same for a JSON array of such objects. */
bool lk_decode_answer_list(struct lk_arena *arena, const struct lk_type *type, struct lk_str text,
                           struct lk_object_list *ret_list, struct lk_error *err);

/*
 * Appends the struct as a JSON object: present values and nulls, in table order; absent ones are
 * left out. Overflow is the buffer's.
 */
void lk_encode(const struct lk_type *type, const void *object, struct lk_buf *out);

/* Appends one value as JSON; `value` points at the value wrapper (what field->offset leads to). */
void lk_encode_value(const struct lk_field *field, const void *value, struct lk_buf *out);

/*
 * Checks JSON text against a table without building anything: unknown fields, kinds, required
 * fields, values. A null is accepted for every field, as Looker does, and counts as there; whether
 * a field may be written (LK_FIELD_READ_ONLY) is the caller's to check. `text` has passed
 * lk_json_check; field->name may be NULL (a request body). Used where a peer's input must be
 * exactly what the spec says (the sandbox). Errors as lk_decode_arguments, with a path
 * (`query.fields[3]`).
 */
bool lk_check_value(const struct lk_field *field, struct lk_str text, struct lk_error *err);

#endif
