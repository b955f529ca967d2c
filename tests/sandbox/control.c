/*
 * What tests steer the sandbox with, outside of /api and without a token: rules, recorded requests,
 * counters, reset. README.md describes it.
 */
#include "projects.h"

static void get_state(struct sb_request *rq, struct sb_answer *out)
{
    struct lk_buf *buf = sb_buf(rq);
    struct lk_json_writer w = lk_json_writer(buf);

    lk_json_begin_object(&w);
    sb_auth_write_state(rq->sb->auth, &w);
    lk_json_member_integer(&w, "recorded", (int64_t)sb_record_total(rq->sb->record));
    lk_json_member_integer(&w, "running_queries", (int64_t)sb_tasks_running(rq->sb->tasks));
    lk_json_end_object(&w);
    sb_answer_json(out, 200, lk_buf_view(buf));
}

static void clear_rules(struct sb_request *rq, struct sb_answer *out)
{
    sb_rules_clear(rq->sb->rules);
    sb_answer_empty(out, 204);
}

static void clear_requests(struct sb_request *rq, struct sb_answer *out)
{
    sb_record_clear(rq->sb->record);
    sb_answer_empty(out, 204);
}

static void reset(struct sb_request *rq, struct sb_answer *out)
{
    sb_state_reset(rq->sb);
    sb_answer_empty(out, 204);
}

static void expire_tokens(struct sb_request *rq, struct sb_answer *out)
{
    sb_auth_expire_all(rq->sb->auth);
    sb_answer_empty(out, 204);
}

bool sb_control(struct sb_request *rq, struct sb_answer *out)
{
    static const struct {
        const char *method, *path;
        sb_handler_fn *run;
    } table[] = {
        {"POST", "/_sandbox/rules", sb_rules_set},
        {"GET", "/_sandbox/rules", sb_rules_get},
        {"DELETE", "/_sandbox/rules", clear_rules},
        {"GET", "/_sandbox/requests", sb_record_get},
        {"DELETE", "/_sandbox/requests", clear_requests},
        {"POST", "/_sandbox/reset", reset},
        {"POST", "/_sandbox/expire_tokens", expire_tokens},
        {"GET", "/_sandbox/state", get_state},
        {"POST", "/_sandbox/queries", sb_tasks_set},
        {"GET", "/_sandbox/cells", sb_cells_get},
        {"POST", "/_sandbox/cells", sb_cells_set},
        {"DELETE", "/_sandbox/cells", sb_cells_forget},
    };

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (lk_str_eq(rq->method, lk_str(table[i].method)) &&
            lk_str_eq(rq->path, lk_str(table[i].path))) {
            table[i].run(rq, out);
            return true;
        }
    }
    return false;
}
