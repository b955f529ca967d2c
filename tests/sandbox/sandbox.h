/*
 * looker-sandbox: a stateful stand-in for Looker on the generated tables. This header holds what
 * its parts share: the server, one request, one answer, and the entry points of each part.
 *
 *     http.c ── route.c ── auth.c ── check.c ── rules.c ── a handler ── fields.c ── http.c
 *     (h2o)     (tables)   (tokens)  (tables)   (misbehave)  │
 *                                                            ├ auth, content, models, edits
 *                                                            ├ query, run, rows, format
 *                                                            └ generic + store (all the rest)
 */
#ifndef SANDBOX_H
#define SANDBOX_H

#include "api/operation.h"
#include "base/arena.h"
#include "base/buf.h"
#include "json/scan.h"
#include "json/write.h"

#include <cjson/cJSON.h>
#include <pthread.h>

#define SB_ROOT "/api/4.0"
#define SB_MAX_SEGMENTS 16
#define SB_MAX_PARAMS 48
#define SB_MAX_TEXT_BYTES ((size_t)256 * 1024 * 1024)
#define SB_ALL_ROWS 1000000

struct sb_request;
struct sb_answer;
struct sb_route;
struct sb_auth;
struct sb_rules;
struct sb_record;
struct sb_store;
struct sb_queries;
struct sb_tasks;
struct sb_router;
struct sb_shown;

typedef void sb_handler_fn(struct sb_request *rq, struct sb_answer *out);
struct sb_handler {
    const char *operation; /* NULL ends a list */
    sb_handler_fn *run;
};

struct sb_options {
    const char *host;
    uint16_t port;
    const char *tls_cert, *tls_key;
    const char *client_id, *client_secret;
    int64_t token_ttl_s;
    unsigned threads;
    bool record;
};

/* All state. With more than one thread, `lock` is held while a request is being answered; sending
 * needs none, because an answer never points into the state. */
struct sb_late;
struct sb {
    struct sb_options options;
    char base_url[128];
    pthread_mutex_t lock;
    struct sb_router *router;
    struct sb_auth *auth;
    struct sb_rules *rules;
    struct sb_record *record;
    struct sb_store *store;
    struct sb_queries *queries;
    struct sb_tasks *tasks;
    struct sb_shown *shown; /* explores as text; they never change */
    struct sb_late *late;   /* what was asked and is to be done later */
};

struct sb_param {
    const struct lk_field *field;
    struct lk_str value;
};

struct sb_header {
    struct lk_str name, value;
};

struct sb_request {
    struct sb *sb;
    struct lk_arena *arena;
    struct lk_str method, path, query; /* as sent; query without '?' */
    const struct sb_header *headers;
    size_t n_headers;
    struct lk_str body;
    const struct sb_route *route;
    struct lk_str segments[SB_MAX_SEGMENTS]; /* below the API root, percent-decoded */
    size_t n_segments;
    struct sb_param params[SB_MAX_PARAMS];
    size_t n_params;
    struct sb_token *token; /* NULL: none, or not valid */
    const char *branch;     /* of the project that was looked at, when it began; NULL: none was */
};

/* A body that is made while it is sent: appends a piece, returns false after the last one. */
struct sb_stream {
    bool (*next)(struct sb_stream *stream, struct lk_buf *buf);
};

/* body lives in the request's arena, or for ever. */
struct sb_answer {
    int status;
    const char *content_type;
    struct lk_str body;
    struct sb_stream *stream; /* instead of body */
    struct sb_header headers[8];
    size_t n_headers;
};

/* ---- answer.c: making answers ---- */

