/* A group: a TaskGroup, a nursery.  Its tasks never outlive it; the first that fails cancels the
 * others.  A task is freed as soon as it ends, so a group may see any number of them.
 *
 *     duet_group *g = duet_group_open();
 *     duet_group_spawn(g, serve, client);
 *     int r = duet_group_close(g);              // joins all; the first root-cause error
 */
#ifndef DUET_GROUP_H
#define DUET_GROUP_H

#include <duet/api.h>
#include <duet/run.h>
#include <duet/task.h>

typedef struct duet_group duet_group;

DUET_BEGIN_DECLS

/* -> a group, or NULL with errno ENOMEM or EINVAL (no run here) */
DUET_API duet_group *duet_group_open(void);

/* Starts fn(arg) in the group, as duet_spawn does.  Tasks of the group may call it too, also
 * while it closes.  -> 0, -ENOMEM, DUET_ECANCELED (the group was cancelled or a task failed: fn
 * will not run, arg stays the caller's) */
DUET_API int duet_group_spawn(duet_group *g, duet_fn *fn, void *arg);

/* Cancels every task of the group, and those spawned later are refused. */
DUET_API void duet_group_cancel(duet_group *g);

DUET_API size_t duet_group_count(const duet_group *g); /* tasks alive */

/* Joins all and frees g (NULL is fine).  Interrupted by cancellation it cancels them first.
 * -> 0, the first failure that was not a cancellation the group caused itself, DUET_ECANCELED; or
 * not closed: -EDEADLK (the caller is one of its tasks), -EBUSY (another task closes it),
 * DUET_ENOTASK */
DUET_SUSPENDS DUET_API int duet_group_close(duet_group *g);

/* The function behind the duet_group_spawn macro. */
DUET_API int duet_group_spawn_at(const char *origin, duet_group *g, duet_fn *fn, void *arg);

DUET_END_DECLS

#define duet_group_spawn(...) duet_group_spawn_at(DUET_HERE " " #__VA_ARGS__, __VA_ARGS__)

#endif
