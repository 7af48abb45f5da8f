/* Task-local values, as spawning and ending a task see them: one counted block, or NULL. */
#ifndef DUET_CORE_LOCALS_H
#define DUET_CORE_LOCALS_H

#include <stddef.h>

struct duet__locals {
	size_t references;
};

/* For a task that inherits them.  -> l */
static inline struct duet__locals *duet__locals_ref(struct duet__locals *l)
{
	if (l != NULL)
		l->references++;
	return l;
}

void duet__locals_unref(struct duet__locals *l); /* NULL is fine */

#endif
