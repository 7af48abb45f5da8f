/* What the options of a pool and of a call do. */
#include "tests/lib/test.h"
#include "tests/pool/jobs.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static duet_pool *pool;

static void in_a_run(const duet_pool_options *o, duet_fn *body)
{
	pool = jobs_pool(o);
	CHECK_OK(duet_run(body, NULL));
	CHECK_OK(duet_pool_close(pool));
}

static duet_pool_stats_t stats(void)
{
	duet_pool_stats_t s;
	CHECK_OK(duet_pool_stats(pool, &s));
	return s;
}

static int sleep_ms(void *ms, size_t i)
{
	(void)i;
	return duet_pool_call(pool, "sleep", DUET_STR((char *)ms), NULL);
}

static bool has_one_worker(void *arg)
{
	(void)arg;
	return stats().workers == 1;
}

static bool has_another_worker(void *before)
{
	return jobs_pid(pool) != *(pid_t *)before;
}

enum { PER_WORKER = 7, JOBS = 200 };

static int most_counted;

static int count_one(void *ctx, size_t i)
{
	duet_buf out;
	int count;
	(void)ctx, (void)i;
	CHECK_OK(duet_pool_call(pool, "count", DUET_BYTES(NULL, 0), &out));
	memcpy(&count, out.data, sizeof(count));
	duet_buf_free(&out);
	if (count > most_counted)
		most_counted = count;
	return 0;
}

static int count_all(void *arg)
{
	(void)arg;
	CHECK_OK(duet_map(JOBS, 20, count_one, NULL, NULL));
	CHECK_LE(most_counted, PER_WORKER);
	CHECK_GE(stats().recycled, JOBS / PER_WORKER - 2);
	CHECK_EQ(stats().restarts, 0);
	CHECK_EQ(stats().failed, 0);
	return 0;
}

/* A worker is replaced after its number of jobs, which is no death. */
TEST(options_max_jobs_per_worker)
{
	in_a_run(&(duet_pool_options){.workers = 2, .max_jobs_per_worker = PER_WORKER}, count_all);
}

static int grow_and_shrink(void *arg)
{
	(void)arg;
	CHECK_GE(jobs_pid(pool), 1);
	CHECK_EQ(stats().workers, 1);
	CHECK_OK(duet_map(30, 0, sleep_ms, "20", NULL));
	CHECK_EQ(stats().workers, 4);
	jobs_wait_until(has_one_worker, NULL);
	CHECK_OK(duet_map(8, 0, sleep_ms, "20", NULL)); /* and again */
	CHECK_GE(stats().workers, 2);
	CHECK_EQ(stats().restarts, 0);
	CHECK_EQ(stats().recycled, 0);
	return 0;
}

/* An elastic pool grows while calls wait, and shrinks when workers are idle. */
TEST(options_min_workers)
{
	in_a_run(&(duet_pool_options){.workers = 4, .min_workers = 1, .idle_timeout = DUET_MS(50)},
		 grow_and_shrink);
}

static int hog_once(void *arg)
{
	(void)arg;
	pid_t first = jobs_pid(pool);
	CHECK_OK(duet_pool_call(pool, "keep", DUET_STR("60000000"), NULL));
	jobs_wait_until(has_another_worker, &first);
	CHECK_EQ(stats().restarts, 0);
	CHECK_EQ(stats().recycled, 1);
	return 0;
}

char *kept; /* for all to see, or the compiler would do without */

static int job_keep(duet_job *job)
{
	size_t n = strtoul(duet_job_input(job).data, NULL, 10);

	kept = malloc(n); /* and never freed */
	memset(kept, 1, n);
	usleep(25000);
	return 0;
}

/* A worker that has grown too large is replaced between jobs. */
TEST(options_max_worker_rss)
{
	if (test_is_slow())
		SKIP("sanitizers make everything large");
	CHECK_OK(duet_job_register("keep", job_keep));
	in_a_run(&(duet_pool_options){.workers = 1, .max_worker_rss = 40 << 20}, hog_once);
}

static int grow_old(void *arg)
{
	(void)arg;
	pid_t first = jobs_pid(pool);
	CHECK_OK(duet_pool_call(pool, "sleep", DUET_STR("60"), NULL));
	jobs_wait_until(has_another_worker, &first);
	CHECK_GE(stats().recycled, 1);
	return 0;
}

/* One that has grown too old, too. */
TEST(options_max_worker_age)
{
	in_a_run(&(duet_pool_options){.workers = 1, .max_worker_age = DUET_MS(50)}, grow_old);
}

static char heard[4096];

static void hear(void *context, const duet_report *r)
{
	(void)context;
	if (r->kind != DUET_REPORT_WORKER)
		return;
	size_t n = strlen(heard);
	snprintf(heard + n, sizeof(heard) - n, "%s\n", r->text);
}

