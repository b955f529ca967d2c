/*
 * Connections and what lies behind them: databases, schemas, tables, columns. The connections
 * themselves are in the store; the rest is made from a small catalogue.
 */
#include "sandbox.h"

#include <stdio.h>

struct table {
    const char *schema, *name;
    const char *columns; /* "name:type name:type …" */
};

/* The first schema of a connection is its default. */
static const struct catalogue {
    const char *connection;
    const char *databases[4], *schemas[5];
} catalogues[] = {
    {"warehouse", {"shop", "archive"}, {"public", "analytics", "looker_scratch"}},
    {"lake", {NULL}, {"web", "staging"}},
    {"reporting_db", {"reporting"}, {"dbo"}},
};

static const struct table tables[] = {
    {"public", "orders", "id:bigint created_at:timestamp status:varchar user_id:bigint"},
    {"public", "order_items",
     "id:bigint order_id:bigint product_id:bigint sale_price:numeric "
     "returned_at:timestamp"},
    {"public", "users",
     "id:bigint first_name:varchar last_name:varchar email:varchar age:integer "
     "city:varchar state:varchar country:varchar created_at:timestamp"},
    {"public", "products",
     "id:bigint name:varchar brand:varchar category:varchar "
     "department:varchar retail_price:numeric"},
    {"analytics", "daily_sales", "day:date orders:bigint revenue:numeric"},
    {"looker_scratch", "pdt_monthly", "month:date total:numeric"},
    {"web", "sessions", "id:bigint started_at:timestamp browser:varchar duration:integer"},
    {"web", "events", "id:bigint session_id:bigint event_type:varchar uri:varchar"},
    {"staging", "raw events", "payload:json received_at:timestamp"},
    {"dbo", "Report", "Id:int Title:nvarchar"},
};
#define N_TABLES (sizeof(tables) / sizeof(tables[0]))

void sb_seed_connections(struct sb *sb)
{
    sb_seed(sb, "/connections", "connection", "name",
            "[{\"name\":\"warehouse\",\"dialect_name\":\"postgres\",\"host\":\"db.example.com\","
            "\"port\":\"5432\",\"database\":\"shop\",\"schema\":\"public\",\"username\":\"looker\","
            "\"has_password\":true,\"pdts_enabled\":true,\"ssl\":true,\"max_connections\":30,"
            "\"tmp_db_name\":\"looker_scratch\",\"dialect\":{\"name\":\"postgres\","
            "\"label\":\"PostgreSQL 9.5+\",\"supports_cost_estimate\":false,"
            "\"supports_streaming\":true,\"supports_multiple_databases\":true}},"
            "{\"name\":\"lake\",\"dialect_name\":\"bigquery_standard_sql\","
            "\"host\":\"lake-project\",\"database\":\"web\",\"uses_oauth\":false,"
            "\"max_billing_gigabytes\":\"100\",\"dialect\":{\"name\":\"bigquery_standard_sql\","
            "\"label\":\"Google BigQuery Standard SQL\",\"supports_cost_estimate\":true}},"
            "{\"name\":\"reporting_db\",\"dialect_name\":\"mssql\",\"host\":\"10.0.0.7\","
            "\"port\":\"1433\",\"database\":\"reporting\",\"schema\":\"dbo\","
            "\"dialect\":{\"name\":\"mssql\",\"label\":\"Microsoft SQL Server 2017+\"}}]");
    sb_seed(sb, "/dialect_info", "all_dialect_infos", "name",
            "[{\"name\":\"postgres\",\"label\":\"PostgreSQL 9.5+\",\"default_port\":\"5432\","
            "\"installed\":true},"
            "{\"name\":\"bigquery_standard_sql\",\"label\":\"Google BigQuery Standard SQL\","
            "\"installed\":true},"
            "{\"name\":\"mssql\",\"label\":\"Microsoft SQL Server 2017+\","
            "\"default_port\":\"1433\",\"installed\":true}]");
}

/* The catalogue of the connection in the path; a connection that was created has that of the
 * warehouse. NULL: *out is the refusal. */
