/* A queue never holds an item and a waiting getter at once, nor room and a waiting putter: whoever
 * brings an item hands it to the first getter, and whoever makes room moves the first putter's
 * item in.  So nothing is reserved for a task that has yet to run, a newcomer overtakes nobody,
 * and a waiter that leaves because it was cancelled leaves nothing to repair. */
#include <duet/queue.h>

#include <stdlib.h>

#include "loop/sync/store.h"
#include "loop/sync/wait.h"

struct duet_queue {
	duet__store store;
	size_t capacity;
	size_t unfinished; /* items put and not yet done */
	bool closed;
	duet__list getters;
	duet__list putters;
	duet__list joiners;
};

/* A getter or a putter, on its task's stack. */
struct mover {
	duet__waiter waiter;
	void *item;
};

static duet_queue *queue_new(size_t capacity, duet__order order, duet__compare *compare)
{
	if (capacity == 0)
		return duet__failf_null(DUET_EINVAL, "a queue must have room: say DUET_UNBOUNDED "
						     "if it may grow without limit");
	duet_queue *q = calloc(1, sizeof *q);
	if (q == NULL || duet__store_init(&q->store, order, compare) < 0) {
		free(q);
		return duet__fail_null(DUET_ENOMEM);
	}
	q->capacity = capacity;
	duet__list_init(&q->getters);
	duet__list_init(&q->putters);
	duet__list_init(&q->joiners);
	return q;
}

duet_queue *duet_queue_new(size_t capacity)
{
	return queue_new(capacity, DUET__FIFO, NULL);
}

duet_queue *duet_queue_new_lifo(size_t capacity)
{
	return queue_new(capacity, DUET__LIFO, NULL);
}

duet_queue *duet_queue_new_priority(size_t capacity, int (*compare)(const void *, const void *))
{
	if (compare == NULL)
		return duet__failf_null(DUET_EINVAL, "a priority queue needs a compare function");
	return queue_new(capacity, DUET__SMALLEST, compare);
}

static struct mover *first_mover(const duet__list *movers)
{
	duet__list *node = duet__list_first(movers);

	return node == NULL ? NULL : duet__container_of(node, struct mover, waiter.node);
}

static int wait_to_move(duet__list *movers, struct mover *m)
{
	duet__list_append(movers, &m->waiter.node);
	return duet__wait_parked(&m->waiter);
}

static inline int put_now(duet_queue *q, void *item)
{
	if (q->closed)
		return duet__fail(DUET_ECLOSED);
	struct mover *getter = first_mover(&q->getters);
	if (getter != NULL) {
		getter->item = item;
		duet__wake_here(&getter->waiter, 0);
	} else {
		if (q->store.count >= q->capacity)
			return duet__fail(DUET_EAGAIN);
		int r = duet__store_push(&q->store, item);
		if (r < 0)
			return duet__fail(r);
	}
	q->unfinished++;
	return 0;
}

int duet_queue_try_put(duet_queue *q, void *item)
{
	return q != NULL ? put_now(q, item) : duet__fail_no("queue");
}

static bool is_full(const duet_queue *q)
{
	return !q->closed && q->store.count >= q->capacity;
}

int duet_queue_put(duet_queue *q, void *item)
{
	if (q == NULL)
		return duet__fail_no("queue");
	int r = duet__enter_here();
	if (r < 0)
		return r;
	if (!is_full(q))
		return put_now(q, item);
	struct mover self = {.waiter = DUET__WAITER_(self.waiter, "queue put", false),
			     .item = item};
	return wait_to_move(&q->putters, &self);
}

/* The push cannot fail: there was an item in this place a moment ago. */
static void admit_putter(duet_queue *q)
{
	struct mover *putter = first_mover(&q->putters);

	if (putter == NULL)
		return;
	duet__store_push(&q->store, putter->item);
	q->unfinished++;
	duet__wake_here(&putter->waiter, 0);
}

static inline int get_now(duet_queue *q, void **item)
{
	if (q->store.count == 0)
		return duet__fail(q->closed ? DUET_ECLOSED : DUET_EAGAIN);
	*item = duet__store_pop(&q->store);
	admit_putter(q);
	return 0;
}

static int refuse_get(const duet_queue *q)
{
	return q == NULL ? duet__fail_no("queue")
			 : duet__failf(DUET_EINVAL, "nowhere to put the item");
}

int duet_queue_try_get(duet_queue *q, void **item)
{
	return q != NULL && item != NULL ? get_now(q, item) : refuse_get(q);
}

int duet_queue_get(duet_queue *q, void **item)
{
	if (q == NULL || item == NULL)
		return refuse_get(q);
	int r = duet__enter_here();
	if (r < 0)
		return r;
	if (q->store.count > 0 || q->closed)
		return get_now(q, item);
	struct mover self = {.waiter = DUET__WAITER_(self.waiter, "queue get", false)};
	r = wait_to_move(&q->getters, &self);
	if (r == 0)
		*item = self.item;
	return r;
}

int duet_queue_task_done(duet_queue *q)
{
	if (q == NULL)
		return duet__fail_no("queue");
	if (q->unfinished == 0)
		return duet__failf(DUET_EINVAL, "task_done was called more often than items "
						"were put");
	if (--q->unfinished == 0)
		duet__wake_all(&q->joiners, 0);
	return 0;
}

int duet_queue_join(duet_queue *q)
{
	if (q == NULL)
		return duet__fail_no("queue");
	int r = duet__enter_here();
	if (r < 0)
		return r;
	if (q->unfinished == 0 || q->closed)
		return 0;
	return duet__wait_in(&q->joiners, "queue join");
}

void duet_queue_shutdown(duet_queue *q)
{
	if (q == NULL)
		return;
	q->closed = true;
	duet__wake_all(&q->putters, DUET_ECLOSED);
	duet__wake_all(&q->getters, DUET_ECLOSED);
	duet__wake_all(&q->joiners, 0);
}

size_t duet_queue_len(const duet_queue *q)
{
	return q != NULL ? q->store.count : 0;
}

size_t duet_queue_unfinished(const duet_queue *q)
{
	return q != NULL ? q->unfinished : 0;
}

void duet_queue_free(duet_queue *q)
{
	if (q == NULL)
		return;
	duet__wake_all(&q->putters, DUET_ECLOSED);
	duet__wake_all(&q->getters, DUET_ECLOSED);
	duet__wake_all(&q->joiners, DUET_ECLOSED);
	duet__store_fini(&q->store);
	free(q);
}
