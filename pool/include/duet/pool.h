/* A pool of forked workers: a ProcessPoolExecutor whose jobs cost microseconds, and which no job
 * can break.
 *
 *     static int main_task(void *pool)
 *     {
 *             duet_buf out = {0};
 *             int r = duet_pool_call(pool, "upper", DUET_STR("hello"), &out);
 *             if (r < 0)
 *                     return fprintf(stderr, "%s\n", duet_errmsg()), r;
 *             puts(out.data);
 *             duet_buf_free(&out);
 *             return 0;
 *     }
 *     int main(void)
 *     {
 *             duet_job_register("upper", upper);
 *             duet_pool *pool = duet_pool_open(NULL);
 *             int r = pool != NULL ? duet_run(main_task, pool) : -1;
 *             duet_pool_close(pool);
 *             return r < 0;
 *     }
 *
 * Life: register jobs -> open -> any number of runs that call -> close.  A pool belongs to one run
 * at a time.
 *
 * Every call ends exactly once: with the job's result, the job's own error, DUET_EWORKER (the
 * worker died under it; duet_errmsg() names the signal or the exit status), DUET_ETIMEDOUT,
 * DUET_ECANCELED or DUET_EPOOL.  A worker's death touches the job that it was running and no
 * other, and the worker is replaced.  A job that was not started when its worker died moves on to
 * another; one that was started is run again only within its retries.
 *
 * Workers never outlive the process that opened the pool, however it ends. */
#ifndef DUET_POOL_H
#define DUET_POOL_H

#include <duet/api.h>
#include <duet/bytes.h>
#include <duet/job.h>
#include <duet/run.h>
#include <duet/time.h>
#include <sys/types.h>

enum { DUET_POOL_MAX_WORKERS = 256 };

typedef struct duet_pool duet_pool;

/* How the bytes travel between parent and worker; the same promises on each. */
typedef enum duet_transport {
	DUET_TRANSPORT_DEFAULT = 0, /* local                                                    */
	DUET_TRANSPORT_LOCAL = 1,   /* a socket pair: the fastest                               */
	DUET_TRANSPORT_NNG = 2,     /* nng over ipc:// in a private directory.  nng starts threads
	                               in this process, so the first such pool is the last pool
	                               that it can open                                         */
} duet_transport;

/* Every field may be 0 for its default. */
typedef struct duet_pool_options {
	int workers;            /* 0 = the cores this process may use: its affinity and its
	                             cgroup's quota                                             */
	int min_workers;        /* with fewer calls, fewer workers, down to this number; 0 = always
	                             .workers                                                   */
	duet_time idle_timeout; /* how long a worker beyond .min_workers may be idle; 0 = 10 s  */
	duet_time job_timeout;  /* how long a job may run, counted from its start; the worker is
	                             then killed and replaced.  0 = for ever                    */
	duet_time grace;        /* between asking a job to stop (duet_job_cancelled) and killing
	                             its worker, after a timeout or a cancel.  0 = kill at once */
	int retries;            /* how often a job whose worker died is run again; 0 = never,
	                             because it may have done half of its work                  */
	size_t max_queue;       /* calls that may wait for a worker; further callers suspend
	                             before they queue.  0 = no limit                           */
	bool fail_when_full;    /* ... or fail with -EAGAIN                                   */
	size_t max_payload;     /* bytes of one input or reply; more is -E2BIG.  0 = 2 GiB    */
	duet_fn *on_worker_start; /* runs in each worker before its first job; < 0: the worker
	                             cannot start; it may take as long as it likes              */
	duet_fn *on_worker_stop;  /* runs in a worker that is stopped in peace: it has 10 s, when
	                             the pool is closed 1 s                                     */
	void *worker_context;     /* the argument of both, as it was when the pool was opened   */
	uint64_t max_jobs_per_worker; /* a worker is replaced after so many jobs.  0 = never    */
	size_t max_worker_rss;        /* ... or once it has so many bytes in memory.  0 = never */
	duet_time max_worker_age;     /* ... or after a job, once it is so old.  0 = never      */
	size_t memory_limit;          /* bytes of memory a worker may allocate; beyond that its
	                             allocations fail.  0 = no limit                            */
	int nice;            /* added to the workers' nice value                           */
	bool pin_workers;    /* each worker to one core, in turn                           */
	bool sandbox;        /* jobs may read below /usr and /lib, and what was open when the start
	                             hook had run; they may not write files, open sockets, start
	                             processes or reach others.  Needs Landlock and seccomp: a
	                             kernel without them is refused                             */
	bool keep_secrets;   /* leave *_API_KEY, *TOKEN*, *SECRET*, *PASSWORD* and OPENAI_* in
	                             the workers' environment; by default they are wiped        */
	bool capture_output; /* lines that workers print on stdout and stderr go to the run's
	                             report callback (DUET_REPORT_WORKER)                       */
	duet_transport transport;
} duet_pool_options;

/* Every field may be 0 for the pool's own setting. */
typedef struct duet_call_options {
	duet_time timeout; /* how long the job may run; DUET_FOREVER = no limit                 */
	int retries;       /* -1 = none                                                         */
	int priority;      /* -8 .. 7, higher first; each second of waiting counts as one more  */
	void (*on_progress)(void *context, double fraction); /* on the loop's thread, not in a
	                      task; must not suspend                                            */
	void *context;
} duet_call_options;

