/* Everything at once: calls of every kind and ending, deadlines and cancels at random moments,
 * workers killed and stopped, a zygote lost.  Each call ends exactly once, with what it may end
 * with, and nothing is left. */
#include "tests/lib/process.h"
#include "tests/lib/test.h"
#include "tests/pool/jobs.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { POOLS = 2 };

static struct {
	duet_pool *pools[POOLS];
	int n;
	int tasks, each;
	bool lose_a_zygote;
	unsigned seed;
	bool over;
	uint64_t submitted, ended;
} chaos;

static unsigned any(unsigned n)
{
	return (unsigned)rand_r(&chaos.seed) % n;
}

/* A job and what it may end with, beside what may happen to any. */
static const struct kind {
	const char *job, *input;
	int code;
	unsigned weight;
} kinds[] = {
	{"echo", "some words", 0, 50},
	{"grow", "150000", 0, 10},
	{"fail", "x", -EBADMSG, 8},
	{"signal", "9", DUET_EWORKER, 1},
	{"signal", "11", DUET_EWORKER, 1},
	{"exit", "0", DUET_EWORKER, 1},
	{"sleep", "2", 0, 10},
	{"progress", "", 0, 1},
	{"spin", "", DUET_ETIMEDOUT, 1},
	{"nonsense", "", -ENOENT, 1},
};

static const struct kind *any_kind(void)
{
	unsigned sum = 0, at;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		sum += kinds[i].weight;
	at = any(sum);
	for (const struct kind *k = kinds;; k++) {
		if (at < k->weight)
			return k;
		at -= k->weight;
	}
}

static bool may_happen(const struct kind *k, int r)
{
	return r == k->code || r == DUET_ECANCELED || r == DUET_EWORKER || r == DUET_ETIMEDOUT;
}

static int call_once(void)
{
	static char large[100000];
	const struct kind *k = any_kind();
	duet_call_options o = {.retries = (int)any(4) - 1,
			       .timeout = any(4) == 0 ? DUET_MS(1 + any(20)) : 0,
			       .priority = (int)any(40) - 20};
	duet_bytes in = DUET_STR(k->input);
	duet_buf out = {0};
	if (strcmp(k->job, "echo") == 0 && any(5) == 0)
		in = DUET_BYTES(large, 33000 + any(60000));
	chaos.submitted++;
	int r = duet_pool_call_with(chaos.pools[any((unsigned)chaos.n)], &o, k->job, in, &out);
	chaos.ended++;
	test_note("%s: %s", k->job, duet_err_name(r));
	CHECK(may_happen(k, r));
	if (r == 0 && strcmp(k->job, "echo") == 0)
		CHECK(out.len == in.len && memcmp(out.data, in.data, in.len) == 0);
	duet_buf_free(&out);
	return 0;
}

/* Of a map each job ends as it may; what it replied is kept where it belongs. */
static int map_once(void)
{
	enum { N = 30 };
	duet_bytes in[N];
	duet_buf out[N];
	int results[N];
	bool all = any(2) == 0;
	const struct kind kind = {.job = "echo"};
	for (int i = 0; i < N; i++)
		in[i] = DUET_BYTES("0123456789", (size_t)i % 10);
	int r = duet_pool_map(chaos.pools[any((unsigned)chaos.n)], "echo", in, N, out,
			      all ? results : NULL);
	CHECK(may_happen(&kind, r));
	for (int i = 0; i < N && (all || r == 0); i++) {
		CHECK(may_happen(&kind, all ? results[i] : r));
		if (!all || results[i] == 0)
			CHECK_EQ(out[i].len, in[i].len);
		duet_buf_free(&out[i]);
	}
	return 0;
}

static int one(void *arg)
{
	duet_scope s;
	(void)arg;
	for (int i = 0; i < chaos.each; i++) {
		if (any(5) == 0)
			CHECK_OK(duet_scope_enter(&s, DUET_US(any(5000))));
		else
			CHECK_OK(duet_scope_enter(&s, DUET_FOREVER));
		if (any(20) == 0)
			map_once();
		else
			call_once();
		duet_scope_exit(&s);
	}
	return 0;
}

