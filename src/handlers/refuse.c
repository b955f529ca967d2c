/*
 * Refuses arguments that cannot be honoured (refuse.h). Called first thing by the handlers of tools
 * that run queries.
 */
#include "handlers/refuse.h"

static const struct {
    const char *name;
    const char *instead;
} unavailable[] = {
    {"act_as_user", "calls run as the user that whoami shows"},
    {"branch", "queries run against production LookML"},
    {"project_id", "it only goes with branch, and queries run against production LookML"},
    {"dev_mode", "queries run against production LookML"},
};

static bool is_given(const struct lk_field *field, const void *args)
{
    struct lk_boolean boolean;

    if (lk_field_presence(field, args) != LK_PRESENT)
        return false;
    if (field->kind != LK_KIND_BOOLEAN)
        return true;
    memcpy(&boolean, (const char *)args + field->offset, sizeof(boolean));
    return boolean.value;
}

bool lk_refuse_unavailable(const struct lk_type *type, const void *args, struct lk_error *err)
{
    for (size_t i = 0; i < sizeof(unavailable) / sizeof(unavailable[0]); i++) {
        const struct lk_field *field = lk_type_field(type, lk_str(unavailable[i].name));
        if (field != NULL && is_given(field, args))
            return lk_fail(err, LK_ERROR_UNSUPPORTED,
                           "%s is not available in this version of the server; remove the argument "
                           "(%s)",
                           unavailable[i].name, unavailable[i].instead);
    }
    return true;
}
