/*
 * Queries of system__activity: filters, grouping, measures, sorts and limit over the rows of
 * activity.c, as far as Looker's filter expressions are needed. What is not understood is refused
 * (where the real one would guess), so that a slip in a query does not pass for an answer.
 */
#include "sandbox.h"

#include "activity.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define DAY 86400.0
#define MAX_FIELDS 64

struct run {
    struct sb_request *rq;
    struct sb_answer *out;
    const struct sb_activity_explore *explore;
    cJSON *query;
    double now; /* seconds since the epoch */
    const struct sb_activity_column *fields[MAX_FIELDS];
    size_t n_fields;
};

/* One row of the answer while it is being added up. */
struct group {
    cJSON *values; /* of the dimensions, null for measures */
    double sums[MAX_FIELDS];
    double numbers[MAX_FIELDS]; /* how many values went into the sum */
    cJSON *seen[MAX_FIELDS];    /* SB_A_DISTINCT */
};

static bool refuse(struct run *run, const char *field, const char *format, const char *what)
{
    char message[300];

    snprintf(message, sizeof(message), format, what);
    sb_fail_field(run->rq, run->out, field, "invalid", message);
    return false;
}

static const struct sb_activity_column *find_column(const struct run *run, const char *name)
{
    for (const struct sb_activity_column *c = run->explore->columns; c->name != NULL; c++)
        if (name != NULL && strcmp(c->name, name) == 0)
            return c;
    return NULL;
}

static bool is_measure(const struct sb_activity_column *column)
{
    return column->kind >= SB_A_COUNT;
}

static const cJSON *raw(const struct sb_activity_column *column, const cJSON *row)
{
    return cJSON_GetObjectItemCaseSensitive(row, column->of != NULL ? column->of : column->name);
}

/* ---- values ---- */

static cJSON *show_time(double at, const char *format)
{
    time_t seconds = (time_t)at;
    struct tm tm;
    char text[40];

    gmtime_r(&seconds, &tm);
    strftime(text, sizeof(text), format, &tm);
    return cJSON_CreateString(text);
}

static double seconds_of(const struct run *run, const cJSON *hours)
{
    return run->now - hours->valuedouble * 3600;
}

static cJSON *value_of(const struct run *run, const struct sb_activity_column *column,
                       const cJSON *row)
{
    const cJSON *value = raw(column, row);

    if (!cJSON_IsNumber(value) && !cJSON_IsString(value))
        return cJSON_CreateNull();
    if (column->kind == SB_A_TIME)
        return show_time(seconds_of(run, value), "%Y-%m-%d %H:%M:%S");
    if (column->kind == SB_A_DATE)
        return show_time(seconds_of(run, value), "%Y-%m-%d");
    if (column->kind == SB_A_DAYS)
        return cJSON_CreateNumber(floor(value->valuedouble / 24));
    return cJSON_Duplicate(value, true);
}

/* ---- filters ---- */

/* The next part of "a,^,b,\"c,d\"", decoded; *ret_plain: no % of it is a wildcard. False: none. */
static bool next_part(const char **at, char *part, size_t size, bool *ret_quoted)
{
    size_t n = 0;
    bool quoted = false;

    *ret_quoted = false;
    if (*at == NULL)
        return false;
    const char *p = *at;
    for (; *p != '\0' && (quoted || *p != ','); p++) {
        if (*p == '^' && p[1] != '\0' && n + 2 < size) {
            part[n++] = '\x01'; /* what follows means itself */
            part[n++] = *++p;
        } else if (*p == '"') {
            quoted = !quoted;
            *ret_quoted = true;
        } else if (n + 1 < size) {
            part[n++] = *p;
        }
    }
    part[n] = '\0';
    *at = *p == ',' ? p + 1 : NULL;
    return true;
}

