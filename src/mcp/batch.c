/*
 * JSON-RPC batches, which only revision 2025-03-26 has: each message goes its own way, and the
 * answers are gathered, in the order of the messages, into one array. Called by receive.c.
 */
#include "mcp/internal.h"

#define BATCH_MAX 64

struct batch;

struct slot {
    struct batch *batch;
    struct lk_buf answer;
};

struct batch {
    struct lk_arena *arena; /* this struct lives in it as well */
    struct mcp_inbound outer;
    struct slot *slots;
    size_t n_slots;
    size_t n_open; /* slots without an answer, and one while messages are still handed out */
};

static void finish(struct batch *batch)
{
    struct lk_arena *arena = batch->arena;
    struct lk_buf out;
    size_t bytes = 2;

    for (size_t i = 0; i < batch->n_slots; i++)
        bytes += batch->slots[i].answer.len + 1;
    lk_buf_init(&out, bytes);
    lk_buf_reserve(&out, bytes);
    for (size_t i = 0; i < batch->n_slots; i++) {
        struct lk_buf *answer = &batch->slots[i].answer;

        if (answer->len != 0) {
            lk_buf_char(&out, out.len == 0 ? '[' : ',');
            lk_buf_str(&out, lk_buf_view(answer));
        }
        lk_buf_free(answer);
    }
    if (out.len == 0) {
        mcp_reply_nothing(&batch->outer);
    } else {
        lk_buf_char(&out, ']');
        batch->outer.reply(batch->outer.arg, 200, &out);
    }
    lk_buf_free(&out);
    lk_arena_free(arena);
}

static void close_one(struct batch *batch)
{
    if (--batch->n_open == 0)
        finish(batch);
}

static void slot_reply(void *arg, int http_status, struct lk_buf *body)
{
    struct slot *slot = arg;

    (void)http_status;
    slot->answer = *body;
    *body = (struct lk_buf){0};
    close_one(slot->batch);
}

static struct lk_str slot_header(void *arg, struct lk_str name)
{
    struct slot *slot = arg;

    return mcp_header(&slot->batch->outer, name);
}

static struct lk_str slot_from(void *arg)
{
    struct slot *slot = arg;

    return slot->batch->outer.from(slot->batch->outer.arg);
}

static void slot_notify(void *arg, struct lk_str message)
{
    struct slot *slot = arg;

    slot->batch->outer.notify(slot->batch->outer.arg, message);
}

static void refuse(const struct mcp_inbound *inbound, const char *why)
{
    struct mcp_rpc_error err;

    mcp_rpc_fail(&err, MCP_INVALID_REQUEST, 400, "%s", why);
    mcp_reply_error(inbound, (struct lk_str){0}, &err);
}

void mcp_receive_batch(struct mcp_server *server, struct lk_arena *arena,
                       const struct mcp_inbound *inbound, struct lk_str text)
{
    struct lk_json_iter it = lk_json_iter(text);
    struct batch *batch;
    struct lk_str item;
    const char *why = NULL;
    size_t n = lk_json_count(text);

    if (mcp_era_legacy(inbound) != MCP_2025_03_26)
        why = "batches exist in revision 2025-03-26 only; send one message at a time";
    else if (n == 0)
        why = "a batch must not be empty";
    else if (n > BATCH_MAX)
        why = "a batch has at most 64 messages here; send the rest in another one";
    if (why != NULL) {
        refuse(inbound, why);
        lk_arena_free(arena);
        return;
    }
    batch = lk_arena_new_object(arena, struct batch);
    *batch = (struct batch){.arena = arena, .outer = *inbound, .n_slots = n, .n_open = n + 1};
    batch->slots = lk_arena_array(arena, n, sizeof(*batch->slots));
    for (size_t i = 0; i < n && lk_json_next(&it, NULL, &item); i++) {
        struct slot *slot = &batch->slots[i];
        struct mcp_inbound inner = {
            .peer = inbound->peer,
            .body = item,
            .header = slot_header,
            .request_id = inbound->request_id,
            .caller = inbound->caller,
            .origin = inbound->origin,
            .from = inbound->from != NULL ? slot_from : NULL,
            .reply = slot_reply,
            .notify = inbound->notify != NULL ? slot_notify : NULL,
            .arg = slot,
        };

        slot->batch = batch;
        mcp_receive_one(server, lk_arena_new(), &inner, item, true);
    }
    close_one(batch);
}
