/* The zygote: a small process with one thread that forks the workers, now and after each death,
 * because the parent cannot: it will have nng, curl, threads and a large heap.
 *
 *     parent ──order──▶ zygote ──fork──▶ worker
 *            ◀──news───   │
 *                         └─ ends with the parent, and takes the workers and their groups with it
 *
 * Orders and news travel over a socket pair.  It runs no code of the user's.  It notices the
 * parent's end by the socket's end of file, and by a pidfd in case another process inherited the
 * parent's end of the socket; a worker notices the zygote's end by PR_SET_PDEATHSIG. */
#ifndef DUET_POOL_ZYGOTE_H
#define DUET_POOL_ZYGOTE_H

#include "pool/plan.h"

typedef struct duet__zygote {
	pid_t pid;   /* 0 = none                                                                */
	int control; /* -1 = none                                                               */
	int ended;   /* a pidfd, readable when it has ended; or -1, before Linux 5.3            */
} duet__zygote;

#define DUET__ZYGOTE_NONE ((duet__zygote){0, -1, -1})

enum duet__order_kind { DUET__ORDER_SPAWN = 1, DUET__ORDER_KILL = 2 };

/* A spawn carries descriptors: the worker's memory, then what of these is not -1. */
typedef struct duet__order {
	enum duet__order_kind kind;
	uint32_t epoch; /* names the worker, for ever                                           */
	int number;     /* its place, 0 .. workers - 1                                          */
	int memory_fd, output_fd;
	duet__offer offer;
} duet__order;

enum duet__news_kind { DUET__NEWS_SPAWNED = 1, DUET__NEWS_FAILED = 2, DUET__NEWS_EXITED = 3 };

typedef struct duet__news {
	enum duet__news_kind kind;
	uint32_t epoch;
	pid_t pid;
	int status; /* EXITED: as from waitpid; FAILED: -errno of the fork                      */
} duet__news;

/* Parent. */

/* Forks one -> 0, -errno */
int duet__zygote_start(duet__zygote *z, const duet__plan *plan);

/* -> 0, -EPIPE (it is gone), -errno.  Blocks for a second at most: one that takes no orders is
 * killed. */
int duet__zygote_order(duet__zygote *z, const duet__order *order);

/* -> 1 and *news, 0 (none yet), -EPIPE (it is gone) */
int duet__zygote_news(duet__zygote *z, duet__news *news);

/* By its pidfd: a worker that was stopped as soon as it was forked still has the socket open. */
bool duet__zygote_has_ended(const duet__zygote *z);

/* Blocks until there is news, or it has ended. */
void duet__zygote_wait(const duet__zygote *z);

/* For one that hangs. */
void duet__zygote_kill(duet__zygote *z);

/* Has it kill its workers and end. */
void duet__zygote_let_go(duet__zygote *z);

/* The same, waits for it, and reaps it.  Fine twice, and without one. */
void duet__zygote_stop(duet__zygote *z);

/* Zygote. */
_Noreturn void duet__zygote_run(const duet__plan *plan, int control, pid_t parent, int first_fd);

/* The worker's name for the words of an error: a pid and how it ended. */
void duet__describe_end(char *text, size_t size, pid_t pid, int status);

#endif
