/*
 * How users sign in: by e-mail and password, through LDAP, SAML and the like, with API keys; their
 * second factor; and their browser sessions. User 1 has all of it, 2 API keys, a second factor and
 * two sessions, 3 LDAP and a session; all of 1 to 8 have an e-mail login, 9 has nothing.
 */
#include "people.h"

#include <stdio.h>
#include <time.h>

#define NOW "2026-01-15T09:30:00.000+00:00"

/* The kind in the path, /users/{user_id}/credentials_ldap, is the member of the user. */
static const char *kind_of(struct sb_request *rq)
{
    return lk_arena_cstr(rq->arena, rq->segments[2]);
}

/* The credentials that the path names; NULL: *out is the 404. */
static cJSON *find_credentials(struct sb_request *rq, struct sb_answer *out,
                               struct sb_entity **ret_user)
{
    struct sb_entity *user = sb_find_arg(rq, out, "/users", "user_id");
    cJSON *found = user != NULL ? cJSON_GetObjectItemCaseSensitive(user->json, kind_of(rq)) : NULL;

    *ret_user = user;
    if (user != NULL && !cJSON_IsObject(found))
        sb_fail_not_found(rq, out);
    return cJSON_IsObject(found) ? found : NULL;
}

static void get_credentials(struct sb_request *rq, struct sb_answer *out)
{
    struct sb_entity *user;
    const cJSON *found = find_credentials(rq, out, &user);

    if (found != NULL)
        sb_answer_tree(rq, out, 200, found);
}

static void delete_credentials(struct sb_request *rq, struct sb_answer *out)
{
    struct sb_entity *user;

    if (find_credentials(rq, out, &user) == NULL)
        return;
    sb_set(user->json, kind_of(rq), cJSON_CreateNull());
    sb_user_changed(rq->sb, user);
    sb_answer_empty(out, 204);
}

/* Two users may not sign in with one address; NULL is free. */
static bool email_is_taken(struct sb *sb, const char *email,
                           const struct sb_entity *by_another_than)
{
    const struct sb_collection *users = sb_collection(sb->store, LK_STR("/users"));

    for (size_t i = 0; email != NULL && i < users->n; i++) {
        const char *other =
            users->items[i].json != NULL ? sb_member(users->items[i].json, "email") : NULL;

        if (&users->items[i] != by_another_than && other != NULL && strcasecmp(other, email) == 0)
            return true;
    }
    return false;
}

static bool refuse_email(struct sb_request *rq, struct sb_answer *out, const struct sb_entity *user)
{
    const char *email = sb_member(sb_body(rq), "email");

    if (email == NULL)
        return false;
    if (strchr(email, '@') == NULL)
        sb_fail_field(rq, out, "email", "invalid", "is no e-mail address");
    else if (email_is_taken(rq->sb, email, user))
        sb_fail_field(rq, out, "email", "already_exists", "another user has it");
    else
        return false;
    return true;
}

static cJSON *blank(const char *operation)
{
    cJSON *thing = sb_example_object(sb_operation(operation)->answer.type, false, 0);

    sb_set_text(thing, "created_at", NOW);
    return thing;
}

static void create_credentials(struct sb_request *rq, struct sb_answer *out)
{
    struct sb_entity *user = sb_find_arg(rq, out, "/users", "user_id");
    const struct lk_operation *op = rq->route->op;
    bool with_email = lk_type_field(op->answer.type, LK_STR("email")) != NULL;
    cJSON *thing;

    if (user == NULL)
        return;
    if (cJSON_IsObject(cJSON_GetObjectItemCaseSensitive(user->json, kind_of(rq))))
        return sb_fail(rq, out, 409, "The user has %s already", kind_of(rq));
    if (with_email && sb_member(sb_body(rq), "email") == NULL)
        return sb_fail_field(rq, out, "email", "missing_field", "is required");
    if (refuse_email(rq, out, user))
        return;
    thing = blank(op->id);
    sb_merge(op->answer.type, thing, sb_body(rq));
    if (with_email)
        sb_set_text(thing, "user_id", user->key);
    sb_set(user->json, kind_of(rq), thing);
    sb_user_changed(rq->sb, user);
    sb_answer_tree(rq, out, 200, thing);
}

