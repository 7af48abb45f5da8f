/* Open, close, stats, and the tie between a pool and the run that uses it. */
#include "pool/pool_impl.h"
#include "pool/sandbox.h"

#include "loop/core/fail.h"
#include "loop/http/up.h"
#include "pool/directory.h"
#include "pool/job_impl.h"

#include <duet/fd.h>
#include <duet/scope.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

static const size_t PAYLOAD_MAX = (size_t)2 << 30;
static const size_t ARENA_SIZE = (size_t)64 << 30;
static const size_t ARENA_SMALLEST = (size_t)1 << 20;
static const size_t REPLIES_SIZE = (size_t)16 << 30;
static const duet_time FAREWELL = DUET_S(1);

/* ---- may we? ---- */

/* ThreadSanitizer runs a thread of its own in every process. */
static bool has_threads(void)
{
#if defined(__SANITIZE_THREAD__)
	return false;
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
	return false;
#endif
#endif
	struct stat s;
	return stat("/proc/self/task", &s) == 0 && s.st_nlink > 3;
}

static int check_moment(void)
{
	if (duet__loop() != NULL)
		return duet__failf(DUET_EINVAL, "a pool cannot be opened inside a run: open it "
						"before duet_run");
	if (duet__http_is_up())
		return duet__failf(DUET_EINVAL, "a pool cannot be opened after curl was started: "
						"open it before the first HTTP client");
	if (has_threads())
		return duet__failf(DUET_EINVAL, "a pool cannot be opened once the process has "
						"threads: open it first thing in main");
	return 0;
}

static int check_options(const duet_pool_options *o)
{
	if (o->workers < 0 || o->workers > DUET_POOL_MAX_WORKERS)
		return duet__failf(DUET_EINVAL, "a pool can have 1 to %d workers, not %d",
				   DUET_POOL_MAX_WORKERS, o->workers);
	if (o->job_timeout < 0 || o->grace < 0 || o->retries < 0 || o->min_workers < 0 ||
	    o->idle_timeout < 0 || o->max_worker_age < 0)
		return duet__failf(DUET_EINVAL, "a pool's times and counts cannot be negative");
	if ((unsigned)o->transport > DUET_TRANSPORT_NNG)
		return duet__failf(DUET_EINVAL, "there is no transport %d", (int)o->transport);
	if (o->sandbox && duet__sandbox_probe() < 0)
		return duet__failf(-ENOSYS,
				   "this kernel cannot sandbox workers: it has no Landlock, "
				   "or no seccomp");
	return 0;
}

/* ---- open ---- */

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static size_t limit_of(int resource)
{
	struct rlimit limit;
	return getrlimit((__rlimit_resource_t)resource, &limit) == 0 ? limit.rlim_cur : SIZE_MAX;
}

/* How much is free in one piece, to a power of two: less than the processor has under a limit, a
 * checker of memory, an emulator. */
static size_t address_space(void)
{
	size_t size = 8 * ARENA_SIZE;
	for (; size >= 8 * ARENA_SMALLEST; size /= 2) {
		void *p = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
			       -1, 0);
		if (p == MAP_FAILED)
			continue;
		munmap(p, size);
		break;
	}
	return size;
}

/* The arenas are vast and empty; where address space, or the size of files, is limited they have to
 * be small. */
static int choose_sizes(duet__plan *plan)
{
	const size_t board = duet__memory_replies_offset(), files = limit_of(RLIMIT_FSIZE);
	const size_t space = address_space() / 8, most = least(space, files - least(board, files));
	duet_pool_options *o = &plan->options;
	if (most < ARENA_SMALLEST)
		return space < ARENA_SMALLEST ? -ENOMEM : -EFBIG;
	plan->arena_size = ARENA_SIZE;
	plan->replies_size = REPLIES_SIZE;
	if (most < ARENA_SIZE) {
		plan->arena_size = most & ~(size_t)0xffff;
		plan->replies_size = least(REPLIES_SIZE, plan->arena_size / 4);
	}
	o->max_payload = least(o->max_payload, plan->replies_size / 4);
	return 0;
}

static void fill_in_options(duet_pool_options *o)
{
	if (o->workers == 0)
		o->workers = (int)least((size_t)duet_usable_cores(), DUET_POOL_MAX_WORKERS);
	if (o->min_workers == 0 || o->min_workers > o->workers)
		o->min_workers = o->workers;
	if (o->idle_timeout == 0)
		o->idle_timeout = DUET_S(10);
	o->idle_timeout = duet__time_limit(o->idle_timeout);
	o->grace = duet__time_limit(o->grace);
	if (o->job_timeout == 0)
		o->job_timeout = DUET_FOREVER;
	if (o->max_payload == 0)
		o->max_payload = PAYLOAD_MAX;
}

