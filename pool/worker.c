/* The worker's loop.
 *
 * Happy path: receive a message of jobs; for each, claim it on the board, run it, put its result
 * into the outbox; when nothing more has arrived, send the outbox and wait.
 *
 * A result is sent late only while quick jobs follow it: once something has been waiting for
 * PATIENCE, it goes out before the next job starts.  Should that next job take long all the same,
 * the parent reads the outbox itself.
 *
 * Failure: any error of the channel means that the parent is gone or has done with us: leave.
 * Always by _exit: the parent's atexit handlers and buffers are not ours to run. */
#include "pool/worker.h"

#include "ipc/memory.h"
#include "ipc/outbox.h"
#include "loop/core/vigil.h"
#include "pool/job_impl.h"
#include "pool/sandbox.h"

#include <duet/error.h>
#include <sched.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static const duet_time PATIENCE = DUET_US(50);
static const duet_time VIGIL = DUET_US(50);
static const duet_time EXAMINED_EVERY = DUET_MS(20);

static struct {
	const duet__plan *plan;
	uint32_t epoch;
	duet__channel *channel;
	duet__board *board;
	const unsigned char *inputs; /* the pool's arena, read-only                             */
	duet_job job;
	duet__block *leased[DUET__LEASES];
	size_t leases;
	duet_time born, examined; /* the last look at one's own size and age               */
	bool tired;
	const volatile char *own; /* 1; but 0 in whatever a job has forked                       */
	duet_time clock;          /* when the last job ended                                     */
	duet_time unsent_since;
	duet__vigil vigil;
} worker;

static duet_time clock_now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return DUET_S((duet_time)t.tv_sec) + t.tv_nsec;
}

_Noreturn static void leave(int status)
{
	fflush(stdout);
	_exit(status);
}

/* What a job's exit() would run next are the program's own handlers, and flush its files. */
static void leave_at_exit(int status, void *unused)
{
	(void)unused;
	leave(status);
}

/* A page that the kernel clears in children, whichever way they are made. */
static const volatile char *own_page(void)
{
	static const char yes = 1;
	char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED)
		return &yes;
	*page = 1;
	madvise(page, 4096, MADV_WIPEONFORK);
	return page;
}

static void put(const duet__frame *f)
{
	if (duet__outbox_put(worker.board, worker.channel, f) < 0)
		leave(0);
}

static void flush(void)
{
	if (duet__outbox_flush(worker.board, worker.channel) < 0)
		leave(0);
}

/* ---- replies ---- */

/* Blocks whose lease the parent has given back are free again. */
static void reclaim(void)
{
	for (unsigned i = 0; worker.leases > 0 && i < DUET__LEASES; i++) {
		if (worker.leased[i] == NULL ||
		    atomic_load_explicit(&worker.board->lease[i], memory_order_acquire) != 0)
			continue;
		duet__arena_free(worker.leased[i]);
		worker.leased[i] = NULL;
		worker.leases--;
	}
}

/* The parent keeps less than half of them, so one that is free turns up. */
static unsigned take_lease(duet__block *b)
{
	while (worker.leases == DUET__LEASES) {
		flush();
		usleep(1000);
		reclaim();
	}
	unsigned slot = 0;
	while (worker.leased[slot] != NULL)
		slot++;
	worker.leased[slot] = b;
	worker.leases++;
	atomic_store(&worker.board->lease[slot], 1);
	return slot;
}

static void add_reply(duet__frame *f, duet_job *job)
{
	if (job->block == NULL) {
		f->data = job->scratch;
		f->size = (uint32_t)job->len;
		return;
	}
	f->flags = DUET__FRAME_SHARED;
	f->offset = job->block->offset;
	f->length = job->len;
	f->slot = take_lease(job->block);
	((unsigned char *)duet__block_data(job->block))[job->len] = 0;
	job->block = NULL;
}

static void add_failure(duet__frame *f, duet_job *job)
{
	duet__arena_free(job->block);
	job->block = NULL;
	f->data = job->words;
	f->size = (uint32_t)strlen(job->words);
}

static void send_progress(duet_job *job, double fraction)
{
	duet__frame f = {.type = DUET__FRAME_PROGRESS,
			 .ticket = (uint16_t)job->ticket,
			 .job = job->id,
			 .epoch = worker.epoch};
	memcpy(&f.nanos, &fraction, sizeof(f.nanos));
	put(&f);
	flush();
}

/* ---- jobs ---- */

static void prepare(duet_job *job, const duet__frame *f)
{
	job->in = (f->flags & DUET__FRAME_SHARED) != 0
			  ? DUET_BYTES(worker.inputs + f->offset, f->length)
			  : DUET_BYTES(f->data, f->size);
	job->id = f->job;
	job->ticket = f->ticket;
	job->len = 0;
	job->failed = 0;
	job->words[0] = 0;
	job->progressed = 0;
	job->is_at_end = false;
}

static int call(duet_job *job, int index)
{
	duet_job_fn *fn = duet__job_function((unsigned)index);
	int r = fn != NULL ? fn(job) : -ENOENT;
	if (*worker.own == 0)
		leave(r < 0); /* the worker is another */
	if (__fpending(stdout) > 0)
		fflush(stdout);
	return r >= 0 && job->failed < 0 ? job->failed : r;
}

static void answer(const duet__frame *f, int result)
{
	duet_job *job = &worker.job;
	duet_time now = clock_now();
	duet__frame out = {.type = DUET__FRAME_RESULT,
			   .ticket = f->ticket,
			   .job = f->job,
			   .epoch = worker.epoch,
			   .code = result,
			   .nanos = (uint64_t)(now - worker.clock)};
	if (result >= 0)
		add_reply(&out, job);
	else
		add_failure(&out, job);
	worker.clock = now;
	if (duet__outbox_is_empty(worker.board))
		worker.unsent_since = now;
	put(&out);
}

