/*
 * One request to one answer, in the order in which Looker (and then the sandbox's strictness)
 * would object: path, method, token, parameters, body, workspace; then the rules, then the handler.
 * Also builds and resets the whole state.
 */
#include "content.h"

#include <stdlib.h>

static const struct sb_handler *const handler_lists[] = {
    sb_auth_handlers,       sb_model_handlers,      sb_query_handlers,      sb_run_handlers,
    sb_tasks_handlers,      sb_content_handlers,    sb_dashboards_handlers, sb_tiles_handlers,
    sb_boards_handlers,     sb_connection_handlers, sb_activity_handlers,   sb_folders_handlers,
    sb_people_handlers,     sb_projects_handlers,   sb_git_handlers,        sb_lookml_handlers,
    sb_derived_handlers,    sb_renders_handlers,    sb_groups_handlers,     sb_credentials_handlers,
    sb_attributes_handlers, sb_schedules_handlers,  sb_validation_handlers, NULL,
};

static void seed(struct sb *sb)
{
    sb->queries = sb_queries_new();
    sb->tasks = sb_tasks_new();
    sb->store = sb_store_new();
    sb_seed_queries(sb);
    sb_seed_content(sb);
    sb_seed_connections(sb);
    sb_seed_models(sb);
    sb_seed_activity(sb);
    sb_seed_folders(sb);
    sb_seed_people(sb);
    sb_seed_projects(sb);
    sb_seed_derived(sb);
    sb_seed_renders(sb);
}

void sb_state_init(struct sb *sb)
{
    pthread_mutex_init(&sb->lock, NULL);
    sb->router = sb_router_new(handler_lists);
    sb->auth = sb_auth_new();
    sb->rules = sb_rules_new();
    sb->record = sb_record_new();
    seed(sb);
}

/* Splits the path below the API root into decoded segments; false when it is not below it. */
static bool split_path(struct sb_request *rq)
{
    struct lk_str rest = rq->path;

    if (lk_str_starts(rest, LK_STR(SB_ROOT "/")))
        rest = lk_str_n(rest.ptr + sizeof(SB_ROOT) - 1, rest.len - (sizeof(SB_ROOT) - 1));
    else if (!lk_str_eq(rest, LK_STR("/versions")))
        return false;
    while (rest.len > 0) {
        const char *start = rest.ptr + 1, *slash = memchr(start, '/', rest.len - 1);
        size_t len = slash != NULL ? (size_t)(slash - start) : rest.len - 1;

        if (rq->n_segments == SB_MAX_SEGMENTS ||
            !sb_percent_decode(rq->arena, lk_str_n(start, len), false,
                               &rq->segments[rq->n_segments]))
            return false;
        rq->n_segments++;
        rest = lk_str_n(start + len, rest.len - 1 - len);
    }
    return true;
}

/* False: *out is the refusal. */
static bool admit(struct sb_request *rq, struct sb_answer *out)
{
    const char *allow = NULL;
    int status = split_path(rq) ? sb_router_find(rq->sb->router, rq, &allow) : 404;

    if (status == 405) {
        sb_fail(rq, out, 405, "Method not allowed: %.*s; there is %s", LK_STR_ARG(rq->method),
                allow);
        out->headers[out->n_headers++] = (struct sb_header){LK_STR("allow"), lk_str(allow)};
        return false;
    }
    if (status == 404) {
        sb_fail_not_found(rq, out);
        return false;
    }
    if (rq->token == NULL && !rq->route->open) {
        sb_fail(rq, out, 401, "Requires authentication.");
        return false;
    }
    if (!sb_check_params(rq, out) || !sb_check_body(rq, out))
        return false;
    if (rq->route->op->needs_dev && strcmp(rq->token->workspace, "dev") != 0) {
        sb_fail(rq, out, 403, "%s needs a session in the dev workspace", rq->route->op->id);
        return false;
    }
    return true;
}

/* ---- done late: what nobody can see before it asks again needs no timer ---- */

struct sb_late {
    struct lk_arena *arena; /* holds this too */
    struct sb_request rq;
    uint64_t due_ms;
    struct sb_late *next;
};

