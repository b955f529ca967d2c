/*
 * Whether settings that are fine each on its own make a server that may be reached: who may call it
 * over HTTP, and on whose word. What is not safe stops the start, what is doubtful is a warning.
 */
#ifndef LK_POSTURE_H
#define LK_POSTURE_H

#include "config.h"

/* Errors: LK_ERROR_CONFIG, "DeploymentPostureError: …", with the setting and what it has to be. */
bool lk_posture_check(const struct lk_config *config, struct lk_error *err);

/* Calls warn(arg, text) for each doubt; the texts are constants. */
void lk_posture_warn(const struct lk_config *config, void (*warn)(void *arg, const char *text),
                     void *arg);

/* The scopes that clients should ask for, space-separated. */
struct lk_str lk_posture_scopes(const struct lk_config *config);

/* What GET /_introspect answers: a JSON object without secrets. metadata_url: empty in mode dev. */
struct lk_str lk_posture_json(struct lk_arena *arena, const struct lk_config *config,
                              struct lk_str metadata_url, size_t n_tools);

#endif
