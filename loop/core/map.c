/* map: as many runners as may run at once, each taking the next index until none is left. */
#include <duet/collect.h>

#include "loop/core/fail.h"
#include "loop/core/loop_impl.h"
#include <stdlib.h>

struct map {
	size_t n;
	size_t next;
	int (*fn)(void *ctx, size_t i);
	void *ctx;
	int *results;
};

static int run_next(void *arg)
{
	struct map *m = arg;

	while (m->next < m->n && !duet__current->cancelled) {
		size_t i = m->next++;
		int r = m->fn(m->ctx, i);

		if (m->results != NULL)
			m->results[i] = r;
		if (r < 0) {
			/* Only words that were said about this very error are its words. */
			if (duet__current->last_error != r)
				duet__fail(r);
			return r;
		}
	}
	return 0;
}

int duet_map(size_t n, size_t limit, int (*fn)(void *ctx, size_t i), void *ctx, int results[])
{
	struct map m = {.n = n, .fn = fn, .ctx = ctx, .results = results};
	size_t count = limit == 0 || limit > n ? n : limit, started = 0;
	duet_task **runners;
	int r = duet__enter();

	if (r < 0 || n == 0)
		return r;
	if (fn == NULL)
		return duet__failf(DUET_EINVAL, "no function to run");
	runners = count <= SIZE_MAX / sizeof(*runners) ? malloc(count * sizeof(*runners)) : NULL;
	if (runners == NULL)
		return duet__fail(DUET_ENOMEM);
	for (size_t i = 0; results != NULL && i < n; i++)
		results[i] = DUET_ECANCELED;
	while (started < count) {
		runners[started] = duet_spawn_at(duet__current->origin, NULL, run_next, &m);
		if (runners[started] == NULL)
			break; /* fewer at once will do, unless there is none */
		started++;
	}
	r = started > 0 ? duet_gather(runners, started, NULL) : duet__fail(DUET_ENOMEM);
	free(runners);
	return r;
}
