/* A tree of a small text whose shape varies, by cJSON; for the rest see <duet/json.h>. */
#ifndef DUET_JSON_TREE_H
#define DUET_JSON_TREE_H

#include <cjson/cJSON.h>
#include <duet/bytes.h>

/* Beyond this a tree is refused: it can take 40 times its text. */
#define DUET__JSON_TREE_MAX 65536

/* Checks text strictly, then parses it.  -> 0 and *tree set (cJSON_Delete), DUET_EJSON, -E2BIG,
 * -ENOMEM */
int duet__json_tree(duet_bytes text, cJSON **tree);

/* The string member of that very name, or NULL. */
const char *duet__json_string(const cJSON *object, const char *name);

#endif
