/* Readiness of a file descriptor: the bridge to any client library that has one.
 *
 *     while ((n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT)) < 0 && errno == EAGAIN)
 *             if ((r = duet_wait_fd(fd, DUET_READ)) < 0)
 *                     return r;
 */
#ifndef DUET_FD_H
#define DUET_FD_H

#include <duet/api.h>

enum { DUET_READ = 1, DUET_WRITE = 2 };

DUET_BEGIN_DECLS

/* Suspends until fd can be read or written without blocking, or has an error or hang-up to tell
 * (which counts as both).  Regular files are always ready.  Any number of tasks may wait for one
 * fd; close it only when none does.
 * -> the events that are ready, of those asked for (> 0); -EBADF, -EINVAL (no events),
 * DUET_ECANCELED, DUET_ENOTASK, -ENOMEM */
DUET_SUSPENDS DUET_API int duet_wait_fd(int fd, int events);

DUET_END_DECLS

#endif