static const struct catalogue *catalogue(struct sb_request *rq, struct sb_answer *out)
{
    struct lk_str name = sb_path_arg(rq, "connection_name"), database;
    struct sb_entity *entity =
        sb_entity(sb_collection(rq->sb->store, LK_STR("/connections")), name);
    const struct catalogue *found = &catalogues[0];
    bool known = false;

    if (entity == NULL || entity->json == NULL) {
        sb_fail_not_found(rq, out);
        return NULL;
    }
    for (size_t i = 0; i < sizeof(catalogues) / sizeof(catalogues[0]); i++)
        if (lk_str_eq(lk_str(catalogues[i].connection), name))
            found = &catalogues[i];
    if (!sb_query_arg(rq, "database", &database))
        return found;
    for (const char *const *d = found->databases; *d != NULL; d++)
        known |= lk_str_eq(lk_str(*d), database);
    if (!known) {
        sb_fail(rq, out, 404, "Not found: no database \"%.*s\"", LK_STR_ARG(database));
        return NULL;
    }
    return found;
}

static void connection_databases(struct sb_request *rq, struct sb_answer *out)
{
    const struct catalogue *c = catalogue(rq, out);
    struct lk_buf *buf = sb_buf(rq);
    struct lk_json_writer w = lk_json_writer(buf);

    if (c == NULL)
        return;
    lk_json_begin_array(&w);
    for (const char *const *d = c->databases; *d != NULL; d++)
        lk_json_put_cstr(&w, *d);
    lk_json_end_array(&w);
    sb_answer_json(out, 200, lk_buf_view(buf));
}

static void connection_schemas(struct sb_request *rq, struct sb_answer *out)
{
    const struct catalogue *c = catalogue(rq, out);
    struct lk_buf *buf = sb_buf(rq);
    struct lk_json_writer w = lk_json_writer(buf);

    if (c == NULL)
        return;
    lk_json_begin_array(&w);
    for (const char *const *s = c->schemas; *s != NULL; s++) {
        lk_json_begin_object(&w);
        lk_json_member_string(&w, "name", lk_str(*s));
        lk_json_member_boolean(&w, "is_default", s == c->schemas);
        lk_json_end_object(&w);
    }
    lk_json_end_array(&w);
    sb_answer_json(out, 200, lk_buf_view(buf));
}

static void write_table(struct lk_json_writer *w, const struct table *table, struct lk_str quoted)
{
    lk_json_begin_object(w);
    lk_json_member_string(w, "name", lk_str(table->name));
    lk_json_member_string(w, "sql_escaped_name", quoted);
    lk_json_member_string(w, "schema_name", lk_str(table->schema));
    lk_json_member_integer(w, "rows", (int64_t)(sb_hash(lk_str(table->name)) % 1000000));
    lk_json_key(w, "external");
    lk_json_put_null(w);
    lk_json_member_raw(w, "snippets", LK_STR("[]"));
    lk_json_end_object(w);
}

static struct lk_str quote(struct sb_request *rq, const char *name)
{
    return strchr(name, ' ') != NULL ? lk_arena_printf(rq->arena, "\"%s\"", name) : lk_str(name);
}

static void write_schema_tables(struct sb_request *rq, struct lk_json_writer *w, const char *schema,
                                bool is_default)
{
    struct lk_str pattern;
    bool filtered = sb_query_arg(rq, "table_filter", &pattern);
    int64_t limit = sb_query_int(rq, "table_limit", -1), n = 0;

    lk_json_begin_object(w);
    lk_json_member_string(w, "name", lk_str(schema));
    lk_json_member_boolean(w, "is_default", is_default);
    lk_json_key(w, "tables");
    lk_json_begin_array(w);
    for (size_t t = 0; t < N_TABLES; t++) {
        if (strcmp(tables[t].schema, schema) != 0 ||
            (filtered &&
             memmem(tables[t].name, strlen(tables[t].name), pattern.ptr, pattern.len) == NULL))
            continue;
        if (limit < 0 || n < limit)
            write_table(w, &tables[t], quote(rq, tables[t].name));
        n++;
    }
    lk_json_end_array(w);
    lk_json_member_boolean(w, "table_limit_hit", limit >= 0 && n > limit);
    lk_json_end_object(w);
}

