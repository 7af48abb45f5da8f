/* Workers that die, hang, or are given up: who pays for it. */
#include "tests/lib/test.h"
#include "tests/pool/jobs.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static duet_pool *pool;

static void in_a_run(const duet_pool_options *o, duet_fn *body)
{
	pool = jobs_pool(o);
	CHECK_OK(duet_run(body, NULL));
	jobs_close(pool);
}

static duet_pool_stats_t stats(void)
{
	duet_pool_stats_t s;
	CHECK_OK(duet_pool_stats(pool, &s));
	return s;
}

static bool all_workers_live(void *arg)
{
	return stats().workers == *(size_t *)arg;
}

static int die_each_way(void *arg)
{
	(void)arg;
	static const struct {
		const char *job, *input, *words;
	} ways[] = {
		{"signal", "9", "SIGKILL"},     {"signal", "11", "SIGSEGV"},
		{"signal", "6", "SIGABRT"},     {"signal", "8", "SIGFPE"},
		{"exit", "0", "exit status 0"}, {"exit", "3", "exit status 3"},
	};
	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		CHECK_ERR(duet_pool_call(pool, ways[i].job, DUET_STR(ways[i].input), NULL),
			  DUET_EWORKER);
		CHECK_HAS(duet_errmsg(), ways[i].words);
		CHECK(strstr(duet_errmsg(), "by us") == NULL);
		CHECK_EQ(stats().restarts, i + 1);
		CHECK_GE(jobs_pid(pool), 1);
	}
	jobs_wait_until(all_workers_live, &(size_t){1});
	return 0;
}

/* A death fails its job with the cause in words, and the worker is replaced. */
TEST(death_is_named)
{
	in_a_run(&(duet_pool_options){.workers = 1}, die_each_way);
}

/* The same over nng. */
TEST(death_is_named_over_nng)
{
	test_allow_fds(2);
	in_a_run(&(duet_pool_options){.workers = 1, .transport = DUET_TRANSPORT_NNG}, die_each_way);
}

enum { GOOD = 999 };

static int good_or_poison(void *ctx, size_t i)
{
	int *poison = ctx;
	if (i == 500) {
		*poison = duet_pool_call(pool, "signal", DUET_STR("11"), NULL);
		return 0;
	}
	return duet_pool_call(pool, "echo", DUET_STR("fine"), NULL);
}

static int poison_among_good(void *arg)
{
	int *retries = arg, poison = 0;
	CHECK_OK(duet_map(GOOD + 1, 0, good_or_poison, &poison, NULL));
	CHECK_ERR(poison, DUET_EWORKER);
	CHECK_EQ(stats().done, GOOD);
	CHECK_EQ(stats().failed, 1);
	CHECK_EQ(stats().restarts, 1 + *retries);
	CHECK_EQ(stats().retried, *retries);
	return 0;
}

/* One poisoned job among a thousand, all in flight at once, harms nobody else. */
TEST(death_of_one_spares_the_others)
{
	pool = jobs_pool(&(duet_pool_options){.workers = 2});
	CHECK_OK(duet_run(poison_among_good, &(int){0}));
	CHECK_OK(duet_pool_close(pool));
}

/* With a retry it costs two workers, and still fails. */
TEST(death_poison_ends_with_its_retries)
{
	pool = jobs_pool(&(duet_pool_options){.workers = 2, .retries = 1});
	CHECK_OK(duet_run(poison_among_good, &(int){1}));
	CHECK_OK(duet_pool_close(pool));
}

struct storm {
	size_t jobs;
	int kills;
	bool over;
};

static int one_in_the_storm(void *ctx, size_t i)
{
	char text[32];
	duet_buf out = {0};
	(void)ctx;
	int n = snprintf(text, sizeof(text), "%zu", i % 3);
	duet_call_options o = {.retries = 1000};
	int r = duet_pool_call_with(pool, &o, "sleep", DUET_BYTES(text, (size_t)n), &out);
	if (r == 0)
		CHECK_STR(out.data, text);
	duet_buf_free(&out);
	return r;
}

