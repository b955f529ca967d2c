/*
 * The rows of the settings table; see settings.h.
 */
#include "settings.h"

#include <stddef.h>

#define AT(member) offsetof(struct lk_config, member)
#define MIB (1024.0 * 1024.0)

const struct lk_setting lk_settings[] = {
    {"LOOKER_BASE_URL", "base-url", LK_SETTING_URL, AT(base_url), NULL, "base_url", NULL, 0, 0,
     "address of Looker, such as https://mycompany.looker.com (required)"},
    {"LOOKER_CLIENT_ID", "client-id", LK_SETTING_TEXT, AT(client_id), NULL, "client_id", NULL, 0, 0,
     "API3 client id of the service account"},
    {"LOOKER_CLIENT_SECRET", NULL, LK_SETTING_SECRET, AT(client_secret), NULL, "client_secret",
     NULL, 0, 0, "API3 client secret (no flag: command lines are public)"},
    {"LOOKER_CLIENT_SECRET_FILE", "client-secret-file", LK_SETTING_FILE, LK_NO_OFFSET, NULL, NULL,
     NULL, 0, 0, "file that holds the client secret"},
    {"LOOKER_API_VERSION", "api-version", LK_SETTING_CHOICE, AT(api_version), "4.0", NULL, "4.0", 0,
     0, "version of Looker's API"},
    {"LOOKER_DEPLOYMENT_TYPE", "deployment-type", LK_SETTING_CHOICE, AT(deployment_type),
     "self_hosted", NULL, "self_hosted|google_cloud_core", 0, 0, "kind of Looker instance"},
    {"LOOKER_TRANSPORT", "transport", LK_SETTING_CHOICE, AT(transport), "stdio", NULL,
     "stdio|streamable-http", 0, 0, "how MCP clients reach this server"},
    {"LOOKER_HOST", "host", LK_SETTING_TEXT, AT(host), "127.0.0.1", NULL, NULL, 0, 0,
     "address to bind for HTTP"},
    {"LOOKER_PORT", "port", LK_SETTING_INTEGER, AT(port), "8080", NULL, NULL, 0, 65535,
     "port to bind for HTTP; 0: any free one"},
    {"LOOKER_GROUPS", "groups", LK_SETTING_TEXT, AT(groups), NULL, NULL, NULL, 0, 0,
     "tool groups to serve, comma-separated, or all (default: those on by default)"},
    {"LOOKER_SUDO_AS_USER", "sudo-as-user", LK_SETTING_BOOLEAN, AT(sudo_as_user), "true", NULL,
     NULL, 0, 0, "run calls as the user whom identity headers or act_as_user name"},
    {"LOOKER_SUDO_ASSOCIATIVE", "sudo-associative", LK_SETTING_BOOLEAN, AT(sudo_associative),
     "false", NULL, NULL, 0, 0, "attribute sudo activity to the admin"},
    {"LOOKER_SESSION_POOL", "session-pool", LK_SETTING_BOOLEAN, AT(session_pool), "true", NULL,
     NULL, 0, 0, "keep sessions at Looker between calls; false: log in and out around each"},
    {"LOOKER_SESSION_IDLE", "session-idle", LK_SETTING_SECONDS, AT(session_idle_ms), "600", NULL,
     NULL, 1, 86400, "seconds after which an unused session is logged out"},
    {"LOOKER_MAX_SESSIONS", "max-sessions", LK_SETTING_INTEGER, AT(max_sessions), "200", NULL, NULL,
     2, 10000, "sessions kept at once; above it the one unused for longest is logged out"},
    {"LOOKER_USER_EMAIL_HEADER", "user-email-header", LK_SETTING_HEADER, AT(user_email_header),
     "X-User-Email", NULL, NULL, 0, 0, "HTTP header with the user's e-mail address"},
    {"LOOKER_USER_TOKEN_HEADER", "user-token-header", LK_SETTING_HEADER, AT(user_token_header),
     "X-User-Token", NULL, NULL, 0, 0, "HTTP header with the user's own Looker token"},
    {"LOOKER_IDENTITY_PLUGIN", "identity-plugin", LK_SETTING_FILE, AT(identity_plugin), NULL, NULL,
     NULL, 0, 0, "shared library that says as whom calls run; absolute path"},
    {"LOOKER_IDENTITY_TIMEOUT", "identity-timeout", LK_SETTING_SECONDS, AT(identity_timeout_ms),
     "10", NULL, NULL, 0.1, 600, "seconds to wait for one answer of the plug-in"},
    {"LOOKER_TIMEOUT", "timeout", LK_SETTING_SECONDS, AT(timeout_ms), "60", "timeout", NULL, 0.1,
     86400, "seconds to wait for one answer of Looker's"},
    {"LOOKER_MAX_CONCURRENCY", "max-concurrency", LK_SETTING_INTEGER, AT(max_concurrency), "64",
     NULL, NULL, 1, 16384, "most requests to Looker at once; more wait for their turn"},
    {"LOOKER_CALL_TIMEOUT", "call-timeout", LK_SETTING_SECONDS, AT(call_timeout_ms), "600", NULL,
     NULL, 1, 86400, "seconds that one tool call may take in all"},
    {"LOOKER_MAX_ROWS", "max-rows", LK_SETTING_INTEGER, AT(max_rows), "5000", NULL, NULL, 1,
     1000000, "most rows that a query tool asks for"},
    {"LOOKER_MAX_RESULT_BYTES", "max-result-bytes", LK_SETTING_INTEGER, AT(max_result_bytes),
     "100000", NULL, NULL, 1000, 4 * MIB, "most bytes of rows or items in one tool's answer"},
    {"LOOKER_API_ALLOW_WRITES", "api-allow-writes", LK_SETTING_BOOLEAN, AT(api_allow_writes),
     "false", NULL, NULL, 0, 0, "let call_operation change things at Looker, not only read"},
    {"LOOKER_MAX_RENDER_BYTES", "max-render-bytes", LK_SETTING_INTEGER, AT(max_render_bytes),
     "8388608", NULL, NULL, 1000, 48 * MIB, "largest image or PDF that a render tool returns"},
    {"LOOKER_STATE_DIR", "state-dir", LK_SETTING_TEXT, AT(state_dir), NULL, NULL, NULL, 0, 0,
     "directory that keeps which branches are borrowed (default: STATE_DIRECTORY, or "
     "looker-mcp-server below XDG_STATE_HOME or ~/.local/state)"},
    {"LOOKER_LEASE_URL", NULL, LK_SETTING_SECRET, AT(lease_url), NULL, NULL, NULL, 0, 0,
     "Redis that keeps it instead, for several replicas: redis[s]://[[user]:password@]host[:port]"
     "[/db] (no flag)"},
    {"LOOKER_LEASE_TTL", "lease-ttl", LK_SETTING_SECONDS, AT(lease_ttl_ms), "30", NULL, NULL, 1,
     600, "seconds after which a branch is taken back from a server that was not heard of"},
    {"LOOKER_BRANCH_WAIT", "branch-wait", LK_SETTING_SECONDS, AT(branch_wait_ms), "60", NULL, NULL,
     0, 3600, "seconds that a call waits for a branch that others hold"},
    {"LOOKER_CI_USERS", "ci-users", LK_SETTING_TEXT, AT(ci_users), NULL, NULL, NULL, 0, 0,
     "Looker users, by id or e-mail address, one of which act_as_user=pool borrows; "
     "comma-separated"},
    {"LOOKER_VERIFY_SSL", "verify-ssl", LK_SETTING_BOOLEAN, AT(verify_tls), "true", "verify_ssl",
     NULL, 0, 0, "verify Looker's TLS certificate"},
    {"LOOKER_CA_FILE", "ca-file", LK_SETTING_FILE, AT(ca_file), NULL, NULL, NULL, 0, 0,
     "PEM bundle to verify it with (default: the system's)"},
    {"LOOKER_LOG_LEVEL", "log-level", LK_SETTING_LOG_LEVEL, AT(log_level), "INFO", NULL, NULL, 0, 0,
     "DEBUG, INFO, WARNING or ERROR"},
    {"LOOKER_CORE_DUMPS", "core-dumps", LK_SETTING_BOOLEAN, AT(core_dumps), "false", NULL, NULL, 0,
     0, "let core dumps and debuggers see the memory of this process, secrets included"},
    {"LOOKER_MAX_REQUEST_BYTES", "max-request-bytes", LK_SETTING_INTEGER, AT(max_request_bytes),
     "4194304", NULL, NULL, 1024, 64 * MIB, "largest MCP message that is accepted"},
    {"LOOKER_MAX_IN_FLIGHT", "max-in-flight", LK_SETTING_INTEGER, AT(max_in_flight), "512", NULL,
     NULL, 1, 2048, "most tool calls at once"},
    {"LOOKER_THREADS", "threads", LK_SETTING_INTEGER, AT(threads), NULL, NULL, NULL, 1, 256,
     "threads that serve HTTP (default: as many as there are processors)"},
    {"LOOKER_MAX_CONNECTIONS", "max-connections", LK_SETTING_INTEGER, AT(max_connections), "16384",
     NULL, NULL, 1, 1000000,
     "most HTTP connections at once; beyond it the longest idle one makes room"},
    {"LOOKER_REQUEST_TIMEOUT", "request-timeout", LK_SETTING_SECONDS, AT(request_timeout_ms), "30",
     NULL, NULL, 0.1, 3600, "seconds for a request to come in whole, or for the next one to come"},
    {"LOOKER_ALLOWED_ORIGINS", "allowed-origins", LK_SETTING_ORIGINS, AT(allowed_origins), NULL,
     NULL, NULL, 0, 0, "browser origins that may call over HTTP (default: loopback ones)"},
    {"LOOKER_ALLOWED_HOSTS", "allowed-hosts", LK_SETTING_HOSTS, AT(allowed_hosts), NULL, NULL, NULL,
     0, 0, "Host headers that are accepted (default: loopback names when bound to loopback)"},
    {"LOOKER_PAGE", "page", LK_SETTING_CHOICE, AT(page), "auto", NULL, "auto|true|false", 0, 0,
     "page for people at / over HTTP; auto: unless callers need access tokens"},
    {"LOOKER_MCP_MODE", "mcp-mode", LK_SETTING_CHOICE, AT(mcp_mode), "dev", NULL,
     "dev|public|looker_oauth", 0, 0,
     "who may connect over HTTP: dev, public (OAuth 2.1 access tokens), looker_oauth (Looker's "
     "own)"},
    {"LOOKER_MCP_LENIENT_VERSION", "mcp-lenient-version", LK_SETTING_BOOLEAN, AT(lenient_version),
     "false", NULL, NULL, 0, 0,
     "take requests whose MCP-Protocol-Version header differs from their _meta"},
    {"LOOKER_MCP_JWKS_URI", "mcp-jwks-uri", LK_SETTING_TEXT, AT(mcp_jwks_uri), NULL, NULL, NULL, 0,
     0, "JWK Set of the authorization server, https (mode public)"},
    {"LOOKER_MCP_ISSUER_URL", "mcp-issuer-url", LK_SETTING_TEXT, AT(mcp_issuer_url), NULL, NULL,
     NULL, 0, 0, "issuer of access tokens, exactly as their `iss` has it, https (mode public)"},
    {"LOOKER_MCP_RESOURCE_URI", "mcp-resource-uri", LK_SETTING_TEXT, AT(mcp_resource_uri), NULL,
     NULL, NULL, 0, 0,
     "this server's own address as clients know it, https; the `aud` of tokens (modes public, "
     "looker_oauth)"},
    {"LOOKER_MCP_SCOPES", "mcp-scopes", LK_SETTING_TEXT, AT(mcp_scopes), NULL, NULL, NULL, 0, 0,
     "scopes that clients should ask for, space-separated (default: what the mode needs)"},
    {"LOOKER_MCP_USER_CLAIM", "mcp-user-claim", LK_SETTING_TEXT, AT(mcp_user_claim), "email", NULL,
     NULL, 0, 0, "claim of an access token that names the Looker user (mode public)"},
    {"LOOKER_MCP_ACT_AS_SCOPE", "mcp-act-as-scope", LK_SETTING_TEXT, AT(mcp_act_as_scope),
     "looker:act_as", NULL, NULL, 0, 0, "scope that act_as_user needs (mode public)"},
    {"LOOKER_TRUST_IDENTITY_HEADERS", "trust-identity-headers", LK_SETTING_BOOLEAN,
     AT(trust_identity_headers), "false", NULL, NULL, 0, 0,
     "let identity headers decide beside a verified access token (mode public)"},
    {"LOOKER_MCP_AUTH_TOKEN", NULL, LK_SETTING_SECRET, AT(auth_token), NULL, NULL, NULL, 0, 0,
     "static bearer token that HTTP clients must send (mode dev; deprecated; no flag)"},
    {"LOOKER_MCP_INTROSPECT_TOKEN", NULL, LK_SETTING_SECRET, AT(introspect_token), NULL, NULL, NULL,
     0, 0, "bearer token that /_introspect wants (no flag)"},
};

const size_t lk_n_settings = sizeof(lk_settings) / sizeof(lk_settings[0]);

int lk_setting_index(struct lk_str variable)
{
    for (size_t i = 0; i < lk_n_settings; i++) {
        if (lk_str_eq(lk_str(lk_settings[i].variable), variable))
            return (int)i;
    }
    return -1;
}
