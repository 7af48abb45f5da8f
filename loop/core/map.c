/* map: as many runners as may run at once, each taking the next index until none is left. */
#include <duet/collect.h>

#include "loop/core/fail.h"
#include "loop/core/loop_impl.h"
#include <stdlib.h>

struct map {
	size_t running; /* runners inside run_next */
	bool is_orphan; /* a deadlock tore them from their map: the last frees this */
	size_t n;
	size_t next;
	int (*fn)(void *ctx, size_t i);
	void *ctx;
	int *results;
	duet_task *runners[];
};

static int run_all(struct map *m)
{
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

static int run_next(void *arg)
{
	struct map *m = arg;
	int r;

	m->running++;
	r = run_all(m);
	if (--m->running == 0 && m->is_orphan)
		free(m);
	return r;
}

static struct map *map_new(size_t runners)
{
	return runners <= (SIZE_MAX - sizeof(struct map)) / sizeof(duet_task *)
		       ? calloc(1, sizeof(struct map) + runners * sizeof(duet_task *))
		       : NULL;
}

static void map_free(struct map *m)
{
	m->is_orphan = m->running > 0;
	m->next = m->n;
	m->results = NULL;
	if (!m->is_orphan)
		free(m);
}

int duet_map(size_t n, size_t limit, int (*fn)(void *ctx, size_t i), void *ctx, int results[])
{
	size_t count = limit == 0 || limit > n ? n : limit, started = 0;
	struct map *m;
	int r = duet__enter();

	for (size_t i = 0; results != NULL && i < n && (r >= 0 || r == DUET_ECANCELED); i++)
		results[i] = DUET_ECANCELED;
	if (r < 0 || n == 0)
		return r;
	if (fn == NULL)
		return duet__failf(DUET_EINVAL, "no function to run");
	m = map_new(count);
	if (m == NULL)
		return duet__fail(DUET_ENOMEM);
	m->n = n;
	m->fn = fn;
	m->ctx = ctx;
	m->results = results;
	while (started < count) {
		m->runners[started] = duet_spawn_at(duet__current->origin, NULL, run_next, m);
		if (m->runners[started] == NULL)
			break; /* fewer at once will do, unless there is none */
		started++;
	}
	r = started > 0 ? duet_gather(m->runners, started, NULL) : duet__fail(DUET_ENOMEM);
	map_free(m);
	return r;
}
