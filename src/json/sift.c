/*
 * JSON in pieces, projected (sift.h). Between values a state machine goes byte by byte; a value
 * that is chosen or not chosen as a whole is passed many bytes at a time.
 *
 *     VALUE ─[─> ITEMS ─value─> AFTER ─,─> ITEM        ]  ─> AFTER of what is around it, or END
 *       └───{─> KEYS ─"key"─> COLON ─:─> MEMBER ─value─> AFTER ─,─> KEY        }  ─> the same
 */
#include "json/sift.h"

#define MAX_KEY_BYTES ((size_t)4 * 1024)

enum state {
    VALUE, /* of the text */
    ITEMS, /* the first item, or the end of the list */
    ITEM,
    KEYS, /* the first key, or the end of the object */
    KEY,
    COLON,
    MEMBER,
    AFTER,
    END,
};

/* What is under way, and what becomes of it. */
enum value {
    NONE,
    READ_KEY,
    COPY,
    PASS,
    PASS_REST, /* of an object that is left out */
};

static const struct lk_projection whole;

void lk_json_sift_init(struct lk_json_sift *sift, const struct lk_projection *projection, bool drop,
                       struct lk_buf *out)
{
    *sift = (struct lk_json_sift){
        .out = out,
        .drop = drop,
        .node_ = projection != NULL ? projection : &whole,
        .state_ = VALUE,
    };
    lk_buf_init(&sift->key_, MAX_KEY_BYTES);
}

void lk_json_sift_free(struct lk_json_sift *sift)
{
    lk_buf_free(&sift->key_);
}

static bool fail_parse(const struct lk_json_sift *sift, struct lk_error *err)
{
    return lk_fail(err, LK_ERROR_PARSE, "not JSON at byte %zu", sift->at_);
}

static bool fail_full(const struct lk_json_sift *sift, struct lk_error *err)
{
    return lk_fail(err, LK_ERROR_LIMIT,
                   "the answer is larger than %zu bytes; ask for fewer fields or fewer items",
                   sift->out->max_bytes);
}

static struct lk_json_sift_frame *top(struct lk_json_sift *sift)
{
    return sift->depth_ > 0 ? &sift->frames_[sift->depth_ - 1] : NULL;
}

static bool drops(const struct lk_json_sift *sift, const struct lk_projection *node)
{
    return sift->drop && node->drop_if_true != NULL;
}

/* ---- ends ---- */

/* A value has ended; written: it, or what is left of it, is in the output. */
static void end_value(struct lk_json_sift *sift, bool written)
{
    struct lk_json_sift_frame *around = top(sift);

    sift->value_ = NONE;
    sift->state_ = around != NULL ? AFTER : END;
    if (around != NULL)
        around->comma |= written;
    else if (!written)
        lk_buf_lit(sift->out, "null");
}

static void close_container(struct lk_json_sift *sift)
{
    lk_buf_char(sift->out, top(sift)->object ? '}' : ']');
    sift->depth_--;
    end_value(sift, true);
}

/* The member that was passed may say that its object is left out: then so is the rest of it. */
static bool leaves_out(struct lk_json_sift *sift)
{
    struct lk_json_sift_frame *object = top(sift);

    if (object == NULL || !object->object || !drops(sift, object->node) ||
        !lk_str_eq(lk_str_n(sift->mark_, sift->mark_len_), LK_STR("true")) ||
        !lk_json_key_eq(lk_str_n(sift->key_.ptr + 1, sift->key_.len - 2),
                        lk_str(object->node->drop_if_true)))
        return false;
    lk_buf_truncate(sift->out, object->before);
    sift->depth_--;
    sift->value_ = PASS_REST;
    sift->pass_ = lk_json_pass_rest();
    return true;
}

/* ---- values ---- */

static void mark(struct lk_json_sift *sift, struct lk_str part)
{
    for (size_t i = 0; i < part.len && sift->mark_len_ < sizeof(sift->mark_); i++)
        sift->mark_[sift->mark_len_++] = part.ptr[i];
}

/* The value or key that is under way, as far as it goes in this piece. */
static bool go_on(struct lk_json_sift *sift, const char **at, const char *end, struct lk_error *err)
{
    const char *begin = *at;
    bool done;

    *at = lk_json_pass(&sift->pass_, begin, end, &done);
    struct lk_str part = lk_str_n(begin, (size_t)(*at - begin));
    if (sift->value_ == READ_KEY) {
        if (!lk_buf_str(&sift->key_, part))
            return lk_fail(err, LK_ERROR_LIMIT, "the name of a member is larger than %zu bytes",
                           MAX_KEY_BYTES);
        if (done) {
            sift->value_ = NONE;
            sift->state_ = COLON;
        }
        return true;
    }
    if (sift->value_ == COPY && !lk_buf_str(sift->out, part))
        return fail_full(sift, err);
    if (sift->state_ == MEMBER)
        mark(sift, part);
    if (!done)
        return true;
    if (sift->value_ != PASS_REST && sift->state_ == MEMBER && leaves_out(sift))
        return true;
    end_value(sift, sift->value_ == COPY);
    return true;
}

