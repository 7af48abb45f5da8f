#include "tools/input/ids.h"

#include "tools/text.h"
#include <errno.h>
#include <stdlib.h>

static struct ids_entry *slot_of(struct ids_entry *entries, size_t size, uint64_t hash)
{
	size_t at = hash & (size - 1);

	while (entries[at].hash != 0 && entries[at].hash != hash)
		at = (at + 1) & (size - 1);
	return &entries[at];
}

static int grow(struct ids *ids)
{
	size_t size = ids->size > 0 ? 2 * ids->size : 1024;
	struct ids_entry *entries = calloc(size, sizeof *entries);

	if (entries == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < ids->size; i++)
		if (ids->entries[i].hash != 0)
			*slot_of(entries, size, ids->entries[i].hash) = ids->entries[i];
	free(ids->entries);
	ids->entries = entries;
	ids->size = size;
	return 0;
}

long ids_add(struct ids *ids, const char *id, size_t len, size_t line)
{
	uint64_t hash = text_hash(1, id, len);
	struct ids_entry *slot;

	if (4 * ids->n >= 3 * ids->size && grow(ids) < 0)
		return -ENOMEM;
	slot = slot_of(ids->entries, ids->size, hash != 0 ? hash : 1);
	if (slot->hash != 0)
		return (long)slot->line;
	*slot = (struct ids_entry){hash != 0 ? hash : 1, line};
	ids->n++;
	return 0;
}

void ids_free(struct ids *ids)
{
	free(ids->entries);
	*ids = (struct ids){0};
}