/* LIKE with % where it was not escaped; ASCII case counts. */
static bool like(const char *text, const char *pattern)
{
    if (*pattern == '\0')
        return *text == '\0';
    if (*pattern == '%') {
        for (const char *t = text;; t++) {
            if (like(t, pattern + 1))
                return true;
            if (*t == '\0')
                return false;
        }
    }
    if (*pattern == '\x01')
        pattern++;
    else if (*pattern == '_')
        return *text != '\0' && like(text + 1, pattern + 1);
    return *text == *pattern && *text != '\0' && like(text + 1, pattern + 1);
}

static bool text_fits(const char *text, const char *filter)
{
    char part[400];
    bool any = false, included = false, quoted;

    for (const char *at = filter; next_part(&at, part, sizeof(part), &quoted);) {
        const char *start = part + strspn(part, " ");
        bool not = !quoted && *start == '-';
        if (not )
            start++;
        bool fits = !quoted && strcmp(start, "NULL") == 0 ? text == NULL
                                                          : text != NULL && like(text, start);
        if (not &&fits)
            return false;
        any |= !not ;
        included |= !not &&fits;
    }
    return included || !any;
}

static bool number_fits(struct run *run, const cJSON *value, const char *filter, bool *ret_fits)
{
    static const char *const operators[] = {">=", "<=", ">", "<", ""};
    const char *rest = filter;
    char *end;
    size_t op = 0;

    if (strcmp(filter, "NULL") == 0 || strcmp(filter, "NOT NULL") == 0) {
        *ret_fits = cJSON_IsNull(value) == (strcmp(filter, "NULL") == 0);
        return true;
    }
    while (strncmp(filter, operators[op], strlen(operators[op])) != 0)
        op++;
    rest += strlen(operators[op]);
    double limit = strtod(rest, &end), n = cJSON_IsNumber(value) ? value->valuedouble : 0;
    if (end == rest || *end != '\0')
        return refuse(run, "filters", "\"%s\" is no filter of a number", filter);
    *ret_fits = cJSON_IsNumber(value) && (op == 0   ? n >= limit
                                          : op == 1 ? n <= limit
                                          : op == 2 ? n > limit
                                          : op == 3 ? n < limit
                                                    : n == limit);
    return true;
}

/* The beginning of "7 days", "3 hours" or "2 weeks", counted as Looker does: with today. */
static bool read_span(const struct run *run, const char *text, double *ret_from, const char **rest)
{
    static const struct {
        const char *name;
        double seconds;
    } units[] = {
        {"minute", 60}, {"hour", 3600}, {"day", DAY}, {"week", 7 * DAY}, {"month", 30 * DAY}};
    char *end;
    double n = strtod(text, &end), today = floor(run->now / DAY) * DAY;

    if (end == text || *end != ' ')
        return false;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        size_t len = strlen(units[i].name);
        if (strncmp(end + 1, units[i].name, len) != 0)
            continue;
        *rest = end + 1 + len + (end[1 + len] == 's');
        *ret_from = units[i].seconds < DAY ? run->now - n * units[i].seconds
                                           : today - n * units[i].seconds + DAY;
        return true;
    }
    return false;
}

static bool time_fits(struct run *run, const cJSON *hours, const char *filter, bool *ret_fits)
{
    double at = cJSON_IsNumber(hours) ? seconds_of(run, hours) : 0;
    double today = floor(run->now / DAY) * DAY, from;
    const char *rest;

    if (strcmp(filter, "NULL") == 0 || strcmp(filter, "NOT NULL") == 0) {
        *ret_fits = cJSON_IsNumber(hours) == (strcmp(filter, "NOT NULL") == 0);
        return true;
    }
    *ret_fits = false;
    if (strcmp(filter, "today") == 0) {
        *ret_fits = at >= today;
    } else if (strcmp(filter, "yesterday") == 0) {
        *ret_fits = at >= today - DAY && at < today;
    } else if (strncmp(filter, "before ", 7) == 0 && read_span(run, filter + 7, &from, &rest) &&
               strcmp(rest, " ago") == 0) {
        *ret_fits = cJSON_IsNumber(hours) && at < from - DAY;
    } else if (read_span(run, filter + (strncmp(filter, "last ", 5) == 0 ? 5 : 0), &from, &rest) &&
               *rest == '\0') {
        *ret_fits = at >= from;
    } else {
        return refuse(run, "filters", "\"%s\" is no filter of a time", filter);
    }
    return true;
}

