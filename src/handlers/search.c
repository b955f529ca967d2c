/*
 * Word search in JSON objects (search.h), for the tools that list models, explores and fields.
 */
#include "handlers/search.h"

#include "json/scan.h"

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

struct lk_search lk_search(struct lk_arena *arena, struct lk_str text)
{
    struct lk_search search = {.words = lk_arena_array(arena, text.len / 2 + 1, sizeof(text))};

    for (size_t i = 0; i < text.len;) {
        size_t begin = i;
        while (i < text.len && !is_space(text.ptr[i]))
            i++;
        if (i > begin)
            search.words[search.n_words++] = lk_str_n(text.ptr + begin, i - begin);
        else
            i++;
    }
    return search;
}

bool lk_search_object(struct lk_arena *arena, const struct lk_search *search, struct lk_str object,
                      const char *const *members)
{
    struct lk_str value;

    for (size_t i = 0; i < search->n_words; i++) {
        bool found = false;
        for (const char *const *name = members; *name != NULL && !found; name++) {
            if (!lk_json_get(object, lk_str(*name), &value))
                continue;
            if (lk_json_type(value) == LK_JSON_STRING)
                value = lk_json_decode_string(arena, value);
            found = lk_str_icontains(value, search->words[i]);
        }
        if (!found)
            return false;
    }
    return true;
}