static void update_credentials(struct sb_request *rq, struct sb_answer *out)
{
    struct sb_entity *user;
    cJSON *found = find_credentials(rq, out, &user);

    if (found == NULL || refuse_email(rq, out, user))
        return;
    sb_merge(rq->route->op->answer.type, found, sb_body(rq));
    sb_user_changed(rq->sb, user);
    sb_answer_tree(rq, out, 200, found);
}

/* …/credentials_email/password_reset and …/send_password_reset */
static void reset_password(struct sb_request *rq, struct sb_answer *out)
{
    struct sb_entity *user;
    cJSON *found = find_credentials(rq, out, &user);

    if (found == NULL)
        return;
    sb_set_text(found, "password_reset_url",
                "https://looker.example.com/password/reset/one-time-sandbox-token");
    sb_touched(rq->sb, "/users", user);
    sb_answer_tree(rq, out, 200, found);
}

static void change_all_emails(struct sb_request *rq, struct sb_answer *out)
{
    struct sb_entity *user = sb_find_arg(rq, out, "/users", "user_id");
    const char *email = sb_member(sb_body(rq), "email");
    cJSON *member;

    if (user == NULL || refuse_email(rq, out, user))
        return;
    cJSON_ArrayForEach(member, user->json)
    {
        if (strncmp(member->string, "credentials_", 12) == 0 &&
            cJSON_HasObjectItem(member, "email"))
            sb_set_text(member, "email", email);
    }
    sb_user_changed(rq->sb, user);
    sb_answer_thing(rq, out, "/users", user);
}

/* ---- API keys and sessions: lists within the user ---- */

/* The list that the path names. */
static cJSON *list_of(struct sb_request *rq, struct sb_answer *out, struct sb_entity **ret_user)
{
    *ret_user = sb_find_arg(rq, out, "/users", "user_id");
    return *ret_user != NULL ? sb_list((*ret_user)->json, kind_of(rq)) : NULL;
}

/* The thing in it that the path names. */
static cJSON *find_listed(struct sb_request *rq, struct sb_answer *out, struct sb_entity **ret_user)
{
    const cJSON *list = list_of(rq, out, ret_user);
    cJSON *found =
        list != NULL ? sb_list_find(list, "id", lk_arena_cstr(rq->arena, rq->segments[3])) : NULL;

    if (list != NULL && found == NULL)
        sb_fail_not_found(rq, out);
    return found;
}

static void all_listed(struct sb_request *rq, struct sb_answer *out)
{
    struct sb_entity *user;
    const cJSON *list = list_of(rq, out, &user);

    if (list != NULL)
        sb_answer_tree(rq, out, 200, list);
}

static void get_listed(struct sb_request *rq, struct sb_answer *out)
{
    struct sb_entity *user;
    const cJSON *found = find_listed(rq, out, &user);

    if (found != NULL)
        sb_answer_tree(rq, out, 200, found);
}

static void update_listed(struct sb_request *rq, struct sb_answer *out)
{
    struct sb_entity *user;
    cJSON *found = find_listed(rq, out, &user);

    if (found == NULL)
        return;
    sb_merge(rq->route->op->answer.type, found, sb_body(rq));
    sb_touched(rq->sb, "/users", user);
    sb_answer_tree(rq, out, 200, found);
}

static void delete_listed(struct sb_request *rq, struct sb_answer *out)
{
    struct sb_entity *user;
    cJSON *found = find_listed(rq, out, &user);

    if (found == NULL)
        return;
    cJSON_Delete(cJSON_DetachItemViaPointer(sb_list(user->json, kind_of(rq)), found));
    sb_touched(rq->sb, "/users", user);
    sb_answer_empty(out, 204);
}

