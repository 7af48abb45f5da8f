/* Readiness of a file descriptor, and the other doors through which the outside enters the loop.
 * This header stands for libevent: only loop/core knows it. */
#ifndef DUET_CORE_WATCH_H
#define DUET_CORE_WATCH_H

#include "loop/core/list.h"
#include <duet/run.h>

/* The bits of duet_wait_fd in <duet/fd.h>. */
enum { DUET__READ = 1, DUET__WRITE = 2 };

typedef struct duet__watch duet__watch;

/* Called on the loop's stack while fd is ready (level-triggered): it must not suspend, and may
 * close this or any other watch.  Work per turn is capped: what is still ready stays so. */
typedef void duet__watch_fn(void *context, int events);

/* -> a watch for nothing yet, or NULL (out of memory) */
duet__watch *duet__watch_open(duet_loop *loop, int fd, duet__watch_fn *fn, void *context);

/* Watches for these events from now on; 0 = none.  Free of cost if nothing changes.
 * -> 0, -ENOMEM, -errno (a file that cannot be polled: -EPERM) */
int duet__watch_set(duet__watch *w, int events);

/* Before fd is closed.  NULL is fine; in a forked child, which shares its parent's epoll, a watch of
 * the parent's loop is left alone. */
void duet__watch_close(duet__watch *w);

/* Something that is watched should be ready within this time, of microseconds: the loop, should it
 * have nothing else to do, waits for it awake. */
void duet__watch_expect(duet_loop *loop, duet_time within);

/* Whether w (NULL: no) is of the loop that this thread runs, not of a forked child's parent. */
bool duet__watch_is_here(const duet__watch *w);

#endif
