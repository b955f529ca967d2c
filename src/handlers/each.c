/*
 * See each.h: lk_api_stream and json/flow, put together.
 */
#include "handlers/each.h"

#include "handlers/ask.h"
#include "json/flow.h"

struct walk {
    const struct lk_each *each;
    struct lk_json_flow flow;
    bool no_json, null; /* null: so is the member that is the list */
    struct lk_error error;
};

static bool on_item(void *arg, struct lk_str item)
{
    struct walk *walk = arg;

    return walk->each->item(walk->each->arg, item);
}

static bool on_member(void *arg, struct lk_str key, struct lk_str value)
{
    struct walk *walk = arg;
    const struct lk_each *each = walk->each;

    if (each->list != NULL && lk_json_key_eq(key, lk_str(each->list)) &&
        lk_json_type(value) == LK_JSON_NULL)
        walk->null = true;
    else if (each->member != NULL && value.ptr != NULL)
        each->member(each->arg, key, value);
    return true;
}

static bool take(void *arg, enum lk_media media, struct lk_str bytes)
{
    struct walk *walk = arg;

    walk->no_json = media != LK_MEDIA_JSON;
    return !walk->no_json && lk_json_flow_feed(&walk->flow, bytes, &walk->error);
}

/* Whether what came was what should have come. */
static bool judge(struct walk *walk, bool stopped, struct lk_error *err)
{
    const struct lk_operation *op = walk->each->request.op;
    struct lk_api_answer sample = {.media = walk->no_json ? LK_MEDIA_TEXT : LK_MEDIA_JSON};
    bool nothing = walk->flow.type == LK_JSON_INVALID && !walk->no_json;

    if (walk->no_json)
        sample.body = LK_STR("?");
    else if (walk->flow.type != LK_JSON_INVALID)
        sample.body = walk->flow.type == LK_JSON_ARRAY ? LK_STR("[]") : LK_STR("{}");
    if ((!nothing || walk->error.kind == LK_ERROR_NONE) &&
        !lk_expect_json(&sample, op, walk->each->list != NULL ? LK_JSON_OBJECT : LK_JSON_ARRAY,
                        err))
        return false;
    if (walk->error.kind == LK_ERROR_NONE && !stopped)
        (void)lk_json_flow_end(&walk->flow, &walk->error);
    if (walk->error.kind == LK_ERROR_NONE && !walk->flow.has_list && !walk->null)
        return lk_fail(err, LK_ERROR_PARSE, "Looker's answer to %s has no list in %s", op->id,
                       walk->each->list);
    return walk->error.kind == LK_ERROR_NONE ||
           lk_fail(err, walk->error.kind, "Looker's answer to %s: %s", op->id, walk->error.message);
}

static void free_walk(void *arg)
{
    lk_json_flow_free(&((struct walk *)arg)->flow);
}

bool lk_each(struct lk_api *api, struct lk_arena *arena, const struct lk_each *each,
             struct lk_error *err)
{
    struct walk *walk = lk_arena_new_object(arena, struct walk);
    const char **lists = lk_arena_array(arena, 2, sizeof(*lists)); /* ends with NULL */
    const struct lk_api_sink sink = {.take = take, .arg = walk};
    struct lk_api_answer answer;

    walk->each = each;
    lists[0] = each->list;
    lk_json_flow_init(&walk->flow, &(struct lk_json_flow_options){
                                       .lists = lists,
                                       .max_item_bytes = LK_JSON_FLOW_ITEM_BYTES,
                                       .max_member_bytes = LK_EACH_MEMBER_BYTES,
                                       .item = on_item,
                                       .member = on_member,
                                       .arg = walk,
                                   });
    lk_arena_defer(arena, free_walk, walk);
    return lk_api_stream(api, arena, each->request, each->timeout_ms, &sink, &answer, err) &&
           judge(walk, answer.stopped, err);
}
