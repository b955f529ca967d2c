/*
 * Ranking of operations; see rank.h. Each word that was asked for scores with the best place where
 * an operation has it; words that it has nowhere count against it. The tables are walked as they
 * are, some 20,000 names in a few milliseconds: no index is kept.
 */
#include "handlers/api_tools/rank.h"

#include "handlers/api_tools/words.h"
#include "looker_ops.h"

#include <stdlib.h>

#define MAX_TERMS 12
/* A word that is nowhere in an operation. */
#define MISSING 10

/* What a word is worth where it stands. */
struct worth {
    int same, like;
};
static const struct worth in_id = {12, 7}, in_path = {5, 3}, in_tag = {5, 3}, in_param = {4, 2},
                          in_type = {3, 2}, in_field = {2, 1};

struct term {
    struct lk_word word;
    struct lk_word synonyms[4];
    size_t n_synonyms;
};

struct query {
    struct lk_str text;
    struct term terms[MAX_TERMS];
    size_t n_terms;
};

/* ---- the question ---- */

static void add_term(struct query *query, const struct lk_word *word)
{
    struct term *term = &query->terms[query->n_terms++];
    const char *const *synonym = lk_word_synonyms(word);

    *term = (struct term){.word = *word};
    for (; synonym != NULL && *synonym != NULL; synonym++) {
        struct lk_str rest = lk_str(*synonym);
        if (lk_word_next(&rest, false, &term->synonyms[term->n_synonyms]))
            term->n_synonyms++;
    }
}

static void add_terms(struct query *query, bool noise)
{
    struct lk_str rest = query->text;
    struct lk_word word;

    while (query->n_terms < MAX_TERMS && lk_word_next(&rest, false, &word)) {
        if (noise || !lk_word_is_noise(&word))
            add_term(query, &word);
    }
}

/* ---- the answer ---- */

static int worth_of(const struct term *term, const struct lk_word *known, struct worth worth)
{
    static const int of_likeness[] = {[LK_UNLIKE] = 0, [LK_LIKE] = 1, [LK_SAME] = 2};
    int best = of_likeness[lk_word_likeness(&term->word, known)];

    best = best == 2 ? worth.same : best == 1 ? worth.like : 0;
    /* Another word for it is worth as much as one that is only like it. */
    for (size_t i = 0; i < term->n_synonyms && best < worth.like; i++) {
        if (lk_word_likeness(&term->synonyms[i], known) == LK_SAME)
            best = worth.like;
    }
    return best;
}

/* Raises each term's score by the words of one name. Returns how many words it has. */
static int score_name(const struct query *query, const char *name, bool camel, struct worth worth,
                      int *scores)
{
    struct lk_str rest = lk_str(name);
    struct lk_word word;
    int n = 0;

    for (; lk_word_next(&rest, camel, &word); n++) {
        for (size_t i = 0; i < query->n_terms; i++) {
            if (scores[i] >= worth.same)
                continue;
            int score = worth_of(&query->terms[i], &word, worth);
            if (score > scores[i])
                scores[i] = score;
        }
    }
    return n;
}

static void score_fields(const struct query *query, const struct lk_type *type, struct worth worth,
                         int *scores)
{
    for (size_t i = 0; type != NULL && i < type->n_fields; i++)
        score_name(query, type->fields[i].name, false, worth, scores);
}

static void score_type(const struct query *query, const struct lk_field *field, int *scores)
{
    if (field->kind != LK_KIND_OBJECT)
        return;
    score_name(query, field->type->name, true, in_type, scores);
    score_fields(query, field->type, in_field, scores);
}

/* False when the operation matches too few of the words. Scores are in tenths, so that what is
 * short and settled comes first among equals. */
static bool score_operation(const struct query *query, const struct lk_operation *op,
                            int *ret_score)
{
    int scores[MAX_TERMS] = {0}, total = 0;
    size_t matched = 0;
    int words = score_name(query, op->id, false, in_id, scores);

    score_name(query, op->path, false, in_path, scores);
    if (op->tag != NULL)
        score_name(query, op->tag, true, in_tag, scores);
    score_fields(query, op->params, in_param, scores);
    score_type(query, &op->body, scores);
    score_type(query, &op->answer, scores);
    for (size_t i = 0; i < query->n_terms; i++) {
        total += scores[i] > 0 ? scores[i] : -MISSING;
        matched += scores[i] > 0;
    }
    total = total * 10 - words * 5;
    if (op->deprecated || op->stability != LK_STABLE || op->origin == LK_UNVERIFIED)
        total -= 3;
    if (lk_str_eq(query->text, lk_str(op->id)))
        total += 50;
    *ret_score = total;
    return matched * 2 >= query->n_terms;
}

static int by_score(const void *a_, const void *b_)
{
    const struct lk_ranked *a = a_, *b = b_;

    if (a->score != b->score)
        return a->score > b->score ? -1 : 1;
    return a->op < b->op ? -1 : a->op > b->op;
}

static bool passes(const struct lk_rank_filter *filter, const struct lk_operation *op)
{
    return (filter->method < 0 || op->method == filter->method) &&
           (filter->tag.len == 0 || (op->tag != NULL && lk_str_ieq(filter->tag, lk_str(op->tag))));
}

/* Takes off what is much worse than the best. Scores below 0 are those of half a match. */
static void cut(struct lk_ranking *ranking)
{
    int best = ranking->n > 0 ? ranking->rows[0].score : 0;
    int least = best > 60 ? best / 3 : best - 40;

    while (ranking->n > 0 && ranking->rows[ranking->n - 1].score < least)
        ranking->n--;
}

struct lk_ranking lk_rank_operations(struct lk_arena *arena, struct lk_str text,
                                     const struct lk_rank_filter *filter)
{
    struct query *query = lk_arena_new_object(arena, struct query);
    struct lk_ranking ranking = {
        .rows = lk_arena_array(arena, LOOKER_OP_COUNT, sizeof(struct lk_ranked))};

    query->text = lk_str_trim(text);
    add_terms(query, false);
    if (query->n_terms == 0)
        add_terms(query, true);
    for (size_t i = 0; i < LOOKER_OP_COUNT; i++) {
        struct lk_ranked *row = &ranking.rows[ranking.n];
        *row = (struct lk_ranked){.op = &looker_ops[i]};
        if (passes(filter, row->op) &&
            (query->n_terms == 0 || score_operation(query, row->op, &row->score)))
            ranking.n++;
    }
    qsort(ranking.rows, ranking.n, sizeof(*ranking.rows), by_score);
    if (query->n_terms > 0)
        cut(&ranking);
    return ranking;
}
