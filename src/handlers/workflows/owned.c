/*
 * What belongs to a user (owned.h). Whatever a search answers is compared with the id of the user:
 * a filter that some Looker does not know must not hand over the work of others.
 */
#include "handlers/workflows/owned.h"

#include "base/buf.h"
#include "handlers/ask.h"
#include "handlers/ids.h"
#include "handlers/workflows/people.h"
#include "looker_ops.h"
#include "rt/parallel.h"

#define PAGE 500
#define MAX_PAGES 100
#define SHOWN 100

static const struct kind {
    const char *one, *many, *member; /* "Look", "Looks", its member in the answer */
    const char *list_step, *give_step;
    const char *owner, *title; /* members of Looker's objects */
    const char *tool;          /* that changes one by hand */
} kinds[LK_OWNED_KINDS] = {
    [LK_OWNED_LOOKS] = {"Look", "Looks", "looks", "list_looks", "transfer_looks", "user_id",
                        "title", "update_look"},
    [LK_OWNED_DASHBOARDS] = {"dashboard", "dashboards", "dashboards", "list_dashboards",
                             "transfer_dashboards", "user_id", "title", "update_dashboard"},
    [LK_OWNED_SCHEDULES] = {"schedule", "schedules", "schedules", "list_schedules",
                            "transfer_schedules", "user_id", "name", "update_schedule"},
    [LK_OWNED_ALERTS] = {"alert", "alerts", "alerts", "list_alerts", "transfer_alerts", "owner_id",
                         "custom_title", NULL},
    [LK_OWNED_BOARDS] = {"board", "boards", "boards", "list_boards", "transfer_boards", "user_id",
                         "title", "update_board"},
};

/* ---- reading ---- */

union search {
    struct looker_search_looks_params looks;
    struct looker_search_dashboards_params dashboards;
    struct looker_all_scheduled_plans_params schedules;
    struct looker_search_alerts_params alerts;
    struct looker_search_boards_params boards;
};

#define CONTENT_FIELDS "id,title,user_id,folder(id,creator_id,is_personal_descendant)"

static struct lk_api_request search_request(enum lk_owned_kind kind, struct lk_str user_id,
                                            int64_t offset, union search *params)
{
    struct lk_string id = lk_string(user_id), by_id = lk_string(LK_STR("id"));
    struct lk_integer limit = lk_integer(PAGE), from = lk_integer(offset);

    switch (kind) {
    case LK_OWNED_LOOKS:
        params->looks = (struct looker_search_looks_params){
            .user_id = id, .limit = limit, .offset = from, .sorts = by_id};
        params->looks.fields = lk_string(LK_STR(CONTENT_FIELDS));
        return looker_search_looks(&params->looks);
    case LK_OWNED_DASHBOARDS:
        params->dashboards = (struct looker_search_dashboards_params){
            .user_id = id, .limit = limit, .offset = from, .sorts = by_id};
        params->dashboards.fields = lk_string(LK_STR(CONTENT_FIELDS));
        return looker_search_dashboards(&params->dashboards);
    case LK_OWNED_SCHEDULES:
        params->schedules = (struct looker_all_scheduled_plans_params){.user_id = id};
        params->schedules.fields = lk_string(LK_STR("id,name,user_id"));
        return looker_all_scheduled_plans(&params->schedules);
    case LK_OWNED_ALERTS: /* there is no filter by owner */
        params->alerts = (struct looker_search_alerts_params){
            .all_owners = lk_boolean(true), .limit = limit, .offset = from};
        params->alerts.fields = lk_string(LK_STR("id,custom_title,owner_id"));
        return looker_search_alerts(&params->alerts);
    default:
        params->boards = (struct looker_search_boards_params){
            .creator_id = id, .limit = limit, .offset = from, .sorts = by_id};
        params->boards.fields = lk_string(LK_STR("id,title,user_id"));
        return looker_search_boards(&params->boards);
    }
}

struct reading {
    struct lk_steps *steps;
    struct lk_arena *arena;
    struct lk_str user_id, personal_folder_id;
    enum lk_owned_kind kind;
    struct lk_owned_list list;
    size_t cap, personal;
};

static bool is_personal(const struct reading *r, struct lk_str object)
{
    struct lk_str folder;

    if (!lk_json_get(object, LK_STR("folder"), &folder) || r->personal_folder_id.len == 0)
        return false;
    return lk_str_eq(lk_id(r->arena, folder, "id"), r->personal_folder_id) ||
           (lk_member_is_true(folder, "is_personal_descendant") &&
            lk_str_eq(lk_id(r->arena, folder, "creator_id"), r->user_id));
}

