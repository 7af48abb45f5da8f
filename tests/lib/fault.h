/* Faults on demand: allocations and system calls of duet's own code, and of the test's, that fail.
 * The linker wraps them (--wrap) in every test; calls inside libevent, curl, nng and libc are left
 * alone.  A forked child inherits what is armed, and counts for itself from there.
 *
 *     fault_arm(FAULT_ALLOC, 3, FAULT_ONCE);           // the third allocation from here fails
 *     r = duet_queue_put(q, item);
 *     CHECK(fault_disarm() == 0 || r == DUET_ENOMEM);
 *
 *     // body with the 1st, 2nd, 3rd ... failing, until all have had their turn
 *     CHECK_GE(fault_sweep(FAULT_ALLOC, FAULT_ONCE, body, NULL), 10);
 *
 * What a fault must not do: crash, hang (the time limit), leak (the runner; run it under ASan). */
#ifndef DUET_TESTS_FAULT_H
#define DUET_TESTS_FAULT_H

enum fault_kind {
	FAULT_ALLOC = 1, /* malloc and its kin: ENOMEM                                          */
	FAULT_MAP = 2,   /* mmap: ENOMEM                                                        */
	FAULT_FD = 4,    /* open, socket, socketpair, pipe2, eventfd, memfd_create, dup: EMFILE */
	FAULT_SPAWN = 8, /* fork, pthread_create: EAGAIN                                        */
	FAULT_ANY = 15,
};

enum fault_span { FAULT_ONCE, FAULT_FROM_THEN_ON };

/* The nth call (1 = the next) of these kinds fails, and those behind it if span says so. */
void fault_arm(int kinds, long nth, enum fault_span span);

/* Nothing fails any more.  -> how many calls have failed since fault_arm */
long fault_disarm(void);

/* -> how many calls there were to fail.  body's result does not matter: it checks for itself. */
long fault_sweep(int kinds, enum fault_span span, int (*body)(void *arg), void *arg);

#endif
