/* Looking into a run from outside: what is it waiting for?
 *
 *     static int main_task(void *arg)
 *     {
 *             duet_inspector_open();
 *             ...
 *
 * From then on `duet ps PID` prints what duet_dump does: the tasks as a tree with what each waits
 * for, the pools with the job of each worker, the HTTP clients.  `duet ps` lists the processes that
 * can be asked.
 *
 * Asking goes through an abstract Unix socket, so nothing is left in the file system.  Only the
 * user that the process runs as, and root, are answered. */
#ifndef DUET_INSPECT_H
#define DUET_INSPECT_H

#include <duet/api.h>

DUET_BEGIN_DECLS

/* Lets this run be looked into until it ends.  Does not count as something that could wake a task:
 * deadlocks are still found.
 * -> 0, -EADDRINUSE (another run of this process is already), -EMFILE, -ENOMEM, DUET_ENOTASK */
DUET_API int duet_inspector_open(void);

DUET_END_DECLS

#endif
