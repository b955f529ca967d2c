/*
 * Misbehaving on order. A test posts a list of rules; the first one that fits a request and is not
 * used up applies to it: it may expire all tokens, delay, answer with a status of its own, spoil
 * the body, or cut the connection. Requests that the sandbox refuses by itself match no rule.
 */
#include "sandbox.h"

#include <stdlib.h>

struct sb_rules {
    struct sb_rule *first;
};

struct sb_rules *sb_rules_new(void)
{
    return sb_alloc(sizeof(struct sb_rules));
}

void sb_rules_clear(struct sb_rules *rules)
{
    struct sb_rule *rule = rules->first, *next;

    for (; rule != NULL; rule = next) {
        next = rule->next;
        free(rule->operation);
        free(rule->user);
        free(rule->workspace);
        free(rule->path);
        free(rule->body);
        free(rule->corrupt);
        cJSON_Delete(rule->headers);
        free(rule);
    }
    rules->first = NULL;
}

void sb_rules_free(struct sb_rules *rules)
{
    sb_rules_clear(rules);
    free(rules);
}

static const char *const corruptions[] = {
    "not_json", "html", "truncate_json", "bad_utf8", "wrong_type", "deep", NULL};

static bool known_corruption(const char *name)
{
    for (const char *const *c = corruptions; *c != NULL; c++)
        if (strcmp(*c, name) == 0)
            return true;
    return false;
}

static const char *set_text(char **ret_text, const cJSON *item)
{
    if (!cJSON_IsString(item))
        return "must be a string";
    *ret_text = sb_strdup(lk_str(item->valuestring));
    return NULL;
}

static const char *set_integer(int64_t *ret_value, const cJSON *item)
{
    if (!cJSON_IsNumber(item))
        return "must be a number";
    *ret_value = (int64_t)item->valuedouble;
    return NULL;
}

/* One member of a rule; NULL or what is wrong with it. */
static const char *set_member(struct sb_rule *rule, const cJSON *item)
{
    const char *key = item->string;
    int64_t status = 0;
    const char *wrong = NULL;

    if (strcmp(key, "operation") == 0) {
        wrong = set_text(&rule->operation, item);
        if (wrong == NULL && strcmp(rule->operation, "*") != 0 &&
            sb_operation(rule->operation) == NULL)
            return "is no operation";
        return wrong;
    }
    if (strcmp(key, "user") == 0)
        return set_text(&rule->user, item);
    if (strcmp(key, "workspace") == 0)
        return set_text(&rule->workspace, item);
    if (strcmp(key, "path") == 0)
        return set_text(&rule->path, item);
    if (strcmp(key, "obeyed") == 0) {
        rule->obeyed = cJSON_IsTrue(item);
        return NULL;
    }
    if (strcmp(key, "times") == 0)
        return set_integer(&rule->times, item);
    if (strcmp(key, "after") == 0)
        return set_integer(&rule->after, item);
    if (strcmp(key, "delay_ms") == 0)
        return set_integer(&rule->delay_ms, item);
    if (strcmp(key, "late_ms") == 0)
        return set_integer(&rule->late_ms, item);
    if (strcmp(key, "drip_ms") == 0)
        return set_integer(&rule->drip_ms, item);
    if (strcmp(key, "cut_after_bytes") == 0)
        return set_integer(&rule->cut_after_bytes, item);
    if (strcmp(key, "retry_after") == 0)
        return set_integer(&rule->retry_after, item);
    if (strcmp(key, "status") == 0) {
        wrong = set_integer(&status, item);
        rule->status = (int)status;
        return wrong != NULL || (status >= 200 && status < 600) ? wrong : "must be 200 to 599";
    }
    if (strcmp(key, "body") == 0) {
        if (cJSON_IsString(item))
            return set_text(&rule->body, item);
        rule->body = cJSON_PrintUnformatted(item);
        return NULL;
    }
    if (strcmp(key, "headers") == 0) {
        rule->headers = cJSON_Duplicate(item, true);
        return cJSON_IsObject(item) ? NULL : "must be an object";
    }
    if (strcmp(key, "corrupt") == 0) {
        wrong = set_text(&rule->corrupt, item);
        return wrong != NULL || known_corruption(rule->corrupt) ? wrong : "is no corruption";
    }
    if (strcmp(key, "expire_tokens") == 0) {
        rule->expire_tokens = cJSON_IsTrue(item);
        return NULL;
    }
    if (strcmp(key, "drop") == 0) {
        rule->drop = cJSON_IsTrue(item);
        return NULL;
    }
    return "is no member of a rule";
}

