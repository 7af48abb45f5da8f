/* A task's values are one block, shared by all tasks that inherited it and copied by the first of
 * them that sets something: spawning costs a count, however many values there are. */
#include "loop/core/locals.h"

#include <duet/local.h>
#include <stdlib.h>
#include <string.h>

#include "loop/core/fail.h"
#include "loop/core/task_impl.h"

struct pair {
	const duet_local *key;
	void *value;
};

struct block {
	struct duet__locals shared;
	size_t count;
	struct pair pairs[];
};

static struct block *block_of(const duet_task *t)
{
	return t->locals == NULL ? NULL : duet__container_of(t->locals, struct block, shared);
}

static struct pair *find(struct block *b, const duet_local *key)
{
	for (size_t i = 0; b != NULL && i < b->count; i++)
		if (b->pairs[i].key == key)
			return &b->pairs[i];
	return NULL;
}

void duet__locals_unref(struct duet__locals *l)
{
	if (l != NULL && --l->references == 0)
		free(duet__container_of(l, struct block, shared));
}

/* Gives t a block of its own, with room for one pair more than it had.  -> NULL: out of memory */
static struct block *own(duet_task *t)
{
	const struct block *old = block_of(t);
	size_t count = old != NULL ? old->count : 0;
	struct block *b = malloc(sizeof *b + (count + 1) * sizeof(struct pair));

	if (b == NULL)
		return NULL;
	b->shared.references = 1;
	b->count = count;
	if (count > 0)
		memcpy(b->pairs, old->pairs, count * sizeof(struct pair));
	duet__locals_unref(t->locals);
	t->locals = &b->shared;
	return b;
}

int duet_local_set(const duet_local *key, void *value)
{
	duet_task *self = duet_self();

	if (key == NULL)
		return duet__failf(DUET_EINVAL, "the key is NULL");
	if (self == NULL)
		return duet__fail(DUET_ENOTASK);
	struct block *b = block_of(self);
	struct pair *pair = find(b, key);
	if (pair == NULL || b->shared.references > 1) {
		b = own(self);
		if (b == NULL)
			return duet__fail(DUET_ENOMEM);
		pair = find(b, key);
	}
	if (pair == NULL)
		pair = &b->pairs[b->count++];
	*pair = (struct pair){key, value};
	return 0;
}

void *duet_local_get(const duet_local *key)
{
	const duet_task *self = duet_self();
	const struct pair *pair = self != NULL ? find(block_of(self), key) : NULL;

	return pair != NULL ? pair->value : NULL;
}
