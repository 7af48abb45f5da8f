/* Calls and their outcomes, over each transport. */
#include "tests/lib/test.h"
#include "tests/pool/jobs.h"

#include <fcntl.h>
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

/* nng keeps pipes and epolls of its own until the process ends. */
static void in_a_run_over_nng(duet_fn *body)
{
	test_allow_fds(2);
	in_a_run(&(duet_pool_options){.workers = 2, .transport = DUET_TRANSPORT_NNG}, body);
}

static const duet_pool_options two = {.workers = 2};

static int call_upper(void *arg)
{
	(void)arg;
	duet_buf out = {0};
	CHECK_EQ(duet_pool_call(pool, "upper", DUET_STR("hello"), &out), 0);
	CHECK_EQ(out.len, 5);
	CHECK_STR(out.data, "HELLO");
	duet_buf_free(&out);
	CHECK_EQ(duet_pool_call(pool, "upper", DUET_BYTES(NULL, 0), &out), 0);
	CHECK_EQ(out.len, 0);
	CHECK_OK(duet_pool_call(pool, "upper", DUET_STR("nobody reads this"), NULL));
	return 0;
}

/* A job's reply comes back, with a NUL behind it; an empty one is {0}; NULL drops it. */
TEST(call_replies)
{
	in_a_run(&two, call_upper);
}

/* The same over nng. */
TEST(call_replies_over_nng)
{
	in_a_run_over_nng(call_upper);
}

static int call_failing(void *arg)
{
	(void)arg;
	duet_buf out = {0};
	CHECK_ERR(duet_pool_call(pool, "fail", DUET_STR("x7"), &out), -EBADMSG);
	CHECK_STR(duet_errmsg(), "no good: x7");
	CHECK(out.data == NULL);
	CHECK_ERR(duet_pool_call(pool, "nothing", DUET_STR(""), &out), -ENOENT);
	CHECK_HAS(duet_errmsg(), "nothing");
	CHECK_ERR(duet_pool_call(pool, "echo", DUET_BYTES("", (size_t)1 << 60), &out), DUET_E2BIG);
	CHECK_ERR(duet_pool_call(pool, "grow", DUET_STR("4000000000"), &out), DUET_E2BIG);
	duet_pool_stats_t s;
	CHECK_OK(duet_pool_stats(pool, &s));
	CHECK_EQ(s.failed, 2);
	CHECK_EQ(s.restarts, 0);
	return 0;
}

/* A job's own error arrives with its words; unknown jobs and oversize payloads are refused. */
TEST(call_fails_with_the_jobs_words)
{
	in_a_run(&two, call_failing);
}

static void check_sum(size_t n)
{
	unsigned char *bytes = malloc(n);
	uint64_t want = 0, got;
	for (size_t i = 0; i < n; i++)
		want += bytes[i] = (unsigned char)(i * 7);
	duet_buf out = {0};
	CHECK_OK(duet_pool_call(pool, "sum", DUET_BYTES(bytes, n), &out));
	memcpy(&got, out.data, sizeof(got));
	CHECK_EQ(got, want);
	duet_buf_free(&out);
	CHECK_OK(duet_pool_call(pool, "echo", DUET_BYTES(bytes, n), &out));
	CHECK_EQ(out.len, n);
	CHECK(memcmp(out.data, bytes, n) == 0);
	CHECK_EQ(((char *)out.data)[n], 0);
	duet_buf_free(&out);
	free(bytes);
}

static int call_with_sizes(void *arg)
{
	(void)arg;
	static const size_t sizes[] = {1,     4095,  4096,  32767,   32768,  32769,
				       65535, 65536, 65537, 1 << 20, 5000000};
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
		check_sum(sizes[i]);
	duet_pool_stats_t s;
	CHECK_OK(duet_pool_stats(pool, &s));
	CHECK_EQ(s.shared_bytes, 0);
	return 0;
}

/* Inputs and replies of every size, inline and by shared memory, arrive whole. */
TEST(call_carries_any_size)
{
	in_a_run(&two, call_with_sizes);
}

