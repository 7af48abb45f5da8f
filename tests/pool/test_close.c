/* The end of a pool, wanted or not, while calls wait and workers die. */
#include "tests/lib/test.h"
#include "tests/pool/jobs.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static duet_pool *pool;

static void in_a_run(const duet_pool_options *o, duet_fn *body)
{
	pool = jobs_pool(o);
	CHECK_OK(duet_run(body, NULL));
	CHECK_OK(duet_pool_close(pool));
}

static int signal_11(void *arg)
{
	(void)arg;
	return duet_pool_call(pool, "signal", DUET_STR("11"), NULL);
}

static int echo(void *arg)
{
	(void)arg;
	return duet_pool_call(pool, "echo", DUET_STR("x"), NULL);
}

static int sleep_20(void *arg)
{
	(void)arg;
	return duet_pool_call(pool, "sleep", DUET_STR("20"), NULL);
}

static int close_while_workers_die(void *arg)
{
	(void)arg;
	duet_task *calls[] = {duet_spawn(signal_11, NULL), duet_spawn(echo, NULL),
			      duet_spawn(signal_11, NULL), duet_spawn(echo, NULL)};
	int results[4];
	duet_yield();
	CHECK_OK(duet_pool_close(pool));
	CHECK_ERR(echo(NULL), DUET_ECLOSED);
	duet_settle(calls, 4, results);
	CHECK_ERR(results[0], DUET_EWORKER);
	CHECK_OK(results[1]);
	CHECK_ERR(results[2], DUET_EWORKER);
	CHECK_OK(results[3]);
	return 0;
}

/* A pool that is being closed replaces its dead workers for as long as calls wait. */
TEST(close_drains_past_deaths)
{
	pool = jobs_pool(&(duet_pool_options){.workers = 1});
	CHECK_OK(duet_run(close_while_workers_die, NULL));
}

static pid_t zygote(void)
{
	duet_pool_stats_t s;
	CHECK_OK(duet_pool_stats(pool, &s));
	CHECK_GE(s.workers, 1);
	pid_t pid = jobs_zygote_of(s.worker_pids[0]);
	CHECK_GE(pid, 2);
	return pid;
}

static int close_while_the_zygote_dies(void *arg)
{
	(void)arg;
	duet_task *calls[5];
	int results[5], good = 0;
	for (int i = 0; i < 5; i++)
		calls[i] = duet_spawn(sleep_20, NULL);
	duet_sleep(DUET_MS(5));
	CHECK_EQ(kill(zygote(), SIGKILL), 0);
	CHECK_OK(duet_pool_close(pool));
	duet_settle(calls, 5, results);
	for (int i = 0; i < 5; i++)
		good += results[i] == 0;
	CHECK_GE(good, 4); /* all but one that ran */
	return 0;
}

/* Nor does the loss of its zygote keep it from draining. */
TEST(close_drains_past_the_loss_of_a_zygote)
{
	pool = jobs_pool(&(duet_pool_options){.workers = 1});
	CHECK_OK(duet_run(close_while_the_zygote_dies, NULL));
}

static int close_a_full_queue(void *arg)
{
	(void)arg;
	duet_task *calls[8];
	for (int i = 0; i < 8; i++)
		calls[i] = duet_spawn(sleep_20, NULL);
	duet_sleep(DUET_MS(5));
	CHECK_OK(duet_pool_close(pool));
	CHECK_OK(duet_gather(calls, 8, NULL));
	return 0;
}

/* Calls that wait for a place in the queue were made, too: they are drained. */
TEST(close_drains_who_waits_for_a_place)
{
	pool = jobs_pool(&(duet_pool_options){.workers = 1, .max_queue = 1});
	CHECK_OK(duet_run(close_a_full_queue, NULL));
}

enum { MANY = 5000 };
static duet_bytes inputs[MANY];
static int results[MANY];
static const char *job;