static int make_plan(duet__plan *plan, const duet_pool_options *options)
{
	if (options != NULL)
		plan->options = *options;
	fill_in_options(&plan->options);
	plan->may_wait_awake = duet_usable_cores() > 1;
	int r = choose_sizes(plan);
	if (r < 0)
		return r;
	plan->transport = plan->options.transport == DUET_TRANSPORT_NNG ? &duet__transport_nng
									: &duet__transport_local;
	if (getrandom(plan->token, sizeof(plan->token), 0) != sizeof(plan->token))
		return -errno;
	return plan->transport->needs_directory
		       ? duet__directory_make(plan->directory, sizeof(plan->directory))
		       : 0;
}

/* Workers get a descriptor that only reads.  Where there is no /proc to make it with, a seal has
 * the same effect, but then memory is never given back: that counts as writing. */
static int make_arena(duet_pool *p)
{
	p->arena_fd = duet__memory_create("duet-inputs", p->plan.arena_size);
	if (p->arena_fd < 0)
		return p->arena_fd;
	p->plan.arena_fd = duet__memory_reader(p->arena_fd);
	if (p->plan.arena_fd == -EMFILE || p->plan.arena_fd == -ENFILE)
		return p->plan.arena_fd;
	p->arena_is_sealed = p->plan.arena_fd < 0;
	if (p->arena_is_sealed)
		p->plan.arena_fd = fcntl(p->arena_fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	return p->plan.arena_fd < 0 ? -errno : 0;
}

/* The zygotes come before the mapping, so that none of them can write through it, and before the
 * transport, which may start threads. */
static int fork_zygotes(duet_pool *p)
{
	int r = duet__zygote_start(&p->zygote, &p->plan);
	return r < 0 ? r : duet__zygote_start(&p->spare, &p->plan);
}

static int open_arena(duet_pool *p)
{
	p->arena = duet__arena_open(p->arena_fd, 0, p->plan.arena_size);
	if (p->arena == NULL)
		return -errno;
	if (p->arena_is_sealed)
		fcntl(p->arena_fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE); /* since Linux 5.1 */
	close(p->arena_fd);
	p->arena_fd = -1;
	return 0;
}

static bool pids_missing(duet_pool *p)
{
	DUET__WORKERS_EACH (w, p)
		if (w->pid == 0)
			return true;
	return false;
}

/* Workers boot while the program goes on; only their pids are waited for.  Those that crash will be
 * counted; but if not one could be forked, there is no pool. */
static int start_workers(duet_pool *p)
{
	duet__supervisor_fill(p);
	while (pids_missing(p)) {
		duet__zygote_wait(&p->zygote);
		duet__supervisor_listen(p);
	}
	return duet__list_is_empty(&p->workers) && p->boot_crashes == 0 ? p->boot_error : 0;
}

static void close_attached(duet__attachment *a);

static duet_pool *pool_new(void)
{
	duet_pool *p = calloc(1, sizeof(*p));
	if (p == NULL)
		return NULL;
	p->owner = getpid();
	p->zygote = p->spare = DUET__ZYGOTE_NONE;
	p->plan.arena_fd = p->arena_fd = -1;
	p->attachment.closing = close_attached;
	p->attachment.describe = duet__pool_describe;
	p->tick.fire = duet__dispatch_tick;
	p->respawn.fire = duet__supervisor_respawn;
	p->shrink.fire = duet__supervisor_shrink;
	duet__list_init(&p->attachment.node);
	duet__list_init(&p->workers);
	duet__list_init(&p->space);
	duet__list_init(&p->drained);
	duet__ledger_init(&p->ledger);
	duet__dispatch_init(p);
	p->expected = calloc(duet__job_count() + 1, sizeof(*p->expected));
	p->received = aligned_alloc(64, DUET__MESSAGE_MAX);
	duet__job_seal(+1);
	return p;
}

/* The shells of the last closed pools are kept, so that a call on one of them is DUET_ECLOSED and
 * not a crash. */
static void bury_shell(duet_pool *p)
{
	enum { SHELLS = 8 };
	static duet_pool *shells[SHELLS];
	static unsigned next;
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	pthread_mutex_lock(&lock);
	duet_pool *oldest = shells[next];
	shells[next] = p;
	next = (next + 1) % SHELLS;
	pthread_mutex_unlock(&lock);
	free(oldest);
}

/* However far it was built.  The mapping lives on while buffers of it do. */
static void pool_free(duet_pool *p)
{
	p->closing = p->ending = true;
	duet__zygote_stop(&p->zygote);
	duet__zygote_stop(&p->spare);
	DUET__WORKERS_EACH (w, p)
		duet__supervisor_free(w);
	duet__arena_close(p->arena);
	p->arena = NULL;
	if (p->plan.arena_fd >= 0)
		close(p->plan.arena_fd);
	if (p->arena_fd >= 0)
		close(p->arena_fd);
	duet__directory_remove(p->plan.directory);
	free(p->expected);
	free(p->received);
	duet__job_seal(-1);
	bury_shell(p);
}

/* *step says what failed. */
static int pool_start(duet_pool *p, const duet_pool_options *options, const char **step)
{
	*step = "workers cannot be started";
	if (p->expected == NULL || p->received == NULL)
		return DUET_ENOMEM;
	int r = make_plan(&p->plan, options);
	p->most = p->plan.options.workers;
	p->target = p->least = p->plan.options.min_workers;
	if (r == 0 && (r = make_arena(p)) < 0)
		*step = "shared memory cannot be made";
	if (r == 0)
		r = fork_zygotes(p);
	if (r == 0)
		r = open_arena(p);
	return r < 0 ? r : start_workers(p);
}

duet_pool *duet_pool_open(const duet_pool_options *options)
{
	int r = check_moment();
	if (r == 0 && options != NULL)
		r = check_options(options);
	if (r < 0) {
		errno = -r;
		return NULL;
	}
	duet_pool *p = pool_new();
	if (p == NULL)
		return duet__fail_null(DUET_ENOMEM);
	const char *step;
	if ((r = pool_start(p, options, &step)) < 0) {
		pool_free(p);
		return duet__failf_null(r, "the pool's %s: %s", step, duet_strerror(r));
	}
	return p;
}

/* ---- runs ---- */

static void unbind(duet_pool *p)
{
	if (p->loop == NULL)
		return;
	duet__supervisor_unwatch_zygote(p);
	DUET__WORKERS_EACH (w, p)
		duet__supervisor_unwatch(w);
	duet__timer_stop(p->loop, &p->tick);
	duet__timer_stop(p->loop, &p->respawn);
	duet__timer_stop(p->loop, &p->shrink);
	duet__hook_disarm(&p->hook);
	duet__loop_detach(&p->attachment);
	p->loop = NULL;
	duet__arena_trim(p->arena, 0);
}

static void close_attached(duet__attachment *a)
{
	unbind(duet__container_of(a, duet_pool, attachment));
}

static int watch_all(duet_pool *p)
{
	int r = duet__supervisor_watch_zygote(p);
	DUET__WORKERS_EACH (w, p)
		if (r == 0)
			r = duet__supervisor_watch(w);
	return r;
}

int duet__pool_bind(duet_pool *p)
{
	duet_loop *loop = duet__loop();
	if (p->loop == loop)
		return 0;
	if (p->owner != getpid())
		return duet__failf(DUET_EFORKED, "the pool belongs to the process that opened it");
	if (p->loop != NULL)
		return duet__failf(DUET_EBUSY, "the pool is in use by another run");
	duet__supervisor_listen(p); /* who died since the last run? */
	p->loop = loop;
	duet__supervisor_forgive(p); /* what it remembers was on another clock */
	duet__loop_attach(loop, &p->attachment);
	int r = watch_all(p);
	if (r < 0) {
		unbind(p);
		return duet__fail(r);
	}
	duet__supervisor_fill(p);
	duet__dispatch_soon(p);
	return 0;
}

/* ---- close ---- */

static int wait_until_drained(duet_pool *p)
{
	int r = 0;
	while (p->users > 0 && r == 0) {
		DUET__WAITER_EXTERNAL(w, "pool to drain");
		duet__list_append(&p->drained, &w.node);
		r = duet__park(&w);
	}
	return r;
}

/* Ends every call now, and waits for their tasks to notice. */
static void turn_out(duet_pool *p)
{
	p->ending = true;
	DUET__WORKERS_EACH (w, p)
		DUET__LIST_EACH (node, &w->hand.order) {
			duet__call_drop(p, duet__call_of(node));
			duet__call_finish(p, duet__call_of(node), DUET_ECLOSED, DUET__TURNED_OUT);
		}
	duet__dispatch_fail_all(p, DUET_ECLOSED, DUET__TURNED_OUT);
	while (p->users > 0) {
		DUET__WAITER(w, "callers of the pool to leave");
		duet__list_append(&p->drained, &w.node);
		if (duet__park_shielded(&w) < 0)
			break;
	}
}

/* Lets other tasks run meanwhile, if there are any. */
static void wait_readable(int fd, duet_time limit)
{
	duet_scope s;
	if (duet_self() == NULL) {
		poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, (int)(limit / DUET_MS(1)));
	} else if (duet_scope_shield(&s, limit) == 0) {
		duet_wait_fd(fd, DUET_READ);
		duet_scope_exit(&s);
	}
}

