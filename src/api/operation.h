/*
 * One row an operation of Looker's API, as the generator emits them (generated/looker_ops.h). A row
 * holds all that is needed to check and send a request and to know what comes back.
 */
#ifndef LK_API_OPERATION_H
#define LK_API_OPERATION_H

#include "json/type.h"

enum lk_method { LK_GET, LK_POST, LK_PUT, LK_PATCH, LK_DELETE };

enum lk_media {
    LK_MEDIA_JSON = 1 << 0, /* application/json */
    LK_MEDIA_TEXT = 1 << 1, /* text/plain, and the spec's bare `text`, whose body depends on
                               result_format */
    LK_MEDIA_FORM = 1 << 2, /* application/x-www-form-urlencoded */
    LK_MEDIA_PNG = 1 << 3,
    LK_MEDIA_JPEG = 1 << 4,
    LK_MEDIA_SVG = 1 << 5,
    LK_MEDIA_PDF = 1 << 6,
    LK_MEDIA_HTML = 1 << 7, /* no row has it: a query's result_format can ask for it */
};

/* x-looker-status */
enum lk_stability { LK_STABLE, LK_BETA, LK_ALPHA, LK_STATUS_DEPRECATED };

/* x-looker-activity-type */
enum lk_activity { LK_ACTIVITY_NONE, LK_ACTIVITY_NON_QUERY, LK_ACTIVITY_DB_QUERY };

/* Where the row comes from: Looker's published document, or the overlay (spec/overlay.yaml) as
 * seen to work, or as named by others only. */
enum lk_origin { LK_PUBLISHED, LK_OBSERVED, LK_UNVERIFIED };

/* What a call does to the branch that is checked out in a user's dev workspace. */
enum lk_branch_effect {
    LK_BRANCH_STAYS,
    LK_BRANCH_MOVES, /* it is reset, deployed, or it may be the one that goes away */
    LK_BRANCH_SETS,  /* another one is checked out */
};

struct lk_operation {
    const char *id;               /* operationId */
    const char *path;             /* below the API root, such as "/queries/{query_id}" */
    const struct lk_type *params; /* path and query parameters, or NULL when there are none */
    struct lk_field body;         /* kind LK_KIND_NONE when there is none; offset and name unused */
    struct lk_field answer;       /* of the 2xx answer; LK_KIND_NONE when it is empty */
    uint16_t success[3];          /* the 2xx statuses that it declares, 0-terminated or full */
    uint8_t method;               /* lk_method */
    uint8_t body_media;           /* lk_media, one bit */
    uint8_t answer_media;         /* lk_media, a bit for each type that it may answer */
    uint8_t stability;            /* lk_stability */
    uint8_t activity;             /* lk_activity */
    uint8_t origin;               /* lk_origin */
    bool deprecated;
    bool rate_limited;
    bool acts;            /* a GET that changes something all the same */
    bool reads;           /* a POST, PUT or PATCH that changes nothing: it computes its answer */
    bool of_session;      /* begins, ends or changes the session that all calls share */
    bool sends_read_only; /* Looker wants the readOnly fields of its body */
    bool needs_dev;       /* Looker takes it only from a session in the dev workspace */
    uint8_t branch;       /* lk_branch_effect */
    const char *tag;      /* the part of the API that it belongs to, such as "Query"; or NULL */
    const char
        *acts_if; /* the boolean parameter with which it changes something after all; or NULL */
    const char *remedy; /* unverified rows: what to do instead when Looker answers 404; or NULL */
};

/*
 * A request in C values, made by the generated constructors (`looker_create_query(&params, &body)`)
 * or by the generic handler from a tool's arguments. It borrows everything.
 *
 * params: the op->params struct, or NULL when there are none or all are absent.
 * body:   by op->body: the struct of an object; a pointer to the value wrapper (lk_string,
 *         lk_json, lk_string_list, … the generated list struct) of anything else; NULL for none.
 */
struct lk_api_request {
    const struct lk_operation *op;
    const void *params;
    const void *body;
    bool dev;     /* goes out under the session whose workspace is dev; so does needs_dev */
    bool is_html; /* is answered with HTML, where no result_format in params says so */
    struct lk_attempt *attempt; /* NULL: nobody watches it */
};

/* One request that is under way, for whoever watches it from another coroutine. */
struct lk_attempt {
    bool begun;     /* set as soon as it may have reached Looker; taken back when it has not */
    bool abandoned; /* set by the watcher: it is not sent again, whatever comes of it */
};

/* The same request under the session in the dev workspace, if `dev`. */
static inline struct lk_api_request lk_in_dev(struct lk_api_request request, bool dev)
{
    request.dev = dev;
    return request;
}

static inline bool lk_goes_to_dev(const struct lk_api_request *request)
{
    return request->dev || request->op->needs_dev;
}

/* "GET", "POST", … */
const char *lk_method_name(enum lk_method method);

#endif
