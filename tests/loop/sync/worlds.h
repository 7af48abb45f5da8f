/* Small worlds, one for each primitive: a few tasks that use it in every way at once and, when all
 * have ended, a count of what there must be.  They are run under every schedule, with a victim
 * that is cancelled anywhere, and with allocations that fail. */
#ifndef DUET_TESTS_SYNC_WORLDS_H
#define DUET_TESTS_SYNC_WORLDS_H

#include <duet/duet.h>

struct world {
	const char *name;
	duet_fn *run; /* in a run, on virtual time; checks for itself  */
	int actors;   /* tasks any of which can be the victim          */
};

extern const struct world worlds[];
extern const size_t worlds_count;

/* What the next world has to bear. */
extern struct trouble {
	int victim;             /* number of the actor that will be cancelled; -1 = none      */
	bool shortage;          /* calls may fail with -ENOMEM                                */
	duet_task *task;        /* set by the world: the victim                               */
	duet_time cancelled_at; /* set by world_cancel_victim; -1 = not yet                  */
} trouble;

/* Cancels the victim, which then has to end at once. */
void world_cancel_victim(void);

#endif
