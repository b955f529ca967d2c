/*
 * The models as data: a shop, its web analytics, and a model that is too big on purpose. What is
 * made of it stands in explore.c.
 */
#include "sandbox.h"

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

static const char *const order_statuses[] = {"complete", "shipped",   "processing",
                                             "returned", "cancelled", NULL};
static const char *const states[] = {"California", "Texas",      "New York", "Florida", "Illinois",
                                     "Ohio",       "Washington", "Virginia", "Georgia", NULL};
static const char *const cities[] = {"Los Angeles", "Houston",   "Buffalo",  "Miami",
                                     "Chicago",     "Cleveland", "Seattle",  "Richmond",
                                     "Atlanta",     "São Paulo", "Würzburg", NULL};
static const char *const countries[] = {"USA", "UK", "Brazil", "Germany", "Japan", NULL};
static const char *const sources[] = {"Search", "Organic", "Email", "Display", "Facebook", NULL};
static const char *const genders[] = {"f", "m", NULL};
static const char *const categories[] = {"Jeans", "Sweaters",    "Outerwear & Coats",
                                         "Swim",  "Accessories", "Dresses",
                                         "Suits", "Socks",       NULL};
static const char *const brands[] = {"Levi's",  "Calvin Klein",     "Carhartt",    "Dockers",
                                     "O'Neill", "\"Quoted\" Brand", "Comma, Inc.", NULL};
static const char *const departments[] = {"Men", "Women", NULL};
static const char *const browsers[] = {"Chrome", "Safari", "Firefox", "Edge", NULL};
static const char *const events[] = {"Home", "Category", "Product", "Cart", "Purchase", NULL};
static const char *const timeframes[] = {"day", "week", "month", NULL};

/* view, name, type, flags, description, then what else there is to say by name. */
#define FIELD(view_, name_, type_, flags_, ...)                                                    \
    {                                                                                              \
        .view = view_, .name = name_, .type = type_, .flags = flags_, .description = __VA_ARGS__   \
    }
#define PK(view_)                                                                                  \
    FIELD(view_, "id", "number", SB_PRIMARY_KEY, "Unique key", .value_format_name = "id")
#define COUNT(view_) FIELD(view_, "count", "count", SB_MEASURE, "How many there are")
#define TIMES(view_, group_)                                                                       \
    FIELD(view_, group_ "_time", "date_time", 0, NULL, .group = group_),                           \
        FIELD(view_, group_ "_date", "date_date", 0, NULL, .group = group_),                       \
        FIELD(view_, group_ "_week", "date_week", 0, NULL, .group = group_),                       \
        FIELD(view_, group_ "_month", "date_month", 0, NULL, .group = group_),                     \
        FIELD(view_, group_ "_year", "date_year", 0, NULL, .group = group_)