static int thunder(void *arg)
{
	struct storm *s = arg;
	while (!s->over) {
		duet_pool_stats_t now = stats();
		if (now.workers > 0 &&
		    kill(now.worker_pids[(size_t)s->kills % now.workers], SIGKILL) == 0)
			s->kills++;
		duet_sleep(DUET_MS(15));
	}
	return 0;
}

static int storm(void *arg)
{
	struct storm *s = arg;
	duet_task *t = duet_spawn(thunder, s);
	CHECK_OK(duet_map(s->jobs, 64, one_in_the_storm, s, NULL));
	s->over = true;
	CHECK_OK(duet_await(t));
	CHECK_EQ(stats().done, s->jobs);
	CHECK_EQ(stats().failed, 0);
	CHECK_GE(stats().restarts, 5);
	return 0;
}

/* A thousand jobs that may be retried all succeed, each once, while workers are killed. */
TEST_WITHIN(death_storm_loses_nothing, 60)
{
	pool = jobs_pool(&(duet_pool_options){.workers = 4});
	CHECK_OK(duet_run(storm, &(struct storm){.jobs = test_is_slow() ? 300 : 1000}));
	CHECK_OK(duet_pool_close(pool));
}

/* The same over nng. */
TEST_WITHIN(death_storm_loses_nothing_over_nng, 60)
{
	test_allow_fds(2);
	pool = jobs_pool(&(duet_pool_options){.workers = 4, .transport = DUET_TRANSPORT_NNG});
	CHECK_OK(duet_run(storm, &(struct storm){.jobs = 300}));
	jobs_close(pool);
}

static int deadly(void *ctx, size_t i)
{
	static const char *const ways[] = {"9", "11", "6"};
	int *bad = ctx;
	int r;
	switch (i % 20) {
	case 3:
		r = duet_pool_call(pool, "signal", DUET_STR(ways[i / 20 % 3]), NULL);
		*bad += r != DUET_EWORKER;
		return 0;
	case 9:
		r = duet_pool_call(pool, "exit", DUET_STR("0"), NULL);
		*bad += r != DUET_EWORKER;
		return 0;
	case 13:
		r = duet_pool_call(pool, "signal", DUET_STR("19"), NULL); /* SIGSTOP */
		*bad += r != DUET_ETIMEDOUT;
		return 0;
	}
	return duet_pool_call(pool, "echo", DUET_STR("fine"), NULL);
}

static int mixed_deaths(void *arg)
{
	(void)arg;
	int bad = 0;
	CHECK_OK(duet_map(1000, 100, deadly, &bad, NULL));
	CHECK_EQ(bad, 0);
	CHECK_EQ(stats().done, 850);
	CHECK_EQ(stats().failed, 150);
	return 0;
}

/* KILL, SEGV, ABRT, exit(0) and STOP among a thousand jobs: each outcome is the job's own. */
TEST_WITHIN(death_each_way_among_a_thousand, 60)
{
	in_a_run(&(duet_pool_options){.workers = 4, .job_timeout = DUET_MS(150)}, mixed_deaths);
}

static int run_too_long(void *arg)
{
	(void)arg;
	duet_time start = duet_now();
	CHECK_ERR(duet_pool_call(pool, "spin", DUET_STR(""), NULL), DUET_ETIMEDOUT);
	CHECK_HAS(duet_errmsg(), "spin");
	CHECK_GE(duet_now() - start, DUET_MS(100));
	duet_call_options shorter = {.timeout = DUET_MS(20)};
	CHECK_ERR(duet_pool_call_with(pool, &shorter, "spin", DUET_STR(""), NULL), DUET_ETIMEDOUT);
	CHECK_EQ(stats().timeouts, 2);
	CHECK_EQ(stats().restarts, 2);
	duet_call_options longer = {.timeout = DUET_FOREVER};
	CHECK_OK(duet_pool_call_with(pool, &longer, "sleep", DUET_STR("150"), NULL));
	return 0;
}

