/*
 * Writes the page (page.h). Called by transport/http_page.c; the style is page.css.
 */
#include "page.h"

#include "looker_tools.h"
#include "json/scan.h"

/* ---- HTML ---- */

static void text(struct lk_buf *out, struct lk_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        switch (s.ptr[i]) {
        case '&':
            lk_buf_lit(out, "&amp;");
            break;
        case '<':
            lk_buf_lit(out, "&lt;");
            break;
        case '>':
            lk_buf_lit(out, "&gt;");
            break;
        case '"':
            lk_buf_lit(out, "&quot;");
            break;
        default:
            lk_buf_char(out, s.ptr[i]);
        }
    }
}

/* Blank lines part paragraphs. */
static void paragraphs(struct lk_buf *out, struct lk_str s)
{
    lk_buf_lit(out, "<p>");
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] != '\n' || i + 1 >= s.len || s.ptr[i + 1] != '\n') {
            text(out, lk_str_n(s.ptr + i, 1));
            continue;
        }
        lk_buf_lit(out, "</p><p>");
        while (i + 1 < s.len && s.ptr[i + 1] == '\n')
            i++;
    }
    lk_buf_lit(out, "</p>\n");
}

/* ---- is it up ---- */

static void write_head(struct lk_buf *out)
{
    lk_buf_lit(out, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                    "<meta name=\"color-scheme\" content=\"light dark\">\n"
                    "<title>Looker for AI assistants</title>\n"
                    "<link rel=\"icon\" href=\"data:,\">\n"
                    "<link rel=\"stylesheet\" href=\"/page.css\">\n</head>\n<body>\n");
}

static void write_status(struct lk_buf *out, const struct lk_page *page,
                         const struct lk_http_page_facts *facts)
{
    bool keys = page->config->client_id.len > 0;

    lk_buf_lit(out, "<header>\n<h1>Looker for AI assistants</h1>\n"
                    "<p class=\"soft\">looker-mcp-server " LK_VERSION
                    " lets an assistant work with Looker over the Model Context Protocol (MCP)."
                    "</p>\n<ul class=\"plain status\">\n"
                    "<li class=\"mark good\">This server is up</li>\n");
    if (facts->ready)
        lk_buf_printf(out, "<li class=\"mark good\">Looker %s</li>\n",
                      keys ? "answers, and takes the server's credentials" : "answers");
    else
        lk_buf_printf(out,
                      "<li class=\"mark bad\">Looker does not answer, or refuses the server (%s): "
                      "the server's log says why</li>\n",
                      lk_error_kind_name(facts->trouble));
    lk_buf_lit(out, "</ul>\n<nav><ul class=\"plain\"><li><a href=\"#connect\">Connect a client</a>"
                    "</li><li><a href=\"#tools\">Tools</a></li></ul></nav>\n</header>\n<main>\n");
}

/* ---- what to paste ---- */

/* What callers have to send, as it stands in a command line or in a client's JSON. */
struct pasted {
    struct lk_str url;
    bool token; /* a static bearer token */
};

static void write_client(struct lk_buf *out, const char *name, const char *where,
                         const char *before, struct lk_str url, const char *after)
{
    bool first = strcmp(name, "Claude Code") == 0; /* shows that there is something inside */

    lk_buf_printf(out,
                  "<details%s><summary>%s <span class=\"soft\">%s</span></summary>"
                  "<div class=\"inside\"><pre><code>",
                  first ? " open" : "", name, where);
    text(out, lk_str(before));
    text(out, url);
    text(out, lk_str(after));
    lk_buf_lit(out, "</code></pre></div></details>\n");
}