const struct sb_field sb_model_fields[] = {
    PK("orders"),
    TIMES("orders", "created"),
    FIELD("orders", "status", "string", 0, "Where the order stands", .values = order_statuses,
          .synonyms = LIST("state", "order state"), .tags = LIST("important")),
    FIELD("orders", "user_id", "number", SB_HIDDEN, "Foreign key"),
    FIELD("orders", "traffic_source", "string", 0, "Where the customer came from",
          .values = sources),
    FIELD("orders", "is_first_order", "yesno", 0, "Whether it was the customer's first"),
    FIELD("orders", "order_value_tier", "tier", 0, "Value in steps",
          .values = LIST("Below 50", "50 to 99", "100 to 199", "200 or Above")),
    FIELD("orders", "internal_note", "string", SB_HIDDEN, "Not for everyone"),
    FIELD("orders", "broken", "number", SB_HIDDEN | SB_BROKEN,
          "Selects a column that is not there"),
    FIELD("orders", "date_range", "date", SB_FILTER, "A templated filter"),
    FIELD("orders", "timeframe", "unquoted", SB_PARAMETER, "Chooses a time frame",
          .values = timeframes),
    COUNT("orders"),
    FIELD("orders", "count_distinct_users", "count_distinct", SB_MEASURE, "Customers who ordered"),
    FIELD("orders", "first_order", "date", SB_MEASURE, "When the first one was made"),
    FIELD("orders", "internal_cost", "sum", SB_MEASURE | SB_HIDDEN, "Not for everyone",
          .value_format_name = "usd"),

    PK("order_items"),
    FIELD("order_items", "order_id", "number", SB_HIDDEN, "Foreign key"),
    FIELD("order_items", "sale_price", "number", 0, "What was paid",
          .synonyms = LIST("price", "revenue of an item"), .value_format_name = "usd"),
    TIMES("order_items", "returned"),
    FIELD("order_items", "is_returned", "yesno", 0, "Whether it came back"),
    COUNT("order_items"),
    FIELD("order_items", "total_sale_price", "sum", SB_MEASURE, "Sum of what was paid",
          .synonyms = LIST("revenue", "turnover", "sales"), .tags = LIST("kpi"),
          .value_format_name = "usd"),
    FIELD("order_items", "average_sale_price", "average", SB_MEASURE, "Mean of what was paid",
          .value_format_name = "usd"),
    FIELD("order_items", "return_rate", "number", SB_MEASURE, "Share that came back",
          .value_format_name = "percent_2"),

    PK("users"),
    FIELD("users", "first_name", "string", 0, "Given name"),
    FIELD("users", "last_name", "string", 0, "Family name"),
    FIELD("users", "email", "string", 0, "Address", .tags = LIST("email", "pii")),
    FIELD("users", "age", "number", 0, "In years"),
    FIELD("users", "gender", "string", 0, NULL, .values = genders),
    FIELD("users", "city", "string", 0, "Where the customer lives", .values = cities),
    FIELD("users", "state", "string", 0, "State or province", .values = states),
    FIELD("users", "country", "string", 0, NULL, .values = countries),
    FIELD("users", "location", "location", 0, "Latitude and longitude"),
    FIELD("users", "zip", "zipcode", 0, NULL),
    TIMES("users", "created"),
    COUNT("users"),
    FIELD("users", "average_age", "average", SB_MEASURE, "Mean age",
          .value_format_name = "decimal_2"),

    PK("products"),
    FIELD("products", "name", "string", 0, "Name of the article"),
    FIELD("products", "brand", "string", 0, "Maker", .values = brands),
    FIELD("products", "category", "string", 0, NULL, .values = categories),
    FIELD("products", "department", "string", 0, NULL, .values = departments),
    FIELD("products", "retail_price", "number", 0, "List price", .value_format_name = "usd"),
    COUNT("products"),

    PK("sessions"),
    TIMES("sessions", "start"),
    FIELD("sessions", "browser", "string", 0, NULL, .values = browsers),
    FIELD("sessions", "duration_minutes", "duration_minute", 0, "How long it lasted"),
    COUNT("sessions"),
    FIELD("sessions", "median_duration", "median", SB_MEASURE, "Median of how long they lasted"),
    FIELD("sessions", "browsers_seen", "list", SB_MEASURE, "All of them in one cell"),
    FIELD("sessions", "latest_start", "max", SB_MEASURE, "The newest one"),

    PK("events"),
    FIELD("events", "event_type", "string", 0, NULL, .values = events),
    FIELD("events", "uri", "string", 0, "Page"),
    TIMES("events", "created"),
    COUNT("events"),
    FIELD("events", "unique_visitors", "count_distinct", SB_MEASURE, NULL),

    PK("audit"),
    FIELD("audit", "actor", "string", 0, "Who did it"),
    COUNT("audit"),
};
const size_t sb_n_model_fields = sizeof(sb_model_fields) / sizeof(sb_model_fields[0]);

static const char *const order_views[] = {"orders", "users", NULL};
static const char *const item_views[] = {"order_items", "orders", "users", "products", NULL};
static const char *const user_views[] = {"users", NULL};
static const char *const product_views[] = {"products", NULL};
static const char *const session_views[] = {"sessions", "users", NULL};
static const char *const event_views[] = {"events", "sessions", NULL};
static const char *const audit_views[] = {"audit", NULL};

static const struct sb_explore shop_explores[] = {
    {"orders", "Orders", "Orders and who made them", "Shop", order_views, .rows = SB_ALL_ROWS},
    {"order_items", "Order Items", "What was sold, at which price, to whom", "Shop", item_views,
     .rows = SB_ALL_ROWS, .conditional = {"order_items.returned_date", "90 days"}},
    {"users", "Users", "Customers", "People", user_views, .rows = SB_ALL_ROWS},
    {"products", "Products", NULL, "Shop", product_views, .rows = SB_ALL_ROWS,
     .always = {"products.department", "Women"}},
    {"audit", "Audit", "For administrators", "Internal", audit_views, true, .rows = SB_ALL_ROWS},
};
static const struct sb_explore web_explores[] = {
    {"sessions", "Sessions", "Visits to the site", "Web", session_views, .rows = SB_ALL_ROWS,
     .always = {"sessions.start_date", "7 days"}},
    {"events", "Events", "Single page views", "Web", event_views, .rows = SB_ALL_ROWS},
};

const struct sb_model sb_models[] = {
    {"thelook", "The Look", "thelook", "warehouse", shop_explores,
     sizeof(shop_explores) / sizeof(shop_explores[0])},
    {"analytics", "Web Analytics", "analytics", "lake", web_explores,
     sizeof(web_explores) / sizeof(web_explores[0])},
    {"empty", "Nothing Yet", "analytics", "lake", NULL, 0},
    {"big", "Too Big", "big", "warehouse", NULL, SB_BIG_EXPLORES},
};
const size_t sb_n_models = sizeof(sb_models) / sizeof(sb_models[0]);
