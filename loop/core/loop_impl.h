/* The loop from the inside. */
#ifndef DUET_CORE_LOOP_IMPL_H
#define DUET_CORE_LOOP_IMPL_H

#include "loop/core/context.h"
#include "loop/core/list.h"
#include "loop/core/loop.h"
#include "loop/core/mailbox.h"
#include "loop/core/ready.h"
#include "loop/core/stack.h"
#include "loop/core/task_impl.h"
#include "loop/core/timer_heap.h"
#include "loop/core/track.h"
#include <sys/types.h>
#include <time.h>

struct duet__poll; /* poll.c: everything of libevent */
struct duet__unread;

struct duet__chunk {
	struct duet__chunk *next;
	duet_task records[];
};

struct duet_loop {
	duet__context context; /* of the loop itself: the thread's own stack                 */
	duet__context dead;    /* where ended tasks leave theirs                             */
	duet__ready ready;
	duet__timer_heap timers;
	duet__stacks stacks;
	struct duet__poll *poll;
	duet__mailbox *mailbox;

	duet_run_options options;
	duet_task *main;
	duet__list tasks; /* all that are not freed                                     */
	size_t alive;     /* NEW or LIVE                                                */
	size_t allocated; /* of tasks, for the ready ring                               */
	struct duet__chunk *chunks;
	duet_task *free_tasks; /* records to use again, linked through arg                   */
	uint32_t spawned;      /* tasks so far                                               */
	uint64_t ended;        /* tasks so far                                               */

	duet__list hooks; /* armed                                                      */
	duet__list attachments;
	size_t external; /* parked waiters that the outside can wake                   */
	size_t holds;
	bool lent;       /* somebody asked for the loop's handle                       */
	bool closing;    /* the main task has ended                                    */
	bool doomed;     /* a deadlock is being broken up: no wait succeeds but for a task's end */
	bool hopeless;   /* nor does that: tasks wait for each other's                  */
	bool deadlocked; /* there was one                                              */
	bool forked;     /* this is a forked child's copy                              */

	duet_time now;  /* on the loop's clock, at the start of the turn; the virtual
	                              clock itself                                               */
	duet_time real; /* CLOCK_MONOTONIC when the virtual clock was last set by it  */
	uint64_t timer_order;
	uint64_t random; /* state of the shuffle; 0 = first in, first out              */

	int switches;  /* until the next look at the clock                           */
	int stride;    /* switches between two looks                                 */
	int allowance; /* switches until the loop polls, in any case                 */
	duet_time looked_at;
	duet_time slice_end;
	duet_time held_since; /* coarse clock: when the running task was switched to        */

	struct {
		void (*fn)(void *arg);
		void *arg;
		duet_task *task;
	} call; /* duet__on_loop_stack                                        */

	duet__tracks tracks; /* while somebody traces */

	struct duet__unread *unread; /* errors that nobody read, the first of them               */
	size_t unread_count;
};

/* The loop of this thread. */
extern _Thread_local duet_loop *duet__current_loop __attribute__((tls_model("initial-exec")));
extern _Thread_local bool duet__in_forked_child __attribute__((tls_model("initial-exec")));

static inline duet_time duet__clock_read(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (duet_time)t.tv_sec * 1000000000 + t.tv_nsec;
}

static inline duet_time duet__clock_monotonic(void)
{
	return duet__clock_read(CLOCK_MONOTONIC);
}

/* Right to a few milliseconds, and an eighth of the price. */
static inline duet_time duet__clock_coarse(void)
{
	return duet__clock_read(CLOCK_MONOTONIC_COARSE);
}

duet_time duet__loop_now(const duet_loop *loop);
duet__stacks *duet__loop_stacks(duet_loop *loop, size_t size); /* of this size; 0 = the run's    */

/* schedule.c */
void duet__run_ready(duet_loop *loop); /* from the loop: until nothing is ready        */
void duet__task_main(void);            /* the bottom frame of every task               */
uint64_t duet__random(duet_loop *loop);

/* poll.c */
struct duet__poll *duet__poll_open(duet_loop *loop);
void duet__poll_close(struct duet__poll *p);
void duet__poll_once(struct duet__poll *p, duet_time wait); /* 0 = do not block              */
bool duet__poll_is_idle(const struct duet__poll *p);        /* nothing is watched            */

/* tree.c: one line for each task, indented below the one that spawned it */
void duet__tree_print(FILE *to, duet_loop *loop);

/* trace.c */
void duet__trace_task_begun(duet_task *t);
void duet__trace_task_ended(duet_task *t, int result);

/* overflow.c: at the beginning and the end of each run */
void duet__overflow_begin(void);
void duet__overflow_end(void);

/* report.c */
bool duet__is_debugging(void); /* DUET_DEBUG=1 */
void duet__report_slow(duet_task *t, duet_time held);
void duet__report_deadlock(duet_loop *loop); /* and leaves its text in duet_errmsg()             */
void duet__unread_add(duet_loop *loop, const duet_task *t);
void duet__unread_report(duet_loop *loop);

#endif
