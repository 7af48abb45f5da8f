/* What the worlds are played on; see worlds.h. */
#ifndef DUET_TESTS_SYNC_STAGE_H
#define DUET_TESTS_SYNC_STAGE_H

#include "tests/loop/sync/worlds.h"

/* Runs actor i as cast[i], with a pointer to its number as the argument, and joins them all. */
void perform(duet_fn *const cast[], int n, void (*meanwhile)(void));

static inline int number_of(const void *arg)
{
	return *(const int *)arg;
}

#define OR_SHORT(object)                                                                           \
	do {                                                                                       \
		if ((object) == NULL) {                                                            \
			CHECK(trouble.shortage);                                                   \
			return DUET_ENOMEM;                                                        \
		}                                                                                  \
	} while (0)

/* Of worlds_queues.c. */
duet_fn queue_world, lifo_world, priority_world, channel_world, rendezvous_world;

#endif
