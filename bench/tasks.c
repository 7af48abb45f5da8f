/* What tasks cost: nanoseconds for each operation, and what a million sleepers need.
 *
 *     bench/tasks                all rows, three times each, in processes of their own
 *     bench/tasks ROW [COUNT]    one row, once, in this process
 *
 * Each line is a name and a number.  tasks_peers/run.py compares them with other runtimes. */
#include <duet/duet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double clock_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void show(const char *name, double value)
{
	printf("%s\t%.4g\n", name, value);
	fflush(stdout);
}

static void must(int r)
{
	if (r >= 0)
		return;
	fprintf(stderr, "%s: %s\n", duet_err_name(r), duet_errmsg());
	_exit(1);
}

struct row {
	const char *name;
	int (*run)(const struct row *row, long n);
	long count;
};

/* Spawn and await, a thousand alive at once. */

enum { ALIVE = 1000 };

static int nothing(void *arg)
{
	(void)arg;
	return 0;
}

static int yield_once(void *arg)
{
	(void)arg;
	return duet_yield();
}

static int spawn_rounds(const struct row *row, long n, duet_fn *body)
{
	duet_task *tasks[ALIVE];
	double began = clock_ns(CLOCK_MONOTONIC);

	for (long done = 0; done < n; done += ALIVE) {
		for (int i = 0; i < ALIVE; i++)
			tasks[i] = duet_spawn(body, NULL);
		for (int i = 0; i < ALIVE; i++)
			must(duet_await(tasks[i]));
	}
	show(row->name, (clock_ns(CLOCK_MONOTONIC) - began) / (double)n);
	return 0;
}

static int spawn_empty(const struct row *row, long n)
{
	return spawn_rounds(row, n, nothing);
}

static int spawn_yielding(const struct row *row, long n)
{
	return spawn_rounds(row, n, yield_once);
}

/* Tasks that do nothing but let each other run. */

static int yield_many(void *arg)
{
	for (long n = *(long *)arg; n > 0; n--)
		duet_yield();
	return 0;
}

static int yield_among(const struct row *row, long n, int tasks_count)
{
	duet_task *tasks[ALIVE];
	long each = n / tasks_count;

	for (int i = 0; i < tasks_count; i++)
		tasks[i] = duet_spawn(yield_many, &each);
	double began = clock_ns(CLOCK_MONOTONIC);
	must(duet_gather(tasks, (size_t)tasks_count, NULL));
	show(row->name, (clock_ns(CLOCK_MONOTONIC) - began) / (double)(each * tasks_count));
	return 0;
}

static int yield_2(const struct row *row, long n)
{
	return yield_among(row, n, 2);
}

static int yield_1000(const struct row *row, long n)
{
	return yield_among(row, n, 1000);
}

/* One message that two tasks hand to and fro. */

struct side {
	duet_queue *in, *out;
	long n;
};

static int pass_on(void *arg)
{
	struct side *s = arg;
	void *item;

	for (long i = 0; i < s->n; i++) {
		must(duet_queue_get(s->in, &item));
		must(duet_queue_put(s->out, item));
	}
	return 0;
}

static int queue(const struct row *row, long n)
{
	duet_queue *there = duet_queue_new(1), *back = duet_queue_new(1);
	struct side sides[] = {{there, back, n / 2}, {back, there, n / 2}};
	duet_task *tasks[] = {duet_spawn(pass_on, &sides[0]), duet_spawn(pass_on, &sides[1])};

	must(duet_queue_put(there, NULL));
	double began = clock_ns(CLOCK_MONOTONIC);
	must(duet_gather(tasks, 2, NULL));
	show(row->name, (clock_ns(CLOCK_MONOTONIC) - began) / (double)n);
	duet_queue_free(there);
	duet_queue_free(back);
	return 0;
}

static int mutex_free(const struct row *row, long n)
{
	duet_mutex *m = duet_mutex_new();
	double began = clock_ns(CLOCK_MONOTONIC);

	for (long i = 0; i < n; i++) {
		duet_mutex_lock(m);
		duet_mutex_unlock(m);
	}
	show(row->name, (clock_ns(CLOCK_MONOTONIC) - began) / (double)n);
	duet_mutex_free(m);
	return 0;
}

static duet_mutex *contended;

static int lock_yield_unlock(void *arg)
{
	for (long n = *(long *)arg; n > 0; n--) {
		duet_mutex_lock(contended);
		duet_yield();
		duet_mutex_unlock(contended);
	}
	return 0;
}

