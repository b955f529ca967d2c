/*
 * What was created, changed and deleted: collections by their concrete path, things in them by
 * key. Deleted ones leave their key behind, so that they are known not to exist. Printed text is
 * kept until the thing changes.
 */
#include "sandbox.h"

#include <stdlib.h>

#define N_BUCKETS 1024

struct sb_store {
    struct sb_collection *buckets[N_BUCKETS];
};

struct sb_store *sb_store_new(void)
{
    return sb_alloc(sizeof(struct sb_store));
}

static void free_collection(struct sb_collection *c)
{
    for (size_t i = 0; i < c->n; i++) {
        free(c->items[i].key);
        free(c->items[i].text);
        cJSON_Delete(c->items[i].json);
    }
    free(c->items);
    free(c->path);
    free(c);
}

void sb_store_free(struct sb_store *store)
{
    for (size_t i = 0; i < N_BUCKETS; i++) {
        struct sb_collection *c = store->buckets[i], *next;

        for (; c != NULL; c = next) {
            next = c->next;
            free_collection(c);
        }
    }
    free(store);
}

struct sb_collection *sb_collection(struct sb_store *store, struct lk_str path)
{
    struct sb_collection **bucket = &store->buckets[sb_hash(path) % N_BUCKETS], *c;

    for (c = *bucket; c != NULL; c = c->next)
        if (lk_str_eq(lk_str(c->path), path))
            return c;
    c = sb_alloc(sizeof(*c));
    c->path = sb_strdup(path);
    c->next_id = 1;
    c->next = *bucket;
    *bucket = c;
    return c;
}

struct sb_entity *sb_entity(struct sb_collection *c, struct lk_str key)
{
    for (size_t i = 0; i < c->n; i++)
        if (lk_str_eq(lk_str(c->items[i].key), key))
            return &c->items[i];
    return NULL;
}

static void forget_text(struct sb_entity *entity)
{
    free(entity->text);
    entity->text = NULL;
    entity->text_len = 0;
}

struct sb_entity *sb_entity_put(struct sb_collection *c, struct lk_str key, cJSON *json)
{
    struct sb_entity *entity = sb_entity(c, key);
    int64_t number;

    if (entity == NULL) {
        if (c->n == c->cap) {
            c->cap = c->cap > 0 ? c->cap * 2 : 4;
            c->items = realloc(c->items, c->cap * sizeof(*c->items));
            if (c->items == NULL)
                abort();
        }
        entity = &c->items[c->n++];
        *entity = (struct sb_entity){.key = sb_strdup(key)};
    }
    if (sb_parse_int(key, &number) && number >= c->next_id)
        c->next_id = number + 1;
    if (entity->json != json)
        cJSON_Delete(entity->json);
    entity->json = json;
    forget_text(entity);
    return entity;
}

void sb_entity_delete(struct sb_entity *entity)
{
    cJSON_Delete(entity->json);
    entity->json = NULL;
    forget_text(entity);
}

struct lk_str sb_entity_show(struct sb_request *rq, struct sb_collection *c, struct sb_entity *e)
{
    if (c->decorate != NULL) {
        cJSON *copy = cJSON_Duplicate(e->json, true);
        struct lk_str text;

        c->decorate(rq->sb, copy);
        text = sb_print(rq, copy);
        cJSON_Delete(copy);
        return text;
    }
    if (e->text == NULL) {
        e->text = cJSON_PrintUnformatted(e->json);
        if (e->text == NULL)
            abort();
        e->text_len = strlen(e->text);
    }
    return lk_arena_str(rq->arena, lk_str_n(e->text, e->text_len));
}

const char *sb_member(const cJSON *object, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

    return cJSON_IsString(item) ? item->valuestring : NULL;
}

void sb_set(cJSON *object, const char *name, cJSON *value)
{
    cJSON_DeleteItemFromObjectCaseSensitive(object, name);
    cJSON_AddItemToObject(object, name, value);
}

void sb_set_text(cJSON *object, const char *name, const char *text)
{
    sb_set(object, name, text != NULL ? cJSON_CreateString(text) : cJSON_CreateNull());
}

void sb_seed(struct sb *sb, const char *path, const char *operation, const char *key_field,
             const char *json)
{
    const struct lk_operation *op = sb_operation(operation);
    struct sb_collection *c = sb_collection(sb->store, lk_str(path));
    cJSON *list = cJSON_Parse(json);
    const cJSON *item;

    if (!cJSON_IsArray(list) || op == NULL || op->answer.type == NULL)
        abort(); /* a slip in our own fixture */
    c->strict = true;
    c->type = op->answer.type;
    cJSON_ArrayForEach(item, list)
    {
        cJSON *thing = sb_example_object(op->answer.type, false, 0);
        const char *key = sb_member(item, key_field);

        if (key == NULL)
            abort();
        sb_merge(op->answer.type, thing, item);
        sb_entity_put(c, lk_str(key), thing);
    }
    cJSON_Delete(list);
}
