/* A queue of pointers between tasks: first in, first out; or the smallest first; or the last in.
 *
 *     duet_queue *jobs = duet_queue_new(100);    // the 101st put waits: back pressure
 *     duet_queue_put(jobs, job);                 // producer
 *     ...
 *     void *item;                                // worker
 *     while ((r = duet_queue_get(jobs, &item)) == 0) {
 *             work(item);
 *             duet_queue_task_done(jobs);
 *     }                                          // r is DUET_ECLOSED after the shutdown
 *     ...
 *     duet_queue_join(jobs);                     // until each item put was marked done
 *     duet_queue_shutdown(jobs);                 // the workers' loops end
 *
 * Life: new -> put/get -> shutdown -> free.  Waiting producers and consumers are served in the
 * order they came.  An item is never lost or doubled by a cancellation: a put that returned 0 is
 * in, any other is not; a get that returned 0 has it, any other does not.  All calls on the loop's
 * thread; from posts and hooks use the try_ calls. */
#ifndef DUET_QUEUE_H
#define DUET_QUEUE_H

#include <duet/api.h>

typedef struct duet_queue duet_queue;

/* The capacity of a queue that grows as long as memory lasts: to be said, never a default. */
#define DUET_UNBOUNDED SIZE_MAX

DUET_BEGIN_DECLS

/* -> gives a queue, or NULL with errno ENOMEM or EINVAL (capacity is 0).  Anywhere. */
DUET_API duet_queue *duet_queue_new(size_t capacity);

/* get returns the smallest item; among equal ones the one that was put first.  compare gets the
 * items themselves, returns < 0, 0 or > 0 as strcmp does, and must neither suspend nor use the
 * queue. */
DUET_API duet_queue *duet_queue_new_priority(size_t capacity,
					     int (*compare)(const void *a, const void *b));

/* get returns the item that was put last. */
DUET_API duet_queue *duet_queue_new_lifo(size_t capacity);

/* Takes item (any pointer, NULL too) on success only.  Suspends while the queue is full.
 * -> 0, DUET_ECLOSED (shut down), DUET_ECANCELED, DUET_ENOTASK, -ENOMEM (never while it holds less
 * than 16), -EINVAL (q is NULL) */
DUET_SUSPENDS DUET_API int duet_queue_put(duet_queue *q, void *item);

/* Gives the next item.  Suspends while there is none.
 * -> 0, DUET_ECLOSED (shut down, and drained), DUET_ECANCELED, DUET_ENOTASK, -EINVAL (NULL) */
DUET_SUSPENDS DUET_API int duet_queue_get(duet_queue *q, void **item);

/* The same without waiting.  -> 0, -EAGAIN, DUET_ECLOSED, -ENOMEM, -EINVAL */
DUET_API int duet_queue_try_put(duet_queue *q, void *item);
DUET_API int duet_queue_try_get(duet_queue *q, void **item);

/* Says that an item which get gave has been dealt with.
 * -> 0, -EINVAL (more often than items were put, or q is NULL) */
DUET_API int duet_queue_task_done(duet_queue *q);

/* Suspends until every item that was put is done, or the queue is shut down: nobody can promise
 * then that the rest will be (duet_queue_unfinished tells).
 * -> 0, DUET_ECANCELED, DUET_ENOTASK, DUET_ECLOSED (freed meanwhile), -EINVAL (q is NULL) */
DUET_SUSPENDS DUET_API int duet_queue_join(duet_queue *q);

/* No more items: every put fails with DUET_ECLOSED, those that wait too; get hands out what is
 * left and then fails with DUET_ECLOSED; join returns.  Twice is once. */
DUET_API void duet_queue_shutdown(duet_queue *q);

DUET_API size_t duet_queue_len(const duet_queue *q);        /* items inside                  */
DUET_API size_t duet_queue_unfinished(const duet_queue *q); /* items put and not yet done    */

/* Tasks still waiting get DUET_ECLOSED.  Items inside stay the caller's: drain them with
 * duet_queue_try_get first if they are to be freed.  NULL is fine. */
DUET_API void duet_queue_free(duet_queue *q);

DUET_END_DECLS

#endif
