/*
 * Content that Looker's content validator finds errors in: an entry of its list, in short.
 */
#ifndef LK_HANDLERS_CONTENT_BROKEN_H
#define LK_HANDLERS_CONTENT_BROKEN_H

#include "base/arena.h"
#include "base/buf.h"
#include "json/write.h"

typedef bool lk_broken_shows_fn(void *arg, struct lk_str error);

/* Writes {kind, id, title, dashboard, folder, errors: [{message, model, explore, field}]}; with
 * `shows` only the errors for which it says so. */
void lk_broken_write(struct lk_str content, lk_broken_shows_fn *shows, void *arg,
                     struct lk_buf *buf);

/* A text by which one of its errors is told from all others, of other content too. */
struct lk_str lk_broken_key(struct lk_arena *arena, struct lk_str content, struct lk_str error);

/* Writes the object's member under the key, unless it is null, "" or not there. */
void lk_put_present(struct lk_json_writer *w, const char *key, struct lk_str object,
                    const char *member);

#endif