struct lk_buf *sb_buf(struct sb_request *rq); /* freed with the request */
void sb_answer_json(struct sb_answer *out, int status, struct lk_str body);
void sb_answer_tree(struct sb_request *rq, struct sb_answer *out, int status, const cJSON *tree);
void sb_answer_empty(struct sb_answer *out, int status);
void sb_fail(struct sb_request *rq, struct sb_answer *out, int status, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void sb_fail_not_found(struct sb_request *rq, struct sb_answer *out);
/* 422 with one error; for several, see check.c. */
void sb_fail_field(struct sb_request *rq, struct sb_answer *out, const char *field,
                   const char *code, const char *message);
struct lk_str sb_print(struct sb_request *rq, const cJSON *tree);
struct lk_str sb_header(const struct sb_request *rq, const char *name);
/* The path parameter of that name, decoded. */
struct lk_str sb_path_arg(const struct sb_request *rq, const char *name);
/* The query parameter of that name, or false. */
bool sb_query_arg(const struct sb_request *rq, const char *name, struct lk_str *ret_value);
int64_t sb_query_int(const struct sb_request *rq, const char *name, int64_t absent);
bool sb_query_bool(const struct sb_request *rq, const char *name, bool absent);
bool sb_parse_int(struct lk_str text, int64_t *ret_value);
/* Decodes %XX (and + when form); false when malformed. */
bool sb_percent_decode(struct lk_arena *arena, struct lk_str text, bool form,
                       struct lk_str *ret_text);
uint64_t sb_now_ms(void);
uint64_t sb_hash(struct lk_str text);
/* SQL LIKE with % and _, ignoring ASCII case. */
bool sb_like(struct lk_str text, struct lk_str pattern);
void *sb_alloc(size_t size); /* zeroed; ends the process when there is none */
char *sb_strdup(struct lk_str s);

/* ---- route.c ---- */

struct sb_route {
    const struct lk_operation *op;
    sb_handler_fn *run;
    bool open;              /* needs no token */
    bool has_items;         /* another operation's path is this one and a parameter */
    const char *item_param; /* the name of that parameter */
    bool gets_object;       /* GET of the same path answers an object */
    uint8_t n_segments;     /* of the template */
    uint16_t param_bits;    /* which of them are parameters */
    const struct lk_field *names[SB_MAX_SEGMENTS]; /* of those parameters */
    const struct lk_field *fields_param;
};

struct sb_router *sb_router_new(const struct sb_handler *const *handlers);
void sb_router_free(struct sb_router *router);
/* Sets rq->route and answers 0, or 404 or 405 (then *ret_allow says which methods there are). */
int sb_router_find(const struct sb_router *router, struct sb_request *rq, const char **ret_allow);
const struct lk_operation *sb_operation(const char *id);

/* ---- check.c: strictness; false: *out is the refusal ---- */

bool sb_check_params(struct sb_request *rq, struct sb_answer *out);
bool sb_check_body(struct sb_request *rq, struct sb_answer *out);

/* ---- auth.c ---- */

struct sb_token {
    uint32_t number;
    char text[40];
    char user_id[24];
    char workspace[16];
    bool sudo;
    uint64_t expires_ms; /* 0: revoked */
};
struct sb_auth *sb_auth_new(void);
void sb_auth_free(struct sb_auth *auth);
void sb_auth_reset(struct sb_auth *auth);
/* Sets rq->token from the Authorization header, if it is valid. */
void sb_auth_identify(struct sb_request *rq);
/* What a record shows of the header: "token 3", "invalid" or NULL. */
const char *sb_auth_label(struct sb_request *rq);
void sb_auth_expire_all(struct sb_auth *auth);
void sb_auth_write_state(struct sb_auth *auth, struct lk_json_writer *w);
extern const struct sb_handler sb_auth_handlers[];

/* ---- rules.c ---- */

struct sb_rule {
    char *operation;               /* "*": any */
    char *user, *workspace, *path; /* NULL: any */
    bool obeyed;                   /* what was asked is done all the same */
    int64_t times, after;
    int64_t delay_ms, drip_ms, cut_after_bytes, retry_after; /* -1: not set */
    int64_t late_ms;                                         /* -1: not set */
    int status;                                              /* 0: not set */
    char *body;
    cJSON *headers;
    char *corrupt;
    bool expire_tokens;
    bool drop; /* nothing of the request is taken: the connection ends */
    struct sb_rule *next;
};
/* How to send, decided by a rule. */
struct sb_sending {
    int64_t delay_ms, drip_ms, cut_after_bytes; /* -1: not set */
};
struct sb_rules *sb_rules_new(void);
void sb_rules_free(struct sb_rules *rules);
void sb_rules_clear(struct sb_rules *rules);
void sb_rules_set(struct sb_request *rq, struct sb_answer *out);
void sb_rules_get(struct sb_request *rq, struct sb_answer *out);
/* The rule that applies to this request now, or NULL; counts it. */
const struct sb_rule *sb_rules_match(const struct sb_request *rq);
/* Before the handler: true when the rule answers by itself. */
bool sb_rule_answers(struct sb_request *rq, const struct sb_rule *rule, struct sb_answer *out);
/* After the handler: changes the answer and says how to send it. */
void sb_rule_spoil(struct sb_request *rq, const struct sb_rule *rule, struct sb_answer *out,
                   struct sb_sending *ret_sending);

/* ---- record.c ---- */

struct sb_record *sb_record_new(void);
void sb_record_free(struct sb_record *record);
void sb_record_clear(struct sb_record *record);
void sb_record_add(struct sb_request *rq, int status);
void sb_record_get(struct sb_request *rq, struct sb_answer *out);
uint64_t sb_record_total(const struct sb_record *record);

/* ---- handle.c: one request to one answer; control.c: what is outside /api ---- */

void sb_handle(struct sb_request *rq, struct sb_answer *out, struct sb_sending *ret_sending);
bool sb_control(struct sb_request *rq, struct sb_answer *out);
void sb_state_init(struct sb *sb);
void sb_state_free(struct sb *sb);
void sb_state_reset(struct sb *sb);

/* ---- fields.c: the `fields` parameter, a,b(c,d) ---- */

bool sb_fields_apply(struct sb_request *rq, struct sb_answer *out);

/* ---- example.c ---- */

/* A value for the field: with full, something in every member; otherwise what Looker shows of a
 * thing in which nothing was set (null, false, []). */
cJSON *sb_example(const struct lk_field *field, bool full, unsigned depth);
cJSON *sb_example_object(const struct lk_type *type, bool full, unsigned depth);
/* Sets the members of `from` that `type` has and that are not write-only in `into`. */
void sb_merge(const struct lk_type *type, cJSON *into, const cJSON *from);

/* ---- store.c: collections of things by path and key ---- */

struct sb_entity {
    char *key;
    cJSON *json; /* NULL: deleted */
    char *text;  /* printed json, or NULL */
    size_t text_len;
};
struct sb_collection {
    char *path;                 /* concrete, such as "/users/3/sessions" */
    bool strict;                /* what is not in it does not exist */
    bool listed;                /* examples were put in */
    const struct lk_type *type; /* of seeded things, or NULL */
    /* Completes a copy before it is shown; may be NULL. */
    void (*decorate)(struct sb *sb, cJSON *copy);
    /* Whether a list or search shows it, beside the parameters that name a member; may be NULL. */
    bool (*fits)(struct sb_request *rq, const cJSON *thing);
    struct sb_entity *items;
    size_t n, cap;
    int64_t next_id;
    struct sb_collection *next;
};
struct sb_store *sb_store_new(void);
void sb_store_free(struct sb_store *store);
struct sb_collection *sb_collection(struct sb_store *store, struct lk_str path);
struct sb_entity *sb_entity(struct sb_collection *c, struct lk_str key); /* also a deleted one */
/* Takes the tree; replaces what was there. */
struct sb_entity *sb_entity_put(struct sb_collection *c, struct lk_str key, cJSON *json);
void sb_entity_delete(struct sb_entity *entity);
/* The JSON to show, decorated. */
struct lk_str sb_entity_show(struct sb_request *rq, struct sb_collection *c, struct sb_entity *e);
/* Lives until the entity changes. */
const char *sb_member(const cJSON *object, const char *name); /* string member, or NULL */

/* Sets a member, replacing the one that was there; takes the value. */
void sb_set(cJSON *object, const char *name, cJSON *value);
/* text NULL: null. It may be the member's own. */
void sb_set_text(cJSON *object, const char *name, const char *text);

/* Puts the array of objects in `json` into the collection, each completed by the type of the
 * operation's answer. */
void sb_seed(struct sb *sb, const char *path, const char *operation, const char *key_field,
             const char *json);
void sb_seed_content(struct sb *sb);     /* users, folders, dashboards, looks … */
void sb_seed_connections(struct sb *sb); /* connections */
void sb_seed_models(struct sb *sb);      /* lookml_models, projects */

/* ---- generic.c ---- */

sb_handler_fn sb_generic;
/* Answers with these things of a collection, sorted and paged as the parameters say. */
void sb_answer_things(struct sb_request *rq, struct sb_answer *out, struct sb_collection *c,
                      struct sb_entity **items, size_t n);

/* ---- models.c, explore.c ---- */

enum sb_field_flag {
    SB_MEASURE = 1 << 0,
    SB_HIDDEN = 1 << 1,
    SB_FILTER = 1 << 2,
    SB_PARAMETER = 1 << 3,
    SB_PRIMARY_KEY = 1 << 4,
    SB_BROKEN = 1 << 5, /* the database refuses it */
};
struct sb_field {
    const char *view, *name, *type;
    uint32_t flags;
    const char *description;
    const char *group;                                         /* dimension group, or NULL */
    const char *const *values, *const *synonyms, *const *tags; /* NULL-terminated, or NULL */
    const char *value_format_name;
};
struct sb_explore {
    const char *name, *label, *description, *group_label;
    const char *const *views; /* the first one is its own */
    bool hidden;
    const char *always[2];      /* filter name and value */
    const char *conditional[2]; /* the same */
    int64_t rows;
    int64_t skips;      /* rows that are missing at the start */
    const cJSON *files; /* those of the branch that is seen, if they edit models; NULL: none do */
};
struct sb_model {
    const char *name, *label, *project, *connection;
    const struct sb_explore *explores;
    size_t n_explores;
};
extern const struct sb_model sb_models[];
extern const size_t sb_n_models;
extern const struct sb_field sb_model_fields[];
extern const size_t sb_n_model_fields;
#define SB_BIG_EXPLORES 663
#define SB_WIDE_FIELDS 3000

/* An explore found or made up (the big model); lives as long as `arena`. */
bool sb_explore_find(struct lk_arena *arena, struct lk_str model, struct lk_str name,
                     const struct sb_model **ret_model, struct sb_explore *ret_explore);
/* The field `view.name` of an explore; strings live as long as `arena`. */
bool sb_field_find(struct lk_arena *arena, const struct sb_explore *explore, struct lk_str name,
                   struct sb_field *ret_field);
/* Field number i of an explore, false after the last one. */
bool sb_field_at(struct lk_arena *arena, const struct sb_explore *explore, size_t i,
                 struct sb_field *ret_field);
/* "Orders Created Date" */
struct lk_str sb_field_label(struct lk_arena *arena, const struct sb_field *field);
void sb_write_field(struct lk_arena *arena, struct lk_json_writer *w, const struct sb_model *model,
                    const struct sb_field *field);
void sb_title_case(struct lk_buf *buf, struct lk_str words);
bool sb_is_number_type(const char *type);
void sb_shown_free(struct sb_shown *shown);
/* sb_explore_find as the request's workspace has it: projects.h, edits.c. */
bool sb_explore_seen(struct sb_request *rq, struct lk_str model, struct lk_str name,
                     const struct sb_model **ret_model, struct sb_explore *ret_explore);
/* What edits make of a field: known says whether models.c has it. False: it is not there. */
bool sb_edited_field(struct lk_arena *arena, const struct sb_explore *explore, struct lk_str name,
                     bool known, struct sb_field *ret_field);
/* Number i of the fields that edits add. */
bool sb_edited_field_at(struct lk_arena *arena, const struct sb_explore *explore, size_t i,
                        struct sb_field *ret_field);
extern const struct sb_handler sb_model_handlers[];

/* ---- query.c: saved queries; run.c: running them ---- */

struct sb_queries *sb_queries_new(void);
void sb_queries_free(struct sb_queries *queries);
void sb_seed_queries(struct sb *sb);
/* The JSON of a saved query, by id or slug; valid until the next one is created. */
bool sb_query_find(struct sb *sb, struct lk_str id_or_slug, struct lk_str *ret_json);
extern const struct sb_handler sb_query_handlers[];
extern const struct sb_handler sb_run_handlers[];
/* Runs the query (JSON text of a Query, copied) in a format and answers with its rows. */
void sb_run(struct sb_request *rq, struct sb_answer *out, struct lk_str query,
            struct lk_str format);
struct sb_run_options {
    int64_t limit; /* INT64_MIN: the query's own */
    bool formatted;
    bool task; /* what the database refuses is a 400 */
};
void sb_run_as(struct sb_request *rq, struct sb_answer *out, struct lk_str query,
               struct lk_str format, const struct sb_run_options *options);
#define SB_BROKEN_TEXT                                                                             \
    "The warehouse database encountered an error while running this query: column orders.broken "  \
    "does not exist"

/* ---- tasks.c: queries that run beside ---- */

struct sb_tasks *sb_tasks_new(void);
void sb_tasks_free(struct sb_tasks *tasks);
void sb_tasks_set(struct sb_request *rq, struct sb_answer *out); /* how long they take */
size_t sb_tasks_running(const struct sb_tasks *tasks);
/* The elements of all_running_queries. */
void sb_tasks_write_running(struct sb_request *rq, struct lk_json_writer *w);
bool sb_tasks_kill(struct sb_request *rq, struct lk_str id); /* false: none of that id runs */
extern const struct sb_handler sb_tasks_handlers[];

/* ---- plan.c: what a query asks for; rows.c: its values; format.c: their presentation ---- */

enum sb_value_kind {
    SB_TEXT,
    SB_EMAIL,
    SB_LOCATION,
    SB_ZIP,
    SB_YESNO,
    SB_KEY,     /* the row's number */
    SB_INTEGER, /* below 100 */
    SB_COUNT,
    SB_SUM,
    SB_AVERAGE,
    SB_RATE,
    SB_TIME, /* from here to SB_YEAR by how much of the date is shown */
    SB_DATE,
    SB_WEEK,
    SB_MONTH,
    SB_YEAR,
};
struct sb_column {
    struct lk_str name, label;
    struct sb_field field;
    struct lk_str json_key; /* ,"name": with comma, quotes and colon */
    uint64_t hash;
    struct lk_str fixed[8]; /* values that an equality filter allows */
    size_t n_fixed, n_values;
    int64_t changes;       /* every so many rows have another value; 0: none */
    uint8_t kind;          /* sb_value_kind */
    bool number, nullable; /* shown without quotes; sometimes null */
    bool first, pivot, table_calc;
};
struct sb_plan {
    struct sb_stream stream; /* first: a plan is a stream */
    struct lk_arena *arena;
    struct lk_str query; /* its JSON */
    const struct sb_model *model;
    struct sb_explore explore;
    struct sb_column *columns;
    size_t n_columns, n_pivots;
    int64_t rows; /* to send */
    int64_t all;  /* of the explore */
    int64_t at;   /* next row */
    bool descending, broken, totals, row_totals, formatted;
    int state;
    const struct sb_format *format;
};
/* False: *out is the refusal. */
bool sb_plan_make(struct sb_request *rq, struct sb_answer *out, struct lk_str query,
                  int64_t limit_override, struct sb_plan **ret_plan);

enum sb_value_style { SB_JSON_VALUE, SB_CSV_VALUE, SB_HTML_VALUE, SB_PLAIN_VALUE };
void sb_value(struct lk_buf *buf, const struct sb_plan *plan, const struct sb_column *column,
              int64_t row, enum sb_value_style style);
/* The key of the i-th pivot column, as text. */
#define SB_PIVOTS 3
/* Sets what sb_value goes by, once. */
void sb_column_prepare(struct sb_column *column);
struct lk_str sb_pivot_key(const struct sb_plan *plan, size_t i);
/* Sets out's stream or body; false when there is no such format. */
bool sb_format_answer(struct sb_request *rq, struct sb_answer *out, struct sb_plan *plan,
                      struct lk_str format);
void sb_write_sql(struct lk_buf *buf, const struct sb_plan *plan);

/* ---- activity.c, connections.c, content.c, folders.c, people.c, projects.c, renders.c ---- */

void sb_seed_activity(struct sb *sb);
/* activity_query.c: whether a query is one of system__activity, and running it. */
bool sb_is_activity(struct sb_request *rq, struct lk_str query);
void sb_run_activity(struct sb_request *rq, struct sb_answer *out, struct lk_str query,
                     struct lk_str format);
void sb_seed_folders(struct sb *sb);
void sb_seed_people(struct sb *sb);
void sb_seed_projects(struct sb *sb);
void sb_seed_renders(struct sb *sb);
extern const struct sb_handler sb_activity_handlers[];
extern const struct sb_handler sb_folders_handlers[];
extern const struct sb_handler sb_people_handlers[]; /* the four after it: people.h */
extern const struct sb_handler sb_groups_handlers[];
extern const struct sb_handler sb_credentials_handlers[];
extern const struct sb_handler sb_attributes_handlers[];
extern const struct sb_handler sb_schedules_handlers[];
void sb_seed_derived(struct sb *sb);
/* projects.c, git.c, lookml.c, derived.c; their workspaces are in projects.h */
extern const struct sb_handler sb_projects_handlers[];
extern const struct sb_handler sb_git_handlers[];
extern const struct sb_handler sb_lookml_handlers[];
extern const struct sb_handler sb_derived_handlers[];
extern const struct sb_handler sb_renders_handlers[];
/* pictures.c: answers a real png, jpg or pdf of that size. */
void sb_answer_picture(struct sb_request *rq, struct sb_answer *out, const char *format,
                       int64_t width, int64_t height);

extern const struct sb_handler sb_connection_handlers[];
extern const struct sb_handler sb_content_handlers[];
extern const struct sb_handler sb_validation_handlers[]; /* validation.c */

#endif