static void connection_tables(struct sb_request *rq, struct sb_answer *out)
{
    const struct catalogue *c = catalogue(rq, out);
    struct lk_buf *buf = sb_buf(rq);
    struct lk_json_writer w = lk_json_writer(buf);
    struct lk_str only = {0};

    if (c == NULL)
        return;
    sb_query_arg(rq, "schema_name", &only);
    lk_json_begin_array(&w);
    for (const char *const *s = c->schemas; *s != NULL; s++)
        if (only.len == 0 || lk_str_eq(lk_str(*s), only))
            write_schema_tables(rq, &w, *s, s == c->schemas);
    lk_json_end_array(&w);
    sb_answer_json(out, 200, lk_buf_view(buf));
}

/* ---- columns ---- */

static const char *looker_type(struct lk_str type)
{
    if (memmem(type.ptr, type.len, "int", 3) != NULL || lk_str_eq(type, LK_STR("numeric")))
        return "number";
    if (lk_str_eq(type, LK_STR("timestamp")))
        return "date_time";
    if (lk_str_eq(type, LK_STR("date")))
        return "date";
    return "string";
}

static void write_columns(struct lk_json_writer *w, const struct table *table)
{
    const char *at = table->columns;

    lk_json_key(w, "columns");
    lk_json_begin_array(w);
    while (*at != '\0') {
        const char *colon = strchr(at, ':'), *end = strchrnul(at, ' ');
        struct lk_str name = lk_str_n(at, (size_t)(colon - at));
        struct lk_str type = lk_str_n(colon + 1, (size_t)(end - colon - 1));

        lk_json_begin_object(w);
        lk_json_member_string(w, "name", name);
        lk_json_member_string(w, "sql_escaped_name", name);
        lk_json_member_string(w, "schema_name", lk_str(table->schema));
        lk_json_member_string(w, "data_type_database", type);
        lk_json_member_string(w, "data_type", type);
        lk_json_member_string(w, "data_type_looker", lk_str(looker_type(type)));
        lk_json_key(w, "description");
        lk_json_put_null(w);
        lk_json_key(w, "column_size");
        lk_json_put_null(w);
        lk_json_member_raw(w, "snippets", LK_STR("[]"));
        lk_json_end_object(w);
        at = *end == ' ' ? end + 1 : end;
    }
    lk_json_end_array(w);
}

/* Whether the comma-separated list names it; an empty one names all. */
static bool listed(struct lk_str names, const char *name)
{
    if (names.len == 0)
        return true;
    for (;;) {
        const char *comma = memchr(names.ptr, ',', names.len);
        size_t len = comma != NULL ? (size_t)(comma - names.ptr) : names.len;

        if (lk_str_eq(lk_str_trim(lk_str_n(names.ptr, len)), lk_str(name)))
            return true;
        if (comma == NULL)
            return false;
        names = lk_str_n(comma + 1, names.len - len - 1);
    }
}

static void connection_columns(struct sb_request *rq, struct sb_answer *out)
{
    const struct catalogue *c = catalogue(rq, out);
    int64_t limit = sb_query_int(rq, "table_limit", -1);
    struct lk_str schema = {0}, names = {0};
    struct lk_buf *buf = sb_buf(rq);
    struct lk_json_writer w = lk_json_writer(buf);

    if (c == NULL)
        return;
    sb_query_arg(rq, "schema_name", &schema);
    sb_query_arg(rq, "table_names", &names);
    lk_json_begin_array(&w);
    for (const char *const *s = c->schemas; *s != NULL; s++) {
        if (schema.len > 0 && !lk_str_eq(lk_str(*s), schema))
            continue;
        for (size_t t = 0; t < N_TABLES; t++) {
            if (strcmp(tables[t].schema, *s) != 0 || !listed(names, tables[t].name) || limit == 0)
                continue;
            limit--;
            lk_json_begin_object(&w);
            lk_json_member_string(&w, "name", lk_str(tables[t].name));
            lk_json_member_string(&w, "sql_escaped_name", quote(rq, tables[t].name));
            lk_json_member_string(&w, "schema_name", lk_str(*s));
            write_columns(&w, &tables[t]);
            lk_json_end_object(&w);
        }
    }
    lk_json_end_array(&w);
    sb_answer_json(out, 200, lk_buf_view(buf));
}

const struct sb_handler sb_connection_handlers[] = {
    {"connection_databases", connection_databases},
    {"connection_schemas", connection_schemas},
    {"connection_tables", connection_tables},
    {"connection_columns", connection_columns},
    {0},
};
