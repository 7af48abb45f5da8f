/* Invariant: while tasks wait, no permit is free; so a newcomer that finds one overtakes nobody. */
#include <duet/sem.h>

#include <stdlib.h>

#include "loop/sync/wait.h"

struct duet_sem {
	size_t permits;
	size_t taken; /* above permits after a resize downwards */
	size_t peak;
	uint64_t acquired;
	uint64_t waited;
	duet__list waiters;
};

duet_sem *duet_sem_new(size_t permits)
{
	duet_sem *s = calloc(1, sizeof *s);

	if (s == NULL)
		return duet__fail_null(DUET_ENOMEM);
	s->permits = permits;
	duet__list_init(&s->waiters);
	return s;
}

static void take(duet_sem *s)
{
	s->taken++;
	s->acquired++;
	if (s->taken > s->peak)
		s->peak = s->taken;
}

int duet_sem_acquire(duet_sem *s)
{
	if (s == NULL)
		return duet__fail_no("semaphore");
	int r = duet__enter_here();
	if (r < 0)
		return r;
	if (s->taken < s->permits) {
		take(s);
		return 0;
	}
	return duet__wait_in(&s->waiters, "semaphore");
}

int duet_sem_try_acquire(duet_sem *s)
{
	if (s == NULL)
		return duet__fail_no("semaphore");
	if (s->taken >= s->permits)
		return duet__fail(DUET_EAGAIN);
	take(s);
	return 0;
}

/* Hands free permits to those who wait. */
static void admit(duet_sem *s)
{
	while (s->taken < s->permits && duet__wake_first(&s->waiters, 0)) {
		take(s);
		s->waited++;
	}
}

int duet_sem_release(duet_sem *s)
{
	if (s == NULL)
		return duet__fail_no("semaphore");
	if (s->taken == 0)
		return duet__failf(DUET_EINVAL, "released more often than acquired");
	s->taken--;
	admit(s);
	return 0;
}

int duet_sem_resize(duet_sem *s, size_t permits)
{
	if (s == NULL)
		return duet__fail_no("semaphore");
	s->permits = permits;
	admit(s);
	return 0;
}

size_t duet_sem_available(const duet_sem *s)
{
	return s != NULL && s->taken < s->permits ? s->permits - s->taken : 0;
}

void duet_sem_stats(const duet_sem *s, duet_sem_stats_t *out)
{
	if (out != NULL && s == NULL)
		*out = (duet_sem_stats_t){0};
	if (out == NULL || s == NULL)
		return;
	*out = (duet_sem_stats_t){
		.permits = s->permits,
		.taken = s->taken,
		.waiting = duet__waiters_count(&s->waiters),
		.peak = s->peak,
		.acquired = s->acquired,
		.waited = s->waited,
	};
}

void duet_sem_free(duet_sem *s)
{
	if (s == NULL)
		return;
	duet__wake_all(&s->waiters, DUET_ECLOSED);
	free(s);
}