static bool add_rule(struct sb_request *rq, struct sb_answer *out, const cJSON *tree)
{
    struct sb_rule *rule = sb_alloc(sizeof(*rule)), **end;
    const cJSON *item;

    if (!cJSON_IsObject(tree)) {
        free(rule);
        sb_fail(rq, out, 400, "rules: expected a list of objects");
        return false;
    }
    rule->times = -1;
    rule->delay_ms = rule->drip_ms = rule->cut_after_bytes = rule->retry_after = -1;
    rule->late_ms = -1;
    for (end = &rq->sb->rules->first; *end != NULL; end = &(*end)->next)
        ;
    *end = rule;
    cJSON_ArrayForEach(item, tree)
    {
        const char *wrong = set_member(rule, item);

        if (wrong != NULL) {
            sb_fail(rq, out, 400, "%s %s", item->string, wrong);
            return false;
        }
    }
    if (rule->operation == NULL)
        rule->operation = sb_strdup(LK_STR("*"));
    return true;
}

void sb_rules_set(struct sb_request *rq, struct sb_answer *out)
{
    cJSON *tree = cJSON_ParseWithLength(rq->body.ptr != NULL ? rq->body.ptr : "", rq->body.len);
    const cJSON *item;

    sb_rules_clear(rq->sb->rules);
    if (!cJSON_IsArray(tree)) {
        sb_fail(rq, out, 400, "rules: expected a JSON list");
        goto out;
    }
    cJSON_ArrayForEach(item, tree)
    {
        if (!add_rule(rq, out, item)) {
            sb_rules_clear(rq->sb->rules);
            goto out;
        }
    }
    sb_answer_empty(out, 204);
out:
    cJSON_Delete(tree);
}

void sb_rules_get(struct sb_request *rq, struct sb_answer *out)
{
    struct lk_buf *buf = sb_buf(rq);
    struct lk_json_writer w = lk_json_writer(buf);

    lk_json_begin_array(&w);
    for (const struct sb_rule *rule = rq->sb->rules->first; rule != NULL; rule = rule->next) {
        lk_json_begin_object(&w);
        lk_json_member_string(&w, "operation", lk_str(rule->operation));
        lk_json_member_integer(&w, "times", rule->times);
        lk_json_member_integer(&w, "after", rule->after);
        lk_json_end_object(&w);
    }
    lk_json_end_array(&w);
    sb_answer_json(out, 200, lk_buf_view(buf));
}

static bool fits(const struct sb_rule *rule, const struct sb_request *rq)
{
    const struct sb_token *token = rq->token;

    if (strcmp(rule->operation, "*") != 0 && strcmp(rule->operation, rq->route->op->id) != 0)
        return false;
    if (rule->user != NULL && (token == NULL || strcmp(rule->user, token->user_id) != 0))
        return false;
    if (rule->workspace != NULL &&
        (token == NULL || strcmp(rule->workspace, token->workspace) != 0))
        return false;
    return rule->path == NULL ||
           memmem(rq->path.ptr, rq->path.len, rule->path, strlen(rule->path)) != NULL;
}

const struct sb_rule *sb_rules_match(const struct sb_request *rq)
{
    for (struct sb_rule *rule = rq->sb->rules->first; rule != NULL; rule = rule->next) {
        if (rule->times == 0 || !fits(rule, rq))
            continue;
        if (rule->after > 0) {
            rule->after--;
            continue;
        }
        if (rule->times > 0)
            rule->times--;
        return rule;
    }
    return NULL;
}

static void add_header(struct sb_answer *out, struct lk_str name, struct lk_str value)
{
    if (out->n_headers < sizeof(out->headers) / sizeof(out->headers[0]))
        out->headers[out->n_headers++] = (struct sb_header){name, value};
}

