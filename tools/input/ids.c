#include "tools/input/ids.h"

#include "tools/text.h"
#include <errno.h>
#include <stdlib.h>

/* --- rows named after their lines --- */

/* The line that "row-12" is named after; 0 = some other id. */
static size_t line_of(const char *id, size_t len)
{
	size_t line = 0;

	if (len < 5 || len > 20 || memcmp(id, "row-", 4) != 0 || id[4] == '0')
		return 0;
	for (size_t i = 4; i < len; i++) {
		if (id[i] < '0' || id[i] > '9')
			return 0;
		line = 10 * line + (size_t)(id[i] - '0');
	}
	return line;
}

static bool is_unnamed(const struct ids *ids, size_t line)
{
	return line / 8 < ids->unnamed_size && (ids->unnamed[line / 8] >> line % 8 & 1) != 0;
}

static int note_unnamed(struct ids *ids, size_t line)
{
	if (line / 8 >= ids->unnamed_size) {
		size_t size = line / 4 + 64;
		unsigned char *unnamed = realloc(ids->unnamed, size);

		if (unnamed == NULL)
			return -ENOMEM;
		memset(unnamed + ids->unnamed_size, 0, size - ids->unnamed_size);
		ids->unnamed = unnamed;
		ids->unnamed_size = size;
	}
	ids->unnamed[line / 8] |= (unsigned char)(1 << line % 8);
	return 0;
}

/* --- the others --- */

static uint64_t *slot_of(uint64_t *hashes, size_t size, uint64_t hash)
{
	size_t at = hash & (size - 1);

	while (hashes[at] != 0 && hashes[at] != hash)
		at = (at + 1) & (size - 1);
	return &hashes[at];
}

static int grow(struct ids *ids)
{
	size_t size = ids->size > 0 ? 2 * ids->size : 1024;
	uint64_t *hashes = calloc(size, sizeof *hashes);

	if (hashes == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < ids->size; i++)
		if (ids->hashes[i] != 0)
			*slot_of(hashes, size, ids->hashes[i]) = ids->hashes[i];
	free(ids->hashes);
	ids->hashes = hashes;
	ids->size = size;
	return 0;
}

static uint64_t hash_of(const char *id, size_t len)
{
	uint64_t hash = text_hash(1, id, len);

	return hash != 0 ? hash : 1;
}

static bool is_named(const struct ids *ids, const char *id, size_t len)
{
	return ids->n > 0 && *slot_of(ids->hashes, ids->size, hash_of(id, len)) != 0;
}

static int note_named(struct ids *ids, const char *id, size_t len)
{
	uint64_t hash = hash_of(id, len);

	if (8 * ids->n >= 7 * ids->size && grow(ids) < 0)
		return -ENOMEM;
	*slot_of(ids->hashes, ids->size, hash) = hash;
	ids->n++;
	return 0;
}

/* --- both --- */

int ids_add(struct ids *ids, const char *id, size_t len, size_t line)
{
	size_t named_after = line_of(id, len);

	if (is_unnamed(ids, named_after) || is_named(ids, id, len))
		return 1;
	return named_after == line ? note_unnamed(ids, line) : note_named(ids, id, len);
}

void ids_free(struct ids *ids)
{
	free(ids->hashes);
	free(ids->unnamed);
	*ids = (struct ids){0};
}
