/* Other processes, as the kernel shows them. */
#ifndef DUET_TESTS_PROCESS_H
#define DUET_TESTS_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

/* Neither gone nor waiting to be reaped. */
bool process_is_alive(pid_t pid);
bool process_is_stopped(pid_t pid);
/* 0 when the process is gone. */
pid_t process_parent(pid_t pid);
/* By the kernel's short name for it: of a gone process nothing is. */
bool process_is_called(pid_t pid, const char *name);

/* KiB in memory now, and at most so far; 0 when the process is gone. */
long process_memory(pid_t pid);
long process_peak(pid_t pid);
/* KiB of addresses, at most so far. */
long process_reach(pid_t pid);

/* Open descriptors; 0 when the process is gone. */
long process_fds(pid_t pid);

#endif
