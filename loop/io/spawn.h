/* Starting a program: what posix_spawn does between fork and exec, planned beforehand. */
#ifndef DUET_IO_SPAWN_H
#define DUET_IO_SPAWN_H

#include <duet/process.h>

enum { DUET__STDIO = 3 };

struct duet__spawned {
	pid_t pid;
	int pidfd;             /* -1: it has ended, and somebody else has reaped it */
	int ours[DUET__STDIO]; /* our ends of its standard streams, non-blocking; -1: none */
};

/* -> 0, -errno, with words */
int duet__spawn(struct duet__spawned *child, const duet_process_options *options);

#endif
