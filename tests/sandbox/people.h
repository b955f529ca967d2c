/*
 * What the parts about people share: people.c (users), groups.c (groups and roles), credentials.c,
 * attributes.c, schedules.c.
 *
 * Everything about a user stands in the user: group_ids, role_ids (those given directly),
 * credentials_<kind>, credentials_api3, sessions. The rest is in collections whose path no request
 * can have: "(group_groups)" and "(role_groups)" hold lists of group ids by the id of the group or
 * role, "(group_values)" and "(user_values)" what attributes.c says.
 */
#ifndef SANDBOX_PEOPLE_H
#define SANDBOX_PEOPLE_H

#include "sandbox.h"

#define SB_EVERYBODY "1" /* the group that every user is in */

/* What exists at that path and key, or NULL. */
struct sb_entity *sb_find(struct sb *sb, const char *path, struct lk_str key);
/* The same for the path parameter of that name; NULL: *out is the 404. */
struct sb_entity *sb_find_arg(struct sb_request *rq, struct sb_answer *out, const char *path,
                              const char *param);
/* Answers with the thing as its collection shows it. */
void sb_answer_thing(struct sb_request *rq, struct sb_answer *out, const char *path,
                     struct sb_entity *entity);
/* Answers with those of a collection that keep() wants, sorted and paged as asked. */
void sb_answer_those(struct sb_request *rq, struct sb_answer *out, const char *path,
                     bool (*keep)(struct sb_request *rq, const struct sb_entity *thing,
                                  const char *of),
                     const char *of);
/* To be called after its JSON was changed in place. */
void sb_touched(struct sb *sb, const char *path, struct sb_entity *entity);
/* Sets what follows of the rest: display_name, email. */
void sb_user_changed(struct sb *sb, struct sb_entity *user);

/* The request's JSON body, or NULL; freed with the request. */
cJSON *sb_body(struct sb_request *rq);
/* The member, which is made an empty array if it is none. */
cJSON *sb_list(cJSON *object, const char *name);
/* Lists of texts. */
bool sb_list_has(const cJSON *list, const char *text);
void sb_list_add(cJSON *list, const char *text); /* once */
bool sb_list_drop(cJSON *list, const char *text);
/* The list kept at a hidden path and key; made when there is none. */
cJSON *sb_hidden_list(struct sb *sb, const char *path, const char *key);
/* The object of a list whose string member is that text; or NULL. */
cJSON *sb_list_find(const cJSON *list, const char *member, const char *text);

/* Whether the user is in the group: directly, or through a group in it. */
bool sb_is_member(struct sb *sb, const cJSON *user, const char *group_id);

/* What else goes with a user or group that is deleted. */
void sb_attributes_forget_group(struct sb *sb, const char *group_id);
void sb_schedules_forget_user(struct sb *sb, const char *user_id);

void sb_seed_groups(struct sb *sb);
void sb_seed_credentials(struct sb *sb);
void sb_seed_attributes(struct sb *sb);
void sb_seed_schedules(struct sb *sb);

#endif
