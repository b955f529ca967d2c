/*
 * What the parts about content share: content.c (Looks, search, validation, embedding),
 * dashboards.c, tiles.c (tiles, dashboard filters, layouts), folders.c, boards.c.
 */
#ifndef SANDBOX_CONTENT_H
#define SANDBOX_CONTENT_H

#include "people.h"

#define SB_NOW "2026-01-15T09:30:00.000+00:00"

/* ---- content.c ---- */

/* Puts the saved query of that id into the thing, as its member `query`. */
void sb_add_query(struct sb *sb, cJSON *thing, const char *query_id);
/* Puts {id, name} of its folder into the thing. */
void sb_add_folder(struct sb *sb, cJSON *thing);
/* Whether content may stand in that folder under that title; NULL members are not looked at.
 * `self`: the key of the thing itself, or NULL. False: *out is the refusal. */
bool sb_may_stand(struct sb_request *rq, struct sb_answer *out, const char *path,
                  const char *folder_id, const char *title, const char *self);
bool sb_is_trash(const cJSON *thing);
/* The thing that sb_generic has just created: *out is the answer to it. */
struct sb_entity *sb_created(struct sb_request *rq, const struct sb_answer *out, const char *path);

/* ---- dashboards.c ---- */

void sb_seed_dashboards(struct sb *sb);
/* With its tiles, filters and layouts. */
void sb_dashboard_delete(struct sb *sb, const char *id);
bool sb_is_lookml(const char *dashboard_id);
extern const struct sb_handler sb_dashboards_handlers[];

/* ---- tiles.c ---- */

void sb_seed_tiles(struct sb *sb);
/* Those of a collection whose member is that text, decorated; the caller owns the list. */
cJSON *sb_belonging(struct sb *sb, const char *path, const char *member, const char *text);
void sb_delete_those(struct sb *sb, const char *path, const char *member, const char *text);
void sb_add_layout(struct sb *sb, const char *dashboard_id);
/* A place for the tile below all others in the layout of its dashboard. */
void sb_add_component(struct sb *sb, const cJSON *element);
extern const struct sb_handler sb_tiles_handlers[];

/* ---- boards.c ---- */

void sb_seed_boards(struct sb *sb);
extern const struct sb_handler sb_boards_handlers[];

#endif
