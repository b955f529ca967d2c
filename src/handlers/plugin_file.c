/*
 * From the path of an identity plug-in to its table of functions, or to a message that says what is
 * wrong with the file. Called once, at the start.
 */
#include "handlers/plugin.h"

#include <dlfcn.h>

#define SETTING "LOOKER_IDENTITY_PLUGIN"
#define SYMBOL "looker_identity_plugin"
#define MAX_HEADER_NAME_BYTES 100

static bool fail_dl(struct lk_str path, const char *what, struct lk_error *err)
{
    const char *why = dlerror();

    lk_fail(err, LK_ERROR_CONFIG, SETTING " (%.*s): %s", LK_STR_ARG(path), what);
    lk_error_detail(err, "%s", why != NULL ? why : "no reason was given");
    return false;
}

bool lk_plugin_check(struct lk_str path, const struct looker_identity_plugin *table,
                     struct lk_error *err)
{
    if (table == NULL)
        return lk_fail(err, LK_ERROR_CONFIG,
                       SETTING " (%.*s): the plug-in does not know version %u of the interface, "
                               "which this server expects; build it for that version",
                       LK_STR_ARG(path), LOOKER_IDENTITY_ABI);
    if (table->abi != LOOKER_IDENTITY_ABI)
        return lk_fail(err, LK_ERROR_CONFIG,
                       SETTING " (%.*s): the plug-in is built for version %u of the interface, but "
                               "this server expects version %u; build it anew with this server's "
                               "looker_mcp_identity.h",
                       LK_STR_ARG(path), table->abi, LOOKER_IDENTITY_ABI);
    if (table->size < sizeof(*table))
        return lk_fail(err, LK_ERROR_CONFIG,
                       SETTING " (%.*s): the plug-in's table has %u bytes, but version %u of the "
                               "interface has %zu; set `size` to sizeof(struct "
                               "looker_identity_plugin)",
                       LK_STR_ARG(path), table->size, LOOKER_IDENTITY_ABI, sizeof(*table));
    if (table->name == NULL || table->name[0] == '\0' || table->resolve == NULL)
        return lk_fail(err, LK_ERROR_CONFIG, SETTING " (%.*s): the plug-in's table has no `%s`",
                       LK_STR_ARG(path), table->resolve == NULL ? "resolve" : "name");
    return true;
}

bool lk_plugin_open(struct lk_str path, const struct looker_identity_plugin **ret_table,
                    struct lk_error *err)
{
    const struct looker_identity_plugin *(*entry)(uint32_t abi);
    const struct looker_identity_plugin *table;
    char name[4096];
    void *library;

    if (path.len == 0 || path.ptr[0] != '/' || path.len >= sizeof(name))
        return lk_fail(err, LK_ERROR_CONFIG,
                       SETTING " (%.*s): an absolute path is expected, such as "
                               "/usr/local/lib/looker/identity.so",
                       LK_STR_ARG(lk_str_cut(path, 200)));
    memcpy(name, path.ptr, path.len);
    name[path.len] = '\0';
    library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL)
        return fail_dl(path, "it cannot be loaded as a shared library", err);
    *(void **)&entry = dlsym(library, SYMBOL);
    if (entry == NULL)
        return fail_dl(path,
                       "it is no identity plug-in: the function " SYMBOL
                       " (looker_mcp_identity.h) is not exported",
                       err);
    table = entry(LOOKER_IDENTITY_ABI);
    if (!lk_plugin_check(path, table, err))
        return false;
    *ret_table = table; /* the library stays: threads of its own may run to the end */
    return true;
}

bool lk_plugin_is_header_name(struct lk_str name)
{
    static const char others[] = "!#$%&'*+-.^_`|~"; /* RFC 9110 section 5.6.2 */

    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) &&
            strchr(others, c) == NULL)
            return false;
    }
    return name.len > 0 && name.len <= MAX_HEADER_NAME_BYTES;
}
