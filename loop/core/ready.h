/* The ready ring: tasks that can run, first in, first out.  A task is in it at most once, and the
 * ring has room for every task that is alive, so that pushing never fails. */
#ifndef DUET_CORE_READY_H
#define DUET_CORE_READY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

struct duet_task;

typedef struct duet__ready {
	struct duet_task **ring;
	size_t mask; /* capacity - 1; the capacity is a power of two */
	size_t head; /* grows for ever                               */
	size_t tail;
} duet__ready;

static inline size_t duet__ready_count(const duet__ready *r)
{
	return r->tail - r->head;
}

static inline void duet__ready_push(duet__ready *r, struct duet_task *t)
{
	r->ring[r->tail++ & r->mask] = t;
}

static inline struct duet_task *duet__ready_pop(duet__ready *r)
{
	return r->head == r->tail ? NULL : r->ring[r->head++ & r->mask];
}

/* The task at place i of the queue. */
static inline struct duet_task *duet__ready_peek(const duet__ready *r, size_t i)
{
	return r->ring[(r->head + i) & r->mask];
}

/* Puts back what was popped last. */
static inline void duet__ready_unpop(duet__ready *r, struct duet_task *t)
{
	r->ring[--r->head & r->mask] = t;
}

/* Brings the task at place i of the queue to its front. */
static inline void duet__ready_promote(duet__ready *r, size_t i)
{
	struct duet_task **first = &r->ring[r->head & r->mask];
	struct duet_task **chosen = &r->ring[(r->head + i) & r->mask];
	struct duet_task *t = *first;

	*first = *chosen;
	*chosen = t;
}

/* Makes room for count tasks in all.  -> false: out of memory, nothing changed */
static inline bool duet__ready_reserve(duet__ready *r, size_t count)
{
	size_t capacity = r->ring == NULL ? 64 : r->mask + 1;
	struct duet_task **ring;

	if (r->ring != NULL && count <= capacity)
		return true;
	while (capacity < count)
		capacity *= 2;
	ring = malloc(capacity * sizeof(*ring));
	if (ring == NULL)
		return false;
	for (size_t i = 0; i < duet__ready_count(r); i++)
		ring[i] = r->ring[(r->head + i) & r->mask];
	r->tail = duet__ready_count(r);
	r->head = 0;
	free(r->ring);
	r->ring = ring;
	r->mask = capacity - 1;
	return true;
}

static inline void duet__ready_fini(duet__ready *r)
{
	free(r->ring);
	*r = (duet__ready){0};
}

#endif