static void add_page(struct reading *r, struct lk_str page)
{
    const struct kind *kind = &kinds[r->kind];
    struct lk_json_iter it = lk_json_iter(page);
    struct lk_str object;

    if (r->list.n + lk_json_count(page) > r->cap) {
        size_t cap = 2 * (r->list.n + lk_json_count(page));
        struct lk_owned_item *grown = lk_arena_array(r->arena, cap, sizeof(*grown));
        if (r->list.n > 0)
            memcpy(grown, r->list.items, r->list.n * sizeof(*grown));
        r->list.items = grown;
        r->cap = cap;
    }
    while (lk_json_next(&it, NULL, &object)) {
        if (!lk_str_eq(lk_id(r->arena, object, kind->owner), r->user_id))
            continue;
        struct lk_owned_item *item = &r->list.items[r->list.n++];
        *item = (struct lk_owned_item){
            .id = lk_id(r->arena, object, "id"),
            .title = lk_json_get_string(r->arena, object, lk_str(kind->title)),
            .in_personal_folder = is_personal(r, object),
        };
        r->personal += item->in_personal_folder;
    }
}

static bool read_pages(struct reading *r, struct lk_error *err)
{
    struct lk_api *api = lk_tool_context(r->steps->call)->api;
    union search params;
    struct lk_str page;

    for (int64_t i = 0; i < MAX_PAGES; i++) {
        if (!lk_ask(api, r->arena, search_request(r->kind, r->user_id, i * PAGE, &params),
                    LK_JSON_ARRAY, &page, err))
            return false;
        add_page(r, page);
        if (r->kind == LK_OWNED_SCHEDULES || lk_json_count(page) < PAGE)
            return true;
    }
    return lk_fail(err, LK_ERROR_LIMIT, "there are more than %d %s to look through",
                   PAGE * MAX_PAGES, kinds[r->kind].many);
}

void lk_owned_read(struct lk_steps *steps, struct lk_str user, bool needed, struct lk_owned *owned)
{
    struct lk_arena *arena = mcp_call_arena(steps->call);

    *owned = (struct lk_owned){0};
    for (int kind = 0; kind < LK_OWNED_KINDS; kind++) {
        struct lk_error failure = {0};
        struct reading r = {
            .steps = steps,
            .arena = arena,
            .user_id = lk_id(arena, user, "id"),
            .personal_folder_id = lk_id(arena, user, "personal_folder_id"),
            .kind = (enum lk_owned_kind)kind,
        };
        if (read_pages(&r, &failure))
            lk_steps_done(steps, kinds[kind].list_step, "%zu", r.list.n);
        else
            lk_steps_failed(steps, kinds[kind].list_step, needed, &failure);
        owned->incomplete |= failure.kind != LK_ERROR_NONE;
        owned->lists[kind] = r.list;
        owned->total += r.list.n;
        owned->personal += r.personal;
    }
}

/* ---- saying ---- */

void lk_owned_write(struct lk_json_writer *w, const struct lk_owned *owned)
{
    lk_json_begin_object(w);
    for (int kind = 0; kind < LK_OWNED_KINDS; kind++) {
        const struct lk_owned_list *list = &owned->lists[kind];
        lk_json_key(w, kinds[kind].member);
        lk_json_begin_object(w);
        lk_json_member_integer(w, "count", (int64_t)list->n);
        lk_json_key(w, "items");
        lk_json_begin_array(w);
        for (size_t i = 0; i < list->n && i < SHOWN; i++) {
            lk_json_begin_object(w);
            lk_json_member_string(w, "id", list->items[i].id);
            if (list->items[i].title.len > 0)
                lk_json_member_string(w, "title", lk_str_cut(list->items[i].title, 100));
            if (list->items[i].in_personal_folder)
                lk_json_member_boolean(w, "in_personal_folder", true);
            lk_json_end_object(w);
        }
        lk_json_end_array(w);
        lk_json_end_object(w);
    }
    lk_json_end_object(w);
}

struct lk_str lk_owned_text(struct lk_arena *arena, const struct lk_owned *owned)
{
    struct lk_str text = {0};

    for (int kind = 0; kind < LK_OWNED_KINDS; kind++) {
        size_t n = owned->lists[kind].n;
        if (n > 0)
            text =
                lk_arena_printf(arena, "%.*s%s%zu %s", LK_STR_ARG(text), text.len > 0 ? ", " : "",
                                n, n == 1 ? kinds[kind].one : kinds[kind].many);
    }
    return text.len > 0 ? text : LK_STR("nothing");
}

/* ---- giving ---- */

struct giving {
    struct lk_steps *steps;
    struct lk_arena *arena;
    struct lk_string owner_id, folder_id; /* folder_id absent: things stay where they are */
    enum lk_owned_kind kind;
    struct lk_owned_list list;
    size_t *n_done, n_total; /* of all kinds */
};

/* scratch: for the answer, which of a dashboard has all its tiles. */
static bool send(struct giving *g, struct lk_owned_item *item, struct lk_arena *scratch,
                 struct lk_api_answer *answer, struct lk_error *err)
{
    struct lk_api *api = lk_tool_context(g->steps->call)->api;
    struct lk_string id = lk_string(item->id), folder = {0},
                     fields = lk_string(LK_STR("id,user_id"));
    struct looker_update_look_params look_params = {.look_id = id, .fields = fields};
    struct looker_update_dashboard_params dashboard_params = {.dashboard_id = id};
    struct looker_update_scheduled_plan_params plan_params = {.scheduled_plan_id = id};
    struct looker_update_alert_field_params alert_params = {.alert_id = id};
    struct looker_update_board_params board_params = {.board_id = id, .fields = fields};

