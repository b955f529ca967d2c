/*
 * A type table with every kind, written by hand as the generator would, for the tests of the codec.
 */
#ifndef LK_CODEC_SAMPLE_H
#define LK_CODEC_SAMPLE_H

#include "../test.h"

#include "json/codec.h"

#define N_FIELDS(array) (sizeof(array) / sizeof((array)[0]))

struct sample_part;
struct sample_part_ref {
    struct sample_part *value;
    uint8_t is;
};
struct sample_part_list {
    struct sample_part *items;
    size_t len;
    uint8_t is;
};

/* Parts may hold parts: generated tables recurse too. */
struct sample_part {
    struct lk_integer depth;
    struct lk_string name; /* required */
    struct sample_part_list parts;
};

extern const struct lk_type sample_part_type;

static const struct lk_field sample_part_fields[] = {
    {.name = "depth", .kind = LK_KIND_INTEGER, .offset = offsetof(struct sample_part, depth)},
    {.name = "name",
     .kind = LK_KIND_STRING,
     .flags = LK_FIELD_REQUIRED,
     .offset = offsetof(struct sample_part, name)},
    {.name = "parts",
     .kind = LK_KIND_OBJECT,
     .flags = LK_FIELD_LIST,
     .type = &sample_part_type,
     .offset = offsetof(struct sample_part, parts)},
};

const struct lk_type sample_part_type = {"Part", sample_part_fields, N_FIELDS(sample_part_fields),
                                         sizeof(struct sample_part)};

struct sample {
    struct lk_json any;
    struct lk_json_list anys;
    struct lk_boolean cache;
    struct lk_string_list fields; /* required, 1 to 3 of 1 byte at least */
    struct lk_json filters;       /* map of strings, at most 2 */
    struct lk_boolean_list flags;
    struct lk_string format; /* json, csv, txt */
    struct lk_integer limit; /* 1 to 50000, 500 unless given */
    struct lk_json map;
    struct lk_json_list maps;
    struct lk_string model; /* required */
    struct lk_number_list numbers;
    struct sample_part_ref part;
    struct sample_part_list parts;
    struct lk_number ratio;       /* 0 to 1 */
    struct lk_string secret;      /* 8 bytes at most */
    struct lk_string_list types;  /* dashboard, look; dashboard unless given */
    struct lk_integer_list whole; /* at least 0 */
};

static const char *const sample_formats[] = {"json", "csv", "txt", NULL};
static const char *const sample_types[] = {"dashboard", "look", NULL};
static const struct lk_rule sample_field_rule = {.min_length = 1, .min_items = 1, .max_items = 3};
static const struct lk_rule sample_filter_rule = {.max_items = 2};
static const struct lk_rule sample_format_rule = {.values = sample_formats};
static const struct lk_rule sample_limit_rule = {
    .has_min = true, .min = 1, .has_max = true, .max = 50000, .default_json = "500"};
static const struct lk_rule sample_ratio_rule = {.has_min = true, .has_max = true, .max = 1};
static const struct lk_rule sample_secret_rule = {.max_length = 8};
static const struct lk_rule sample_type_rule = {.values = sample_types,
                                                .default_json = "[\"dashboard\"]"};
static const struct lk_rule sample_whole_rule = {.has_min = true};

#define SAMPLE(member, ...)                                                                        \
    {                                                                                              \
        .name = #member, .offset = offsetof(struct sample, member), __VA_ARGS__                    \
    }
static const struct lk_field sample_fields[] = {
    SAMPLE(any, .kind = LK_KIND_ANY),
    SAMPLE(anys, .kind = LK_KIND_ANY, .flags = LK_FIELD_LIST),
    SAMPLE(cache, .kind = LK_KIND_BOOLEAN),
    SAMPLE(fields, .kind = LK_KIND_STRING, .flags = LK_FIELD_LIST | LK_FIELD_REQUIRED,
           .rule = &sample_field_rule),
    SAMPLE(filters, .kind = LK_KIND_MAP, .map_kind = LK_KIND_STRING, .rule = &sample_filter_rule),
    SAMPLE(flags, .kind = LK_KIND_BOOLEAN, .flags = LK_FIELD_LIST),
    SAMPLE(format, .kind = LK_KIND_STRING, .rule = &sample_format_rule),
    SAMPLE(limit, .kind = LK_KIND_INTEGER, .rule = &sample_limit_rule),
    SAMPLE(map, .kind = LK_KIND_MAP, .map_kind = LK_KIND_ANY),
    SAMPLE(maps, .kind = LK_KIND_MAP, .map_kind = LK_KIND_INTEGER, .flags = LK_FIELD_LIST),
    SAMPLE(model, .kind = LK_KIND_STRING, .flags = LK_FIELD_REQUIRED),
    SAMPLE(numbers, .kind = LK_KIND_NUMBER, .flags = LK_FIELD_LIST),
    SAMPLE(part, .kind = LK_KIND_OBJECT, .type = &sample_part_type),
    SAMPLE(parts, .kind = LK_KIND_OBJECT, .type = &sample_part_type, .flags = LK_FIELD_LIST),
    SAMPLE(ratio, .kind = LK_KIND_NUMBER, .rule = &sample_ratio_rule),
    SAMPLE(secret, .kind = LK_KIND_STRING, .flags = LK_FIELD_SECRET, .rule = &sample_secret_rule),
    SAMPLE(types, .kind = LK_KIND_STRING, .flags = LK_FIELD_LIST, .rule = &sample_type_rule),
    SAMPLE(whole, .kind = LK_KIND_INTEGER, .flags = LK_FIELD_LIST, .rule = &sample_whole_rule),
};

static const struct lk_type sample_type = {"Sample", sample_fields, N_FIELDS(sample_fields),
                                           sizeof(struct sample)};

#endif