/* Workers with a stop hook are asked to leave and get a moment for it. */
static void stop_in_peace(duet_pool *p)
{
	duet_time end = duet_now() + FAREWELL, left;
	duet__news news;
	int waiting = 0;
	if (p->plan.options.on_worker_stop == NULL)
		return;
	DUET__WORKERS_EACH (w, p)
		waiting += w->state != DUET__WORKER_DOOMED && duet__dispatch_stop(w);
	while (waiting > 0 && (left = end - duet_now()) > 0) {
		wait_readable(p->zygote.control, left);
		int r;
		while ((r = duet__zygote_news(&p->zygote, &news)) > 0)
			waiting -= news.kind == DUET__NEWS_EXITED;
		if (r < 0)
			return;
	}
}

/* Killing and reaping large workers takes its time, in which the loop goes on. */
static void let_zygotes_go(duet_pool *p)
{
	duet__zygote *both[] = {&p->zygote, &p->spare};
	for (int i = 0; i < 2; i++)
		duet__zygote_let_go(both[i]);
	for (int i = 0; i < 2; i++)
		if (both[i]->ended >= 0)
			wait_readable(both[i]->ended, 2 * FAREWELL);
}

int duet_pool_close(duet_pool *p)
{
	int r = 0;
	if (p == NULL)
		return 0;
	if (p->owner != getpid())
		return duet__failf(DUET_EFORKED, "the pool belongs to the process that opened it");
	if (p->closing)
		return duet__failf(DUET_ECLOSED, "the pool is closed, or just being closed");
	if (p->loop != NULL && p->loop != duet__loop())
		return duet__failf(DUET_EBUSY, "the pool is in use by another run");
	if (p->users > 0 && duet_self() == NULL)
		return duet__failf(DUET_ENOTASK,
				   "the pool has callers, for which only a task can wait");
	p->closing = true;
	if (p->users > 0 && (r = wait_until_drained(p)) < 0)
		turn_out(p);
	p->ending = true;
	unbind(p);
	stop_in_peace(p);
	let_zygotes_go(p);
	pool_free(p);
	return r < 0 ? duet__fail(r) : 0;
}