static void write_connect(struct lk_buf *out, const struct pasted *pasted, bool public)
{
    bool token = pasted->token;

    lk_buf_lit(out, "<section id=\"connect\">\n<h2>Connect a client</h2>\n"
                    "<p>MCP (Streamable HTTP) is at <code>");
    text(out, pasted->url);
    lk_buf_lit(out, "</code>.");
    if (public)
        lk_buf_lit(out, " Clients that know OAuth find out by themselves where to sign in.");
    if (token)
        lk_buf_lit(out, " Callers send a bearer token; put yours in the place of TOKEN.");
    lk_buf_lit(out, "</p>\n");
    write_client(out, "Claude Code", "in a terminal", "claude mcp add --transport http looker ",
                 pasted->url, token ? " --header \"Authorization: Bearer TOKEN\"" : "");
    write_client(out, "Claude Desktop", "claude_desktop_config.json; needs Node.js",
                 "{\"mcpServers\": {\"looker\": {\n  \"command\": \"npx\",\n"
                 "  \"args\": [\"-y\", \"mcp-remote\", \"",
                 pasted->url,
                 token ? "\",\n           \"--header\", \"Authorization: Bearer TOKEN\"]}}}"
                       : "\"]}}}");
    write_client(out, "Cursor", ".cursor/mcp.json", "{\"mcpServers\": {\"looker\": {\"url\": \"",
                 pasted->url,
                 token ? "\",\n  \"headers\": {\"Authorization\": \"Bearer TOKEN\"}}}}" : "\"}}}");
    write_client(out, "VS Code", ".vscode/mcp.json",
                 "{\"servers\": {\"looker\": {\"type\": \"http\", \"url\": \"", pasted->url,
                 token ? "\",\n  \"headers\": {\"Authorization\": \"Bearer TOKEN\"}}}}" : "\"}}}");
    write_client(out, "MCP Inspector", "to try the tools by hand",
                 "npx @modelcontextprotocol/inspector --transport http --server-url ", pasted->url,
                 token ? " --header \"Authorization: Bearer TOKEN\"" : "");
    lk_buf_lit(out, "</section>\n");
}

/* ---- the tools ---- */

/* "list of string", "one of json, csv", … */
static void write_kind(struct lk_buf *out, struct lk_arena *arena, struct lk_str schema)
{
    struct lk_str items, values, value, type = lk_json_get_string(arena, schema, LK_STR("type"));
    const char *comma = "";

    if (lk_json_get(schema, LK_STR("items"), &items)) {
        lk_buf_lit(out, "list of ");
        write_kind(out, arena, items);
        return;
    }
    if (!lk_json_get(schema, LK_STR("enum"), &values)) {
        text(out, type);
        return;
    }
    lk_buf_lit(out, "one of ");
    struct lk_json_iter it = lk_json_iter(values);
    while (lk_json_next(&it, NULL, &value)) {
        lk_buf_printf(out, "%s", comma);
        text(out, lk_json_decode_string(arena, value));
        comma = ", ";
    }
}

static bool is_required(struct lk_str schema, struct lk_str name)
{
    struct lk_str list = LK_STR("[]"), item;

    lk_json_get(schema, LK_STR("required"), &list);
    struct lk_json_iter it = lk_json_iter(list);
    while (lk_json_next(&it, NULL, &item)) {
        if (lk_json_string_eq(item, name))
            return true;
    }
    return false;
}

static void write_argument(struct lk_buf *out, struct lk_arena *arena, struct lk_str schema,
                           struct lk_str name, struct lk_str argument)
{
    struct lk_str standard;

    lk_buf_lit(out, "<tr><td><code>");
    text(out, name);
    lk_buf_lit(out, "</code></td><td class=\"soft\">");
    write_kind(out, arena, argument);
    if (is_required(schema, name))
        lk_buf_lit(out, ", required");
    if (lk_json_get(argument, LK_STR("default"), &standard)) {
        lk_buf_lit(out, ", default <code>");
        text(out, standard);
        lk_buf_lit(out, "</code>");
    }
    lk_buf_lit(out, "</td><td>");
    text(out, lk_json_get_string(arena, argument, LK_STR("description")));
    lk_buf_lit(out, "</td></tr>\n");
}

static void write_arguments(struct lk_buf *out, struct lk_arena *arena, struct lk_str schema)
{
    struct lk_str properties, key, argument;

    if (!lk_json_get(schema, LK_STR("properties"), &properties) || lk_json_count(properties) == 0) {
        lk_buf_lit(out, "<p class=\"soft\">No arguments.</p>\n");
        return;
    }
    lk_buf_lit(out, "<div class=\"wide\"><table><thead><tr><th>Argument</th><th>Type</th>"
                    "<th>Meaning</th></tr></thead><tbody>\n");
    struct lk_json_iter it = lk_json_iter(properties);
    while (lk_json_next(&it, &key, &argument))
        write_argument(out, arena, schema, lk_json_decode_key(arena, key), argument);
    lk_buf_lit(out, "</tbody></table></div>\n");
}

static void write_tool(struct lk_buf *out, struct lk_arena *arena, const struct mcp_tool *tool)
{
    bool reads = tool->hints & MCP_READ_ONLY, destroys = tool->hints & MCP_DESTRUCTIVE;

    lk_buf_printf(out, "<details id=\"%s\"><summary><code>%s</code> <span>", tool->name,
                  tool->name);
    text(out, lk_str(tool->title));
    lk_buf_printf(out, "</span> <span class=\"mark %s\">%s</span></summary><div class=\"inside\">",
                  reads      ? "good"
                  : destroys ? "bad"
                             : "warn",
                  reads      ? "reads"
                  : destroys ? "changes or deletes"
                             : "adds or sets");
    paragraphs(out, lk_str(tool->description));
    write_arguments(out, arena, lk_str(tool->input_schema));
    lk_buf_lit(out, "</div></details>\n");
}

