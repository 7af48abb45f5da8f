/* duet_json_find for those to whom nothing found is nothing failed: it leaves no words. */
#ifndef DUET_JSON_FIND_H
#define DUET_JSON_FIND_H

#include <duet/bytes.h>

bool duet__json_find(duet_bytes text, const char *path, duet_bytes *value);

#endif