/* ---- stats ---- */

static size_t count_running(const duet__worker *w)
{
	const duet__call *first = duet__hand_first(&w->hand);
	return first != NULL && duet__call_is_started(first);
}

static void tell_percentiles(const duet_pool *p, duet_pool_stats_t *out)
{
	static const int percents[] = {50, 95, 99};
	duet_time ran[3], waited[3];
	duet__histogram_percentiles(&p->ran, percents, ran, 3);
	duet__histogram_percentiles(&p->waited, percents, waited, 3);
	out->run_p50 = ran[0], out->run_p95 = ran[1], out->run_p99 = ran[2];
	out->wait_p50 = waited[0], out->wait_p95 = waited[1], out->wait_p99 = waited[2];
}

int duet_pool_stats(const duet_pool *pool, duet_pool_stats_t *out)
{
	if (pool == NULL || out == NULL)
		return duet__fail(DUET_EINVAL);
	duet_pool *p = (duet_pool *)(uintptr_t)pool;
	if (p->arena == NULL)
		return duet__failf(DUET_ECLOSED, "the pool is closed");
	if (p->loop == NULL && p->owner == getpid())
		duet__supervisor_listen(p);
	*out = p->stats;
	tell_percentiles(p, out);
	DUET__WORKERS_EACH (w, p) {
		out->running += count_running(w);
		if (!duet__worker_is_live(w) || w->pid == 0)
			continue;
		out->worker_pids[out->workers++] = w->pid;
		out->idle += w->hand.count == 0;
	}
	out->queued = p->ledger.queued + p->ledger.held - out->running;
	out->shared_bytes = p->arena->in_use;
	return 0;
}