static void kill_the_zygote_of(pid_t worker)
{
	pid_t zygote = jobs_zygote_of(worker);
	if (zygote == 0)
		return;
	CHECK_EQ(kill(zygote, SIGKILL), 0);
	chaos.lose_a_zygote = false;
}

static int strike(void *arg)
{
	duet_pool_stats_t s;
	uint64_t progress = 0; /* a slow machine is not to see the next blow before it recovers */
	(void)arg;
	for (int i = 1; !chaos.over; i++) {
		do
			duet_sleep(DUET_MS(10));
		while (chaos.ended < progress && !chaos.over);
		progress = chaos.ended + 10;
		CHECK_OK(duet_pool_stats(chaos.pools[any((unsigned)chaos.n)], &s));
		if (s.workers == 0)
			continue;
		pid_t pid = s.worker_pids[any((unsigned)s.workers)];
		if (process_is_called(pid, "duet-zygote"))
			continue; /* stopped before it has asked to die with the zygote, it would not */
		if (chaos.lose_a_zygote && i > 5)
			kill_the_zygote_of(pid);
		else
			kill(pid, any(4) == 0 ? SIGSTOP : SIGKILL);
	}
	return 0;
}

static int run(void *arg)
{
	duet_task **tasks = calloc((size_t)chaos.tasks, sizeof(duet_task *));
	duet_task *striker = duet_spawn(strike, NULL);
	(void)arg;
	for (int i = 0; i < chaos.tasks; i++)
		tasks[i] = duet_spawn(one, NULL);
	for (int i = 0; i < chaos.tasks; i++)
		CHECK_OK(i % 50 == 49 ? (duet_cancel(tasks[i]), duet_await(tasks[i]), 0)
				      : duet_await(tasks[i]));
	chaos.over = true;
	CHECK_OK(duet_await(striker));
	free(tasks);
	return 0;
}

/* The input of a job that was given up stays until its worker is dead. */
static void wait_for_the_dead(duet_pool *pool, duet_pool_stats_t *s)
{
	for (int ms = 0; ms < 10000; ms++) {
		CHECK_OK(duet_pool_stats(pool, s));
		if (s->shared_bytes == 0)
			return;
		usleep(1000);
	}
}

static void check_nothing_is_left(void)
{
	duet_pool_stats_t s;
	CHECK_EQ(chaos.ended, chaos.submitted);
	for (int i = 0; i < chaos.n; i++) {
		wait_for_the_dead(chaos.pools[i], &s);
		CHECK_EQ(s.queued + s.running, 0);
		CHECK_EQ(s.shared_bytes, 0);
	}
}

static void wreak(int pools, duet_transport transport, bool lose_a_zygote)
{
	chaos.n = pools;
	chaos.lose_a_zygote = lose_a_zygote;
	chaos.seed = (unsigned)test_seed();
	chaos.tasks = 100;
	chaos.each = test_is_slow() ? 10 : 40;
	jobs_register();
	for (int i = 0; i < pools; i++) {
		chaos.pools[i] =
			duet_pool_open(&(duet_pool_options){.workers = 2 + i,
							    .transport = transport,
							    .job_timeout = DUET_MS(200),
							    .grace = i * DUET_MS(5),
							    .max_queue = i == 0 ? 40 : 0,
							    .max_jobs_per_worker = any(2) * 100,
							    .capture_output = i == 1});
		CHECK(chaos.pools[i] != NULL);
	}
	CHECK_OK(duet_run(run, NULL));
	check_nothing_is_left();
	for (int i = 0; i < pools; i++)
		jobs_close(chaos.pools[i]);
}

/* Two pools, one with a grace and captured output, the other with a bounded queue. */
TEST_WITHIN(chaos_each_call_ends_once, 60)
{
	wreak(POOLS, DUET_TRANSPORT_LOCAL, false);
}

/* The same, and a zygote is killed in the middle of it. */
TEST_WITHIN(chaos_with_the_loss_of_a_zygote, 60)
{
	wreak(POOLS, DUET_TRANSPORT_LOCAL, true);
}

/* Over nng, whose descriptors are not counted: see pair_close in ipc/nng/nng.c. */
TEST_WITHIN(chaos_over_nng, 60)
{
	test_allow_any_fds();
	wreak(1, DUET_TRANSPORT_NNG, true);
}
