/*
 * The shape of the generated tables, and the plain C values that they describe.
 *
 * One table format serves Looker's schemas, the parameters of an operation and the arguments of a
 * tool: a `struct lk_type` is an object with named fields, a `struct lk_field` says where a value
 * stands in the C struct, what kind it is and what holds for it. One codec (json/codec.h) walks
 * them; there is no function a type.
 *
 *     struct looker_query { struct lk_string id; struct lk_string_list fields; … };
 *     const struct lk_field looker_query_fields[] = { {"id", …offset…, LK_KIND_STRING}, … };
 *     const struct lk_type looker_query_type = { "Query", fields, n, sizeof(struct looker_query) };
 *
 * Presence stands beside each value, so that absent, null and a value are told apart (PATCH depends
 * on it), a zeroed struct is an empty object, and `.limit = args->limit` carries absence along.
 */
#ifndef LK_JSON_TYPE_H
#define LK_JSON_TYPE_H

#include "base/str.h"

#include <stdint.h>

enum lk_presence { LK_ABSENT = 0, LK_NULL = 1, LK_PRESENT = 2 };

/* Every value begins with its payload and ends with `is`, an lk_presence. */
struct lk_string {
    struct lk_str value;
    uint8_t is;
};
struct lk_integer {
    int64_t value;
    uint8_t is;
};
struct lk_number {
    double value;
    uint8_t is;
};
struct lk_boolean {
    bool value;
    uint8_t is;
};
/* JSON text of any type, or of an object used as a map: kept as text, so that nothing in it is
 * lost, and read with json/scan.h. */
struct lk_json {
    struct lk_str value;
    uint8_t is;
};
struct lk_string_list {
    struct lk_str *items;
    size_t len;
    uint8_t is;
};
struct lk_integer_list {
    int64_t *items;
    size_t len;
    uint8_t is;
};
struct lk_number_list {
    double *items;
    size_t len;
    uint8_t is;
};
struct lk_boolean_list {
    bool *items;
    size_t len;
    uint8_t is;
};
struct lk_json_list {
    struct lk_str *items;
    size_t len;
    uint8_t is;
};
/* The layout that the generated `struct looker_x_ref { struct looker_x *value; uint8_t is; }` and
 * `struct looker_x_list { struct looker_x *items; size_t len; uint8_t is; }` share. The codec moves
 * them with memcpy. */
struct lk_object_ref {
    void *value;
    uint8_t is;
};
struct lk_object_list {
    void *items;
    size_t len;
    uint8_t is;
};

/* Values for struct literals: `.limit = lk_integer(500)`. */
static inline struct lk_string lk_string(struct lk_str value)
{
    return (struct lk_string){value, LK_PRESENT};
}
static inline struct lk_integer lk_integer(int64_t value)
{
    return (struct lk_integer){value, LK_PRESENT};
}
static inline struct lk_number lk_number(double value)
{
    return (struct lk_number){value, LK_PRESENT};
}
static inline struct lk_boolean lk_boolean(bool value)
{
    return (struct lk_boolean){value, LK_PRESENT};
}
static inline struct lk_json lk_json(struct lk_str text)
{
    return (struct lk_json){text, LK_PRESENT};
}
static inline bool lk_is_true(struct lk_boolean value)
{
    return value.is == LK_PRESENT && value.value;
}

enum lk_kind {
    LK_KIND_NONE = 0, /* no body, no answer */
    LK_KIND_STRING,
    LK_KIND_INTEGER, /* int64; beyond 2^53 it is refused, since JSON readers would change it */
    LK_KIND_NUMBER,
    LK_KIND_BOOLEAN,
    LK_KIND_OBJECT, /* `type` says which */
    LK_KIND_MAP,    /* an object with any keys; `map_kind` says what its values are */
    LK_KIND_ANY,
};

enum lk_field_flag {
    LK_FIELD_LIST = 1 << 0, /* a list of `kind` */
    LK_FIELD_REQUIRED = 1 << 1,
    LK_FIELD_NULLABLE = 1 << 2,
    LK_FIELD_READ_ONLY = 1 << 3,
    LK_FIELD_WRITE_ONLY = 1 << 4,
    LK_FIELD_DEPRECATED = 1 << 5,
    LK_FIELD_PATH = 1 << 6,   /* a path parameter; a parameter without it goes into the query */
    LK_FIELD_SECRET = 1 << 7, /* an argument whose value never reaches a log or an error text */
};

/* What holds for a value beyond its kind. In a list, all but max_items is about each item. */
struct lk_rule {
    const char *const *values; /* the strings that are allowed, NULL-terminated; or NULL */
    const char *default_json;  /* what an absent argument becomes, as JSON text; or NULL */
    double min, max;           /* of an integer or number, when has_min, has_max */
    bool has_min, has_max;
    uint32_t min_length; /* of a string, in bytes */
    uint32_t max_length; /* of a string, in bytes; 0: no limit of its own */
    uint32_t min_items;
    uint32_t max_items; /* of a list or map; 0: no limit of its own */
    /* Of an argument: what else callers may call it, NULL-terminated, for the hint about an unknown
     * one; or NULL. */
    const char *const *aliases;
    /* Of an argument that is declared but cannot be honoured yet: what holds instead. Giving it
     * (but for false) is LK_ERROR_UNSUPPORTED. NULL: it can. */
    const char *unavailable;
};

struct lk_type;

struct lk_field {
    const char *name;
    const struct lk_type *type; /* LK_KIND_OBJECT only */
    const struct lk_rule *rule; /* or NULL */
    uint32_t offset;            /* of the value in the struct that the lk_type describes */
    uint16_t flags;             /* lk_field_flag */
    uint8_t kind;               /* lk_kind; with LK_FIELD_LIST, of the items */
    uint8_t map_kind;           /* LK_KIND_MAP only: lk_kind of the values */
};

struct lk_type {
    const char *name;              /* as the spec writes it */
    const struct lk_field *fields; /* sorted by name (strcmp) */
    uint16_t n_fields;
    uint32_t size; /* bytes of the C struct */
};

/* The field of that name, or NULL. */
const struct lk_field *lk_type_field(const struct lk_type *type, struct lk_str name);

/* The presence of the field's value in the struct at `object`. */
enum lk_presence lk_field_presence(const struct lk_field *field, const void *object);

#endif
