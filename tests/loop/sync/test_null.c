/* Objects that are NULL, as a constructor gives them when memory is short. */
#include "tests/lib/test.h"
#include <duet/duet.h>

static int use_nothing(void *arg)
{
	duet_sem_stats_t stats;

	(void)arg;
	duet_event_set(NULL);
	duet_event_clear(NULL);
	CHECK(!duet_event_is_set(NULL));
	duet_cond_signal(NULL);
	duet_cond_broadcast(NULL);
	CHECK_ERR(duet_cond_wait_for(NULL, NULL, NULL, NULL), DUET_EINVAL);
	duet_queue_shutdown(NULL);
	CHECK_EQ(duet_queue_len(NULL), 0);
	CHECK_EQ(duet_queue_unfinished(NULL), 0);
	CHECK_EQ(duet_sem_available(NULL), 0);
	duet_sem_stats(NULL, &stats);
	CHECK_EQ(stats.permits, 0);
	duet_sem_stats(NULL, NULL);
	CHECK(duet_mutex_owner(NULL) == NULL);
	duet_barrier_abort(NULL);
	duet_barrier_reset(NULL);
	CHECK_EQ(duet_barrier_waiting(NULL), 0);
	CHECK(duet_ratelimit_available(NULL) == 0);
	CHECK(!duet_promise_is_resolved(NULL));
	return 0;
}

/* Calls that cannot fail do nothing to an object that is NULL. */
TEST(null_object_is_left_alone)
{
	CHECK_OK(duet_run(use_nothing, NULL));
}

static int get_nowhere(void *arg)
{
	duet_queue *q = duet_queue_new(1);

	(void)arg;
	CHECK_OK(duet_queue_put(q, q));
	CHECK_ERR(duet_queue_get(q, NULL), DUET_EINVAL);
	CHECK_ERR(duet_queue_try_get(q, NULL), DUET_EINVAL);
	CHECK_EQ(duet_queue_len(q), 1);
	duet_queue_free(q);
	return 0;
}

/* An item that nobody would have stays in the queue. */
TEST(queue_get_refuses_to_lose_an_item)
{
	CHECK_OK(duet_run(get_nowhere, NULL));
}