static bool row_fits(struct run *run, const cJSON *row, bool *ret_fits)
{
    const cJSON *filter;

    cJSON_ArrayForEach(filter, cJSON_GetObjectItemCaseSensitive(run->query, "filters"))
    {
        const struct sb_activity_column *column = find_column(run, filter->string);
        bool fits = true, ok = true;

        if (column == NULL)
            return refuse(run, "filters", "\"%s\" is not a field of the explore", filter->string);
        if (is_measure(column) || !cJSON_IsString(filter))
            return refuse(run, "filters", "\"%s\" cannot be filtered by", filter->string);
        cJSON *value = value_of(run, column, row);
        if (column->kind == SB_A_TIME || column->kind == SB_A_DATE)
            ok = time_fits(run, raw(column, row), filter->valuestring, &fits);
        else if (column->kind == SB_A_NUMBER || column->kind == SB_A_DAYS)
            ok = number_fits(run, value, filter->valuestring, &fits);
        else
            fits =
                text_fits(cJSON_IsString(value) ? value->valuestring : NULL, filter->valuestring);
        cJSON_Delete(value);
        if (!ok)
            return false;
        if (!fits) {
            *ret_fits = false;
            return true;
        }
    }
    *ret_fits = true;
    return true;
}

/* ---- groups ---- */

static void add_up(struct run *run, struct group *group, const cJSON *row)
{
    for (size_t i = 0; i < run->n_fields; i++) {
        const struct sb_activity_column *column = run->fields[i];
        const cJSON *value = raw(column, row);

        if (column->kind == SB_A_COUNT) {
            group->sums[i]++;
        } else if (column->kind == SB_A_DISTINCT && cJSON_IsNumber(value)) {
            char key[40];
            snprintf(key, sizeof(key), "%.17g", value->valuedouble);
            if (group->seen[i] == NULL)
                group->seen[i] = cJSON_CreateObject();
            if (cJSON_GetObjectItemCaseSensitive(group->seen[i], key) == NULL)
                cJSON_AddTrueToObject(group->seen[i], key);
            group->sums[i] = cJSON_GetArraySize(group->seen[i]);
        } else if (cJSON_IsNumber(value)) {
            double n = column->kind == SB_A_LATEST ? seconds_of(run, value) : value->valuedouble;
            bool larger = group->numbers[i] == 0 || n > group->sums[i];
            if (column->kind == SB_A_AVERAGE)
                group->sums[i] += n;
            else if (larger)
                group->sums[i] = n;
            group->numbers[i]++;
        }
    }
}

static cJSON *finish(const struct run *run, struct group *group)
{
    for (size_t i = 0; i < run->n_fields; i++) {
        const struct sb_activity_column *column = run->fields[i];
        cJSON *value = NULL;

        cJSON_Delete(group->seen[i]);
        if (!is_measure(column))
            continue;
        if (column->kind == SB_A_COUNT || column->kind == SB_A_DISTINCT)
            value = cJSON_CreateNumber(group->sums[i]);
        else if (group->numbers[i] == 0)
            value = cJSON_CreateNull();
        else if (column->kind == SB_A_LATEST)
            value = show_time(group->sums[i], "%Y-%m-%d");
        else
            value = cJSON_CreateNumber(
                column->kind == SB_A_AVERAGE ? group->sums[i] / group->numbers[i] : group->sums[i]);
        cJSON_ReplaceItemInObjectCaseSensitive(group->values, column->name, value);
    }
    return group->values;
}

static struct group *group_of(struct run *run, struct group *groups, size_t *n, const cJSON *row)
{
    cJSON *values = cJSON_CreateObject();