/* A job over its time ends with DUET_ETIMEDOUT, and its slot serves again. */
TEST(timeout_kills_the_worker)
{
	in_a_run(&(duet_pool_options){.workers = 1, .job_timeout = DUET_MS(100)}, run_too_long);
}

static int spin(void *arg)
{
	(void)arg;
	return duet_pool_call(pool, "spin", DUET_STR(""), NULL);
}

static int echo(void *arg)
{
	(void)arg;
	return duet_pool_call(pool, "echo", DUET_STR("x"), NULL);
}

static int behind_a_long_one(void *arg)
{
	(void)arg;
	duet_task *tasks[3] = {duet_spawn(spin, NULL), duet_spawn(echo, NULL),
			       duet_spawn(echo, NULL)};
	int results[3];
	duet_settle(tasks, 3, results);
	CHECK_ERR(results[0], DUET_ETIMEDOUT);
	CHECK_OK(results[1]);
	CHECK_OK(results[2]);
	return 0;
}

/* Jobs prefetched behind one that runs out of time move on. */
TEST(timeout_spares_the_jobs_behind)
{
	in_a_run(&(duet_pool_options){.workers = 1, .job_timeout = DUET_MS(100)},
		 behind_a_long_one);
}

static int stopped_worker(void *arg)
{
	(void)arg;
	pid_t pid = jobs_pid(pool);
	CHECK_EQ(kill(pid, SIGSTOP), 0);
	duet_buf out = {0};
	CHECK_OK(duet_pool_call(pool, "echo", DUET_STR("on"), &out)); /* not begun: not lost */
	CHECK_STR(out.data, "on");
	duet_buf_free(&out);
	CHECK_NE(jobs_pid(pool), pid);
	return 0;
}

/* A stopped worker is replaced; the job that it never began runs elsewhere. */
TEST(timeout_replaces_a_stopped_worker)
{
	in_a_run(&(duet_pool_options){.workers = 1, .job_timeout = DUET_MS(100)}, stopped_worker);
}

static int cancel_running(void *arg)
{
	(void)arg;
	pid_t pid = jobs_pid(pool);
	duet_task *long_one = duet_spawn(spin, NULL), *queued = duet_spawn(spin, NULL);
	duet_task *good = duet_spawn(echo, NULL);
	duet_sleep(DUET_MS(20));
	CHECK_ERR(duet_cancel_await(queued), DUET_ECANCELED);
	CHECK_EQ(stats().restarts, 0); /* it was only waiting */
	CHECK_EQ(stats().running, 1);
	duet_cancel(long_one);
	CHECK_ERR(duet_await(long_one), DUET_ECANCELED);
	CHECK_OK(duet_await(good));
	CHECK_EQ(stats().restarts, 1);
	CHECK_NE(jobs_pid(pool), pid);
	return 0;
}

/* A cancelled job that waits just goes; one that runs takes its worker, and only it. */
TEST(cancel_kills_only_what_runs)
{
	in_a_run(&(duet_pool_options){.workers = 1}, cancel_running);
}

static int cancel_politely(void *arg)
{
	char path[256];
	(void)arg;
	snprintf(path, sizeof(path), "%s/heard", test_scratch());
	pid_t pid = jobs_pid(pool);
	duet_scope s;
	duet_scope_enter(&s, DUET_MS(20));
	CHECK_ERR(duet_pool_call(pool, "polite", DUET_STR(path), NULL), DUET_ECANCELED);
	duet_scope_exit(&s);
	CHECK_EQ(jobs_pid(pool), pid);
	CHECK_EQ(access(path, F_OK), 0);
	CHECK_EQ(stats().restarts, 0);
	return 0;
}

/* With a grace, a job that listens ends by itself and its worker stays. */
TEST(cancel_with_grace_asks_first)
{
	in_a_run(&(duet_pool_options){.workers = 1, .grace = DUET_S(10)}, cancel_politely);
}

