/*
 * Projection of JSON that comes in pieces: what is chosen goes on as it comes, and the rest is
 * passed over, so that memory depends on what is chosen and not on what comes. The result is that
 * of lk_project, but for white space.
 *
 * Of what is passed over only the brackets and quotes are looked at; what goes on has passed
 * lk_json_check when lk_json_sift_end has said so.
 */
#ifndef LK_JSON_SIFT_H
#define LK_JSON_SIFT_H

#include "json/project.h"
#include "json/scan.h"
#include "json/skip.h"

/* A list or object that has been entered, since not all of it may be wanted. */
struct lk_json_sift_frame {
    const struct lk_projection *node;
    size_t before; /* where in the output it, and the comma before it, began */
    bool object, comma;
};

struct lk_json_sift {
    struct lk_buf *out;
    bool drop;
    size_t bytes_, at_; /* of the pieces before this one; where the last step began */
    const struct lk_projection *node_;
    uint8_t state_, value_;
    struct lk_json_pass pass_;
    struct lk_buf key_;
    char mark_[8]; /* a value that decides whether its object is left out */
    size_t mark_len_;
    size_t depth_;
    struct lk_json_sift_frame frames_[LK_JSON_MAX_DEPTH];
};

/* projection, drop: as of lk_project; both are borrowed, as is *out, to which is appended. */
void lk_json_sift_init(struct lk_json_sift *sift, const struct lk_projection *projection, bool drop,
                       struct lk_buf *out);
void lk_json_sift_free(struct lk_json_sift *sift);

/* Takes the next piece; none after an error. LK_ERROR_LIMIT: *out has overflowed, or it is nested
 * too deep; LK_ERROR_PARSE: it is no JSON. */
bool lk_json_sift_feed(struct lk_json_sift *sift, struct lk_str piece, struct lk_error *err);

/* The text is at its end, and *out is JSON; or LK_ERROR_PARSE, LK_ERROR_LIMIT. */
bool lk_json_sift_end(struct lk_json_sift *sift, struct lk_error *err);

#endif