    if (item->in_personal_folder)
        folder = g->folder_id;
    struct looker_look_with_query look = {.user_id = g->owner_id, .folder_id = folder};
    struct looker_dashboard dashboard = {.user_id = g->owner_id, .folder_id = folder};
    struct looker_scheduled_plan plan = {.user_id = g->owner_id};
    struct looker_alert_patch alert = {.owner_id = g->owner_id};
    struct looker_board board = {.user_id = g->owner_id};
    const struct lk_api_request requests[LK_OWNED_KINDS] = {
        [LK_OWNED_LOOKS] = looker_update_look(&look_params, &look),
        [LK_OWNED_DASHBOARDS] = looker_update_dashboard(&dashboard_params, &dashboard),
        [LK_OWNED_SCHEDULES] = looker_update_scheduled_plan(&plan_params, &plan),
        [LK_OWNED_ALERTS] = looker_update_alert_field(&alert_params, &alert),
        [LK_OWNED_BOARDS] = looker_update_board(&board_params, &board),
    };
    if (lk_api_call(api, scratch, requests[g->kind], answer, err))
        return true;
    item->in_doubt = lk_may_have_happened(requests[g->kind].op, err);
    return false;
}

static void give_one(void *arg, size_t i)
{
    struct giving *g = arg;
    struct lk_owned_item *item = &g->list.items[i];
    struct lk_arena *scratch = lk_arena_new();
    struct lk_api_answer answer;
    struct lk_error failure = {0};

    if (send(g, item, scratch, &answer, &failure) &&
        !lk_str_eq(lk_id(scratch, answer.body, kinds[g->kind].owner), g->owner_id.value))
        lk_fail(&failure, LK_ERROR_UPSTREAM,
                "Looker took the change, but left the owner of the %s as it was",
                kinds[g->kind].one);
    item->given = failure.kind == LK_ERROR_NONE;
    if (!item->given) {
        item->failure = lk_arena_new_object(g->arena, struct lk_error);
        *item->failure = failure;
        item->failure->body = lk_arena_str(g->arena, failure.body);
    }
    lk_arena_free(scratch);
    mcp_call_progress(g->steps->call, (double)++*g->n_done, (double)g->n_total, item->title);
}

/* What became of the things of a kind. cancelled: why some were not tried; or NULL. */
static void report(struct giving *g, const struct lk_error *cancelled)
{
    const struct kind *kind = &kinds[g->kind];
    const struct lk_error *failure = NULL;
    struct lk_string_list rest = {
        .items = lk_arena_array(g->arena, g->list.n, sizeof(struct lk_str)),
    };

    for (size_t i = 0; i < g->list.n; i++) {
        const struct lk_owned_item *item = &g->list.items[i];
        if (item->given)
            continue;
        rest.items[rest.len++] = item->id;
        g->steps->in_doubt |= item->in_doubt;
        failure = failure != NULL ? failure : item->failure;
    }
    size_t done = g->list.n - rest.len;
    if (done > 0)
        lk_steps_changed(g->steps, "%zu %s now belong%s to user %.*s", done,
                         done == 1 ? kind->one : kind->many, done == 1 ? "s" : "",
                         LK_STR_ARG(g->owner_id.value));
    if (rest.len == 0) {
        lk_steps_done(g->steps, kind->give_step, "%zu handed over", done);
        return;
    }
    lk_steps_failed(g->steps, kind->give_step, true, failure != NULL ? failure : cancelled);
    lk_steps_left(g->steps, "%zu of %zu %s were not handed over (%.*s): call again, or change %s%s",
                  rest.len, g->list.n, kind->many, LK_STR_ARG(lk_ids_text(g->arena, &rest)),
                  kind->tool != NULL ? "each with " : "them in Looker",
                  kind->tool != NULL ? kind->tool : "");
}

void lk_owned_hand_over(struct lk_steps *steps, struct lk_owned *owned, struct lk_str new_owner_id,
                        struct lk_str folder_id)
{
    const struct lk_tool_context *context = lk_tool_context(steps->call);
    size_t n_done = 0;

    for (int kind = 0; kind < LK_OWNED_KINDS; kind++) {
        struct lk_error failure = {0};
        struct giving g = {
            .steps = steps,
            .arena = mcp_call_arena(steps->call),
            .owner_id = lk_string(new_owner_id),
            .kind = (enum lk_owned_kind)kind,
            .list = owned->lists[kind],
            .n_done = &n_done,
            .n_total = owned->total,
        };
        if (folder_id.len > 0)
            g.folder_id = lk_string(folder_id);
        if (g.list.n == 0)
            continue;
        lk_parallel(context->loop, lk_tool_max_parallel(context), g.list.n, give_one, &g, &failure);
        report(&g, &failure);
    }
}
