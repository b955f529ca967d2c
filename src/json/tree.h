/*
 * cJSON trees for what is taken apart piece by piece: the arguments of tools. cJSON
 * recurses and stores numbers as doubles, so a text is checked first (json/scan.h): nesting is
 * capped, \u0000 and integers that a double cannot hold are refused.
 */
#ifndef LK_JSON_TREE_H
#define LK_JSON_TREE_H

#include "base/arena.h"
#include "base/error.h"

#include "json/write.h"

#include <cjson/cJSON.h>

/* Checks and parses; the tree is freed with the arena. Errors as lk_json_check with both refusals.
 */
bool lk_tree_parse(struct lk_arena *arena, struct lk_str text, cJSON **ret_tree,
                   struct lk_error *err);

/* The member, or NULL; case-sensitive; tree may be NULL or no object. */
const cJSON *lk_tree_get(const cJSON *tree, const char *key);
/* The string member's text, or empty. Borrowed from the tree. */
struct lk_str lk_tree_string(const cJSON *tree, const char *key);

/* Writes a tree that lk_tree_parse made. Unlike cJSON's printer it changes no number: that one
 * turns 9007199254740991 into 9.00719925474099e+15. */
void lk_tree_write(const cJSON *tree, struct lk_json_writer *w);

#endif
