/*
 * A state of leases, and what is done with it in the tests of its rules.
 */
#ifndef LK_TEST_LEASE_RULES_H
#define LK_TEST_LEASE_RULES_H

#include "../with_arena.h"

#include "api/lease_state.h"

#define JOIN_MS 1000

static struct lk_lease_state state_;
static uint64_t now_ms;

static int begin(void **state)
{
    set_up(state);
    state_ = (struct lk_lease_state){.arena = arena};
    now_ms = 1000000;
    return 0;
}

/* projects: "a b"; empty: all. */
static void enter(const char *id, enum lk_claim_mode mode, const char *branch, const char *projects)
{
    struct lk_str names[8], rest = lk_str(projects);
    struct lk_claim claim = {.id = lk_str(id),
                             .instance = LK_STR("host"),
                             .mode = mode,
                             .branch = lk_str(branch),
                             .projects = names,
                             .what = LK_STR("query"),
                             .since_ms = now_ms,
                             .until_ms = now_ms + 3000};

    while (rest.len > 0)
        names[claim.n_projects++] = lk_str_take(&rest, ' ');
    lk_state_enter(&state_, &claim);
    lk_state_admit(&state_, now_ms, JOIN_MS);
}

static void hold(const char *id, const char *projects)
{
    enter(id, LK_CLAIM_HOLD, "", projects);
}

static void branch(const char *id, const char *name, const char *projects)
{
    enter(id, LK_CLAIM_BRANCH, name, projects);
}

static void alone(const char *id, const char *projects)
{
    enter(id, LK_CLAIM_ALONE, "", projects);
}

__attribute__((unused)) static bool is_admitted(const char *id)
{
    return lk_state_claim(&state_, lk_str(id))->admitted_ms != 0;
}

static struct lk_mover mover(const char *id)
{
    return (struct lk_mover){
        .id = lk_str(id), .now_ms = now_ms, .until_ms = now_ms + 3000, .user_id = LK_STR("7")};
}

static enum lk_lease_step step(const char *id, const char *expected_project)
{
    struct lk_mover m = mover(id);
    struct lk_cell *cell = NULL;
    enum lk_lease_step next = lk_state_step(&state_, &m, &cell);

    if (expected_project != NULL && (next == LK_STEP_SETTLE || next == LK_STEP_MOVE))
        assert_str(cell->project, expected_project);
    return next;
}

static void leave(const char *id)
{
    struct lk_mover m = mover(id);

    lk_state_leave(&state_, &m);
    lk_state_admit(&state_, now_ms, JOIN_MS);
}

static struct lk_cell *cell(const char *project)
{
    return lk_state_cell(&state_, lk_str(project));
}

/* The whole way of a claim to its branch. */
static void move(const char *id, const char *project, const char *home)
{
    assert_int_equal(step(id, project), LK_STEP_MOVE);
    lk_state_home(&state_, cell(project), lk_str(home));
    lk_state_there(&state_, cell(project), false);
}

#endif