/* The same over nng. */
TEST(call_carries_any_size_over_nng)
{
	in_a_run_over_nng(call_with_sizes);
}

static int call_in_place(void *arg)
{
	(void)arg;
	duet_buf in, out;
	CHECK_OK(duet_pool_alloc(pool, 100000, &in));
	CHECK_EQ(((char *)in.data)[100000], 0);
	memset(in.data, 'a', in.len);
	CHECK_OK(duet_pool_call(pool, "upper", DUET_BYTES(in.data, in.len), &out));
	CHECK_EQ(((char *)out.data)[99999], 'A');
	duet_pool_stats_t s;
	CHECK_OK(duet_pool_stats(pool, &s));
	CHECK_LE(s.shared_bytes, 100000 + 4096);
	duet_buf_free(&in);
	duet_buf_free(&out);
	CHECK_OK(duet_pool_alloc(pool, 10, &in));
	memcpy(in.data, "0123456789", 10);
	CHECK_OK(duet_pool_call(pool, "echo", DUET_BYTES((char *)in.data + 2, 3), &out));
	CHECK_STR(out.data, "234");
	duet_buf_free(&in);
	duet_buf_free(&out);
	CHECK_ERR(duet_pool_alloc(pool, (size_t)1 << 60, &in), DUET_E2BIG);
	return 0;
}

/* Bytes from duet_pool_alloc go to a job without a copy, in whole or in part. */
TEST(call_in_place_copies_nothing)
{
	in_a_run(&two, call_in_place);
}

static duet_buf kept[3];

static int keep_replies(void *arg)
{
	(void)arg;
	for (int i = 0; i < 2; i++)
		CHECK_OK(duet_pool_call(pool, "grow", DUET_STR("200000"), &kept[i]));
	CHECK_OK(duet_pool_alloc(pool, 70000, &kept[2]));
	memset(kept[2].data, 'y', 70000);
	return 0;
}

/* Buffers outlive the run, their worker and the pool; they may be written to. */
TEST(call_reply_outlives_the_pool)
{
	in_a_run(&two, keep_replies);
	for (int i = 0; i < 2; i++) {
		CHECK_EQ(kept[i].len, 200000);
		CHECK_EQ(((char *)kept[i].data)[199999], 'x');
		memset(kept[i].data, 'z', kept[i].len);
	}
	CHECK_EQ(((char *)kept[2].data)[69999], 'y');
	for (int i = 0; i < 3; i++)
		duet_buf_free(&kept[i]);
}

static int many_lent(void *arg)
{
	(void)arg;
	static duet_buf bufs[1200];
	for (int i = 0; i < 1200; i++)
		CHECK_OK(duet_pool_call(pool, "grow", DUET_STR("40000"), &bufs[i]));
	for (int i = 0; i < 1200; i++) {
		CHECK_EQ(((char *)bufs[i].data)[39999], 'x');
		duet_buf_free(&bufs[i]);
	}
	return 0;
}

/* More replies than can be lent are copied. */
TEST(call_many_replies_kept)
{
	in_a_run(&(duet_pool_options){.workers = 1}, many_lent);
}

static int one_echo(void *ctx, size_t i)
{
	char text[32];
	duet_buf out = {0};
	(void)ctx;
	int n = snprintf(text, sizeof(text), "%zu", i);
	int r = duet_pool_call(pool, "echo", DUET_BYTES(text, (size_t)n), &out);
	if (r == 0)
		CHECK_STR(out.data, text);
	duet_buf_free(&out);
	return r;
}

static int many_tasks(void *arg)
{
	(void)arg;
	CHECK_OK(duet_map(5000, 500, one_echo, NULL, NULL));
	duet_pool_stats_t s;
	CHECK_OK(duet_pool_stats(pool, &s));
	CHECK_EQ(s.done, 5000);
	CHECK_EQ(s.queued, 0);
	CHECK_EQ(s.running, 0);
	CHECK_EQ(s.idle, 2);
	return 0;
}

/* Five thousand calls from as many tasks, in batches, each get their own reply. */
TEST(call_from_many_tasks)
{
	in_a_run(&two, many_tasks);
}

