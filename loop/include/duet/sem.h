/* A semaphore: at most so many tasks at once, first come, first served.
 *
 *     duet_sem *slots = duet_sem_new(3);
 *     ...
 *     if ((r = duet_sem_acquire(slots)) < 0)     // suspends while 3 others are inside
 *             return r;
 *     r = ask(server);
 *     duet_sem_release(slots);
 *
 * Life: new -> acquire/release -> free.  A permit belongs to nobody in particular: another task may
 * release it.  A release hands the permit straight to whoever waits longest, so no newcomer can
 * overtake, and a task that was cancelled while it waited has taken nothing unless acquire said 0.
 * All calls on the loop's thread.  To bound requests per minute rather than requests at once, see
 * <duet/ratelimit.h>. */
#ifndef DUET_SEM_H
#define DUET_SEM_H

#include <duet/api.h>

typedef struct duet_sem duet_sem;

typedef struct duet_sem_stats_t {
	size_t permits;    /* how many there are now                                              */
	size_t taken;      /* how many are out (above permits after a resize downwards)           */
	size_t waiting;    /* tasks in the queue for one                                          */
	size_t peak;       /* the largest taken ever                                              */
	uint64_t acquired; /* permits given out so far                                            */
	uint64_t waited;   /* of those, how many had to wait                                      */
} duet_sem_stats_t;

DUET_BEGIN_DECLS

/* A semaphore of so many permits; 0 is a closed door that duet_sem_resize opens.
 * -> gives a semaphore, or NULL with errno ENOMEM.  Anywhere. */
DUET_API duet_sem *duet_sem_new(size_t permits);

/* Takes a permit; suspends while there is none.
 * -> 0, DUET_ECANCELED, DUET_ENOTASK, DUET_ECLOSED (freed meanwhile), -EINVAL (s is NULL) */
DUET_SUSPENDS DUET_API int duet_sem_acquire(duet_sem *s);

/* The same without waiting, and outside tasks too.  -> 0, -EAGAIN, -EINVAL (s is NULL) */
DUET_API int duet_sem_try_acquire(duet_sem *s);

/* Gives a permit back; never suspends.  -> 0, -EINVAL (more releases than acquires, or s is NULL) */
DUET_API int duet_sem_release(duet_sem *s);

/* From now on there are so many permits.  More: waiters go in at once.  Fewer: nobody is thrown
 * out, and releases are swallowed until the number fits.  -> 0, -EINVAL (s is NULL) */
DUET_API int duet_sem_resize(duet_sem *s, size_t permits);

DUET_API size_t duet_sem_available(const duet_sem *s); /* permits an acquire could have now */
DUET_API void duet_sem_stats(const duet_sem *s, duet_sem_stats_t *out);

/* Tasks still waiting get DUET_ECLOSED.  NULL is fine. */
DUET_API void duet_sem_free(duet_sem *s);

DUET_END_DECLS

#endif