static size_t resident(void)
{
	size_t pages = 0;
	FILE *f = fopen("/proc/self/statm", "re");
	if (f == NULL)
		return 0;
	if (fscanf(f, "%*u %zu", &pages) != 1)
		pages = 0;
	fclose(f);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* Between jobs, and not too often: whether it is time to be replaced. */
static void examine(void)
{
	const duet_pool_options *o = &worker.plan->options;
	if ((o->max_worker_rss == 0 && o->max_worker_age == 0) || worker.tired ||
	    worker.clock - worker.examined < EXAMINED_EVERY)
		return;
	worker.examined = worker.clock;
	worker.tired = (o->max_worker_age > 0 && worker.clock - worker.born >= o->max_worker_age) ||
		       (o->max_worker_rss > 0 && resident() > o->max_worker_rss);
	if (worker.tired)
		put(&(duet__frame){.type = DUET__FRAME_TIRED, .epoch = worker.epoch});
}

static void run_job(const duet__frame *f)
{
	if (!duet__outbox_is_empty(worker.board) && worker.clock - worker.unsent_since > PATIENCE)
		flush();
	if (!duet__board_start(&worker.board->claim[f->ticket])) {
		put(&(duet__frame){.type = DUET__FRAME_SKIPPED,
				   .ticket = f->ticket,
				   .job = f->job,
				   .epoch = worker.epoch});
		return;
	}
	atomic_store_explicit(&worker.board->running, f->job, memory_order_relaxed);
	prepare(&worker.job, f);
	answer(f, call(&worker.job, f->code));
	examine();
}

/* ---- the loop ---- */

_Noreturn static void stop(void)
{
	flush();
	if (worker.plan->options.on_worker_stop != NULL)
		worker.plan->options.on_worker_stop(worker.plan->options.worker_context);
	leave(0);
}

static void obey(const unsigned char *message, size_t len)
{
	duet__frame f;
	for (size_t at = 0; at < len;) {
		ssize_t n = duet__frame_get(message + at, len - at, &f);
		if (n < 0)
			leave(1);
		at += (size_t)n;
		if (f.type == DUET__FRAME_JOB)
			run_job(&f);
		else if (f.type == DUET__FRAME_STOP)
			stop();
	}
}

/* Whoever needs the core may have it meanwhile. */
static ssize_t wait_awake(unsigned char *to)
{
	const duet_time end = clock_now() + VIGIL;
	ssize_t n;
	if (!worker.plan->may_wait_awake || !duet__vigil_is_worth(&worker.vigil))
		return -EAGAIN;
	do {
		sched_yield();
		n = duet__channel_recv(worker.channel, to, DUET__MESSAGE_MAX, false);
	} while (n == -EAGAIN && clock_now() < end);
	duet__vigil_end(&worker.vigil, n != -EAGAIN);
	return n;
}

/* Looks first, and sends what is done before it waits. */
static size_t next_message(unsigned char *to)
{
	ssize_t n = duet__channel_recv(worker.channel, to, DUET__MESSAGE_MAX, false);
	if (n == -EAGAIN) {
		flush();
		n = wait_awake(to);
		if (n == -EAGAIN)
			n = duet__channel_recv(worker.channel, to, DUET__MESSAGE_MAX, true);
		worker.clock = clock_now();
	}
	if (n < 0)
		leave(0);
	return (size_t)n;
}

static int map_inputs(const duet__plan *plan)
{
	void *p = mmap(NULL, plan->arena_size, PROT_READ, MAP_SHARED | MAP_NORESERVE,
		       plan->arena_fd, 0);
	worker.inputs = p;
	return p == MAP_FAILED ? -errno : 0;
}

static int join(const duet__plan *plan, const duet__order *order)
{
	worker.plan = plan;
	worker.epoch = order->epoch;
	worker.born = clock_now();
	worker.own = own_page();
	on_exit(leave_at_exit, NULL);
	worker.board = duet__memory_attach(order->memory_fd);
	worker.job = (duet_job){
		.board = worker.board,
		.max_payload = plan->options.max_payload,
		.arena = duet__arena_open(order->memory_fd, duet__memory_replies_offset(),
					  plan->replies_size),
		.scratch = malloc(DUET__FRAME_INLINE_MAX + 1),
		.send_progress = send_progress,
		.make_room = reclaim,
	};
	if (worker.board == NULL || worker.job.arena == NULL || worker.job.scratch == NULL)
		return -ENOMEM;
	int r = map_inputs(plan);
	return r < 0 ? r : plan->transport->dial(&order->offer, &worker.channel);
}

static void say(duet__frame_type type, const void *data, uint32_t size)
{
	put(&(duet__frame){.type = type, .epoch = worker.epoch, .data = data, .size = size});
	flush();
}

_Noreturn void duet__worker_run(const duet__plan *plan, const duet__order *order)
{
	unsigned char *message = aligned_alloc(64, DUET__MESSAGE_MAX);
	if (message == NULL || join(plan, order) < 0)
		leave(1);
	say(DUET__FRAME_HELLO, plan->token, sizeof(plan->token));
	if (plan->options.on_worker_start != NULL &&
	    plan->options.on_worker_start(plan->options.worker_context) < 0)
		leave(DUET__EXIT_START);
	if (plan->options.sandbox && duet__sandbox_enter() < 0)
		leave(DUET__EXIT_SANDBOX);
	say(DUET__FRAME_READY, NULL, 0);
	for (;;) {
		size_t len = next_message(message);
		obey(message, len);
	}
}