static cJSON *add_keys(struct sb *sb, struct sb_entity *user, const char *id, const char *purpose)
{
    cJSON *keys = blank("user_credentials_api3");
    char client_id[32];

    snprintf(client_id, sizeof(client_id), "client%s", id);
    sb_set_text(keys, "id", id);
    sb_set_text(keys, "client_id", client_id);
    sb_set_text(keys, "purpose", purpose);
    sb_set_text(keys, "type", "api3");
    cJSON_AddItemToArray(sb_list(user->json, "credentials_api3"), keys);
    sb_touched(sb, "/users", user);
    return keys;
}

/* The only answer that has the secret. */
static void create_keys(struct sb_request *rq, struct sb_answer *out)
{
    struct sb_entity *user = sb_find_arg(rq, out, "/users", "user_id");
    struct sb_collection *ids = sb_collection(rq->sb->store, LK_STR("(api3)"));
    char id[24];
    cJSON *copy;

    if (user == NULL)
        return;
    if (ids->next_id < 1000)
        ids->next_id = 1000;
    snprintf(id, sizeof(id), "%lld", (long long)ids->next_id++);
    copy = cJSON_Duplicate(add_keys(rq->sb, user, id, NULL), true);
    sb_set_text(copy, "client_secret", "one-time-sandbox-secret");
    sb_answer_tree(rq, out, 200, copy);
    cJSON_Delete(copy);
}

static bool has_credential(const cJSON *user, const char *type, const char *id)
{
    static const struct {
        const char *type, *member, *field;
    } types[] = {
        {"email", "credentials_email", "user_id"},
        {"ldap", "credentials_ldap", "ldap_id"},
        {"saml", "credentials_saml", "saml_user_id"},
        {"oidc", "credentials_oidc", "oidc_user_id"},
        {"google", "credentials_google", "google_user_id"},
    };

    if (strcmp(type, "api3") == 0)
        return sb_list_find(cJSON_GetObjectItemCaseSensitive(user, "credentials_api3"), "id", id) !=
               NULL;
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        const char *own =
            sb_member(cJSON_GetObjectItemCaseSensitive(user, types[i].member), types[i].field);

        if (strcmp(types[i].type, type) == 0 && own != NULL && strcmp(own, id) == 0)
            return true;
    }
    return false;
}

static void user_for_credential(struct sb_request *rq, struct sb_answer *out)
{
    struct sb_collection *users = sb_collection(rq->sb->store, LK_STR("/users"));
    const char *type = lk_arena_cstr(rq->arena, sb_path_arg(rq, "credential_type"));
    const char *id = lk_arena_cstr(rq->arena, sb_path_arg(rq, "credential_id"));

    for (size_t i = 0; i < users->n; i++)
        if (users->items[i].json != NULL && has_credential(users->items[i].json, type, id))
            return sb_answer_thing(rq, out, "/users", &users->items[i]);
    sb_fail_not_found(rq, out);
}

/* ---- what is there at the start ---- */

/* Credentials of that kind, with an address of their own when the kind has one. */
static cJSON *give(struct sb_entity *user, const char *operation, const char *kind,
                   const char *email)
{
    cJSON *thing = blank(operation);

    if (cJSON_HasObjectItem(thing, "email"))
        sb_set_text(thing, "email", email);
    sb_set_text(thing, "type", kind + sizeof("credentials_") - 1);
    sb_set(user->json, kind, thing);
    return thing;
}

static void give_external(struct sb_entity *user, const char *const (*kinds)[3], size_t n)
{
    const char *email = sb_member(user->json, "email");

    for (size_t i = 0; i < n; i++) {
        cJSON *thing = give(user, kinds[i][0], kinds[i][1], email);
        char id[64];

        snprintf(id, sizeof(id), "%s-%s", kinds[i][1] + sizeof("credentials_") - 1, user->key);
        if (kinds[i][2] != NULL)
            sb_set_text(thing, kinds[i][2], id);
    }
}