static int give_no_ear(void *arg)
{
	(void)arg;
	duet_time start = duet_now();
	CHECK_ERR(duet_pool_call(pool, "spin", DUET_STR(""), NULL), DUET_ETIMEDOUT);
	CHECK_GE(duet_now() - start, DUET_MS(80));
	CHECK_EQ(stats().restarts, 1);
	return 0;
}

/* One that does not is killed after it. */
TEST(timeout_with_grace_kills_in_the_end)
{
	in_a_run(&(duet_pool_options){.workers = 1,
				      .job_timeout = DUET_MS(40),
				      .grace = DUET_MS(40)},
		 give_no_ear);
}

static int sleep_a_bit(void *arg)
{
	(void)arg;
	return duet_pool_call(pool, "sleep", DUET_STR("50"), NULL);
}

static int next_of_a_polite_one(void *arg)
{
	char path[256];
	(void)arg;
	snprintf(path, sizeof(path), "%s/heard", test_scratch());
	pid_t pid = jobs_pid(pool);
	duet_scope s;
	duet_scope_enter(&s, DUET_MS(20));
	CHECK_ERR(duet_pool_call(pool, "polite", DUET_STR(path), NULL), DUET_ECANCELED);
	duet_scope_exit(&s);
	CHECK_OK(duet_pool_call(pool, "sleep", DUET_STR("700"), NULL)); /* over the grace's end */
	CHECK_EQ(jobs_pid(pool), pid);
	return 0;
}

/* The grace of a job that has ended is not the next one's. */
TEST(cancel_with_grace_spares_the_next_job)
{
	in_a_run(&(duet_pool_options){.workers = 1, .grace = DUET_MS(500)}, next_of_a_polite_one);
}

static int leave_a_deaf_one(void *arg)
{
	(void)arg;
	duet_scope s;
	duet_scope_enter(&s, DUET_MS(20));
	CHECK_ERR(duet_pool_call(pool, "spin", DUET_STR(""), NULL), DUET_ECANCELED);
	duet_scope_exit(&s);
	return 0;
}

/* A grace that outlasts its run goes on in the next. */
TEST(cancel_with_grace_lasts_into_the_next_run)
{
	pool = jobs_pool(&(duet_pool_options){.workers = 1, .grace = DUET_MS(100)});
	CHECK_OK(duet_run(leave_a_deaf_one, NULL));
	CHECK_OK(duet_run(echo, NULL));
	CHECK_OK(duet_pool_close(pool));
}

static void hold_the_loop(int ms)
{
	poll(NULL, 0, ms);
}

static int hold_the_loop_once(void *arg)
{
	(void)arg;
	duet_sleep(DUET_MS(5));
	hold_the_loop(900);
	return 0;
}

static int look_late(void *arg)
{
	duet_pool_stats_t s;
	echo(arg); /* the worker is there */
	duet_task *t = duet_spawn(echo, NULL), *slow = duet_spawn(sleep_a_bit, NULL);
	duet_sleep(DUET_MS(5));
	hold_the_loop(900);
	CHECK_OK(duet_await(t));
	CHECK_OK(duet_await(slow));
	s = stats();
	CHECK_EQ(s.timeouts, 0);
	CHECK_EQ(s.restarts, 0);
	return 0;
}

/* A job that ended in time has ended in time, though the loop was held and looks later. */
TEST(timeout_counts_what_the_loop_has_not_read)
{
	in_a_run(&(duet_pool_options){.workers = 2, .job_timeout = DUET_MS(600)}, look_late);
}

static int cancel_late(void *arg)
{
	duet_scope s;
	echo(arg); /* the worker is there */
	duet_task *noise = duet_spawn(hold_the_loop_once, NULL);
	duet_scope_enter(&s, DUET_MS(600));
	CHECK_OK(duet_pool_call(pool, "sleep", DUET_STR("30"), NULL));
	duet_scope_exit(&s);
	CHECK_OK(duet_await(noise));
	CHECK_EQ(stats().restarts, 0);
	return 0;
}

/* So it has when a deadline passed meanwhile. */
TEST(cancel_counts_what_the_loop_has_not_read)
{
	in_a_run(&(duet_pool_options){.workers = 1}, cancel_late);
}