/* The same over nng. */
TEST(call_from_many_tasks_over_nng)
{
	in_a_run_over_nng(many_tasks);
}

/* The same with a queue of ten places. */
TEST(call_suspends_while_the_queue_is_full)
{
	in_a_run(&(duet_pool_options){.workers = 2, .max_queue = 10}, many_tasks);
}

static int one_spin(void *arg)
{
	(void)arg;
	return duet_pool_call(pool, "sleep", DUET_STR("100"), NULL);
}

static int overfill(void *arg)
{
	(void)arg;
	int results[6], refused = 0;
	duet_task *tasks[6];
	for (int i = 0; i < 6; i++) {
		tasks[i] = duet_spawn(one_spin, NULL);
		duet_sleep(DUET_MS(5));
	}
	duet_settle(tasks, 6, results);
	for (int i = 0; i < 6; i++)
		refused += results[i] == DUET_EAGAIN;
	CHECK_GE(refused, 1);
	CHECK_LE(refused, 4);
	return 0;
}

/* A full queue refuses, where that was asked for. */
TEST(call_fails_while_the_queue_is_full)
{
	in_a_run(&(duet_pool_options){.workers = 1, .max_queue = 1, .fail_when_full = true},
		 overfill);
}

static int in_two_runs(void *arg)
{
	(void)arg;
	CHECK_GE(jobs_pid(pool), 1);
	return 0;
}

/* A pool serves one run after another, and tells of itself in between. */
TEST(pool_serves_several_runs)
{
	duet_pool_stats_t s;
	pool = jobs_pool(&two);
	for (int i = 0; i < 3; i++) {
		CHECK_OK(duet_run(in_two_runs, NULL));
		CHECK_OK(duet_pool_stats(pool, &s));
		CHECK_EQ(s.workers, 2);
		CHECK_EQ(s.done, i + 1);
	}
	CHECK_OK(duet_pool_close(pool));
}

static int open_inside(void *arg)
{
	(void)arg;
	CHECK(duet_pool_open(NULL) == NULL);
	CHECK_EQ(errno, EINVAL);
	CHECK_HAS(duet_errmsg(), "before duet_run");
	return 0;
}

/* Inside a run there is no opening a pool. */
TEST(pool_open_inside_a_run_is_refused)
{
	CHECK_OK(duet_run(open_inside, NULL));
}

/* Outside a task there is no calling one; a job cannot be registered any more. */
TEST(pool_wrong_moments_are_refused)
{
	pool = jobs_pool(&two);
	CHECK_ERR(duet_pool_call(pool, "echo", DUET_STR("x"), NULL), DUET_ENOTASK);
	CHECK_ERR(duet_job_register("late", NULL), DUET_EINVAL);
	CHECK_ERR(duet_job_register("late", (duet_job_fn *)open_inside), DUET_EBUSY);
	CHECK_OK(duet_pool_close(pool));
	CHECK_ERR(duet_job_register("echo", (duet_job_fn *)open_inside), -EEXIST);
	CHECK_OK(duet_pool_close(NULL));
}

static int use_both(void *arg)
{
	duet_pool **pools = arg;
	CHECK_NE(jobs_pid(pools[0]), jobs_pid(pools[1]));
	return 0;
}

/* Several pools live side by side, and a new one can follow. */
TEST(pool_opens_several)
{
	duet_pool *pools[2] = {jobs_pool(&two), duet_pool_open(&two)};
	CHECK(pools[1] != NULL);
	CHECK_OK(duet_run(use_both, pools));
	CHECK_OK(duet_pool_close(pools[0]));
	pools[0] = duet_pool_open(&two);
	CHECK(pools[0] != NULL);
	CHECK_OK(duet_run(use_both, pools));
	CHECK_OK(duet_pool_close(pools[0]));
	CHECK_OK(duet_pool_close(pools[1]));
}

static int ticks;

static int sleeper(void *arg)
{
	(void)arg;
	duet_buf out = {0};
	int r = duet_pool_call(pool, "sleep", DUET_STR("50"), &out);
	CHECK_OK(r);
	CHECK_STR(out.data, "50");
	duet_buf_free(&out);
	return r;
}