static bool heard_it(void *words)
{
	return strstr(heard, words) != NULL;
}

static int print_something(void *arg)
{
	(void)arg;
	CHECK_OK(duet_pool_call(pool, "print", DUET_STR("one line\nand another"), NULL));
	jobs_wait_until(heard_it, "job print: one line\n");
	jobs_wait_until(heard_it, ": and another\n");
	CHECK_ERR(duet_pool_call(pool, "signal", DUET_STR("9"), NULL), DUET_EWORKER);
	jobs_wait_until(heard_it, "SIGKILL");
	return 0;
}

/* What workers print comes line by line to the run's report, with the job; so do their deaths. */
TEST(options_capture_output)
{
	pool = jobs_pool(&(duet_pool_options){.workers = 1, .capture_output = true});
	CHECK_OK(duet_run_with(&(duet_run_options){.report = hear}, print_something, NULL));
	CHECK_OK(duet_pool_close(pool));
}

static double last_fraction;
static int fractions;

static void on_progress(void *context, double fraction)
{
	CHECK(context == &fractions);
	CHECK(fraction > last_fraction);
	last_fraction = fraction;
	fractions++;
}

static int watch_progress(void *arg)
{
	(void)arg;
	duet_call_options o = {.on_progress = on_progress, .context = &fractions};
	CHECK_OK(duet_pool_call_with(pool, &o, "progress", DUET_STR(""), NULL));
	CHECK_EQ(fractions, 3);
	CHECK(last_fraction == 0.75);
	return 0;
}

/* A job's progress arrives while it runs, in order. */
TEST(options_on_progress)
{
	in_a_run(&(duet_pool_options){.workers = 1}, watch_progress);
}

static int order[8], ordered;

static int call_with_priority(void *arg)
{
	int priority = *(int *)arg;
	duet_call_options o = {.priority = priority};
	CHECK_OK(duet_pool_call_with(pool, &o, "sleep", DUET_STR("5"), NULL));
	order[ordered++] = priority;
	return 0;
}

static int call_in_order(void *arg)
{
	(void)arg;
	static int priorities[] = {0, 0, INT_MIN, 2, INT_MAX, -3};
	duet_task *tasks[6];
	CHECK_GE(jobs_pid(pool), 1);
	for (int i = 0; i < 2; i++) /* one runs, one is behind it: they are away */
		tasks[i] = duet_spawn(call_with_priority, &priorities[i]);
	duet_sleep(DUET_US(100)); /* to the end of the turn, when calls go out */
	for (int i = 2; i < 6; i++)
		tasks[i] = duet_spawn(call_with_priority, &priorities[i]);
	CHECK_OK(duet_gather(tasks, 6, NULL));
	static const int want[] = {0, 0, INT_MAX, 2, -3, INT_MIN};
	for (int i = 0; i < 6; i++)
		CHECK_EQ(order[i], want[i]);
	return 0;
}

/* Of the calls that wait, those of higher priority go first. */
TEST(options_priority)
{
	in_a_run(&(duet_pool_options){.workers = 1}, call_in_order);
}

static char path[256];

static int say(const char *word)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
	ssize_t n = write(fd, word, strlen(word));
	close(fd);
	return n > 0 ? 0 : -EIO;
}

static int on_start(void *arg)
{
	setenv("STARTED", "yes", 1);
	return say(arg);
}

static int on_stop(void *arg)
{
	(void)arg;
	return say("stop");
}

static int ask_env(void *arg)
{
	duet_buf out = {0};
	(void)arg;
	CHECK_OK(duet_pool_call(pool, "env", DUET_STR("STARTED"), &out));
	CHECK_STR(out.data, "yes");
	duet_buf_free(&out);
	return 0;
}

/* The start hook runs in the worker before its first job, the stop hook after its last. */
TEST(options_worker_hooks)
{
	char text[64] = "";
	snprintf(path, sizeof(path), "%s/said", test_scratch());
	in_a_run(&(duet_pool_options){.workers = 1,
				      .on_worker_start = on_start,
				      .on_worker_stop = on_stop,
				      .worker_context = "start,"},
		 ask_env);
	int fd = open(path, O_RDONLY);
	CHECK_GE(read(fd, text, sizeof(text) - 1), 1);
	close(fd);
	CHECK_STR(text, "start,stop");
}

/* Bad options are refused with words. */
TEST(options_bad_ones_are_refused)
{
	CHECK(duet_pool_open(&(duet_pool_options){.workers = -1}) == NULL);
	CHECK_EQ(errno, EINVAL);
	CHECK(duet_pool_open(&(duet_pool_options){.workers = 100000}) == NULL);
	CHECK_HAS(duet_errmsg(), "256");
	CHECK(duet_pool_open(&(duet_pool_options){.retries = -1}) == NULL);
	CHECK(duet_pool_open(&(duet_pool_options){.transport = (duet_transport)9}) == NULL);
	CHECK_GE(duet_usable_cores(), 1);
}

