/*
 * See findings.h.
 */
#include "handlers/modeling/findings.h"

#include "base/buf.h"
#include "json/scan.h"

#define FIELDS(table) .fields = (table), .n_fields = sizeof(table) / sizeof((table)[0])

static const struct lk_projection finding[] = {
    {.name = "code"},     {.name = "explore"},  {.name = "field_name"},  {.name = "file_path"},
    {.name = "help_url"}, {.name = "kind"},     {.name = "line_number"}, {.name = "message"},
    {.name = "model_id"}, {.name = "severity"},
};
const struct lk_projection lk_finding_projection = {FIELDS(finding)};

static const struct lk_projection test_result[] = {
    {.name = "assertions_count"},
    {.name = "assertions_failed"},
    {.name = "errors", FIELDS(finding)},
    {.name = "model_name"},
    {.name = "success"},
    {.name = "test_name"},
    {.name = "warnings", FIELDS(finding)},
};
const struct lk_projection lk_test_result_projection = {FIELDS(test_result)};

bool lk_finding_is_serious(struct lk_arena *arena, struct lk_str error)
{
    struct lk_str severity = lk_json_get_string(arena, error, LK_STR("severity"));

    return !lk_str_ieq(severity, LK_STR("warning")) && !lk_str_ieq(severity, LK_STR("info")) &&
           !lk_str_ieq(severity, LK_STR("success"));
}

bool lk_test_succeeded(struct lk_str result)
{
    struct lk_str success;

    return lk_json_get(result, LK_STR("success"), &success) && lk_json_is_true(success);
}

/* ---- keys ---- */

/* Whether the text so far ends in what line numbers follow: ":" or "line ". */
static bool before_line(struct lk_str text)
{
    static const struct lk_str words[] = {LK_STR_INIT(":"), LK_STR_INIT("line "),
                                          LK_STR_INIT("line: ")};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (text.len >= words[i].len &&
            lk_str_ieq(lk_str_n(text.ptr + text.len - words[i].len, words[i].len), words[i]))
            return true;
    }
    return false;
}

struct lk_str lk_without_lines(struct lk_arena *arena, struct lk_str message)
{
    char *text = lk_arena_alloc(arena, message.len + 1);
    size_t n = 0;

    for (size_t i = 0; i < message.len; i++) {
        char c = message.ptr[i];
        bool digit = c >= '0' && c <= '9';
        if (digit && before_line(lk_str_n(message.ptr, i))) {
            while (i + 1 < message.len && message.ptr[i + 1] >= '0' && message.ptr[i + 1] <= '9')
                i++;
            c = '#';
        }
        text[n++] = c;
    }
    return lk_str_n(text, n);
}

struct lk_str lk_finding_key(struct lk_arena *arena, struct lk_str error)
{
    static const char *const members[] = {"severity", "code",    "kind",      "file_path",
                                          "model_id", "explore", "field_name"};
    struct lk_str message = lk_json_get_string(arena, error, LK_STR("message")), key;

    key = lk_without_lines(arena, message);
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
        key = lk_arena_printf(arena, "%.*s\n%.*s", LK_STR_ARG(key),
                              LK_STR_ARG(lk_json_get_string(arena, error, lk_str(members[i]))));
    return key;
}