static int latecomer(void *arg)
{
	(void)arg;
	return duet_pool_call(pool, "echo", DUET_STR("x"), NULL);
}

static int close_inside(void *arg)
{
	(void)arg;
	duet_task *calls[4];
	int results[4];
	for (int i = 0; i < 3; i++)
		calls[i] = duet_spawn(sleeper, NULL);
	duet_yield();
	calls[3] = duet_spawn(latecomer, NULL);
	CHECK_OK(duet_pool_close(pool));
	duet_settle(calls, 4, results);
	for (int i = 0; i < 3; i++)
		CHECK_OK(results[i]);
	CHECK_ERR(results[3], DUET_ECLOSED);
	CHECK_ERR(latecomer(NULL), DUET_ECLOSED); /* long after */
	CHECK_ERR(duet_pool_close(pool), DUET_ECLOSED);
	return 0;
}

/* Closed inside a run, a pool finishes what was asked of it and takes nothing new. */
TEST(pool_close_inside_a_run_drains)
{
	pool = jobs_pool(&two);
	CHECK_OK(duet_run(close_inside, NULL));
}

static int big_noise(void *arg)
{
	while (!*(bool *)arg) {
		CHECK_OK(duet_sleep(DUET_US(100)));
		ticks++;
	}
	return 0;
}

static int close_while_others_run(void *arg)
{
	bool over = false;
	(void)arg;
	duet_task *t = duet_spawn(big_noise, &over);
	CHECK_OK(duet_pool_call(pool, "grow", DUET_STR("100000000"), NULL));
	ticks = 0;
	CHECK_OK(duet_pool_close(pool));
	CHECK_GE(ticks, 1); /* killing that worker takes milliseconds */
	over = true;
	return duet_await(t);
}

/* Closing inside a run lets the other tasks go on. */
TEST(pool_close_does_not_hold_the_loop)
{
	pool = jobs_pool(&two);
	CHECK_OK(duet_run(close_while_others_run, NULL));
}

/* A zygote that somebody stopped does not keep a pool from closing. */
TEST(pool_close_with_a_stopped_zygote)
{
	duet_pool_stats_t s;
	pool = jobs_pool(&two);
	CHECK_OK(duet_pool_stats(pool, &s));
	pid_t zygote = jobs_zygote_of(s.worker_pids[0]);
	CHECK_GE(zygote, 2);
	CHECK_EQ(kill(zygote, SIGSTOP), 0);
	CHECK_OK(duet_pool_close(pool));
}

static int spinner(void *arg)
{
	(void)arg;
	return duet_pool_call(pool, "spin", DUET_STR(""), NULL);
}

static int close_cancelled(void *arg)
{
	(void)arg;
	duet_task *calls[3];
	int results[3];
	for (int i = 0; i < 3; i++)
		calls[i] = duet_spawn(spinner, NULL);
	duet_sleep(DUET_MS(20));
	duet_scope s;
	CHECK_OK(duet_scope_enter(&s, DUET_MS(20)));
	CHECK_ERR(duet_pool_close(pool), DUET_ECANCELED);
	CHECK_ERR(duet_scope_exit(&s), DUET_ETIMEDOUT);
	duet_settle(calls, 3, results);
	for (int i = 0; i < 3; i++)
		CHECK_ERR(results[i], DUET_ECLOSED);
	return 0;
}

/* A close that is cancelled turns the callers out, and closes all the same. */
TEST(pool_close_cancelled_turns_out)
{
	pool = jobs_pool(&two);
	CHECK_OK(duet_run(close_cancelled, NULL));
}

/* ---- bounded ---- */

static size_t resident_kib(void)
{
	size_t pages = 0;
	FILE *f = fopen("/proc/self/statm", "re");
	CHECK(f != NULL && fscanf(f, "%*u %zu", &pages) == 1);
	fclose(f);
	return pages * 4;
}