    for (size_t i = 0; i < run->n_fields; i++) {
        cJSON *value =
            is_measure(run->fields[i]) ? cJSON_CreateNull() : value_of(run, run->fields[i], row);
        cJSON_AddItemToObject(values, run->fields[i]->name, value);
    }
    for (size_t i = 0; i < *n; i++) {
        if (cJSON_Compare(groups[i].values, values, true)) {
            cJSON_Delete(values);
            return &groups[i];
        }
    }
    groups[*n] = (struct group){.values = values};
    return &groups[(*n)++];
}

/* ---- rows ---- */

static bool is_number(const struct run *run, const char *member)
{
    for (const struct sb_activity_column *c = run->explore->columns; c->name != NULL; c++) {
        const char *of = c->of != NULL ? c->of : c->name;
        if (strcmp(of, member) == 0)
            return c->kind != SB_A_TEXT && c->kind != SB_A_YESNO;
    }
    abort(); /* a slip in our own fixture */
}

static void add_member(const struct run *run, cJSON *row, const char *name, const char *value)
{
    if (strcmp(name, "user") == 0) {
        const struct sb_activity_user *user = sb_activity_users;
        while (strcmp(user->key, value) != 0)
            user++;
        cJSON_AddNumberToObject(row, "user.id", strtod(user->id, NULL));
        cJSON_AddStringToObject(row, "user.email", user->email);
        cJSON_AddStringToObject(row, "user.name", user->name);
    } else if (is_number(run, name) && value[0] != '\0') {
        cJSON_AddNumberToObject(row, name, strtod(value, NULL));
    } else if (value[0] != '\0') {
        cJSON_AddStringToObject(row, name, value);
    }
}

static cJSON *read_rows(const struct run *run)
{
    const char *const *lines = run->explore->rows;
    cJSON *list = cJSON_CreateArray();

    for (size_t i = 1; lines[i] != NULL; i++) {
        struct lk_str names = lk_str(lines[0]), values = lk_str(lines[i]);
        cJSON *row = cJSON_CreateObject();
        while (names.len > 0)
            add_member(run, row, lk_arena_cstr(run->rq->arena, lk_str_take(&names, '|')),
                       lk_arena_cstr(run->rq->arena, lk_str_take(&values, '|')));
        cJSON_AddItemToArray(list, row);
    }
    return list;
}

/* ---- the whole ---- */

static bool read_fields(struct run *run)
{
    static const char *const not_here[] = {"pivots", "dynamic_fields", "filter_expression"};
    const cJSON *field, *sort;

    for (size_t i = 0; i < 3; i++)
        if (cJSON_GetObjectItemCaseSensitive(run->query, not_here[i]) != NULL)
            return refuse(run, not_here[i], "the sandbox's %s are for its own models only",
                          not_here[i]);
    cJSON_ArrayForEach(field, cJSON_GetObjectItemCaseSensitive(run->query, "fields"))
    {
        const struct sb_activity_column *column = find_column(run, field->valuestring);
        if (column == NULL || run->n_fields == MAX_FIELDS)
            return refuse(run, "fields", "\"%s\" is not a field of the explore",
                          field->valuestring);
        run->fields[run->n_fields++] = column;
    }
    cJSON_ArrayForEach(sort, cJSON_GetObjectItemCaseSensitive(run->query, "sorts"))
    {
        char name[100];
        bool found = false;
        snprintf(name, sizeof(name), "%.*s", (int)strcspn(sort->valuestring, " "),
                 sort->valuestring);
        for (size_t i = 0; i < run->n_fields; i++)
            found |= strcmp(run->fields[i]->name, name) == 0;
        if (!found)
            return refuse(run, "sorts", "\"%s\" is not among the fields", name);
    }
    return true;
}

