/* The pool from inside.
 *
 *     pool.c        open, close, stats; letting go of one run and binding to the next
 *     call.c map.c  what tasks call: a call enters the ledger and its task parks
 *     dispatch.c    ledger -> messages -> workers, and their answers back into the ledger
 *     supervisor.c  the life of workers: spawn, ready, overdue, dead, replaced
 *
 * All of it runs on the loop's thread, or, between runs, on the thread that owns the pool. */
#ifndef DUET_POOL_POOL_IMPL_H
#define DUET_POOL_POOL_IMPL_H

#include "ipc/arena.h"
#include "ipc/memory.h"
#include "loop/core/loop.h"
#include "loop/core/park.h"
#include "loop/core/timer.h"
#include "loop/core/watch.h"
#include "pool/histogram.h"
#include "pool/ledger.h"
#include "pool/zygote.h"

#include <duet/pool.h>

/*
 *   STARTING ──ready──▶ UP ──enough jobs──▶ RETIRING
 *       │               │                      │            any ──exit──▶ (freed)
 *       └──── doom ─────┴──────── doom ────────┴──▶ DOOMED
 */
typedef enum duet__worker_state {
	DUET__WORKER_STARTING = 0, /* forked; its start hook may be running                     */
	DUET__WORKER_UP,           /* takes jobs                                                */
	DUET__WORKER_RETIRING,     /* finishes what it holds, then leaves                       */
	DUET__WORKER_DOOMED,       /* a kill is on its way                                      */
} duet__worker_state;

typedef struct duet__worker {
	duet__list node; /* in the pool's list of all                                           */
	duet_pool *pool;
	duet__worker_state state;
	uint32_t epoch;   /* its name, never used twice                                           */
	int number;       /* its place                                                            */
	pid_t pid;        /* 0 until the zygote has told it                                       */
	bool greeted;     /* its HELLO was right                                                  */
	bool booted;      /* it has been READY                                                    */
	bool tired;       /* it asks to be replaced */
	bool blocked;     /* the channel was full at the last send                                */
	bool gone;        /* and at the last send nobody was there                                */
	bool leaving;     /* its last job is over, and its stop hook running                      */
	const char *doom; /* why it was killed by us, or NULL                                   */

	duet__channel *channel;
	duet__memory *memory;
	duet__watch *watch; /* of the channel; NULL between runs and after its end              */
	duet__hand hand;
	uint64_t given;         /* jobs handed to it so far                                    */
	unsigned char *message; /* frames not yet sent                                         */
	size_t message_len;

	uint64_t first_id;     /* the call it is at                                           */
	duet_time first_since; /* and since when, as far as we know; idle: since when */
	duet_time traced;      /* end of its last job in the trace                       */
	duet__timer overdue;   /* looks at that call, or at the boot                          */
	int looks;             /* at the boot, in which nothing was to be seen                  */
	duet__timer farewell;  /* its job was given up, and the grace is running; or it has
	                            closed its channel and should end by itself                 */
	unsigned given_up;     /* the ticket of that job,                                     */
	uint64_t given_up_id;  /* and its id: 0 = none was                                    */

	int output; /* the read end of its stdout and stderr, or -1                             */
	duet__watch *output_watch;
	size_t line_len;
	char *line;
} duet__worker;

struct duet_pool {
	pid_t owner;
	duet__plan plan;
	duet__zygote zygote, spare;
	duet__ledger ledger;
	duet__list workers;
	int target; /* how many there should be: between these */
	int least, most;
	uint32_t epochs; /* given out so far                                                    */
	duet__arena *arena;
	int arena_fd; /* writable; until the arena is mapped                                     */
	bool arena_is_sealed;
	duet_time *expected; /* per job function: how long it runs, as learned                  */
	unsigned char *received; /* a message, copied before it is looked at                    */

	duet_loop *loop; /* the run it is bound to, or NULL                                     */
	duet__attachment attachment;
	duet_time turn;          /* when the calls of this turn were queued                       */
	duet__hook hook;         /* dispatch at the end of the turn                               */
	duet__timer tick;        /* looks for results and jobs stuck behind a long one            */
	duet__timer respawn;     /* the backoff is over */
	duet__timer shrink;      /* looks for workers that have been idle for long */
	duet__watch *news, *end; /* of the zygote */

	int boot_deaths;        /* workers that ended before they were ready, in a row           */
	int boot_error;         /* of the last that could not be forked                          */
	int boot_crashes;       /* of them by a fault of their own, not killed from outside      */
	duet_time boot_trouble; /* since when; 0 = there is none                                 */
	duet_time backoff_end;  /* nothing is forked before; 0 = none                            */
	bool failed;            /* DUET_EPOOL                                                    */
	char why_failed[192];
	bool closing;
	bool ending; /* ... callers are turned out, and no worker is replaced any more           */

	size_t users;            /* tasks inside a call                                           */
	duet__list space;        /* tasks waiting for a place in the queue                        */
	duet__list drained;      /* the closing task, waiting for users == 0                      */
	duet_pool_stats_t stats; /* the counters only                                           */
	duet__histogram ran, waited;
};

#define DUET__TURNED_OUT "the pool was closed before the job had ended"

/* A limit that no clock will reach is none. */
static inline duet_time duet__time_limit(duet_time t)
{
	return t > DUET_FOREVER / 4 ? DUET_FOREVER : t;
}