static int over_the_limit(void *arg)
{
	char big[101] = "";
	(void)arg;
	CHECK_ERR(duet_pool_call(pool, "echo", DUET_BYTES(big, 101), NULL), DUET_E2BIG);
	CHECK_OK(duet_pool_call(pool, "echo", DUET_BYTES(big, 100), NULL));
	CHECK_ERR(duet_pool_call(pool, "grow", DUET_STR("101"), NULL), DUET_E2BIG);
	CHECK_OK(duet_pool_call(pool, "grow", DUET_STR("100"), NULL));
	return 0;
}

/* Payloads over the pool's limit are refused in both directions. */
TEST(options_max_payload)
{
	in_a_run(&(duet_pool_options){.workers = 1, .max_payload = 100}, over_the_limit);
}

enum { MAPS = 8, MOST_QUEUED = 4, MAPPED = 50 };

static bool maps_are_over;

static int map_some(void *arg)
{
	duet_bytes in[MAPPED];
	int results[MAPPED];
	(void)arg;
	for (int i = 0; i < MAPPED; i++)
		in[i] = DUET_STR("1");
	CHECK_OK(duet_pool_map(pool, "sleep", in, MAPPED, NULL, results));
	for (int i = 0; i < MAPPED; i++)
		CHECK_OK(results[i]);
	return 0;
}

static int watch_the_queue(void *arg)
{
	(void)arg;
	while (!maps_are_over) {
		CHECK_LE(stats().queued, MOST_QUEUED + 2); /* two with the worker, not begun */
		duet_sleep(DUET_US(500));
	}
	return 0;
}

static int map_beside_maps(void *arg)
{
	duet_task *maps[MAPS], *watcher = duet_spawn(watch_the_queue, NULL);
	(void)arg;
	for (int i = 0; i < MAPS; i++)
		maps[i] = duet_spawn(map_some, NULL);
	CHECK_OK(duet_gather(maps, MAPS, NULL));
	maps_are_over = true;
	return duet_await(watcher);
}

/* The bound of the queue is for all maps together. */
TEST(options_max_queue_bounds_maps)
{
	in_a_run(&(duet_pool_options){.workers = 1, .max_queue = MOST_QUEUED}, map_beside_maps);
}

static void count_progress(void *count, double fraction)
{
	CHECK(fraction == 1);
	++*(int *)count;
}

static int job_percents(duet_job *job)
{
	for (int i = 1; i <= 20000; i++)
		duet_job_progress(job, i);
	return 0;
}

static int count_percents(void *arg)
{
	int count = 0;
	duet_call_options o = {.on_progress = count_progress, .context = &count};
	(void)arg;
	duet_time start = duet_now();
	CHECK_OK(duet_pool_call_with(pool, &o, "percents", DUET_STR(""), NULL));
	CHECK_GE(count, 1);
	CHECK_LE(count, 2 + (duet_now() - start) / DUET_MS(10));
	return 0;
}

/* Who reports percent, all of them over 1, floods nobody. */
TEST(options_progress_is_limited)
{
	CHECK_OK(duet_job_register("percents", job_percents));
	in_a_run(&(duet_pool_options){.workers = 1}, count_percents);
}

static int grow_and_sleep(void *arg)
{
	(void)arg;
	CHECK_OK(duet_map(8, 0, sleep_ms, "5", NULL));
	CHECK_OK(duet_sleep(DUET_S(1)));
	return 0;
}

/* An idle time of next to nothing does not keep the clock from moving. */
TEST(options_idle_timeout_may_be_tiny)
{
	pool = jobs_pool(&(duet_pool_options){.workers = 4, .min_workers = 1, .idle_timeout = 1});
	CHECK_OK(duet_run_with(&(duet_run_options){.clock = DUET_CLOCK_VIRTUAL}, grow_and_sleep,
			       NULL));
	CHECK_OK(duet_pool_close(pool));
}

static int long_then_short(void *arg)
{
	(void)arg;
	duet_time start = duet_now();
	duet_call_options o = {.timeout = DUET_MS(30), .retries = 5};
	CHECK_ERR(duet_pool_call_with(pool, &o, "spin", DUET_STR(""), NULL), DUET_ETIMEDOUT);
	CHECK_LE(duet_now() - start, DUET_S(5));
	CHECK_EQ(stats().retried, 0);
	return 0;
}

/* A job that runs out of time is not run again. */
TEST(options_timeouts_are_not_retried)
{
	in_a_run(&(duet_pool_options){.workers = 1}, long_then_short);
}
