/* Many tasks at once: gather, settle, wait, race, map.  All keep the order of the arguments;
 * results may be NULL; a NULL task counts as one that failed with -ENOMEM.
 *
 *     duet_task *calls[3] = {duet_spawn(ask, &a), duet_spawn(ask, &b), duet_spawn(ask, &c)};
 *     int r = duet_gather(calls, 3, NULL);      // all three, or the first failure
 *
 * A call that takes its tasks always joins every one of them before it returns, also when it is
 * interrupted by cancellation (it cancels them first and returns DUET_ECANCELED). */
#ifndef DUET_COLLECT_H
#define DUET_COLLECT_H

#include <duet/api.h>
#include <duet/run.h>
#include <duet/task.h>
#include <duet/time.h>

DUET_BEGIN_DECLS

/* Takes all.  The first failure cancels the others.  -> 0, or the failure that came first, never
 * a cancellation that gather caused itself. */
DUET_SUSPENDS DUET_API int duet_gather(duet_task *tasks[], size_t n, int results[]);

/* Takes all.  Waits for every one whatever happens.  -> how many failed, DUET_ECANCELED */
DUET_SUSPENDS DUET_API int duet_settle(duet_task *tasks[], size_t n, int results[]);

/* Keeps all.  Waits until `want` (at most n) are done or time is up; what ends in that very turn of
 * the loop still counts.  -> how many are done, DUET_ECANCELED, -ENOMEM */
DUET_SUSPENDS DUET_API int duet_wait(duet_task *const tasks[], size_t n, size_t want,
				     duet_time timeout);

/* The same, counting successes (results >= 0); returns early, with fewer, once `want` has become
 * impossible. */
DUET_SUSPENDS DUET_API int duet_wait_ok(duet_task *const tasks[], size_t n, size_t want,
					duet_time timeout);

/* Takes all.  The first to finish wins; the rest are cancelled and joined.  Sets *winner (may be
 * NULL) to its index.  -> the winner's result, -EINVAL (n is 0), DUET_ECANCELED */
DUET_SUSPENDS DUET_API int duet_race(duet_task *tasks[], size_t n, size_t *winner);

/* fn(ctx, i) for i in 0..n-1, each in a task, at most `limit` at once (0 = no limit), started in
 * order, in memory O(limit).  Fails like gather; calls that never started have the result
 * DUET_ECANCELED. */
DUET_SUSPENDS DUET_API int duet_map(size_t n, size_t limit, int (*fn)(void *ctx, size_t i),
				    void *ctx, int results[]);

DUET_END_DECLS

#endif
