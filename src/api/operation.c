/*
 * Names for the codes in operation rows.
 */
#include "api/operation.h"

#include <assert.h>

const char *lk_method_name(enum lk_method method)
{
    static const char *const names[] = {
        [LK_GET] = "GET",     [LK_POST] = "POST",     [LK_PUT] = "PUT",
        [LK_PATCH] = "PATCH", [LK_DELETE] = "DELETE",
    };

    assert((size_t)method < sizeof(names) / sizeof(names[0]));
    return names[method];
}
