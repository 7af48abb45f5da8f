#include <duet/fd.h>

#include "loop/core/fail.h"
#include "loop/core/loop.h"
#include "loop/core/park.h"
#include "loop/core/watch.h"

_Static_assert((int)DUET_READ == (int)DUET__READ && (int)DUET_WRITE == (int)DUET__WRITE,
	       "one set of events");

static void on_ready(void *context, int events)
{
	duet__wake(context, events);
}

int duet_wait_fd(int fd, int events)
{
	DUET__WAITER_EXTERNAL(w, "a file descriptor");
	duet__watch *watch;
	int r = duet__enter();

	if (r < 0)
		return r;
	if ((events & (DUET_READ | DUET_WRITE)) == 0 || (events & ~(DUET_READ | DUET_WRITE)) != 0)
		return duet__failf(DUET_EINVAL, "wait for DUET_READ, DUET_WRITE or both");
	watch = duet__watch_open(duet__loop(), fd, on_ready, &w);
	if (watch == NULL)
		return duet__fail(DUET_ENOMEM);
	r = duet__watch_set(watch, events);
	if (r == 0)
		r = duet__park(&w);
	else if (r == -EPERM) /* a regular file: epoll refuses what is always ready */
		r = events;
	else
		r = duet__failf(r, "wait for descriptor %d: %s", fd, duet_strerror(r));
	duet__watch_close(watch);
	return r > 0 ? r & events : r;
}