static int compare_values(const cJSON *a, const cJSON *b)
{
    if (cJSON_IsNull(a) || cJSON_IsNull(b))
        return cJSON_IsNull(b) - cJSON_IsNull(a);
    if (cJSON_IsNumber(a))
        return (a->valuedouble > b->valuedouble) - (a->valuedouble < b->valuedouble);
    return strcmp(a->valuestring, b->valuestring);
}

static int compare_rows(const struct run *run, const cJSON *a, const cJSON *b)
{
    const cJSON *sort;

    cJSON_ArrayForEach(sort, cJSON_GetObjectItemCaseSensitive(run->query, "sorts"))
    {
        char name[100];
        snprintf(name, sizeof(name), "%.*s", (int)strcspn(sort->valuestring, " "),
                 sort->valuestring);
        int order = compare_values(cJSON_GetObjectItemCaseSensitive(a, name),
                                   cJSON_GetObjectItemCaseSensitive(b, name));
        if (order != 0)
            return strstr(sort->valuestring, " desc") != NULL ? -order : order;
    }
    return 0;
}

/* The rows that fit, added up by the dimensions. Returns how many groups, or -1 when refused. */
static long collect(struct run *run, const cJSON *rows, struct group *groups)
{
    const cJSON *row;
    size_t n = 0;

    cJSON_ArrayForEach(row, rows)
    {
        bool fits;
        if (!row_fits(run, row, &fits)) {
            for (size_t i = 0; i < n; i++)
                cJSON_Delete(finish(run, &groups[i]));
            return -1;
        }
        if (fits)
            add_up(run, group_of(run, groups, &n, row), row);
    }
    return (long)n;
}

static void answer(struct run *run, const cJSON *rows)
{
    struct group *groups =
        lk_arena_array(run->rq->arena, (size_t)cJSON_GetArraySize(rows) + 1, sizeof(*groups));
    const char *limit_text = sb_member(run->query, "limit");
    long n = collect(run, rows, groups);
    int64_t limit = 500;

    if (n < 0)
        return;
    if (limit_text != NULL)
        sb_parse_int(lk_str(limit_text), &limit);
    cJSON **items = lk_arena_array(run->rq->arena, (size_t)n + 1, sizeof(cJSON *));
    for (long i = 0; i < n; i++) {
        cJSON *item = finish(run, &groups[i]);
        long at = i;
        for (; at > 0 && compare_rows(run, items[at - 1], item) > 0; at--)
            items[at] = items[at - 1];
        items[at] = item;
    }
    cJSON *list = cJSON_CreateArray();
    for (long i = 0; i < n; i++) {
        if (limit < 0 || i < limit)
            cJSON_AddItemToArray(list, items[i]);
        else
            cJSON_Delete(items[i]);
    }
    sb_answer_tree(run->rq, run->out, 200, list);
    cJSON_Delete(list);
}

bool sb_is_activity(struct sb_request *rq, struct lk_str query)
{
    return lk_str_eq(lk_json_get_string(rq->arena, query, LK_STR("model")),
                     LK_STR("system__activity"));
}

void sb_run_activity(struct sb_request *rq, struct sb_answer *out, struct lk_str query,
                     struct lk_str format)
{
    struct run run = {.rq = rq, .out = out, .now = (double)time(NULL)};
    struct lk_str view = lk_json_get_string(rq->arena, query, LK_STR("view"));

    for (run.explore = sb_activity_explores; run.explore->name != NULL; run.explore++)
        if (lk_str_eq(lk_str(run.explore->name), view))
            break;
    if (run.explore->name == NULL)
        return sb_fail_field(rq, out, "view", "invalid", "is not an explore of the model");
    if (!lk_str_eq(format, LK_STR("json")))
        return sb_fail_field(rq, out, "result_format", "invalid",
                             "the sandbox has System Activity as json only");
    run.query = cJSON_ParseWithLength(query.ptr, query.len);
    cJSON *rows = read_rows(&run);
    if (read_fields(&run))
        answer(&run, rows);
    cJSON_Delete(rows);
    cJSON_Delete(run.query);
}