static void do_later(const struct sb_request *rq, uint64_t late_ms)
{
    struct lk_arena *arena = lk_arena_new();
    struct sb_late *late = lk_arena_new_object(arena, struct sb_late), **end = &rq->sb->late;
    struct sb_header *headers = lk_arena_array(arena, rq->n_headers, sizeof(*headers));

    for (size_t i = 0; i < rq->n_headers; i++) {
        headers[i].name = lk_arena_str(arena, rq->headers[i].name);
        headers[i].value = lk_arena_str(arena, rq->headers[i].value);
    }
    late->arena = arena;
    late->due_ms = sb_now_ms() + late_ms;
    late->rq = (struct sb_request){
        .sb = rq->sb,
        .arena = arena,
        .method = lk_arena_str(arena, rq->method),
        .path = lk_arena_str(arena, rq->path),
        .query = lk_arena_str(arena, rq->query),
        .body = lk_arena_str(arena, rq->body),
        .headers = headers,
        .n_headers = rq->n_headers,
    };
    while (*end != NULL)
        end = &(*end)->next;
    *end = late;
}

static void do_what_is_due(struct sb *sb)
{
    struct sb_answer ignored;

    for (struct sb_late **at = &sb->late; *at != NULL;) {
        struct sb_late *late = *at;

        if (late->due_ms > sb_now_ms()) {
            at = &late->next;
            continue;
        }
        *at = late->next;
        sb_auth_identify(&late->rq);
        ignored = (struct sb_answer){0};
        if (admit(&late->rq, &ignored))
            late->rq.route->run(&late->rq, &ignored);
        lk_arena_free(late->arena);
    }
}

static void forget_late(struct sb *sb)
{
    while (sb->late != NULL) {
        struct sb_late *late = sb->late;

        sb->late = late->next;
        lk_arena_free(late->arena);
    }
}

void sb_state_free(struct sb *sb)
{
    forget_late(sb);
    sb_shown_free(sb->shown);
    sb_store_free(sb->store);
    sb_queries_free(sb->queries);
    sb_tasks_free(sb->tasks);
    sb_record_free(sb->record);
    sb_rules_free(sb->rules);
    sb_auth_free(sb->auth);
    sb_router_free(sb->router);
    pthread_mutex_destroy(&sb->lock);
}

void sb_state_reset(struct sb *sb)
{
    forget_late(sb);
    sb_store_free(sb->store);
    sb_queries_free(sb->queries);
    sb_tasks_free(sb->tasks);
    sb_record_clear(sb->record);
    sb_rules_clear(sb->rules);
    sb_auth_reset(sb->auth);
    seed(sb);
}

void sb_handle(struct sb_request *rq, struct sb_answer *out, struct sb_sending *ret_sending)
{
    const struct sb_rule *rule;

    *ret_sending = (struct sb_sending){-1, -1, -1};
    do_what_is_due(rq->sb);
    if (lk_str_starts(rq->path, LK_STR("/_sandbox/"))) {
        if (!sb_control(rq, out))
            sb_fail_not_found(rq, out);
        return;
    }
    if (lk_str_eq(rq->path, LK_STR("/alive")) && lk_str_eq(rq->method, LK_STR("GET"))) {
        *out = (struct sb_answer){200, "text/plain", .body = LK_STR("alive\n")};
        return;
    }
    sb_auth_identify(rq);
    if (admit(rq, out)) {
        rule = sb_rules_match(rq);
        if (rule != NULL && rule->drop) {
            ret_sending->cut_after_bytes = 0;
            return;
        }
        if (rule != NULL && rule->late_ms >= 0)
            do_later(rq, (uint64_t)rule->late_ms);
        if (rule != NULL && rule->obeyed)
            rq->route->run(rq, out);
        if (rule == NULL || !sb_rule_answers(rq, rule, out)) {
            if (rule == NULL || !rule->obeyed)
                rq->route->run(rq, out);
            sb_fields_apply(rq, out);
        }
        if (rule != NULL)
            sb_rule_spoil(rq, rule, out, ret_sending);
    }
    if (rq->sb->options.record)
        sb_record_add(rq, out->status);
}
