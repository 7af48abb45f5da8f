#include <duet/barrier.h>

#include <limits.h>
#include <stdlib.h>

#include "loop/sync/wait.h"

struct duet_barrier {
	size_t parties;
	size_t waiting; /* length of waiters */
	bool aborted;
	duet__list waiters;
};

duet_barrier *duet_barrier_new(size_t parties)
{
	if (parties == 0 || parties > INT_MAX)
		return duet__failf_null(DUET_EINVAL, "a barrier is for 1 to %d parties, not %zu",
					INT_MAX, parties);
	duet_barrier *b = calloc(1, sizeof *b);
	if (b == NULL)
		return duet__fail_null(DUET_ENOMEM);
	b->parties = parties;
	duet__list_init(&b->waiters);
	return b;
}

/* Places are given out here and not on arrival, so that those who left have none. */
static int open_gate(duet_barrier *b)
{
	int place = 0;

	while (duet__wake_first(&b->waiters, place))
		place++;
	b->waiting = 0;
	return place;
}

static void send_away(duet_barrier *b)
{
	duet__wake_all(&b->waiters, DUET_ECLOSED);
	b->waiting = 0;
}

int duet_barrier_wait(duet_barrier *b)
{
	if (b == NULL)
		return duet__fail_no("barrier");
	int r = duet__enter_here();
	if (r < 0)
		return r;
	if (b->aborted)
		return duet__failf(DUET_ECLOSED, "the barrier was aborted");
	if (b->waiting + 1 == b->parties)
		return open_gate(b);
	b->waiting++;
	r = duet__wait_in(&b->waiters, "barrier");
	if (r == DUET_ECANCELED)
		b->waiting--;
	return r;
}

size_t duet_barrier_waiting(const duet_barrier *b)
{
	return b != NULL ? b->waiting : 0;
}

void duet_barrier_abort(duet_barrier *b)
{
	if (b == NULL)
		return;
	b->aborted = true;
	send_away(b);
}

void duet_barrier_reset(duet_barrier *b)
{
	if (b == NULL)
		return;
	b->aborted = false;
	send_away(b);
}

void duet_barrier_free(duet_barrier *b)
{
	if (b == NULL)
		return;
	send_away(b);
	free(b);
}