static bool enter(struct lk_json_sift *sift, const struct lk_projection *node, size_t before,
                  bool object, struct lk_error *err)
{
    if (sift->depth_ == LK_JSON_MAX_DEPTH)
        return lk_fail(err, LK_ERROR_LIMIT, "JSON that is nested deeper than %d",
                       LK_JSON_MAX_DEPTH);
    sift->frames_[sift->depth_++] =
        (struct lk_json_sift_frame){.node = node, .before = before, .object = object};
    sift->state_ = object ? KEYS : ITEMS;
    lk_buf_char(sift->out, object ? '{' : '[');
    return true;
}

/* Which of it is wanted, or NULL. */
static const struct lk_projection *node_of(struct lk_json_sift *sift)
{
    const struct lk_json_sift_frame *around = top(sift);

    if (around == NULL)
        return sift->node_;
    if (!around->object)
        return around->node;
    if (around->node->fields == NULL)
        return &whole;
    return lk_projection_field(around->node, lk_str_n(sift->key_.ptr + 1, sift->key_.len - 2));
}

/* A value begins with that character. */
static bool begin_value(struct lk_json_sift *sift, char first, struct lk_error *err)
{
    const struct lk_json_sift_frame *around = top(sift);
    const struct lk_projection *node = node_of(sift);
    size_t before = sift->out->len;

    if (lk_json_ends_scalar(first) || first == ':')
        return fail_parse(sift, err);
    sift->mark_len_ = 0;
    sift->pass_ = lk_json_pass_begin(first);
    sift->value_ = node != NULL ? COPY : PASS;
    if (node == NULL)
        return true;
    if (around != NULL && around->comma)
        lk_buf_char(sift->out, ',');
    if (around != NULL && around->object) {
        lk_buf_str(sift->out, lk_buf_view(&sift->key_));
        lk_buf_char(sift->out, ':');
    }
    if ((first != '{' && first != '[') || (node->fields == NULL && !drops(sift, node)))
        return true;
    sift->value_ = NONE;
    return enter(sift, node, before, first == '{', err);
}

/* ---- between ---- */

/* What follows a key or a value. */
static bool take_mark(struct lk_json_sift *sift, char c, struct lk_error *err)
{
    const struct lk_json_sift_frame *around = top(sift);

    if (sift->state_ == COLON && c == ':') {
        sift->state_ = MEMBER;
    } else if (sift->state_ == AFTER && c == ',') {
        sift->state_ = around->object ? KEY : ITEM;
    } else if ((sift->state_ == AFTER && c == (around->object ? '}' : ']')) ||
               (sift->state_ == ITEMS && c == ']') || (sift->state_ == KEYS && c == '}')) {
        close_container(sift);
    } else {
        return fail_parse(sift, err);
    }
    return true;
}

/* A byte that is no space, or a value or key. */
static bool step(struct lk_json_sift *sift, const char **at, const char *end, struct lk_error *err)
{
    char c = **at;
    bool value = sift->state_ == VALUE || sift->state_ == ITEM || sift->state_ == MEMBER ||
                 (sift->state_ == ITEMS && c != ']');

    if (sift->value_ != NONE)
        return go_on(sift, at, end, err);
    if ((sift->state_ == KEYS || sift->state_ == KEY) && c == '"') {
        lk_buf_truncate(&sift->key_, 0);
        sift->pass_ = lk_json_pass_begin(c);
        sift->value_ = READ_KEY;
        return true;
    }
    if (!value) {
        ++*at;
        return take_mark(sift, c, err);
    }
    if (!begin_value(sift, c, err))
        return false;
    if (sift->value_ == NONE) /* it was entered */
        ++*at;
    return true;
}

bool lk_json_sift_feed(struct lk_json_sift *sift, struct lk_str piece, struct lk_error *err)
{
    const char *at = piece.ptr, *end = lk_str_end(piece);

    while (at < end) {
        if (sift->value_ == NONE)
            at = lk_json_skip_space(at, end);
        sift->at_ = sift->bytes_ + (size_t)(at - piece.ptr);
        if (at < end && !step(sift, &at, end, err))
            return false;
    }
    sift->bytes_ += piece.len;
    return !sift->out->overflow || fail_full(sift, err);
}

bool lk_json_sift_end(struct lk_json_sift *sift, struct lk_error *err)
{
    bool number = sift->value_ == COPY && sift->pass_.scalar_ && sift->depth_ == 0;

    if (sift->state_ != END && !number)
        return lk_fail(err, LK_ERROR_PARSE, "the text ends too early, at byte %zu", sift->bytes_);
    return lk_json_check(lk_buf_view(sift->out), LK_JSON_MAX_DEPTH, 0, err);
}