static int map_many(void *arg)
{
	(void)arg;
	for (int i = 0; i < MANY; i++)
		inputs[i] = DUET_STR("20");
	return duet_pool_map(pool, job, inputs, MANY, NULL, results);
}

static size_t count(int code)
{
	size_t n = 0;
	for (int i = 0; i < MANY; i++)
		n += results[i] == code;
	return n;
}

static int cancel_the_close_of_a_map(void *arg)
{
	(void)arg;
	duet_scope s;
	job = "sleep";
	duet_task *t = duet_spawn(map_many, NULL);
	duet_sleep(DUET_MS(5));
	duet_scope_enter(&s, DUET_MS(60));
	CHECK_ERR(duet_pool_close(pool), DUET_ECANCELED);
	duet_scope_exit(&s);
	CHECK_ERR(duet_await(t), DUET_ECLOSED);
	CHECK_EQ(count(0) + count(DUET_ECLOSED), MANY);
	CHECK_GE(count(DUET_ECLOSED), MANY - 50);
	return 0;
}

/* A map larger than its window is turned out as a whole. */
TEST(close_cancelled_turns_out_a_map)
{
	pool = jobs_pool(&(duet_pool_options){.workers = 1});
	CHECK_OK(duet_run(cancel_the_close_of_a_map, NULL));
}

static bool has_a_worker(void *unused)
{
	duet_pool_stats_t s;
	(void)unused;
	CHECK_OK(duet_pool_stats(pool, &s));
	return s.workers == 1;
}

static int lose_both_zygotes(void *arg)
{
	(void)arg;
	for (int i = 0; i < 2; i++) {
		jobs_wait_until(has_a_worker, NULL);
		CHECK_EQ(kill(zygote(), SIGKILL), 0);
		duet_sleep(DUET_MS(30));
	}
	return 0;
}

static int map_on_a_dying_pool(void *arg)
{
	(void)arg;
	job = "sleep";
	duet_task *t = duet_spawn(map_many, NULL);
	duet_sleep(DUET_MS(5));
	CHECK_OK(lose_both_zygotes(NULL));
	duet_await(t);
	CHECK_EQ(count(0) + count(DUET_EPOOL) + count(DUET_EWORKER), MANY);
	CHECK_GE(count(DUET_EPOOL), MANY - 50);
	return 0;
}

/* Nor does one wait for a pool that has failed meanwhile. */
TEST(map_ends_with_a_failed_pool)
{
	in_a_run(&(duet_pool_options){.workers = 1}, map_on_a_dying_pool);
}

static int map_nonsense(void *arg)
{
	(void)arg;
	job = "nonsense";
	CHECK_ERR(map_many(NULL), -ENOENT);
	CHECK_HAS(duet_errmsg(), "nonsense");
	CHECK_EQ(count(-ENOENT), MANY);
	CHECK_ERR(duet_pool_map(pool, job, inputs, MANY, NULL, NULL), -ENOENT);
	CHECK_HAS(duet_errmsg(), "nonsense");
	duet_bytes nowhere = {NULL, 5};
	CHECK_ERR(duet_pool_map(pool, "echo", &nowhere, 1, NULL, NULL), DUET_EINVAL);
	CHECK_ERR(duet_pool_call(pool, "echo", nowhere, NULL), DUET_EINVAL);
	CHECK_OK(duet_pool_map(pool, "echo", NULL, 0, NULL, NULL));
	CHECK_ERR(duet_pool_map(pool, "echo", NULL, 2, NULL, results), DUET_EINVAL);
	CHECK_EQ(results[1], DUET_EINVAL);
	return 0;
}

/* A map that cannot be says what is wrong, and of which job. */
TEST(map_names_what_it_cannot_do)
{
	in_a_run(&(duet_pool_options){.workers = 1}, map_nonsense);
}

static int closed_in_a_letter = 1;

static void close_in_a_letter(void *arg)
{
	(void)arg;
	closed_in_a_letter = duet_pool_close(pool);
}