static size_t count_of(const struct lk_toolset *toolset, const struct mcp_group *group)
{
    size_t n = 0;

    for (size_t i = 0; i < toolset->n_tools; i++)
        n += toolset->tools[i]->group == group;
    return n;
}

/* Links to the groups that are served, and the names of the others. */
static void write_groups(struct lk_buf *out, const struct lk_toolset *toolset)
{
    size_t served = 0;

    for (size_t i = 0; i < LOOKER_GROUP_COUNT; i++)
        served += count_of(toolset, &looker_groups[i]) > 0;
    lk_buf_printf(out, "<p>%zu tools in %zu groups.", toolset->n_tools, served);
    if (served < LOOKER_GROUP_COUNT)
        lk_buf_lit(out, " Not served here, but there for whoever runs the server (setting "
                        "<code>LOOKER_GROUPS</code>):");
    for (size_t i = 0, n = 0; i < LOOKER_GROUP_COUNT; i++) {
        if (count_of(toolset, &looker_groups[i]) == 0)
            lk_buf_printf(out, "%s %s", n++ > 0 ? "," : "", looker_groups[i].name);
    }
    lk_buf_lit(out, "</p>\n<ul class=\"plain\">\n");
    for (size_t i = 0; i < LOOKER_GROUP_COUNT; i++) {
        size_t n = count_of(toolset, &looker_groups[i]);
        if (n > 0)
            lk_buf_printf(out,
                          "<li><a href=\"#group-%s\">%s</a> <span class=\"soft\">%zu</span>"
                          "</li>\n",
                          looker_groups[i].name, looker_groups[i].name, n);
    }
    lk_buf_lit(out, "</ul>\n");
}

static void write_tools(struct lk_buf *out, struct lk_arena *arena,
                        const struct lk_toolset *toolset)
{
    const struct mcp_group *group = NULL;

    lk_buf_lit(out, "<section id=\"tools\">\n<h2>Tools</h2>\n");
    write_groups(out, toolset);
    for (size_t i = 0; i < toolset->n_tools; i++) {
        const struct mcp_tool *tool = toolset->tools[i];
        if (tool->group != group) {
            group = tool->group;
            lk_buf_printf(out, "<h3 id=\"group-%s\">%s</h3>\n", group->name, group->name);
            paragraphs(out, lk_str(group->description));
        }
        write_tool(out, arena, tool);
    }
    lk_buf_lit(out, "</section>\n");
}

/* ---- all ---- */

bool lk_page_is_wanted(const struct lk_config *config)
{
    if (lk_str_eq(config->page, LK_STR("auto")))
        return lk_str_eq(config->mcp_mode, LK_STR("dev"));
    return lk_str_eq(config->page, LK_STR("true"));
}

/* As clients reach it: behind a gateway the request's own host need not be theirs. */
static struct lk_str address(const struct lk_config *config, const struct lk_http_page_facts *facts,
                             struct lk_arena *arena)
{
    struct lk_str url = config->public_url;

    if (config->mcp_resource_uri.len > 0)
        return config->mcp_resource_uri;
    while (url.len > 0 && url.ptr[url.len - 1] == '/')
        url.len--;
    if (url.len > 0)
        return lk_arena_printf(arena, "%.*s/mcp", LK_STR_ARG(url));
    return lk_arena_printf(arena, "%s://%.*s/mcp", facts->tls ? "https" : "http",
                           LK_STR_ARG(facts->host));
}

void lk_page_write(void *arg, const struct lk_http_page_facts *facts, struct lk_buf *out)
{
    const struct lk_page *page = arg;
    const struct lk_config *config = page->config;
    struct lk_arena *arena = lk_arena_new();
    struct pasted pasted = {
        .url = address(config, facts, arena),
        .token = config->auth_token.len > 0,
    };

    write_head(out);
    write_status(out, page, facts);
    write_connect(out, &pasted, !lk_str_eq(config->mcp_mode, LK_STR("dev")));
    write_tools(out, arena, page->toolset);
    lk_buf_lit(out,
               "</main>\n<footer class=\"soft\">For programs: <a href=\"/healthz\">/healthz</a>, "
               "<a href=\"/readyz\">/readyz</a>. Not affiliated with Google; Looker is a "
               "trademark of Google LLC.</footer>\n</body>\n</html>\n");
    lk_arena_free(arena);
}