static int stopped_for_ever(void *arg)
{
	(void)arg;
	pid_t pid = jobs_pid(pool);
	CHECK_EQ(kill(pid, SIGSTOP), 0);
	CHECK_OK(duet_pool_call(pool, "echo", DUET_STR("on"), NULL));
	CHECK_NE(jobs_pid(pool), pid);
	CHECK_EQ(stats().failed, 0);
	return 0;
}

/* A worker that does not begin a job is replaced also when jobs may take for ever. */
TEST(stopped_worker_without_a_timeout_is_replaced)
{
	in_a_run(&(duet_pool_options){.workers = 1}, stopped_for_ever);
}

static int crash_at_start(void *arg)
{
	if (access(arg, F_OK) == 0)
		abort();
	return 0;
}

static int crash_each_start(void *arg)
{
	duet_time start = duet_now();
	CHECK_GE(jobs_pid(pool), 1); /* the first has started */
	int fd = open(arg, O_WRONLY | O_CREAT, 0600);
	close(fd);
	CHECK_ERR(duet_pool_call(pool, "signal", DUET_STR("9"), NULL), DUET_EWORKER);
	CHECK_ERR(duet_pool_call(pool, "echo", DUET_STR("x"), NULL), DUET_EPOOL);
	CHECK_HAS(duet_errmsg(), "SIGABRT");
	CHECK_LE(duet_now() - start, DUET_S(10));
	CHECK_LE(stats().restarts, 6);
	return 0;
}

/* Workers that begin to crash at their start, during a run, end in DUET_EPOOL as well. */
TEST(boot_crash_during_a_run_ends_in_epool)
{
	char path[256];
	snprintf(path, sizeof(path), "%s/crash", test_scratch());
	pool = jobs_pool(&(duet_pool_options){
		.workers = 1, .on_worker_start = crash_at_start, .worker_context = path});
	CHECK_OK(duet_run(crash_each_start, path));
	CHECK_OK(duet_pool_close(pool));
}

static int kill_between(void *arg)
{
	(void)arg;
	CHECK_GE(jobs_pid(pool), 1);
	return 0;
}

/* A worker that dies between two runs is missed at once. */
TEST(death_between_runs)
{
	pool = jobs_pool(&(duet_pool_options){.workers = 1});
	CHECK_EQ(kill(stats().worker_pids[0], SIGKILL), 0);
	CHECK_OK(duet_run(kill_between, NULL));
	CHECK_EQ(stats().restarts, 1);
	CHECK_EQ(stats().failed, 0);
	CHECK_OK(duet_pool_close(pool));
}

static int refuse_to_start(void *arg)
{
	return *(int *)arg;
}

static int call_without_workers(void *arg)
{
	(void)arg;
	CHECK_ERR(duet_pool_call(pool, "echo", DUET_STR("x"), NULL), DUET_EPOOL);
	CHECK_HAS(duet_errmsg(), "on_worker_start failed");
	CHECK_ERR(duet_pool_call(pool, "echo", DUET_STR("x"), NULL), DUET_EPOOL);
	return 0;
}

/* Workers that cannot start end in DUET_EPOOL, not in an endless loop. */
TEST(boot_failure_ends_in_epool)
{
	in_a_run(&(duet_pool_options){.workers = 2,
				      .on_worker_start = refuse_to_start,
				      .worker_context = &(int){-5}},
		 call_without_workers);
}

static int hog(void *arg)
{
	(void)arg;
	CHECK_ERR(duet_pool_call(pool, "hog", DUET_STR("2000000000"), NULL), DUET_ENOMEM);
	CHECK_OK(duet_pool_call(pool, "hog", DUET_STR("10000000"), NULL));
	return 0;
}

/* Memory over the limit is refused to the job. */
TEST(memory_limit_is_kept)
{
	if (test_is_slow())
		SKIP("sanitizers reserve more than any limit");
	in_a_run(&(duet_pool_options){.workers = 1, .memory_limit = 64 << 20}, hog);
}
