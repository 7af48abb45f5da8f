/* The run: one thread, one event loop, any number of tasks.
 *
 *     static int hello(void *arg)
 *     {
 *             (void)arg;
 *             puts("Hello");
 *             duet_sleep(DUET_S(1));
 *             puts("World");
 *             return 0;
 *     }
 *     int main(void) { return duet_run(hello, NULL) < 0; }
 *
 * A process may run one loop in each of its threads; objects of one loop stay on its thread.
 * duet_post is the only call of this library that another thread may make to a loop. */
#ifndef DUET_RUN_H
#define DUET_RUN_H

#include <duet/api.h>
#include <duet/time.h>
#include <duet/trace.h>
#include <stdio.h>

/* A coroutine: plain C that may suspend at any call depth.  Its result is an int: >= 0 is
 * success, < 0 an error code. */
typedef int duet_fn(void *arg);

typedef struct duet_loop duet_loop;

typedef enum duet_clock {
	DUET_CLOCK_REAL = 0,
	/* When every task waits on time alone, time jumps to the next deadline.  While a task
	 * waits on the outside world (a socket, a worker, a thread), it flows as real time does. */
	DUET_CLOCK_VIRTUAL = 1,
} duet_clock;

typedef enum duet_report_kind {
	DUET_REPORT_SLOW = 1,     /* a task held the loop longer than .slow                     */
	DUET_REPORT_UNREAD = 2,   /* a task failed and nobody read its result                   */
	DUET_REPORT_DEADLOCK = 3, /* every task waits and nothing can wake one                  */
	DUET_REPORT_WORKER = 4,   /* a line that a worker printed, or a worker's death          */
} duet_report_kind;

/* What the loop has to tell beyond results.  All pointers are lent for the call. */
typedef struct duet_report {
	duet_report_kind kind;
	const char *text;   /* the whole report in words, one or more lines without the last '\n' */
	const char *task;   /* the task's name, or NULL                                           */
	const char *site;   /* where it was spawned ("file.c:42"), or NULL                        */
	duet_time duration; /* SLOW: how long it held the loop                                    */
	int result;         /* UNREAD: the result nobody read                                     */
} duet_report;

/* Every field may be 0 for its default. */
typedef struct duet_run_options {
	duet_clock clock;
	duet_time slow;    /* report a task that holds the loop longer than this; 0 = 100 ms,
	                      DUET_FOREVER = never                                                */
	uint64_t seed;     /* shuffle the order of equally ready tasks and of timers that are due
	                      together, reproducibly; 0 = first in, first out                     */
	size_t stack_size; /* bytes of stack for each task, reserved and touched lazily;
	                      0 = 256 KiB                                                         */
	/* Hears every report, on the loop's thread, not in a task: it must not suspend.
	 * NULL = silent, or on stderr when the environment has DUET_DEBUG=1. */
	void (*report)(void *context, const duet_report *report);
	void *report_context;
	duet_trace_fn *trace; /* hears of every span: see <duet/trace.h>.  NULL = nobody        */
	void *trace_context;
} duet_run_options;

DUET_BEGIN_DECLS

/* Runs fn(arg) as the main task on a new loop of this thread; returns its result.  Before that,
 * tasks that are left are cancelled and joined, and all the loop's memory is given back.
 * -> fn's result, -EALREADY (this thread runs a loop), -ENOMEM, -EMFILE (a loop takes a handful of
 * descriptors), DUET_EDEADLK (every task waited and nothing could wake one: the words, and the
 * report, name each task and what it waited for), DUET_EFORKED (this process was forked from inside
 * a run, and still stands in it). */
DUET_API int duet_run(duet_fn *fn, void *arg);
DUET_API int duet_run_with(const duet_run_options *options, duet_fn *fn, void *arg);

/* The loop this thread runs, or NULL.  Valid until its duet_run returns.  Having asked for it,
 * a run no longer reports deadlocks: another thread might post. */
DUET_API duet_loop *duet_loop_current(void);

/* Has fn(arg) called soon on the loop's thread, not in a task: it must not suspend, but may
 * spawn, set events and put into queues with the try_ calls.  Any thread.  In order per thread.
 * A call that was accepted happens exactly once, at the latest when the run ends.
 * -> 0, -ENOMEM, DUET_ECLOSED (the run is ending), DUET_EFORKED */
DUET_API int duet_post(duet_loop *loop, void (*fn)(void *arg), void *arg);

/* Has a task that overflows its stack named on stderr, with its spawn site, before the process dies
 * of SIGSEGV.  This installs a handler for SIGSEGV, which leaves every other fault to the one that
 * was there before, and gives threads that run a loop a stack for signals if they have none.  With
 * DUET_DEBUG=1 in the environment every run does it by itself.  -> 0, -ENOMEM */
DUET_API int duet_overflow_report(void);

/* Prints the tasks of this thread's loop as a tree, each below its spawner: name, spawn site, what it
 * waits for and for how long, and how much of its stack was ever touched.  Then the pools with the
 * job of each worker, and the HTTP clients, that this run uses.  <duet/inspect.h> lets `duet ps` print
 * the same from outside. */
DUET_API void duet_dump(FILE *to);

DUET_END_DECLS

#endif
