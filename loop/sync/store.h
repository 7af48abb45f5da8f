/* What a queue keeps its items in: a ring (first in first out, or last in first out) or a heap
 * (smallest first, stable).  It only holds; waiting is the queue's. */
#ifndef DUET_SYNC_STORE_H
#define DUET_SYNC_STORE_H

#include <stddef.h>
#include <stdint.h>

typedef int duet__compare(const void *a, const void *b);

typedef enum duet__order { DUET__FIFO, DUET__LIFO, DUET__SMALLEST } duet__order;

typedef struct duet__store {
	duet__order order;
	size_t count;
	size_t size; /* slots allocated: 0 or a power of two */
	union {
		struct {
			void **slots;
			size_t head; /* of the oldest item */
		} ring;
		struct {
			struct duet__ranked *slots;
			uint64_t puts; /* numbers the items, to keep equal ones in order */
			duet__compare *compare;
		} heap;
	} as;
} duet__store;

/* compare: for DUET__SMALLEST only.  Has room for a few items at once.  -> 0, -ENOMEM */
int duet__store_init(duet__store *s, duet__order order, duet__compare *compare);
void duet__store_fini(duet__store *s);

/* Makes room for one more.  -> 0, -ENOMEM */
int duet__store_grow(duet__store *s);

void duet__heap_push(duet__store *s, void *item);
void *duet__heap_pop(duet__store *s);

/* -> 0, -ENOMEM (only if there were never so many items inside before) */
static inline int duet__store_push(duet__store *s, void *item)
{
	if (s->count == s->size) {
		int r = duet__store_grow(s);

		if (r < 0)
			return r;
	}
	if (s->order == DUET__SMALLEST)
		duet__heap_push(s, item);
	else
		s->as.ring.slots[(s->as.ring.head + s->count) & (s->size - 1)] = item;
	s->count++;
	return 0;
}

/* The store must not be empty. */
static inline void *duet__store_pop(duet__store *s)
{
	s->count--;
	if (s->order == DUET__SMALLEST)
		return duet__heap_pop(s);
	if (s->order == DUET__LIFO)
		return s->as.ring.slots[(s->as.ring.head + s->count) & (s->size - 1)];
	void *item = s->as.ring.slots[s->as.ring.head];
	s->as.ring.head = (s->as.ring.head + 1) & (s->size - 1);
	return item;
}

#endif
