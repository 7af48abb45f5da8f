/* Task-local values: what a task and all that it spawns should know, a request's id for instance,
 * without an argument in every call between.
 *
 *     static const duet_local request_id = DUET_LOCAL("request id");
 *     ...
 *     duet_local_set(&request_id, id);
 *     duet_group_spawn(g, handle, part);         // handle, too, finds it
 *     ...
 *     log("%s: done", (char *)duet_local_get(&request_id));
 *
 * A key is a static object; its address is what counts.  A spawned task starts with the values its
 * spawner had then; what either sets later, the other does not see.  Values are lent: they must
 * outlive the tasks that know them. */
#ifndef DUET_LOCAL_H
#define DUET_LOCAL_H

#include <duet/api.h>

typedef struct duet_local {
	const char *name; /* for debuggers */
} duet_local;

#define DUET_LOCAL(name)                                                                           \
	{                                                                                          \
		name                                                                               \
	}

DUET_BEGIN_DECLS

/* Sets the calling task's value; NULL is as good as never set.
 * -> 0, DUET_ENOTASK, -ENOMEM, -EINVAL (key is NULL) */
DUET_API int duet_local_set(const duet_local *key, void *value);

/* -> the calling task's value, lent; NULL if there is none, or outside tasks */
DUET_API void *duet_local_get(const duet_local *key);

DUET_END_DECLS

#endif