static int mutex_handoff(const struct row *row, long n)
{
	long each = n / 2;

	contended = duet_mutex_new();
	duet_task *tasks[] = {duet_spawn(lock_yield_unlock, &each),
			      duet_spawn(lock_yield_unlock, &each)};
	double began = clock_ns(CLOCK_MONOTONIC);
	must(duet_gather(tasks, 2, NULL));
	show(row->name, (clock_ns(CLOCK_MONOTONIC) - began) / (double)(2 * each));
	duet_mutex_free(contended);
	return 0;
}

/* Many tasks asleep. */

static int sleep_1_s(void *arg)
{
	(void)arg;
	return duet_sleep(DUET_S(1));
}

static long peak_kib(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_maxrss;
}

static int sleepers(const struct row *row, long n)
{
	duet_task **tasks = malloc((size_t)n * sizeof *tasks);
	long base = peak_kib();
	double began = clock_ns(CLOCK_MONOTONIC);
	char name[64];

	for (long i = 0; i < n; i++)
		tasks[i] = duet_spawn(sleep_1_s, NULL);
	must(duet_gather(tasks, (size_t)n, NULL));
	double took = clock_ns(CLOCK_MONOTONIC) - began;
	free(tasks);
	snprintf(name, sizeof name, "%s_over_ms", row->name);
	show(name, took / 1e6 - 1000);
	snprintf(name, sizeof name, "%s_bytes", row->name);
	show(name, (double)(peak_kib() - base) * 1024 / (double)n);
	return 0;
}

static double until;
static long wakes;

static int nap_again_and_again(void *arg)
{
	unsigned random = (unsigned)(uintptr_t)arg * 2654435761u + 1;

	while (clock_ns(CLOCK_MONOTONIC_COARSE) < until) {
		random = random * 1664525u + 1013904223u;
		duet_sleep(DUET_MS(1) + random % 99000000);
		wakes++;
	}
	return 0;
}

/* CPU for each wake of n tasks that nap between 1 and 100 ms. */
static int wake(const struct row *row, long n)
{
	duet_task **tasks = malloc((size_t)n * sizeof *tasks);

	until = clock_ns(CLOCK_MONOTONIC_COARSE) + 4e9;
	for (long i = 0; i < n; i++)
		tasks[i] = duet_spawn(nap_again_and_again, (void *)(uintptr_t)i);
	duet_sleep(DUET_S(1));
	long before = wakes;
	double cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	duet_sleep(DUET_S(2));
	show(row->name, (clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu) / (double)(wakes - before));
	must(duet_gather(tasks, (size_t)n, NULL));
	free(tasks);
	return 0;
}

static const struct row rows[] = {
	{"spawn", spawn_empty, 2000000},
	{"spawn_yield", spawn_yielding, 1000000},
	{"yield_2", yield_2, 10000000},
	{"yield_1000", yield_1000, 10000000},
	{"queue", queue, 4000000},
	{"mutex_free", mutex_free, 20000000},
	{"mutex_handoff", mutex_handoff, 4000000},
	{"sleep_100k", sleepers, 100000},
	{"sleep_1m", sleepers, 1000000},
	{"wake_100k", wake, 100000},
};
enum { ROWS = sizeof rows / sizeof *rows };

struct job {
	const struct row *row;
	long count;
};

static int run_row(void *arg)
{
	struct job *job = arg;

	return job->row->run(job->row, job->count);
}

static int run_in_child(const struct row *row)
{
	struct job job = {row, row->count};
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(duet_run(run_row, &job) < 0);
	waitpid(pid, &status, 0);
	return status;
}

int main(int argc, char **argv)
{
	if (argc > 3) {
		fprintf(stderr, "usage: tasks [ROW [COUNT]]\n");
		return 2;
	}
	for (int i = 0; i < ROWS; i++) {
		struct job job = {&rows[i], argc == 3 ? atol(argv[2]) : rows[i].count};
		if (argc > 1 && strcmp(argv[1], rows[i].name) == 0)
			return duet_run(run_row, &job) < 0;
		for (int times = 0; argc == 1 && times < 3; times++)
			if (run_in_child(&rows[i]) != 0)
				return 1;
	}
	if (argc > 1)
		fprintf(stderr, "tasks: no row %s\n", argv[1]);
	return argc > 1 ? 2 : 0;
}
