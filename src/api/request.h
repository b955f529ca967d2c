/*
 * From an operation's row and C values to the URL and body that go over the wire. No I/O.
 */
#ifndef LK_API_REQUEST_H
#define LK_API_REQUEST_H

#include "api/operation.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"

struct lk_wire_request {
    const char *url; /* NUL-terminated, in the arena */
    struct lk_str body;
    const char *content_type; /* NULL: no body */
};

/*
 * root: "https://HOST/api/4.0". Path segments are percent-encoded, `/` included; booleans are
 * true/false; lists are joined with commas (style simple); absent and null query parameters are
 * left out. Errors: LK_ERROR_ARGUMENT for an absent or empty path parameter, for "." and "..", and
 * for an absent required query parameter or body; LK_ERROR_LIMIT beyond LK_MAX_URL_BYTES or
 * LK_MAX_BODY_BYTES.
 */
#define LK_MAX_URL_BYTES ((size_t)64 * 1024)
#define LK_MAX_BODY_BYTES ((size_t)16 * 1024 * 1024)
bool lk_request_build(struct lk_arena *arena, struct lk_str root, struct lk_api_request request,
                      struct lk_wire_request *ret_wire, struct lk_error *err);

#endif
