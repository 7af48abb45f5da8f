/* Slots double when they run out and never shrink: a queue that was once full will be again. */
#include "loop/sync/store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_SIZE 16

struct duet__ranked {
	void *item;
	uint64_t number;
};

void duet__store_fini(duet__store *s)
{
	if (s->order == DUET__SMALLEST)
		free(s->as.heap.slots);
	else
		free(s->as.ring.slots);
}

static void *regrow(void *slots, size_t size, size_t each)
{
	return size > SIZE_MAX / each ? NULL : realloc(slots, size * each);
}

/* A full ring that is doubled has its items in [head, old) and [0, head): the second part moves
 * behind the first. */
static int grow_ring(duet__store *s, size_t size)
{
	void **slots = regrow(s->as.ring.slots, size, sizeof *slots);

	if (slots == NULL)
		return -ENOMEM;
	memcpy(slots + s->size, slots, s->as.ring.head * sizeof *slots);
	s->as.ring.slots = slots;
	s->size = size;
	return 0;
}

static int grow_heap(duet__store *s, size_t size)
{
	struct duet__ranked *slots = regrow(s->as.heap.slots, size, sizeof *slots);

	if (slots == NULL)
		return -ENOMEM;
	s->as.heap.slots = slots;
	s->size = size;
	return 0;
}

int duet__store_grow(duet__store *s)
{
	size_t size = s->size == 0 ? FIRST_SIZE : s->size * 2;

	return s->order == DUET__SMALLEST ? grow_heap(s, size) : grow_ring(s, size);
}

int duet__store_init(duet__store *s, duet__order order, duet__compare *compare)
{
	memset(s, 0, sizeof *s);
	s->order = order;
	if (order == DUET__SMALLEST)
		s->as.heap.compare = compare;
	return duet__store_grow(s);
}

static int precedes(const duet__store *s, const struct duet__ranked *a,
		    const struct duet__ranked *b)
{
	int order = s->as.heap.compare(a->item, b->item);

	return order != 0 ? order < 0 : a->number < b->number;
}

void duet__heap_push(duet__store *s, void *item)
{
	struct duet__ranked *slots = s->as.heap.slots;
	struct duet__ranked entry = {item, s->as.heap.puts++};
	size_t hole = s->count;

	while (hole > 0 && precedes(s, &entry, &slots[(hole - 1) / 2])) {
		slots[hole] = slots[(hole - 1) / 2];
		hole = (hole - 1) / 2;
	}
	slots[hole] = entry;
}

/* count has been lowered: the entry behind the last one has to find a new place from the top. */
void *duet__heap_pop(duet__store *s)
{
	struct duet__ranked *slots = s->as.heap.slots;
	void *top = slots[0].item;
	struct duet__ranked entry = slots[s->count];
	size_t hole = 0;

	for (size_t child; (child = 2 * hole + 1) < s->count; hole = child) {
		if (child + 1 < s->count && precedes(s, &slots[child + 1], &slots[child]))
			child++;
		if (!precedes(s, &slots[child], &entry))
			break;
		slots[hole] = slots[child];
	}
	slots[hole] = entry;
	return top;
}
