/* Descriptors have run out: waiting in line for one to come free, rather than fail or spin. */
#ifndef DUET_IO_SHORTAGE_H
#define DUET_IO_SHORTAGE_H

#include <duet/run.h>
#include <duet/time.h>

/* Whether a system call failed for want of descriptors or of the kernel's memory. */
bool duet__is_shortage(int error);

/* What a descriptor is wanted for.  Each has a line of its own: whoever accepts must not wait behind
 * those who connect, who may be waiting for an answer of his. */
enum duet__shortage { DUET__TO_CONNECT, DUET__TO_ACCEPT };

/* Suspends until one of this loop's streams was closed, or a moment has passed, since others close
 * descriptors too.  First come, first served.  *since is 0 at the first call for a descriptor.
 * -> 0 (try again), DUET_ECANCELED, -ENOMEM, DUET_ETIMEDOUT (to connect, and for 3 s none came free) */
int duet__shortage_wait(enum duet__shortage what, duet_time *since);

/* A descriptor came free, or there may be more where the last one came from. */
void duet__shortage_over(void);

/* Whoever waits for one may have lost what it is for. */
void duet__shortage_recheck(void);

/* Whether fd is one of the last few, which connecting leaves to the rest of the program. */
bool duet__is_reserve(int fd);

#endif