#define DUET__WORKERS_EACH(w, pool)                                                                \
	for (duet__worker *w = duet__worker_of((pool)->workers.next), *w##_next;                   \
	     w##_next = duet__worker_of(w->node.next), &w->node != &(pool)->workers; w = w##_next)

static inline duet__worker *duet__worker_of(duet__list *node)
{
	return duet__container_of(node, duet__worker, node);
}

static inline bool duet__worker_is_live(const duet__worker *w)
{
	return w->state == DUET__WORKER_STARTING || w->state == DUET__WORKER_UP;
}

/* Its caller has gone, and the grace is running. */
static inline bool duet__worker_is_at_given_up(const duet__worker *w)
{
	return w->given_up_id != 0 && w->hand.ids[w->given_up] == w->given_up_id;
}

/* pool.c */
int duet__pool_bind(duet_pool *p); /* to this run -> 0, -EBUSY, -ENOMEM                          */

/* call.c */

/* Fills in a call -> 0, -ENOENT, -E2BIG */
int duet__call_prepare(const duet_pool *p, duet__call *call, const duet_call_options *o,
		       const char *job, duet_bytes in);
void duet__call_submit(duet_pool *p, duet__call *call);
/* Leaves the outcome to the caller: words, reply.  -> the result */
int duet__call_outcome(duet__call *call, duet_buf *out);
/* First and last line of every call: the pool is not freed in between. */
int duet__call_enter(duet_pool *p); /* -> 0, or why there can be no call                        */
void duet__call_leave(duet_pool *p);
/* Suspends while the queue is full -> 0, -EAGAIN, DUET_ECANCELED, DUET_ECLOSED, DUET_EPOOL */
bool duet__call_has_space(const duet_pool *p);
int duet__call_wait_in_line(duet_pool *p); /* until there is space                              */
/* Takes in what the worker has said of it -> whether it is over. */
bool duet__call_has_ended(duet__call *call);
/* Ends a call that nobody waits for any longer. */
void duet__call_abandon(duet_pool *p, duet__call *call);

/* Ends a call from outside, as the ledger does.  Its input stays while a job may read it. */
duet__hand *duet__call_drop(duet_pool *p, duet__call *call);
/* Gives the call, which is OVER, its outcome.  Words may be NULL. */
void duet__call_finish(duet_pool *p, duet__call *call, int result, const char *words);

/* dispatch.c */
void duet__dispatch_init(duet_pool *p);
void duet__dispatch_soon(duet_pool *p);
void duet__dispatch_tick(void *timer);
void duet__dispatch_readable(void *worker, int events); /* a duet__watch_fn                     */
void duet__dispatch_drain(duet__worker *w);   /* all that can still be had from its channel      */
void duet__dispatch_harvest(duet__worker *w); /* and from its outbox                            */
void duet__dispatch_gather(duet__worker *w);  /* both: what has ended counts as ended           */
void duet__dispatch_send(duet__worker *w);
bool duet__dispatch_stop(duet__worker *w); /* tells it to leave -> whether that could be sent     */
void duet__dispatch_fail_all(duet_pool *p, int code, const char *words); /* what is queued      */

/* supervisor.c */
void duet__supervisor_fill(duet_pool *p);   /* up to target                                     */
void duet__supervisor_listen(duet_pool *p); /* takes what news there is                         */
int duet__supervisor_watch_zygote(duet_pool *p); /* in the run that p is bound to        */
void duet__supervisor_unwatch_zygote(duet_pool *p);
void duet__supervisor_forgive(duet_pool *p); /* the restart budget is full again                 */
void duet__supervisor_ready(duet__worker *w);
void duet__supervisor_doom(duet__worker *w, const char *why);
void duet__supervisor_gone(duet__worker *w); /* its end of the channel is closed                 */
void duet__supervisor_retire(duet__worker *w, bool replace);
void duet__supervisor_kill(duet__worker *w, const char *why);
void duet__supervisor_take_back(duet__worker *w); /* what it has not begun                       */
void duet__supervisor_respawn(void *timer);
void duet__supervisor_grow(duet_pool *p); /* more calls wait than workers are free */
void duet__supervisor_shrink(void *timer);
int duet__supervisor_watch(duet__worker *w); /* binds it to the pool's loop                     */
void duet__supervisor_unwatch(duet__worker *w);
void duet__supervisor_free(duet__worker *w); /* when its process is gone, or nearly             */

/* overdue.c */
void duet__overdue_fire(void *timer);
void duet__overdue_farewell(void *timer);
int duet__overdue_watch(duet__worker *w); /* -> 0, or there is no timer                          */
int duet__overdue_watch_boot(duet__worker *w);             /* -> 0, DUET_ENOMEM */
void duet__overdue_finish(duet_pool *p, duet__call *call); /* it ran too long                  */
void duet__overdue_mind(duet__worker *w); /* its first call may have changed                     */
void duet__overdue_give_up(duet__worker *w, unsigned ticket); /* nobody wants this job now        */

/* describe.c: what the workers are at, for the dump */
void duet__pool_describe(duet__attachment *attachment, FILE *to);

/* trace.c: a job that ran in w has ended.  DUET_FOREVER: it took until now. */
void duet__pool_trace(duet__worker *w, const duet__call *call, duet_time took, int result);

/* output.c */
int duet__output_open(duet__worker *w, int *write_end);
int duet__output_watch(duet__worker *w);
void duet__output_read(duet__worker *w); /* what is there, for the job it is at             */
void duet__output_close(duet__worker *w);

/* cores.c: duet_usable_cores */

#endif
