/*
 * check_branch, LookML: what Looker's validation of the branch finds that it does not find in
 * production.
 */
#include "handlers/modeling/findings.h"
#include "handlers/workflows/bag.h"
#include "handlers/workflows/check.h"
#include "looker_ops.h"
#include "json/scan.h"

struct findings {
    struct lk_str errors, skipped; /* lists; `skipped`: the models that were not validated */
    struct lk_bag known;           /* keys of production's */
    struct lk_bag known_skipped;
    bool has_production;
};

static void put_all(struct lk_bag *bag, struct lk_arena *arena, struct lk_str list,
                    struct lk_str (*key)(struct lk_arena *arena, struct lk_str item))
{
    struct lk_json_iter it = lk_json_iter(list);
    struct lk_str item;

    lk_bag_init(bag, arena, lk_json_count(list));
    while (lk_json_next(&it, NULL, &item))
        lk_bag_put(bag, key(arena, item), bag->n);
}

static struct lk_str model_key(struct lk_arena *arena, struct lk_str model)
{
    return lk_json_get_string(arena, model, LK_STR("name"));
}

/* Those that are serious, or the others. */
static void sort_out(struct lk_arena *arena, struct lk_check_part *part, struct findings *found,
                     bool serious)
{
    struct lk_json_iter it = lk_json_iter(found->errors);
    struct lk_str error;

    while (lk_json_next(&it, NULL, &error)) {
        struct lk_items *items = found->has_production ? &part->fresh : &part->doubtful;
        if (lk_finding_is_serious(arena, error) != serious)
            continue;
        if (found->has_production &&
            lk_bag_take(&found->known, lk_finding_key(arena, error), NULL)) {
            part->on_both++;
            continue;
        }
        part->n_breaking += serious && found->has_production;
        part->n_doubtful += serious && !found->has_production;
        if (lk_items_next(items)) {
            lk_project(error, &lk_finding_projection, false, &items->buf, NULL);
            lk_items_end(items);
        }
    }
}

/* Models that Looker gave up on, on the branch only, may have any error. */
static void count_skipped(struct lk_arena *arena, struct lk_check_part *part,
                          struct findings *found)
{
    struct lk_json_iter it = lk_json_iter(found->skipped);
    struct lk_str model, names = {0};

    while (lk_json_next(&it, NULL, &model)) {
        struct lk_str name = model_key(arena, model);
        if (lk_bag_take(&found->known_skipped, name, NULL))
            continue;
        part->n_doubtful++;
        names = lk_arena_printf(arena, "%.*s%s%.*s", LK_STR_ARG(names), names.len > 0 ? ", " : "",
                                LK_STR_ARG(name));
    }
    if (names.len > 0)
        part->note = lk_arena_printf(arena, "Looker did not validate on the branch: %.*s",
                                     LK_STR_ARG(names));
}

void lk_check_lookml(struct lk_check *check, struct lk_check_part *part)
{
    struct looker_validate_project_params params = {.project_id = lk_string(check->project_id)};
    struct lk_check_sides sides;
    struct lk_str production = LK_STR("[]"), skipped = LK_STR("[]");
    struct findings found = {0};

    lk_check_ask_sides(check, "validate_branch", "validate_production",
                       looker_validate_project(&params), LK_JSON_OBJECT, &sides);
    if (sides.has_production &&
        lk_check_list(check, "validate_production", sides.production, "errors", &production)) {
        found.has_production = true;
        lk_check_list(check, NULL, sides.production, "models_not_validated", &skipped);
        part->production = (int64_t)lk_json_count(production);
        lk_steps_done(&check->steps, "validate_production", "%lld errors and warnings",
                      (long long)part->production);
    }
    part->seen = sides.has_branch &&
                 lk_check_list(check, "validate_branch", sides.branch, "errors", &found.errors);
    if (!part->seen)
        return;
    lk_check_list(check, NULL, sides.branch, "models_not_validated", &found.skipped);
    part->branch = (int64_t)lk_json_count(found.errors);
    lk_steps_done(&check->steps, "validate_branch", "%lld errors and warnings",
                  (long long)part->branch);

    put_all(&found.known, check->arena, production, lk_finding_key);
    put_all(&found.known_skipped, check->arena, skipped, model_key);
    part->on_both = found.has_production ? 0 : -1;
    sort_out(check->arena, part, &found, true);
    sort_out(check->arena, part, &found, false);
    if (found.has_production)
        part->gone = (int64_t)lk_bag_left(&found.known);
    count_skipped(check->arena, part, &found);
}