static int close_by_letter(void *arg)
{
	(void)arg;
	CHECK_OK(duet_post(duet_loop_current(), close_in_a_letter, NULL));
	CHECK_OK(duet_pool_call(pool, "sleep", DUET_STR("50"), NULL));
	CHECK_EQ(closed_in_a_letter, DUET_ENOTASK);
	return 0;
}

/* Only a task can wait for a pool's callers; whoever is none is told so. */
TEST(close_outside_a_task_leaves_callers_alone)
{
	in_a_run(&(duet_pool_options){.workers = 1}, close_by_letter);
}

/* A child of the program's that has all descriptors open does not keep a pool from closing. */
TEST(close_with_a_child_of_the_program)
{
	pool = jobs_pool(&(duet_pool_options){.workers = 2});
	CHECK_OK(duet_run(echo, NULL));
	pid_t child = fork();
	if (child == 0)
		for (;;)
			pause();
	duet_time start = duet_now();
	CHECK_OK(duet_pool_close(pool));
	CHECK_LE(duet_now() - start, DUET_MS(1500));
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

static duet_buf kept, given;

static int keep_a_reply(void *arg)
{
	(void)arg;
	CHECK_OK(duet_pool_call(pool, "grow", DUET_STR("200000"), &kept));
	CHECK_OK(duet_pool_alloc(pool, 400000000, &given));
	memset(given.data, 'y', given.len);
	return 0;
}

static int make_another(void *arg)
{
	static char text[200000];
	duet_buf out = {0};
	(void)arg;
	memset(text, 'b', sizeof(text));
	for (int i = 0; i < 3; i++) {
		CHECK_OK(duet_pool_call(pool, "upper", DUET_BYTES(text, sizeof(text)), &out));
		duet_buf_free(&out);
	}
	return 0;
}

static void free_in_a_child(void)
{
	duet_buf more = {0};
	pid_t child = fork();
	if (child == 0) {
		duet_buf_free(&kept);
		duet_buf_free(&given);
		_exit(duet_pool_alloc(pool, 100, &more) != DUET_EFORKED ||
		      duet_pool_close(pool) != DUET_EFORKED);
	}
	int status = -1;
	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK_EQ(status, 0);
}

static bool all_are(const duet_buf *buf, char c)
{
	const char *s = buf->data;
	return s[0] == c && memcmp(s, s + 1, buf->len - 1) == 0;
}

/* What a child of the program frees of its copies is still there in the program. */
TEST(buffers_freed_in_a_child_stay)
{
	pool = jobs_pool(&(duet_pool_options){.workers = 1});
	CHECK_OK(duet_run(keep_a_reply, NULL));
	free_in_a_child();
	CHECK_OK(duet_run(make_another, NULL));
	CHECK(all_are(&kept, 'x'));
	CHECK(all_are(&given, 'y'));
	duet_buf_free(&kept);
	duet_buf_free(&given);
	CHECK_OK(duet_pool_close(pool));
}

static size_t shared_kib(void)
{
	char line[128];
	size_t kib = 0;
	FILE *f = fopen("/proc/self/status", "re");
	CHECK(f != NULL);
	while (fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "RssShmem: %zu", &kib) == 1)
			break;
	fclose(f);
	return kib;
}

static int send_a_lot(void *arg)
{
	size_t n = 300000000;
	char *text = calloc(1, n);
	(void)arg;
	CHECK_OK(duet_pool_call(pool, "sum", DUET_BYTES(text, n), NULL));
	free(text);
	CHECK_LE(shared_kib(), 170 << 10); /* some is kept for the next one */
	return 0;
}

/* Shared memory that a large input needed is given back: most at once, all after the run. */
TEST(shared_memory_is_given_back)
{
	if (test_is_slow())
		SKIP("too large");
	pool = jobs_pool(&(duet_pool_options){.workers = 1});
	CHECK_OK(duet_run(send_a_lot, NULL));
	CHECK_LE(shared_kib(), 1 << 10);
	CHECK_OK(duet_pool_close(pool));
}
