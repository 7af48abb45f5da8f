/* The rows of bench/tasks with State Threads (Debian's libst).  usage: tasks_st ROW COUNT
 * It has neither queues nor a yield: a queue is made of conditions, a yield is a sleep of 0. */
#include <st.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

static double clock_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void show(const char *name, const char *unit, double value)
{
	printf("%s%s\t%.4g\n", name, unit, value);
}

static st_thread_t spawn(void *(*fn)(void *), void *arg)
{
	st_thread_t t = st_thread_create(fn, arg, 1, 64 * 1024);

	if (t == NULL) {
		perror("st_thread_create");
		exit(1);
	}
	return t;
}

static void *nothing(void *arg)
{
	return arg;
}

static void *yield_once(void *arg)
{
	st_usleep(0);
	return arg;
}

static void spawn_rounds(const char *name, long n, void *(*body)(void *))
{
	st_thread_t tasks[1000];
	double began = clock_ns(CLOCK_MONOTONIC);

	for (long done = 0; done < n; done += 1000) {
		for (int i = 0; i < 1000; i++)
			tasks[i] = spawn(body, NULL);
		for (int i = 0; i < 1000; i++)
			st_thread_join(tasks[i], NULL);
	}
	show(name, "", (clock_ns(CLOCK_MONOTONIC) - began) / (double)n);
}

static void *yield_many(void *arg)
{
	for (long n = (long)(intptr_t)arg; n > 0; n--)
		st_usleep(0);
	return NULL;
}

static void yield_among(const char *name, long n, int count)
{
	st_thread_t tasks[1000];
	double began = clock_ns(CLOCK_MONOTONIC);

	for (int i = 0; i < count; i++)
		tasks[i] = spawn(yield_many, (void *)(intptr_t)(n / count));
	for (int i = 0; i < count; i++)
		st_thread_join(tasks[i], NULL);
	show(name, "", (clock_ns(CLOCK_MONOTONIC) - began) / (double)n);
}

struct box {
	st_cond_t changed;
	int full;
};

static void put(struct box *b)
{
	while (b->full)
		st_cond_wait(b->changed);
	b->full = 1;
	st_cond_signal(b->changed);
}

static void take(struct box *b)
{
	while (!b->full)
		st_cond_wait(b->changed);
	b->full = 0;
	st_cond_signal(b->changed);
}

struct side {
	struct box *in, *out;
	long n;
};

static void *pass_on(void *arg)
{
	struct side *s = arg;

	for (long i = 0; i < s->n; i++) {
		take(s->in);
		put(s->out);
	}
	return NULL;
}

static void queue(const char *name, long n)
{
	struct box there = {st_cond_new(), 1}, back = {st_cond_new(), 0};
	struct side sides[] = {{&there, &back, n / 2}, {&back, &there, n / 2}};
	double began = clock_ns(CLOCK_MONOTONIC);
	st_thread_t a = spawn(pass_on, &sides[0]), b = spawn(pass_on, &sides[1]);

	st_thread_join(a, NULL);
	st_thread_join(b, NULL);
	show(name, "", (clock_ns(CLOCK_MONOTONIC) - began) / (double)n);
}

static st_mutex_t mutex;

static void mutex_free(const char *name, long n)
{
	double began = clock_ns(CLOCK_MONOTONIC);

	for (long i = 0; i < n; i++) {
		st_mutex_lock(mutex);
		st_mutex_unlock(mutex);
	}
	show(name, "", (clock_ns(CLOCK_MONOTONIC) - began) / (double)n);
}

static void *lock_yield_unlock(void *arg)
{
	for (long n = (long)(intptr_t)arg; n > 0; n--) {
		st_mutex_lock(mutex);
		st_usleep(0);
		st_mutex_unlock(mutex);
	}
	return NULL;
}

static void mutex_handoff(const char *name, long n)
{
	double began = clock_ns(CLOCK_MONOTONIC);
	st_thread_t a = spawn(lock_yield_unlock, (void *)(intptr_t)(n / 2));
	st_thread_t b = spawn(lock_yield_unlock, (void *)(intptr_t)(n / 2));

	st_thread_join(a, NULL);
	st_thread_join(b, NULL);
	show(name, "", (clock_ns(CLOCK_MONOTONIC) - began) / (double)n);
}

static double peak_bytes(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (double)usage.ru_maxrss * 1024;
}

static void *sleep_1_s(void *arg)
{
	st_usleep(1000000);
	return arg;
}

static void sleepers(const char *name, long n)
{
	st_thread_t *tasks = malloc((size_t)n * sizeof *tasks);
	double base = peak_bytes();
	double began = clock_ns(CLOCK_MONOTONIC);

	for (long i = 0; i < n; i++)
		tasks[i] = spawn(sleep_1_s, NULL);
	for (long i = 0; i < n; i++)
		st_thread_join(tasks[i], NULL);
	show(name, "_over_ms", (clock_ns(CLOCK_MONOTONIC) - began) / 1e6 - 1000);
	show(name, "_bytes", (peak_bytes() - base) / (double)n);
}

static double until;
static long wakes;

static void *nap_again_and_again(void *arg)
{
	unsigned random = (unsigned)(uintptr_t)arg * 2654435761u + 1;

	while (clock_ns(CLOCK_MONOTONIC_COARSE) < until) {
		random = random * 1664525u + 1013904223u;
		st_usleep(1000 + random % 99000);
		wakes++;
	}
	return NULL;
}

static void wake(const char *name, long n)
{
	until = clock_ns(CLOCK_MONOTONIC_COARSE) + 4e9;
	for (long i = 0; i < n; i++)
		spawn(nap_again_and_again, (void *)(uintptr_t)i);
	st_usleep(1000000);
	long before = wakes;
	double cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	st_usleep(2000000);
	show(name, "", (clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu) / (double)(wakes - before));
}

int main(int argc, char **argv)
{
	const char *row = argc == 3 ? argv[1] : "";
	long n = argc == 3 ? atol(argv[2]) : 0;

	st_set_eventsys(ST_EVENTSYS_ALT);
	if (st_init() != 0)
		return 1;
	mutex = st_mutex_new();
	if (strcmp(row, "spawn") == 0)
		spawn_rounds(row, n, nothing);
	else if (strcmp(row, "spawn_yield") == 0)
		spawn_rounds(row, n, yield_once);
	else if (strcmp(row, "yield_2") == 0)
		yield_among(row, n, 2);
	else if (strcmp(row, "yield_1000") == 0)
		yield_among(row, n, 1000);
	else if (strcmp(row, "queue") == 0)
		queue(row, n);
	else if (strcmp(row, "mutex_free") == 0)
		mutex_free(row, n);
	else if (strcmp(row, "mutex_handoff") == 0)
		mutex_handoff(row, n);
	else if (strncmp(row, "sleep_", 6) == 0)
		sleepers(row, n);
	else if (strncmp(row, "wake_", 5) == 0)
		wake(row, n);
	else
		return 2;
	return 0;
}
