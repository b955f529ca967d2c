/*
 * check_branch, content: Looks, tiles and others whose queries no longer work on the branch, by
 * Looker's content validation there and in production.
 */
#include "handlers/content/broken.h"
#include "handlers/workflows/bag.h"
#include "handlers/workflows/check.h"
#include "looker_ops.h"
#include "json/scan.h"

static struct lk_str errors_of(struct lk_str content)
{
    struct lk_str errors;

    lk_check_list(NULL, NULL, content, "errors", &errors);
    return errors;
}

static int64_t count_errors(struct lk_str list)
{
    struct lk_json_iter it = lk_json_iter(list);
    struct lk_str content;
    int64_t n = 0;

    while (lk_json_next(&it, NULL, &content))
        n += (int64_t)lk_json_count(errors_of(content));
    return n;
}

static void put_errors(struct lk_bag *bag, struct lk_arena *arena, struct lk_str list)
{
    struct lk_json_iter it = lk_json_iter(list), errors;
    struct lk_str content, error;

    lk_bag_init(bag, arena, (size_t)count_errors(list));
    while (lk_json_next(&it, NULL, &content)) {
        errors = lk_json_iter(errors_of(content));
        while (lk_json_next(&errors, NULL, &error))
            lk_bag_put(bag, lk_broken_key(arena, content, error), bag->n);
    }
}

/* Which errors of one piece of content are to be shown. */
struct shown {
    bool *is_new;
    size_t at;
};

static bool shows(void *arg, struct lk_str error)
{
    struct shown *shown = arg;

    (void)error;
    return shown->is_new[shown->at++];
}

/* Takes what production has as well out of the bag; the rest is an item. */
static void sort_out(struct lk_arena *arena, struct lk_check_part *part, struct lk_bag *known,
                     bool has_production, struct lk_str content)
{
    struct lk_items *items = has_production ? &part->fresh : &part->doubtful;
    struct lk_str list = errors_of(content), error;
    struct lk_json_iter it = lk_json_iter(list);
    struct shown shown = {.is_new = lk_arena_array(arena, lk_json_count(list), sizeof(bool))};
    int64_t n_new = 0;

    while (lk_json_next(&it, NULL, &error)) {
        bool is_new =
            !has_production || !lk_bag_take(known, lk_broken_key(arena, content, error), NULL);
        shown.is_new[shown.at++] = is_new;
        part->on_both += !is_new;
        n_new += is_new;
    }
    if (n_new == 0)
        return;
    part->n_breaking += has_production ? n_new : 0;
    part->n_doubtful += has_production ? 0 : n_new;
    shown.at = 0;
    if (lk_items_next(items)) {
        lk_broken_write(content, shows, &shown, &items->buf);
        lk_items_end(items);
    }
}

void lk_check_content(struct lk_check *check, struct lk_check_part *part)
{
    struct lk_str project = check->project_id, branch, production = LK_STR("[]"), content;
    struct looker_content_validation_params params = {
        .project_names = {.is = LK_PRESENT, .items = &project, .len = 1},
    };
    struct lk_check_sides sides;
    struct lk_bag known;

    lk_check_ask_sides(check, "content_branch", "content_production",
                       looker_content_validation(&params), LK_JSON_OBJECT, &sides);
    bool has_production =
        sides.has_production && lk_check_list(check, "content_production", sides.production,
                                              "content_with_errors", &production);
    if (has_production) {
        part->production = count_errors(production);
        lk_steps_done(&check->steps, "content_production", "%lld errors in %zu pieces of content",
                      (long long)part->production, lk_json_count(production));
    }
    part->seen = sides.has_branch && lk_check_list(check, "content_branch", sides.branch,
                                                   "content_with_errors", &branch);
    if (!part->seen)
        return;
    part->branch = count_errors(branch);
    lk_steps_done(&check->steps, "content_branch", "%lld errors in %zu pieces of content",
                  (long long)part->branch, lk_json_count(branch));

    put_errors(&known, check->arena, production);
    part->on_both = has_production ? 0 : -1;
    struct lk_json_iter it = lk_json_iter(branch);
    while (lk_json_next(&it, NULL, &content))
        sort_out(check->arena, part, &known, has_production, content);
    if (has_production)
        part->gone = (int64_t)lk_bag_left(&known);
}
