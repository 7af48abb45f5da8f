/* Intrusive doubly linked ring.  A node that is in no list points to itself, so that unlinking
 * twice is harmless. */
#ifndef DUET_CORE_LIST_H
#define DUET_CORE_LIST_H

#include <stdbool.h>
#include <stddef.h>

typedef struct duet__list {
	struct duet__list *prev, *next;
} duet__list;

#define DUET__LIST_INIT(name)                                                                      \
	{                                                                                          \
		&(name), &(name)                                                                   \
	}

/* For functions that do nothing but prefetch: gcc 12 takes them for empty and drops their calls. */
#define DUET__HINT __attribute__((always_inline))

#define duet__container_of(pointer, type, member)                                                  \
	((type *)(void *)((char *)(pointer)-offsetof(type, member)))

static inline void duet__list_init(duet__list *l)
{
	l->prev = l->next = l;
}

static inline bool duet__list_is_empty(const duet__list *l)
{
	return l->next == l;
}

static inline void duet__list_append(duet__list *l, duet__list *node)
{
	node->prev = l->prev;
	node->next = l;
	l->prev->next = node;
	l->prev = node;
}

static inline void duet__list_remove(duet__list *node)
{
	node->prev->next = node->next;
	node->next->prev = node->prev;
	duet__list_init(node);
}

/* The first node, or NULL. */
static inline duet__list *duet__list_first(const duet__list *l)
{
	return l->next == l ? NULL : l->next;
}

#define DUET__LIST_EACH(node, list)                                                                \
	for (duet__list *node = (list)->next, *node##_next = node->next; node != (list);           \
	     node = node##_next, node##_next = node->next)

#endif
