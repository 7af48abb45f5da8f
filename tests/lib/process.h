/* What a process uses, as the kernel counts it. */
#ifndef DUET_TESTS_PROCESS_H
#define DUET_TESTS_PROCESS_H

#include <sys/types.h>

/* KiB in memory now, and at most so far; 0 when the process is gone. */
long process_memory(pid_t pid);
long process_peak(pid_t pid);
/* KiB of addresses, at most so far. */
long process_reach(pid_t pid);

/* Open descriptors; 0 when the process is gone. */
long process_fds(pid_t pid);

#endif
