/*
 * What a tool's row says beside what MCP knows of it, generated from the manifest: how a tool that
 * is one API call maps its arguments to the operation and the answer to its own (run by
 * handlers/generic.c), and how a tool uses the dev workspace (obeyed by handlers/workspace.c).
 */
#ifndef LK_HANDLERS_BINDING_H
#define LK_HANDLERS_BINDING_H

#include "api/operation.h"
#include "mcp/tool.h"
#include "json/project.h"

enum lk_bind_target {
    LK_BIND_PARAM,      /* field `field` of op->params */
    LK_BIND_BODY_FIELD, /* field `field` of op->body.type */
    LK_BIND_BODY,       /* the whole body */
};

enum lk_bind_convert {
    LK_CONVERT_NONE,       /* same kind on both sides */
    LK_CONVERT_JOIN_COMMA, /* a list of strings into one comma-separated string */
    LK_CONVERT_TO_STRING,  /* an integer, number or boolean into its text */
    LK_CONVERT_TO_STRINGS, /* a list of integers into a list of strings */
    LK_CONVERT_CONTAINS,   /* a text into the LIKE pattern of what contains it */
    LK_CONVERT_FILLED,     /* a text into whether it has anything in it */
};

struct lk_bind {
    int16_t arg;          /* index into tool->args->fields, or -1: the constant */
    uint8_t target;       /* lk_bind_target */
    uint8_t convert;      /* lk_bind_convert */
    uint16_t field;       /* index into the target's fields */
    const char *constant; /* JSON text when arg is -1 */
};

enum lk_answer_form {
    LK_ANSWER_OBJECT, /* the object that Looker answered, projected */
    LK_ANSWER_LIST,   /* {"count":n,"items":[…]} plus "total" and "next_offset" when paged */
    LK_ANSWER_TEXT,   /* {"<text_name>": "…the text…"} */
    LK_ANSWER_NONE,   /* {"ok":true} plus the path arguments, for operations that answer nothing */
};

/* How a tool uses the dev workspace of the Looker user it runs as. */
enum lk_workspace_how {
    LK_WORKSPACE_BORROW = 1, /* on a branch, when one is given; else as HOLD */
    LK_WORKSPACE_HOLD,       /* as it is, for as long as the call takes */
    LK_WORKSPACE_ALONE,      /* moves the branch: nobody else may use it meanwhile */
    LK_WORKSPACE_SELF,       /* only its arguments tell: the handler says it (lk_workspace_take) */
};

struct lk_workspace_use {
    uint8_t how;      /* lk_workspace_how */
    bool sets_branch; /* ALONE: it checks another branch out */
    /* Arguments, as indices into tool->args->fields, or -1: */
    int16_t dev_arg;     /* boolean; unless true, the call stays in production. -1: never */
    int16_t branch_arg;  /* BORROW: string */
    int16_t project_arg; /* string; -1: it is about all projects of the user */
    int16_t imports_arg; /* BORROW: boolean */
};

/* `op` NULL: a tool with a handler of its own, which has `workspace` alone. */
struct lk_binding {
    const struct lk_workspace_use *workspace; /* NULL: it never goes there */
    const struct lk_operation *op;
    const struct lk_bind *binds;
    uint16_t n_binds;
    uint8_t form;             /* lk_answer_form */
    const char *const *items; /* LIST: member names that lead from the answer to the list,
                                 NULL-terminated; NULL: the answer is the list */
    const char *text_name;    /* LK_ANSWER_TEXT */
    const char *not_found;    /* cause and remedy when Looker answers 404, or NULL */
    const struct lk_projection *projection; /* of the object, or of each item; NULL: whole */
    /* Arguments that the generic handler itself obeys, as indices into tool->args->fields, or -1:
     */
    int16_t keep_arg; /* boolean; unless true, `drop_if_true` items of the projection are dropped */
    int16_t dev_arg;  /* boolean; when true, the call goes out in the dev workspace */
    int16_t limit_arg;    /* integer: at most so many items */
    int16_t offset_arg;   /* integer: items to skip */
    bool paged_by_looker; /* limit and offset are bound to parameters too: do not slice again */
};

/* The handler of every row that names an operation instead of a handler of its own. The binding of
 * any tool is a struct lk_binding, or NULL. */
mcp_tool_fn lk_handler_generic;

#endif
