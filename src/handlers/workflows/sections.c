/*
 * Sections of audits (sections.h). Called by audit_query_activity and audit_instance_health.
 */
#include "handlers/workflows/sections.h"

#include "handlers/ask.h"
#include "rt/parallel.h"

struct reading {
    struct mcp_call *call;
    struct lk_section *sections;
    size_t n, n_done;
};

static void read_one(void *arg, size_t i)
{
    struct reading *reading = arg;
    struct lk_section *section = &reading->sections[i];

    section->list = (struct lk_rows_list){.rows = LK_STR("[]")};
    lk_activity_ask(lk_tool_context(reading->call), mcp_call_arena(reading->call), &section->query,
                    &section->list, &section->error);
    mcp_call_progress(reading->call, (double)++reading->n_done, (double)reading->n,
                      lk_str(section->name));
}

bool lk_sections_read(struct mcp_call *call, struct lk_section *sections, size_t n,
                      struct lk_error *err)
{
    const struct lk_tool_context *context = lk_tool_context(call);
    struct reading *reading = lk_arena_new_object(mcp_call_arena(call), struct reading);

    *reading = (struct reading){.call = call, .sections = sections, .n = n};
    return lk_parallel(context->loop, lk_tool_max_parallel(context), n, read_one, reading, err);
}

void lk_sections_report(struct lk_steps *steps, const struct lk_section *sections, size_t n,
                        size_t needed)
{
    for (size_t i = 0; i < n; i++) {
        if (sections[i].error.kind != LK_ERROR_NONE)
            lk_steps_failed(steps, sections[i].name, i < needed, &sections[i].error);
        else
            lk_steps_done(steps, sections[i].name, "%lld rows%s", (long long)sections[i].list.total,
                          sections[i].list.at_least ? " or more" : "");
    }
}

void lk_sections_write(struct lk_json_writer *w, const struct lk_section *section, size_t limit,
                       size_t max_bytes)
{
    struct lk_json_iter it = lk_json_iter(section->list.rows);
    size_t n = 0, bytes = 0;
    struct lk_str row;

    lk_json_key(w, section->name);
    lk_json_begin_object(w);
    if (section->error.kind != LK_ERROR_NONE) {
        lk_write_part_error(w, &section->error);
        lk_json_end_object(w);
        return;
    }
    while (n < limit && lk_json_next(&it, NULL, &row) && (bytes += row.len + 1) <= max_bytes)
        n++;
    lk_json_member_integer(w, "count", (int64_t)n);
    lk_json_key(w, "items");
    lk_json_begin_array(w);
    it = lk_json_iter(section->list.rows);
    for (size_t i = 0; i < n && lk_json_next(&it, NULL, &row); i++)
        lk_json_put_raw(w, row);
    lk_json_end_array(w);
    if ((int64_t)n < section->list.total || section->list.at_least)
        lk_json_member_boolean(w, "more", true);
    lk_json_end_object(w);
}