static int open_fds(void)
{
	int n = 0;
	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void many_jobs(int thousands)
{
	static duet_bytes in[1000];
	for (int i = 0; i < 1000; i++)
		in[i] = i % 100 == 0 ? DUET_STR("40000") : DUET_STR("100");
	for (int i = 0; i < thousands; i++) {
		duet_buf out[1000];
		CHECK_OK(duet_pool_map(pool, "grow", in, 1000, out, NULL));
		for (int k = 0; k < 1000; k++)
			duet_buf_free(&out[k]);
	}
}

static int run_many_jobs(void *arg)
{
	(void)arg;
	int thousands = test_is_slow() ? 20 : 200;
	many_jobs(20);
	size_t kib = resident_kib();
	int fds = open_fds();
	many_jobs(thousands);
	CHECK_EQ(open_fds(), fds);
	if (!test_is_slow())
		CHECK_LE(resident_kib(), kib + 512);
	duet_pool_stats_t s;
	CHECK_OK(duet_pool_stats(pool, &s));
	CHECK_EQ(s.done, 1000 * (20 + thousands));
	return 0;
}

/* Hundreds of thousands of jobs, large and small, leave memory and descriptors as they were. */
TEST_WITHIN(call_many_jobs_stay_bounded, 60)
{
	in_a_run(&two, run_many_jobs);
}

static int map_numbers(void *arg)
{
	(void)arg;
	enum { N = 10000 };
	static char texts[N][8];
	static duet_bytes in[N];
	static duet_buf out[N];
	static int results[N];
	for (int i = 0; i < N; i++) {
		snprintf(texts[i], sizeof(texts[i]), "%d", i);
		in[i] = DUET_STR(texts[i]);
	}
	CHECK_EQ(duet_pool_map(pool, "echo", in, N, out, results), 0);
	for (int i = 0; i < N; i++) {
		CHECK_EQ(results[i], 0);
		CHECK_STR(out[i].data, texts[i]);
		duet_buf_free(&out[i]);
	}
	CHECK_EQ(duet_pool_map(pool, "echo", in, 0, out, NULL), 0);
	CHECK_EQ(duet_pool_map(pool, "echo", in, N, NULL, NULL), 0);
	return 0;
}

/* A map keeps order. */
TEST(map_keeps_order)
{
	in_a_run(&two, map_numbers);
}

static int map_with_failures(void *arg)
{
	(void)arg;
	duet_bytes in[4] = {DUET_STR("3"), DUET_STR("11"), DUET_STR("9"), DUET_STR("0")};
	int results[4];
	CHECK_ERR(duet_pool_map(pool, "signal", in, 3, NULL, results), DUET_EWORKER);
	CHECK_HAS(duet_errmsg(), "SIGQUIT");
	for (int i = 0; i < 3; i++)
		CHECK_ERR(results[i], DUET_EWORKER);
	CHECK_ERR(duet_pool_map(pool, "nothing", in, 4, NULL, results), -ENOENT);
	duet_buf out[4];
	CHECK_ERR(duet_pool_map(pool, "fail", in, 2, out, NULL), -EBADMSG);
	CHECK_HAS(duet_errmsg(), "no good: ");
	CHECK(out[0].data == NULL);
	return 0;
}

static int map_too_late(void *arg)
{
	(void)arg;
	duet_bytes in[2] = {DUET_STR("x"), DUET_STR("")};
	duet_buf out[2] = {{.len = 1}, {.len = 2}};
	int results[2] = {0};
	duet_scope s;
	duet_scope_enter(&s, 0);
	CHECK_ERR(duet_pool_map(pool, "echo", in, 2, out, results), DUET_ECANCELED);
	duet_scope_exit(&s);
	for (int i = 0; i < 2; i++) {
		CHECK_ERR(results[i], DUET_ECANCELED);
		CHECK(out[i].data == NULL && out[i].len == 0);
	}
	return 0;
}

/* One that is cancelled before it began says so of each item, too. */
TEST(map_cancelled_before_it_began_sets_its_results)
{
	in_a_run(&two, map_too_late);
}

/* A map's failures are each item's own; the first by index is the map's. */
TEST(map_reports_each_failure)
{
	in_a_run(&two, map_with_failures);
}