typedef struct duet_pool_stats_t {
	size_t workers;    /* alive                                                               */
	size_t idle;       /* of them without a job                                               */
	size_t queued;     /* calls that no worker has begun                                      */
	size_t running;    /* calls that a worker is at                                           */
	uint64_t done;     /* calls that ended with a result                                      */
	uint64_t failed;   /* calls that ended with an error                                      */
	uint64_t retried;  /* jobs run again after a death                                      */
	uint64_t restarts; /* workers that replaced a dead one                                  */
	uint64_t timeouts; /* calls that ended with DUET_ETIMEDOUT                              */
	uint64_t recycled; /* workers replaced after .max_jobs_per_worker,
	                        .max_worker_rss or .max_worker_age                       */
	size_t shared_bytes; /* shared memory held by inputs                                    */
	duet_time run_time;  /* sum over all jobs */
	duet_time wait_time; /* sum of the time that calls waited for a worker */
	duet_time run_p50, run_p95, run_p99;      /* how long 50, 95, 99 % of jobs ran at most,   */
	duet_time wait_p50, wait_p95, wait_p99;   /* and calls waited: to within an eighth        */
	pid_t worker_pids[DUET_POOL_MAX_WORKERS]; /* the first .workers of them                 */
} duet_pool_stats_t;

DUET_BEGIN_DECLS

/* Forks the workers.  Call it from main, early: before duet_run, and before anything starts a
 * thread, curl or nng in this process.  Workers see memory as it is at this moment.
 * -> a pool, or NULL with errno EINVAL (opened too late, bad options: see duet_errmsg()), ENOMEM,
 * EMFILE, EAGAIN (it may not fork), EFBIG (RLIMIT_FSIZE leaves no room for shared memory), ENOSYS
 * (.sandbox, on a kernel without) */
DUET_API duet_pool *duet_pool_open(const duet_pool_options *options);

/* Runs the job in a worker, on `in` (lent for the call), and sets *out (may be NULL) to its reply,
 * which the caller frees.  Inputs over 32 KiB are copied to shared memory, once; replies over
 * 32 KiB are lent from it, and not copied.  Cancelled while the job runs, it returns at once and
 * the worker is killed.
 * -> the job's result >= 0, the job's own error, -ENOENT (no such job), -E2BIG, -EINVAL (bytes that
 * are nowhere), -ENOMEM, -EBUSY (the pool is in use by another run), -EAGAIN (.fail_when_full),
 * DUET_ECLOSED, DUET_EWORKER, DUET_ETIMEDOUT, DUET_EPOOL, DUET_ECANCELED, DUET_ENOTASK */
DUET_SUSPENDS DUET_API int duet_pool_call(duet_pool *pool, const char *job, duet_bytes in,
					  duet_buf *out);
DUET_SUSPENDS DUET_API int duet_pool_call_with(duet_pool *pool, const duet_call_options *options,
					       const char *job, duet_bytes in, duet_buf *out);

/* The job on each of in[0..n-1]; replies in order in out[] (may be NULL; {0} where a job failed).
 * Only a window of them is under way at a time, in batches that the pool chooses.
 * With results: every job is run, and results[i] is what its call would have returned.  Without:
 * the first failure cancels the rest.  -> 0, or the first failure by index, or as duet_pool_call;
 * whatever it returns, out and results are set: DUET_ECANCELED those that did not end to it */
DUET_SUSPENDS DUET_API int duet_pool_map(duet_pool *pool, const char *job, const duet_bytes in[],
					 size_t n, duet_buf out[], int results[]);

/* Makes *buf a buffer of len bytes in the pool's shared memory: filled in and given to a call, in
 * whole or in part, its bytes are not copied.  Free it after the call.  Any time after open.
 * -> 0, -E2BIG, -ENOMEM, DUET_ECLOSED, DUET_EFORKED (the pool is the parent process's) */
DUET_API int duet_pool_alloc(duet_pool *pool, size_t len, duet_buf *buf);

/* -> 0, -EINVAL, DUET_ECLOSED.  Cheap; between runs it also looks after the workers. */
DUET_API int duet_pool_stats(const duet_pool *pool, duet_pool_stats_t *out);

/* Stops the workers and frees the pool; NULL is fine.  Inside a run it first waits until every
 * call that was made, and waits for a place in the queue maybe, has ended; further ones return
 * DUET_ECLOSED.  Cancelled meanwhile, it fails the rest with DUET_ECLOSED, closes the pool all the
 * same, and returns DUET_ECANCELED.  Buffers that came from the pool stay valid.
 * -> 0, DUET_ECANCELED, DUET_ECLOSED (it is closed already, or just being closed), -EBUSY (in use by
 * a run of another thread), DUET_EFORKED (the pool is the parent process's) */
DUET_SUSPENDS DUET_API int duet_pool_close(duet_pool *pool);

/* The cores this process may use: what .workers = 0 means. */
DUET_API int duet_usable_cores(void);

DUET_END_DECLS

#endif
