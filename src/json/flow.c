/*
 * JSON in pieces (flow.h). Between values a state machine goes byte by byte; a value is passed over
 * many bytes at a time, and only one that a piece ends in the middle of is copied.
 *
 *     BEGIN ─[─> ITEMS ─value─> AFTER_ITEM ─,─> ITEM         ] of a list that is the text ──> END
 *       └──{─> KEYS ─"key"─> COLON ─:─> MEMBER ─value─> AFTER_MEMBER ─,─> KEY       } ──────> END
 *                                          └─[ of the list ─> ITEMS … ] ─> AFTER_MEMBER
 */
#include "json/flow.h"

#include "json/skip.h"

#define MAX_KEY_BYTES ((size_t)4 * 1024)

enum state {
    BEGIN,
    ITEMS, /* the first item, or the end of the list */
    ITEM,
    AFTER_ITEM,
    KEYS, /* the first key, or the end of the object */
    KEY,
    COLON,
    MEMBER,
    AFTER_MEMBER,
    END,
};

void lk_json_flow_init(struct lk_json_flow *flow, const struct lk_json_flow_options *options)
{
    *flow = (struct lk_json_flow){.options = *options, .state_ = BEGIN};
    lk_buf_init(&flow->held_, options->max_item_bytes > options->max_member_bytes
                                  ? options->max_item_bytes
                                  : options->max_member_bytes);
    lk_buf_init(&flow->key_, MAX_KEY_BYTES);
}

void lk_json_flow_free(struct lk_json_flow *flow)
{
    lk_buf_free(&flow->held_);
    lk_buf_free(&flow->key_);
}

/* Of the text. */
static size_t offset_of(const struct lk_json_flow *flow, const char *at)
{
    return flow->bytes_ + (size_t)(at - flow->piece_);
}

static bool fail_at(size_t offset, const char *what, struct lk_error *err)
{
    return lk_fail(err, LK_ERROR_PARSE, "not JSON at byte %zu: %s", offset, what);
}

static bool fail_too_large(const struct lk_json_flow *flow, size_t max_bytes, struct lk_error *err)
{
    return lk_fail(err, LK_ERROR_LIMIT, "the %s at byte %zu is larger than %zu bytes",
                   flow->state_ == ITEM ? "item" : "member", flow->value_at_, max_bytes);
}

/* ---- values ---- */

static void begin_value(struct lk_json_flow *flow, const char *at, char first)
{
    flow->value_at_ = offset_of(flow, at);
    flow->in_value_ = true;
    flow->passing_ = false;
    flow->pass_ = lk_json_pass_begin(first);
    lk_buf_truncate(&flow->held_, 0);
}

/* Adds to what is held, within the limit of items or members. */
static bool hold(struct lk_json_flow *flow, struct lk_str bytes, struct lk_error *err)
{
    bool item = flow->state_ == ITEM;
    size_t max = item ? flow->options.max_item_bytes : flow->options.max_member_bytes;

    if (flow->passing_)
        return offset_of(flow, lk_str_end(bytes)) - flow->value_at_ <= LK_JSON_FLOW_MAX_BYTES ||
               fail_too_large(flow, LK_JSON_FLOW_MAX_BYTES, err);
    if (flow->held_.len + bytes.len <= max)
        return lk_buf_str(&flow->held_, bytes);
    if (item && !flow->options.passes_large_items)
        return fail_too_large(flow, max, err);
    flow->passing_ = true;
    lk_buf_truncate(&flow->held_, 0);
    return true;
}

/* The text around it is open twice. */
static bool check_value(const struct lk_json_flow *flow, struct lk_str value, struct lk_error *err)
{
    struct lk_error why = {0};

    return lk_json_check(value, LK_JSON_MAX_DEPTH - 2, 0, &why) ||
           lk_fail(err, why.kind, "in what begins at byte %zu: %s", flow->value_at_, why.message);
}

static bool hand_on(struct lk_json_flow *flow, struct lk_str value, struct lk_error *err)
{
    const struct lk_json_flow_options *options = &flow->options;
    struct lk_str key = lk_buf_view(&flow->key_);
    bool item = flow->state_ == ITEM;
    size_t max = item ? options->max_item_bytes : options->max_member_bytes;
    bool more;

    if (!flow->passing_ && value.len > max) {
        if (item && !options->passes_large_items)
            return fail_too_large(flow, max, err);
        flow->passing_ = true;
    }
    if (flow->passing_)
        value = (struct lk_str){0};
    else if (!check_value(flow, value, err))
        return false;
    if (item)
        more = options->item(options->arg, value);
    else
        more = options->member == NULL ||
               options->member(options->arg, lk_str_n(key.ptr + 1, key.len - 2), value);
    flow->enough = !more;
    return more;
}

/* The value at *at, or what there is of it. */
static bool take_value(struct lk_json_flow *flow, const char **at, const char *end,
                       struct lk_error *err)
{
    const char *begin = *at;
    struct lk_str part;
    bool done;

