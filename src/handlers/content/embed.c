/*
 * generate_embed_url: for an embed user, or as the caller. Looker wants another form of the same
 * address for each: the page itself, or the page below /embed.
 */
#include "handlers/ask.h"
#include "handlers/bind.h"
#include "handlers/context.h"
#include "looker_tools.h"

/* Where the path of "https://host:port/path" begins, or NULL when that is no such address. */
static const char *path_of(struct lk_str url)
{
    const char *colon = memmem(url.ptr, url.len, "://", 3), *slash;

    if (colon == NULL ||
        !(lk_str_starts(url, LK_STR("https://")) || lk_str_starts(url, LK_STR("http://"))))
        return NULL;
    slash = memchr(colon + 3, '/', (size_t)(lk_str_end(url) - colon - 3));
    return slash != NULL && slash > colon + 3 ? slash : NULL;
}

/* The address with /embed at the beginning of its path, or without. */
static struct lk_string target(struct lk_arena *arena, struct lk_str url, const char *path,
                               bool embedded)
{
    struct lk_str host = lk_str_n(url.ptr, (size_t)(path - url.ptr));
    struct lk_str rest = lk_str_n(path, (size_t)(lk_str_end(url) - path));

    if (lk_str_starts(rest, LK_STR("/embed/")) == embedded)
        return lk_string(url);
    if (!embedded)
        rest = lk_str_n(rest.ptr + 6, rest.len - 6);
    return lk_string(lk_arena_printf(arena, "%.*s%s%.*s", LK_STR_ARG(host),
                                     embedded ? "/embed" : "", LK_STR_ARG(rest)));
}

/* What says something about a user who signs in; as the caller there is none. */
static const char *user_argument(const struct looker_generate_embed_url_args *args)
{
    const struct {
        const char *name;
        uint8_t is;
    } given[] = {
        {"first_name", args->first_name.is},
        {"last_name", args->last_name.is},
        {"group_ids", args->group_ids.is},
        {"models", args->models.is},
        {"permissions", args->permissions.is},
        {"user_attributes", args->user_attributes.is},
        {"external_group_id", args->external_group_id.is},
        {"user_timezone", args->user_timezone.is},
        {"secret_id", args->secret_id.is},
        {"embed_domain", args->embed_domain.is},
    };

    for (size_t i = 0; i < sizeof(given) / sizeof(given[0]); i++) {
        if (given[i].is == LK_PRESENT)
            return given[i].name;
    }
    return NULL;
}

bool lk_handler_generate_embed_url(struct mcp_call *call, const void *args_, struct lk_error *err)
{
    const struct looker_generate_embed_url_args *args = args_;
    const char *path = path_of(args->target_url.value), *user = user_argument(args);
    bool as_me = args->external_user_id.is != LK_PRESENT;
    struct lk_arena *arena = mcp_call_arena(call);
    struct lk_json_writer w = lk_json_writer(mcp_call_answer(call));
    struct looker_embed_params me = {.session_length = args->session_length,
                                     .force_logout_login = args->force_logout_login};
    struct looker_embed_sso_params sso = {0};
    struct lk_str answer;

    /* 1. A complete address, and an embed user where something is said about one. */
    if (path == NULL)
        return lk_fail(err, LK_ERROR_ARGUMENT,
                       "target_url: expected the complete address of a page of Looker, such as "
                       "https://my.looker.com/dashboards/34");
    if (as_me && user != NULL)
        return lk_fail(err, LK_ERROR_ARGUMENT,
                       "%s goes with external_user_id, which names the embed user; without it the "
                       "link runs as the caller",
                       user);

    if (!as_me && args->group_ids.len == 0 && (args->models.len == 0 || args->permissions.len == 0))
        return lk_fail(err, LK_ERROR_ARGUMENT,
                       "group_ids: give group_ids, or both models and permissions; an embed user "
                       "without may see nothing");

    /* 2. The link. */
    lk_bind_same_names(arena, mcp_call_tool(call)->args, args, &looker_embed_sso_params_type, &sso);
    sso.target_url = target(arena, args->target_url.value, path, false);
    me.target_url = target(arena, args->target_url.value, path, true);
    if (!lk_ask(lk_tool_context(call)->api, arena,
                as_me ? looker_create_embed_url_as_me(&me) : looker_create_sso_embed_url(&sso),
                LK_JSON_OBJECT, &answer, err))
        return false;
    lk_json_begin_object(&w);
    lk_json_member_string(&w, "url", lk_json_get_string(arena, answer, LK_STR("url")));
    lk_json_member_string(&w, "runs_as",
                          as_me ? LK_STR("the caller") : args->external_user_id.value);
    lk_json_member_boolean(&w, "single_use", true);
    lk_json_end_object(&w);
    return true;
}
