/* Pure: the custom_ids seen so far, and where; 16 bytes for each. */
#ifndef TOOLS_INPUT_IDS_H
#define TOOLS_INPUT_IDS_H

#include <duet/api.h>

struct ids {
	struct ids_entry {
		uint64_t hash; /* 0 = empty */
		size_t line;
	} * entries;
	size_t n, size;
};

/* -> 0 (new, and noted), the line on which the same id stood before, or -ENOMEM */
long ids_add(struct ids *ids, const char *id, size_t len, size_t line);
void ids_free(struct ids *ids);

#endif