static const char *status_message(int status)
{
    switch (status) {
    case 401:
        return "Requires authentication.";
    case 403:
        return "Forbidden";
    case 404:
        return "Not found";
    case 409:
        return "Resource already exists";
    case 422:
        return "Validation Failed";
    case 429:
        return "Too many requests";
    default:
        return "An error has occurred.";
    }
}

bool sb_rule_answers(struct sb_request *rq, const struct sb_rule *rule, struct sb_answer *out)
{
    if (rule->expire_tokens) {
        sb_auth_expire_all(rq->sb->auth);
        if (rule->status == 0 && !rq->route->open) {
            sb_fail(rq, out, 401, "Requires authentication.");
            return true;
        }
    }
    if (rule->status == 0 && rule->late_ms >= 0) {
        sb_fail(rq, out, 504, "%s", "The answer did not come in time");
        return true;
    }
    if (rule->status == 0)
        return false;
    if (rule->body != NULL)
        sb_answer_json(out, rule->status, lk_arena_str(rq->arena, lk_str(rule->body)));
    else if (rule->status >= 400)
        sb_fail(rq, out, rule->status, "%s", status_message(rule->status));
    else
        sb_answer_empty(out, rule->status);
    return true;
}

/* The whole body, also of a stream. */
static struct lk_str whole_body(struct sb_request *rq, struct sb_answer *out)
{
    struct lk_buf *buf;

    if (out->stream == NULL)
        return out->body;
    buf = sb_buf(rq);
    while (out->stream->next(out->stream, buf))
        ;
    return lk_buf_view(buf);
}

static void corrupt(struct sb_request *rq, const char *how, struct sb_answer *out)
{
    struct lk_str body = whole_body(rq, out);
    struct lk_buf *buf = sb_buf(rq);

    out->stream = NULL;
    if (strcmp(how, "not_json") == 0) {
        lk_buf_lit(buf, "this is not JSON {");
    } else if (strcmp(how, "html") == 0) {
        out->content_type = "text/html; charset=utf-8";
        lk_buf_lit(buf, "<!DOCTYPE html><html><body><h1>Bad gateway</h1></body></html>");
    } else if (strcmp(how, "truncate_json") == 0) {
        lk_buf_append(buf, body.ptr, body.len / 2);
    } else if (strcmp(how, "bad_utf8") == 0) {
        lk_buf_lit(buf, "{\"text\":\"\xff\xfe\xc3(\"}");
    } else if (strcmp(how, "wrong_type") == 0) {
        lk_buf_str(buf, body.len > 0 && body.ptr[0] == '[' ? LK_STR("{\"unexpected\":true}")
                                                           : LK_STR("[1,\"unexpected\",null]"));
    } else {
        for (int i = 0; i < 10000; i++)
            lk_buf_char(buf, '[');
        for (int i = 0; i < 10000; i++)
            lk_buf_char(buf, ']');
    }
    out->body = lk_buf_view(buf);
}

void sb_rule_spoil(struct sb_request *rq, const struct sb_rule *rule, struct sb_answer *out,
                   struct sb_sending *ret_sending)
{
    const cJSON *item;

    if (rule->retry_after >= 0)
        add_header(out, LK_STR("retry-after"),
                   lk_arena_printf(rq->arena, "%lld", (long long)rule->retry_after));
    cJSON_ArrayForEach(item, rule->headers)
    {
        if (!cJSON_IsString(item))
            continue;
        if (strcasecmp(item->string, "content-type") == 0)
            out->content_type = lk_arena_cstr(rq->arena, lk_str(item->valuestring));
        else
            add_header(out, lk_arena_str(rq->arena, lk_str(item->string)),
                       lk_arena_str(rq->arena, lk_str(item->valuestring)));
    }
    if (rule->status == 0 && rule->body != NULL)
        sb_answer_json(out, out->status, lk_arena_str(rq->arena, lk_str(rule->body)));
    if (rule->corrupt != NULL)
        corrupt(rq, rule->corrupt, out);
    ret_sending->delay_ms = rule->delay_ms;
    ret_sending->drip_ms = rule->drip_ms;
    ret_sending->cut_after_bytes = rule->cut_after_bytes;
}
