/*
 * The words of names such as "all_lookml_models", "/scheduled_plans/{id}" and "DBConnection", and
 * of what people write; how like each other two words are; what else a word may mean here.
 */
#ifndef LK_HANDLERS_API_TOOLS_WORDS_H
#define LK_HANDLERS_API_TOOLS_WORDS_H

#include "base/str.h"

#define LK_WORD_BYTES 40

/* In lower case and in the singular; what is longer is cut. */
struct lk_word {
    char text[LK_WORD_BYTES];
    size_t len;
};

/*
 * Takes the next word off *rest. camel: a capital begins a word, too ("LookmlModel" has two). False
 * when there is none left.
 */
bool lk_word_next(struct lk_str *rest, bool camel, struct lk_word *ret_word);

enum lk_likeness { LK_UNLIKE, LK_LIKE, LK_SAME };

/* asked is LK_LIKE to known when it begins it, or when they differ in their endings only. */
enum lk_likeness lk_word_likeness(const struct lk_word *asked, const struct lk_word *known);

/* The words that stand for it in the API's names, NULL-terminated; or NULL. */
const char *const *lk_word_synonyms(const struct lk_word *word);

/* Whether it says nothing about what is meant, such as "the". */
bool lk_word_is_noise(const struct lk_word *word);

#endif