/* Begun so many days ago. */
static void add_session(struct sb_entity *user, const char *id, int days)
{
    cJSON *session = blank("user_session");
    time_t begun = time(NULL) - (time_t)days * 86400;
    char text[40];
    struct tm tm;

    gmtime_r(&begun, &tm);
    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S.000+00:00", &tm);
    sb_set_text(session, "id", id);
    sb_set_text(session, "created_at", text);
    sb_set_text(session, "browser", "Firefox");
    sb_set_text(session, "operating_system", "Linux");
    sb_set_text(session, "ip_address", "192.0.2.7");
    sb_set_text(session, "credentials_type", "email");
    sb_set_text(session, "expires_at", "2026-02-15T09:30:00.000+00:00");
    cJSON_AddItemToArray(sb_list(user->json, "sessions"), session);
}

void sb_seed_credentials(struct sb *sb)
{
    static const char *const external[][3] = {
        {"user_credentials_ldap", "credentials_ldap", "ldap_id"},
        {"user_credentials_saml", "credentials_saml", "saml_user_id"},
        {"user_credentials_oidc", "credentials_oidc", "oidc_user_id"},
        {"user_credentials_google", "credentials_google", "google_user_id"},
        {"user_credentials_looker_openid", "credentials_looker_openid", NULL},
        {"user_credentials_totp", "credentials_totp", NULL},
    };
    struct sb_collection *users = sb_collection(sb->store, LK_STR("/users"));
    struct sb_entity *service = sb_find(sb, "/users", LK_STR("1"));
    struct sb_entity *ada = sb_find(sb, "/users", LK_STR("2"));
    struct sb_entity *grace = sb_find(sb, "/users", LK_STR("3"));

    for (size_t i = 0; i < users->n; i++) {
        struct sb_entity *user = &users->items[i];
        const char *email = sb_member(user->json, "email");

        if (email != NULL)
            sb_set_text(give(user, "user_credentials_email", "credentials_email", email), "user_id",
                        user->key);
        sb_list(user->json, "credentials_api3");
        sb_list(user->json, "sessions");
    }
    give_external(service, external, 6);
    give_external(ada, external + 5, 1);
    give_external(grace, external, 1);
    add_keys(sb, service, "1", "the sandbox's own");
    add_keys(sb, ada, "21", "nightly export");
    add_keys(sb, ada, "22", NULL);
    add_session(service, "1", 400);
    add_session(ada, "201", 2);
    add_session(ada, "202", 120);
    add_session(grace, "301", 200);
}

const struct sb_handler sb_credentials_handlers[] = {
    {"user_credentials_email", get_credentials},
    {"user_credentials_totp", get_credentials},
    {"user_credentials_ldap", get_credentials},
    {"user_credentials_saml", get_credentials},
    {"user_credentials_oidc", get_credentials},
    {"user_credentials_google", get_credentials},
    {"user_credentials_looker_openid", get_credentials},
    {"delete_user_credentials_email", delete_credentials},
    {"delete_user_credentials_totp", delete_credentials},
    {"delete_user_credentials_ldap", delete_credentials},
    {"delete_user_credentials_saml", delete_credentials},
    {"delete_user_credentials_oidc", delete_credentials},
    {"delete_user_credentials_google", delete_credentials},
    {"delete_user_credentials_looker_openid", delete_credentials},
    {"create_user_credentials_email", create_credentials},
    {"create_user_credentials_totp", create_credentials},
    {"update_user_credentials_email", update_credentials},
    {"create_user_credentials_email_password_reset", reset_password},
    {"send_user_credentials_email_password_reset", reset_password},
    {"wipeout_user_emails", change_all_emails},
    {"all_user_credentials_api3s", all_listed},
    {"create_user_credentials_api3", create_keys},
    {"user_credentials_api3", get_listed},
    {"update_user_credentials_api3", update_listed},
    {"delete_user_credentials_api3", delete_listed},
    {"all_user_sessions", all_listed},
    {"user_session", get_listed},
    {"delete_user_session", delete_listed},
    {"user_for_credential", user_for_credential},
    {0},
};
