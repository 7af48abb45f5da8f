/* One job on many inputs.  A window of calls is under way; the task that maps wakes when some of
 * them have ended and fills their places again. */
#include "pool/pool_impl.h"

#include "loop/core/fail.h"

#include <duet/error.h>
#include <stdlib.h>
#include <string.h>

enum { WINDOW_PER_WORKER = 2 * DUET__TICKETS };

struct map;

struct slot {
	duet__call call;
	struct map *map;
	size_t index;
	struct slot *next_free;
};

struct map {
	duet_pool *pool;
	const char *job;
	const duet_bytes *in;
	duet_buf *out;
	int *results;
	size_t n, next, running;
	struct slot *slots, *free;
	size_t window;
	duet__waiter waiter;
	size_t failed_at;  /* the first failure by index; n = none */
	duet__call failed; /* with its words */
};

static void record(struct map *m, size_t i, duet__call *call)
{
	if (m->results != NULL)
		m->results[i] = call->result;
	if (call->result >= 0) {
		if (m->out != NULL)
			m->out[i] = call->out;
		else
			duet_buf_free(&call->out);
	} else if (i < m->failed_at) {
		free(m->failed.words);
		m->failed = *call;
		m->failed_at = i;
	} else {
		free(call->words);
	}
}

static void put_back(struct slot *s)
{
	s->next_free = s->map->free;
	s->map->free = s;
	s->map->running--;
}

static void on_over(duet__call *call)
{
	struct slot *s = duet__container_of(call, struct slot, call);
	record(s->map, s->index, call);
	put_back(s);
	duet__wake(&s->map->waiter, 0);
}

static bool goes_on(const struct map *m)
{
	return m->next < m->n && (m->results != NULL || m->failed_at == m->n);
}

static void start_next(struct map *m)
{
	struct slot *s = m->free;
	size_t i = m->next++;
	int r = duet__call_prepare(m->pool, &s->call, NULL, m->job, m->in[i]);
	if (r < 0) {
		record(m, i, &(duet__call){.result = r, .words = strdup(duet_errmsg())});
		return;
	}
	m->free = s->next_free;
	m->running++;
	s->map = m;
	s->index = i;
	s->call.over = on_over;
	duet__call_submit(m->pool, &s->call);
}

/* Those under way are given up; those that never started have no other result either. */
static void give_up(struct map *m, int result)
{
	m->waiter.done = true; /* we are awake, whatever comes of the calls now */
	for (size_t i = 0; i < m->window; i++) {
		struct slot *s = &m->slots[i];
		if (s->call.state != DUET__CALL_QUEUED && s->call.state != DUET__CALL_HELD)
			continue;
		if (duet__call_has_ended(&s->call))
			continue;
		duet__call_abandon(m->pool, &s->call);
		if (m->results != NULL)
			m->results[s->index] = result;
		put_back(s);
	}
	for (; m->results != NULL && m->next < m->n; m->next++)
		m->results[m->next] = result;
}

static void drop_replies(struct map *m)
{
	for (size_t i = 0; m->out != NULL && i < m->n; i++)
		duet_buf_free(&m->out[i]);
}

static int work(struct map *m)
{
	for (;;) {
		while (m->free != NULL && goes_on(m) && duet__call_has_space(m->pool))
			start_next(m);
		if (m->running == 0 && goes_on(m)) {
			int r = duet__call_wait_in_line(m->pool);
			if (r < 0)
				return r;
			continue;
		}
		if (m->running == 0 || (m->results == NULL && m->failed_at < m->n))
			return 0;
		DUET__WAITER_EXTERNAL(w, "pool map");
		m->waiter = w;
		duet__list_init(&m->waiter.node);
		int r = duet__park(&m->waiter);
		if (r < 0 && (m->running > 0 || goes_on(m)))
			return r;
	}
}

static int map_inside(struct map *m)
{
	int r = work(m);
	give_up(m, r < 0 ? r : DUET_ECANCELED);
	if (r == 0 && m->failed_at < m->n)
		r = duet__call_outcome(&m->failed, NULL);
	else
		free(m->failed.words);
	if (r < 0 && m->results == NULL)
		drop_replies(m);
	return r < 0 ? r : 0;
}

static int make_slots(struct map *m)
{
	size_t window = (size_t)m->pool->most * WINDOW_PER_WORKER;
	size_t most = m->pool->plan.options.max_queue;
	if (most > 0 && window > most)
		window = most;
	m->window = window < m->n ? window : m->n;
	m->slots = calloc(m->window + 1, sizeof(*m->slots));
	if (m->slots == NULL)
		return duet__fail(DUET_ENOMEM);
	for (size_t i = m->window; i-- > 0;) {
		m->slots[i].next_free = m->free;
		m->free = &m->slots[i];
	}
	return 0;
}

static void end_all(const struct map *m, int r)
{
	for (size_t i = 0; i < m->n; i++) {
		if (m->out != NULL)
			m->out[i] = (duet_buf){0};
		if (m->results != NULL)
			m->results[i] = r;
	}
}

int duet_pool_map(duet_pool *pool, const char *job, const duet_bytes in[], size_t n, duet_buf out[],
		  int results[])
{
	struct map m = {.pool = pool,
			.job = job,
			.in = in,
			.out = out,
			.results = results,
			.n = n,
			.failed_at = n};
	int r = duet__call_enter(pool);
	if (r < 0) {
		end_all(&m, r);
		return r;
	}
	r = in == NULL && n > 0 ? duet__failf(DUET_EINVAL, "no inputs: the array is NULL")
				: make_slots(&m);
	end_all(&m, r);
	if (r == 0)
		r = map_inside(&m);
	free(m.slots);
	duet__call_leave(pool);
	return r;
}
