/*
 * lk_encode of json/codec.h: request bodies from structs. Nested as deep as the struct is, which a
 * handler or the decoder built.
 */
#include "json/codec.h"
#include "json/layout.h"
#include "json/write.h"

static void encode_object(const struct lk_type *type, const void *object, struct lk_json_writer *w);

/* Payloads are read with memcpy: a wrapper's members have several types, its bytes one layout. */
static void encode_payload(const struct lk_field *field, const void *payload,
                           struct lk_json_writer *w)
{
    struct lk_str text;
    int64_t integer;
    double number;
    bool boolean;

    switch ((enum lk_kind)field->kind) {
    case LK_KIND_STRING:
        memcpy(&text, payload, sizeof(text));
        lk_json_put_string(w, text);
        break;
    case LK_KIND_INTEGER:
        memcpy(&integer, payload, sizeof(integer));
        lk_json_put_integer(w, integer);
        break;
    case LK_KIND_NUMBER:
        memcpy(&number, payload, sizeof(number));
        lk_json_put_number(w, number);
        break;
    case LK_KIND_BOOLEAN:
        memcpy(&boolean, payload, sizeof(boolean));
        lk_json_put_boolean(w, boolean);
        break;
    case LK_KIND_MAP:
    case LK_KIND_ANY:
        memcpy(&text, payload, sizeof(text));
        lk_json_put_raw(w, text);
        break;
    case LK_KIND_OBJECT:
        encode_object(field->type, payload, w);
        break;
    case LK_KIND_NONE:
        lk_json_put_null(w);
        break;
    }
}

static void encode_list(const struct lk_field *field, const void *value, struct lk_json_writer *w)
{
    struct lk_object_list list;
    size_t size = lk_layout_item_size(field);

    memcpy(&list, value, offsetof(struct lk_object_list, is));
    lk_json_begin_array(w);
    for (size_t i = 0; i < list.len; i++)
        encode_payload(field, (const unsigned char *)list.items + i * size, w);
    lk_json_end_array(w);
}

static void encode_value(const struct lk_field *field, const void *value, struct lk_json_writer *w)
{
    struct lk_object_ref ref;

    if (lk_layout_presence(field, value) != LK_PRESENT) {
        lk_json_put_null(w);
    } else if (lk_field_is_list(field)) {
        encode_list(field, value, w);
    } else if (field->kind == LK_KIND_OBJECT) {
        memcpy(&ref, value, offsetof(struct lk_object_ref, is));
        if (ref.value != NULL)
            encode_object(field->type, ref.value, w);
        else
            lk_json_put_null(w);
    } else {
        encode_payload(field, value, w);
    }
}

static void encode_object(const struct lk_type *type, const void *object, struct lk_json_writer *w)
{
    lk_json_begin_object(w);
    for (size_t i = 0; i < type->n_fields; i++) {
        const struct lk_field *field = &type->fields[i];
        if (lk_field_presence(field, object) == LK_ABSENT)
            continue;
        lk_json_key(w, field->name);
        encode_value(field, (const unsigned char *)object + field->offset, w);
    }
    lk_json_end_object(w);
}

void lk_encode(const struct lk_type *type, const void *object, struct lk_buf *out)
{
    struct lk_json_writer w = lk_json_writer(out);
    encode_object(type, object, &w);
}

void lk_encode_value(const struct lk_field *field, const void *value, struct lk_buf *out)
{
    struct lk_json_writer w = lk_json_writer(out);
    encode_value(field, value, &w);
}
