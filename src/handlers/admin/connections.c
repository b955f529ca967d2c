/*
 * create_connection and update_connection: their arguments are the settings of a connection, all
 * but one of which go where their name says.
 */
#include "handlers/ask.h"
#include "handlers/bind.h"
#include "handlers/binding.h"
#include "handlers/context.h"
#include "handlers/given.h"
#include "looker_tools.h"
#include "json/layout.h"

#include <stdlib.h>

/* What get_connection shows of a connection. */
static const struct lk_projection *shown_fields(void)
{
    for (size_t i = 0; i < LOOKER_TOOL_COUNT; i++)
        if (strcmp(looker_tools[i].name, "get_connection") == 0)
            return ((const struct lk_binding *)looker_tools[i].binding)->projection;
    abort(); /* the generator knows that tool */
}

/* Projected as get_connection's answer, which has no secrets whatever Looker sends. */
static bool write_connection(struct mcp_call *call, struct lk_str connection, struct lk_error *err)
{
    return lk_project(connection, shown_fields(), false, mcp_call_answer(call), err);
}

static bool bind_settings(struct mcp_call *call, const void *args, const struct lk_json *override,
                          struct looker_db_connection *ret_body, struct lk_error *err)
{
    struct lk_arena *arena = mcp_call_arena(call);

    lk_bind_same_names(arena, mcp_call_tool(call)->args, args, &looker_db_connection_type,
                       ret_body);
    if (override->is != LK_PRESENT)
        return true;
    ret_body->pdt_context_override.value =
        lk_arena_new_object(arena, struct looker_db_connection_override);
    ret_body->pdt_context_override.is = LK_PRESENT;
    return lk_given_object(arena, &looker_db_connection_override_type, override->value, NULL,
                           LK_STR("pdt_context_override"), ret_body->pdt_context_override.value,
                           err);
}

bool lk_handler_create_connection(struct mcp_call *call, const void *args_, struct lk_error *err)
{
    const struct looker_create_connection_args *args = args_;
    struct looker_db_connection *body =
        lk_arena_new_object(mcp_call_arena(call), struct looker_db_connection);
    struct lk_str connection;

    return bind_settings(call, args, &args->pdt_context_override, body, err) &&
           lk_ask(lk_tool_context(call)->api, mcp_call_arena(call), looker_create_connection(body),
                  LK_JSON_OBJECT, &connection, err) &&
           write_connection(call, connection, err);
}

/* The setting of that name, if it can be emptied. */
static const struct lk_field *clearable(struct lk_str name, struct lk_error *err)
{
    const struct lk_field *field = lk_type_field(&looker_db_connection_type, name);
    bool is_setting = field != NULL &&
                      lk_type_field(&looker_update_connection_args_type, name) != NULL &&
                      !lk_str_eq(name, LK_STR("name"));

    if (!is_setting) {
        lk_fail(err, LK_ERROR_ARGUMENT,
                "clear_fields: \"%.*s\" is no setting of a connection: name arguments of this tool",
                LK_STR_ARG(name));
        return NULL;
    }
    if ((field->flags & LK_FIELD_NULLABLE) == 0) {
        lk_fail(err, LK_ERROR_ARGUMENT,
                "clear_fields: \"%.*s\" always has a value; set it to another one instead",
                LK_STR_ARG(name));
        return NULL;
    }
    return field;
}

static bool clear_settings(const struct lk_string_list *names, struct looker_db_connection *body,
                           struct lk_error *err)
{
    for (size_t i = 0; names->is == LK_PRESENT && i < names->len; i++) {
        const struct lk_field *field = clearable(names->items[i], err);

        if (field == NULL)
            return false;
        if (lk_field_presence(field, body) == LK_PRESENT)
            return lk_fail(err, LK_ERROR_ARGUMENT,
                           "clear_fields: \"%s\" is also given a value: leave one of the two out",
                           field->name);
        lk_layout_set_presence(field, lk_layout_value(field, body), LK_NULL);
    }
    return true;
}

bool lk_handler_update_connection(struct mcp_call *call, const void *args_, struct lk_error *err)
{
    const struct looker_update_connection_args *args = args_;
    struct looker_db_connection *body =
        lk_arena_new_object(mcp_call_arena(call), struct looker_db_connection);
    struct looker_update_connection_params params = {.connection_name = args->name};
    struct lk_str connection;

    if (!bind_settings(call, args, &args->pdt_context_override, body, err) ||
        !clear_settings(&args->clear_fields, body, err))
        return false;
    body->name = (struct lk_string){0}; /* the connection's own: it is in the path */
    if (!lk_ask(lk_tool_context(call)->api, mcp_call_arena(call),
                looker_update_connection(&params, body), LK_JSON_OBJECT, &connection, err))
        return lk_explain_status(err, 404,
                                 "there is no such connection, or no access to it: "
                                 "list_connections shows what there is");
    return write_connection(call, connection, err);
}
