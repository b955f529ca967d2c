/*
 * cmocka with the headers that it wants before it.
 */
#ifndef LK_TEST_H
#define LK_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/str.h"

#define assert_str(actual, expected) assert_str_(actual, expected, __FILE__, __LINE__)

static __attribute__((noinline, unused)) void
assert_str_(struct lk_str actual, const char *expected, const char *file, int line)
{
    if (!lk_str_eq(actual, lk_str(expected)))
        print_error("got \"%.*s\", expected \"%s\"\n", LK_STR_ARG(actual), expected);
    _assert_true(lk_str_eq(actual, lk_str(expected)), "strings are equal", file, line);
}

#endif