    if (!flow->in_value_)
        begin_value(flow, begin, *begin);
    *at = lk_json_pass(&flow->pass_, begin, end, &done);
    part = lk_str_n(begin, (size_t)(*at - begin));
    if (!done)
        return hold(flow, part, err);
    if (flow->held_.len > 0 || flow->passing_) {
        if (!hold(flow, part, err))
            return false;
        part = lk_buf_view(&flow->held_);
    }
    flow->in_value_ = false;
    if (!hand_on(flow, part, err))
        return false;
    flow->state_ = flow->state_ == ITEM ? AFTER_ITEM : AFTER_MEMBER;
    return true;
}

/* ---- keys ---- */

/* Whether the key that was read names the list. */
static bool names_list(const struct lk_json_flow *flow)
{
    struct lk_str key = lk_buf_view(&flow->key_);
    const char *const *name = flow->options.lists;

    for (; name != NULL && *name != NULL; name++) {
        if (lk_json_key_eq(lk_str_n(key.ptr + 1, key.len - 2), lk_str(*name)))
            return true;
    }
    return false;
}

/* The key at *at, with its quotes, or what there is of it. */
static bool take_key(struct lk_json_flow *flow, const char **at, const char *end,
                     struct lk_error *err)
{
    const char *begin = *at;
    bool done;

    if (!flow->in_value_) {
        begin_value(flow, begin, '"');
        lk_buf_truncate(&flow->key_, 0);
    }
    *at = lk_json_pass(&flow->pass_, begin, end, &done);
    if (!lk_buf_append(&flow->key_, begin, (size_t)(*at - begin)))
        return lk_fail(err, LK_ERROR_LIMIT, "the name of a member is larger than %zu bytes",
                       MAX_KEY_BYTES);
    if (!done)
        return true;
    flow->in_value_ = false;
    flow->state_ = COLON;
    return check_value(flow, lk_buf_view(&flow->key_), err);
}

/* ---- between ---- */

static bool close_list(struct lk_json_flow *flow)
{
    flow->state_ = flow->nested_ ? AFTER_MEMBER : END;
    return true;
}

/* What stands between values, or begins one: the state that the byte leads to, or -1. */
static int next_state(struct lk_json_flow *flow, char c)
{
    switch (flow->state_) {
    case BEGIN:
        flow->type = c == '[' ? LK_JSON_ARRAY : c == '{' ? LK_JSON_OBJECT : LK_JSON_INVALID;
        flow->has_list = c == '[';
        return c == '[' ? ITEMS : c == '{' ? KEYS : -1;
    case AFTER_ITEM:
        return c == ',' ? ITEM : c == ']' && close_list(flow) ? flow->state_ : -1;
    case COLON:
        return c == ':' ? MEMBER : -1;
    case AFTER_MEMBER:
        return c == ',' ? KEY : c == '}' ? END : -1;
    default:
        return -1;
    }
}

/* One value, key or byte that is no space. */
static bool step(struct lk_json_flow *flow, const char **at, const char *end, struct lk_error *err)
{
    char c = **at;
    int next;

    if (flow->state_ == ITEMS && c == ']') {
        ++*at;
        return close_list(flow);
    }
    if (flow->state_ == KEYS && c == '}') {
        flow->state_ = END;
        ++*at;
        return true;
    }
    if (flow->state_ == ITEMS)
        flow->state_ = ITEM;
    if (flow->state_ == MEMBER && c == '[' && !flow->in_value_ && !flow->has_list &&
        names_list(flow)) {
        flow->has_list = flow->nested_ = true;
        flow->state_ = ITEMS;
        ++*at;
        return true;
    }
    if (flow->state_ == ITEM || flow->state_ == MEMBER) {
        if (flow->in_value_ || (!lk_json_ends_scalar(c) && c != ':'))
            return take_value(flow, at, end, err);
        return fail_at(offset_of(flow, *at), "a value is missing", err);
    }
    if (flow->state_ == KEYS && c == '"')
        flow->state_ = KEY;
    if (flow->state_ == KEY && (flow->in_value_ || c == '"'))
        return take_key(flow, at, end, err);
    next = next_state(flow, c);
    if (next < 0)
        return fail_at(offset_of(flow, *at),
                       flow->state_ == BEGIN ? "neither a list nor an object"
                                             : "another character was to come",
                       err);
    flow->state_ = (uint8_t)next;
    ++*at;
    return true;
}

bool lk_json_flow_feed(struct lk_json_flow *flow, struct lk_str piece, struct lk_error *err)
{
    const char *at = piece.ptr, *end = lk_str_end(piece);

    flow->piece_ = piece.ptr;
    while (at < end) {
        if (!flow->in_value_)
            at = lk_json_skip_space(at, end);
        if (at < end && !step(flow, &at, end, err))
            return false;
    }
    flow->bytes_ += piece.len;
    return true;
}

bool lk_json_flow_end(const struct lk_json_flow *flow, struct lk_error *err)
{
    return flow->state_ == END || fail_at(flow->bytes_, "the text ends too early", err);
}
