/*
 * Words of names; see words.h. Called by rank.c.
 */
#include "handlers/api_tools/words.h"

static bool is_lower(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

/* Whether a word ends before text[i], i at least 1: lookM|odel, and DB|Connection. */
static bool ends_before(struct lk_str text, size_t i)
{
    if (!is_upper(text.ptr[i]))
        return false;
    return is_lower(text.ptr[i - 1]) || (i + 1 < text.len && is_lower(text.ptr[i + 1]));
}

static bool ends_with(const struct lk_word *word, struct lk_str ending)
{
    return word->len > ending.len &&
           memcmp(word->text + word->len - ending.len, ending.ptr, ending.len) == 0;
}

/* "queries" becomes "query", "boxes" "box", "looks" "look"; "access", "status" and "analysis" stay.
 */
static void make_singular(struct lk_word *word)
{
    static const struct lk_str with_es[] = {LK_STR_INIT("sses"), LK_STR_INIT("xes"),
                                            LK_STR_INIT("ches"), LK_STR_INIT("shes")};
    static const struct lk_str singular[] = {LK_STR_INIT("ss"), LK_STR_INIT("us"),
                                             LK_STR_INIT("is")};

    if (word->len > 4 && ends_with(word, LK_STR("ies"))) {
        word->len -= 2;
        word->text[word->len - 1] = 'y';
        return;
    }
    for (size_t i = 0; i < sizeof(with_es) / sizeof(with_es[0]); i++) {
        if (ends_with(word, with_es[i])) {
            word->len -= 2;
            return;
        }
    }
    for (size_t i = 0; i < sizeof(singular) / sizeof(singular[0]); i++) {
        if (ends_with(word, singular[i]))
            return;
    }
    if (word->len > 3 && ends_with(word, LK_STR("s")))
        word->len--;
}

bool lk_word_next(struct lk_str *rest, bool camel, struct lk_word *ret_word)
{
    struct lk_str text = *rest;
    size_t i = 0;

    while (i < text.len && !is_lower(text.ptr[i]) && !is_upper(text.ptr[i]))
        i++;
    size_t begin = i;
    ret_word->len = 0;
    for (; i < text.len && (is_lower(text.ptr[i]) || is_upper(text.ptr[i])); i++) {
        if (camel && i > begin && ends_before(text, i))
            break;
        if (ret_word->len < LK_WORD_BYTES)
            ret_word->text[ret_word->len++] =
                is_upper(text.ptr[i]) ? (char)(text.ptr[i] - 'A' + 'a') : text.ptr[i];
    }
    *rest = lk_str_n(text.ptr + i, text.len - i);
    make_singular(ret_word);
    return ret_word->len > 0;
}

enum lk_likeness lk_word_likeness(const struct lk_word *asked, const struct lk_word *known)
{
    size_t common = 0;

    while (common < asked->len && common < known->len && asked->text[common] == known->text[common])
        common++;
    size_t more_asked = asked->len - common, more_known = known->len - common;
    if (more_asked == 0 && more_known == 0)
        return LK_SAME;
    if (more_asked == 0 && common >= 3)
        return LK_LIKE;
    return common >= 5 && more_asked <= 4 && more_known <= 4 ? LK_LIKE : LK_UNLIKE;
}

static bool is_word(const struct lk_word *word, const char *text)
{
    return lk_str_eq(lk_str_n(word->text, word->len), lk_str(text));
}

#define MAX_SYNONYMS 4

const char *const *lk_word_synonyms(const struct lk_word *word)
{
    static const struct {
        const char *word;
        const char *const means[MAX_SYNONYMS]; /* NULL-terminated */
    } table[] = {
        /* verbs */
        {"list", {"all", "search"}},
        {"find", {"search"}},
        {"add", {"create"}},
        {"new", {"create"}},
        {"make", {"create"}},
        {"insert", {"create"}},
        {"remove", {"delete"}},
        {"drop", {"delete"}},
        {"edit", {"update"}},
        {"change", {"update", "set"}},
        {"modify", {"update"}},
        {"rename", {"update"}},
        {"move", {"update"}},
        {"write", {"update", "create"}},
        {"execute", {"run"}},
        {"cancel", {"kill", "stop"}},
        {"abort", {"kill", "stop"}},
        {"duplicate", {"copy"}},
        {"clone", {"copy"}},
        {"check", {"validate", "test"}},
        {"publish", {"deploy"}},
        {"export", {"render", "download"}},
        {"download", {"render"}},
        {"import", {"sync"}},
        /* things */
        {"space", {"folder"}},
        {"directory", {"folder"}},
        {"tile", {"element"}},
        {"chart", {"element", "vis"}},
        {"person", {"user"}},
        {"people", {"user"}},
        {"account", {"user"}},
        {"member", {"user", "group"}},
        {"who", {"me", "user"}},
        {"whoami", {"me", "user"}},
        {"myself", {"me", "user"}},
        {"image", {"render", "thumbnail"}},
        {"picture", {"render", "thumbnail"}},
        {"png", {"render"}},
        {"pdf", {"render"}},
        {"delivery", {"scheduled"}},
        {"subscription", {"scheduled"}},
        {"database", {"connection"}},
        {"datasource", {"connection"}},
        {"warehouse", {"connection"}},
        {"pdt", {"derived"}},
        {"mail", {"email"}},
        {"password", {"credential", "email"}},
        {"key", {"credential"}},
        {"token", {"credential"}},
        {"sso", {"saml", "oidc", "embed"}},
        {"right", {"permission", "access"}},
        {"privilege", {"permission"}},
        {"sharing", {"access"}},
        {"share", {"access"}},
        {"star", {"favorite"}},
        {"bookmark", {"favorite"}},
        {"favourite", {"favorite"}},
        {"notification", {"alert"}},
        {"colour", {"color"}},
        {"palette", {"color"}},
        {"chat", {"conversation", "agent"}},
        {"trash", {"deleted"}},
        {"usage", {"view", "stat"}},
        {"repository", {"git"}},
        {"commit", {"git"}},
        {"ci", {"continuous"}},
        {"field", {"dimension", "lookml"}},
        {"homepage", {"board"}},
    };

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (is_word(word, table[i].word))
            return table[i].means;
    }
    return NULL;
}

bool lk_word_is_noise(const struct lk_word *word)
{
    /* "get" and its like are in no id: an operation that reads one thing is called by its name. */
    static const char *const noise[] = {
        "a",         "an",     "the",  "of",   "for",  "to",    "in",   "on",       "with",
        "by",        "and",    "or",   "from", "is",   "am",    "are",  "my",       "i",
        "how",       "do",     "can",  "get",  "show", "fetch", "read", "retrieve", "endpoint",
        "operation", "looker", "that", "this", "what", "which",
    };

    for (size_t i = 0; i < sizeof(noise) / sizeof(noise[0]); i++) {
        if (is_word(word, noise[i]))
            return true;
    }
    return word->len == 1;
}
