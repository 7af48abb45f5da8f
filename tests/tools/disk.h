/* Fixture: a disk that fails on demand under a program that is run as it is.  Its calls that make,
 * write, sync, cut and rename files below a directory come by here first (seccomp's user
 * notification), so those of its libraries count too, stdio among them.
 *
 *     struct disk disk = {.under = test_scratch(), .nth = 3, .error = ENOSPC, .is_lasting = true};
 *     program_run_with(&p, &(struct program_options){.disk = &disk}, "run ...");
 *     CHECK_EQ(disk.struck, 1);
 */
#ifndef TESTS_TOOLS_DISK_H
#define TESTS_TOOLS_DISK_H

#include <pthread.h>
#include <stdbool.h>
#include <sys/types.h>

struct disk {
	const char *under; /* a directory                                                      */
	long nth;          /* the call that fails; 1 = the first                               */
	int error;         /* with this                                                        */
	bool is_lasting;   /* so does each call behind it                                      */
	bool is_torn;      /* a write first takes half of its bytes, then fails for good       */

	long calls, struck; /* how many there were, how many of them failed      */
	char file[256];     /* the first one that failed: name in the directory  */
	const char *call;

	pthread_t thread;
	int listener;
	pid_t pid;
};

/* In the child, before it becomes the program; in the parent, once it has been forked; when it has
 * ended.  `end` are the two ends of a pair of sockets. */
void disk_enter(int end);
void disk_watch(struct disk *d, int end, pid_t pid);
void disk_leave(struct disk *d);

#endif
