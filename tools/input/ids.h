/* Pure: the custom_ids seen so far.  A row that has none is "row-" and the number of its line, and
 * costs a bit; any other id costs 8 bytes in a table that is half full or more. */
#ifndef TOOLS_INPUT_IDS_H
#define TOOLS_INPUT_IDS_H

#include <duet/api.h>

struct ids {
	uint64_t *hashes; /* 0 = empty */
	size_t n, size;
	unsigned char *unnamed; /* a bit for each line */
	size_t unnamed_size;
};

/* -> 0 (new, and noted), 1 (it was there before), -ENOMEM */
int ids_add(struct ids *ids, const char *id, size_t len, size_t line);
void ids_free(struct ids *ids);

#endif
