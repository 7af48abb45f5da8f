/* ctest-labels: threads */
#include "tests/lib/test.h"
#include <duet/duet.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

static const int both[] = {SIGUSR1, SIGTERM};

static int wait_both(void *arg)
{
	(void)arg;
	return duet_signal_wait(both, 2);
}

static void (*handler_of(int signal))(int)
{
	struct sigaction now;

	CHECK_EQ(sigaction(signal, NULL, &now), 0);
	return now.sa_handler;
}

static void own_handler(int signal)
{
	(void)signal;
}

static int wait_twice(void *arg)
{
	duet_task *t[2] = {duet_spawn(wait_both, NULL), duet_spawn(wait_both, NULL)};
	int results[2];

	(void)arg;
	CHECK_OK(duet_yield());
	CHECK(handler_of(SIGTERM) != own_handler);
	CHECK_EQ(kill(getpid(), SIGTERM), 0);
	CHECK_OK(duet_gather(t, 2, results));
	CHECK_EQ(results[0], SIGTERM);
	CHECK_EQ(results[1], SIGTERM);
	CHECK(handler_of(SIGTERM) == own_handler);
	CHECK(handler_of(SIGUSR1) == SIG_DFL);
	return 0;
}

/* Everybody who waits hears of a signal; the program's own handler is back right afterwards. */
TEST(signal_wakes_all_and_restores)
{
	signal(SIGTERM, own_handler);
	CHECK_OK(duet_run(wait_twice, NULL));
}

static int two_signals(void *arg)
{
	duet_task *t = duet_spawn(wait_both, NULL);
	int first, second;

	(void)arg;
	CHECK_OK(duet_yield());
	CHECK_EQ(kill(getpid(), SIGUSR1), 0);
	CHECK_EQ(kill(getpid(), SIGTERM), 0);
	first = duet_await(t);
	second = duet_signal_wait(both, 2);
	CHECK_EQ(first + second, SIGUSR1 + SIGTERM);
	CHECK_NE(first, second);
	return 0;
}

/* Of two signals that come at once, the second is kept for the next wait. */
TEST(signal_second_of_two_is_kept)
{
	CHECK_OK(duet_run(two_signals, NULL));
}

static int wait_one(void *arg)
{
	return duet_signal_wait(&(int){(int)(intptr_t)arg}, 1);
}

static int one_each(void *arg)
{
	duet_task *t[2] = {duet_spawn(wait_one, (void *)(intptr_t)SIGUSR1),
			   duet_spawn(wait_one, (void *)(intptr_t)SIGUSR2)};
	int results[2];

	(void)arg;
	CHECK_OK(duet_yield());
	CHECK_EQ(kill(getpid(), SIGUSR2), 0);
	CHECK_EQ(kill(getpid(), SIGUSR1), 0);
	CHECK_OK(duet_gather(t, 2, results));
	CHECK_EQ(results[0], SIGUSR1);
	CHECK_EQ(results[1], SIGUSR2);
	return 0;
}

/* Tasks that wait for different signals get their own. */
TEST(signal_goes_to_whom_it_concerns)
{
	CHECK_OK(duet_run(one_each, NULL));
}

static int storm(void *arg)
{
	(void)arg;
	for (int i = 0; i < 200; i++) {
		duet_task *t = duet_spawn(wait_both, NULL);
		CHECK_OK(duet_yield());
		for (int k = 0; k < 3; k++)
			CHECK_EQ(kill(getpid(), SIGUSR1), 0);
		CHECK_EQ(duet_await(t), SIGUSR1);
	}
	return 0;
}

/* The same signal many times before anybody could run counts once, as the system counts it. */
TEST(signal_repeated_counts_once)
{
	CHECK_OK(duet_run(storm, NULL));
}

static int cancel_wait(void *arg)
{
	duet_scope s;

	(void)arg;
	CHECK_OK(duet_scope_enter(&s, DUET_MS(2)));
	CHECK_ERR(duet_signal_wait(both, 2), DUET_ECANCELED);
	CHECK_ERR(duet_signal_wait(both, 2), DUET_ECANCELED);
	CHECK_ERR(duet_scope_exit(&s), DUET_ETIMEDOUT);
	CHECK(handler_of(SIGTERM) == SIG_DFL);
	return 0;
}

static int refused(void *arg)
{
	(void)arg;
	CHECK_ERR(duet_signal_wait((int[]){SIGTERM, SIGKILL}, 2), DUET_EINVAL);
	CHECK_HAS(duet_errmsg(), "signal 9 cannot be caught");
	CHECK(handler_of(SIGTERM) == SIG_DFL);
	CHECK_ERR(duet_signal_wait((int[]){65}, 1), DUET_EINVAL);
	CHECK_ERR(duet_signal_wait((int[]){0}, 1), DUET_EINVAL);
	CHECK_ERR(duet_signal_wait(NULL, 0), DUET_EINVAL);
	return 0;
}

/* A wait can be cancelled, and what cannot be caught is refused; neither leaves a handler. */
TEST(signal_cancelled_or_refused_leaves_no_handler)
{
	CHECK_OK(duet_run(cancel_wait, NULL));
	CHECK_OK(duet_run(refused, NULL));
}

static int change_handler(void *arg)
{
	duet_task *t = duet_spawn(wait_both, NULL);

	(void)arg;
	CHECK_OK(duet_yield());
	signal(SIGUSR1, own_handler);
	CHECK_EQ(kill(getpid(), SIGTERM), 0);
	CHECK_EQ(duet_await(t), SIGTERM);
	CHECK(handler_of(SIGUSR1) == own_handler);
	CHECK(handler_of(SIGTERM) == SIG_DFL);
	return 0;
}

/* A handler that the program installs meanwhile stays. */
TEST(signal_leaves_foreign_handlers_alone)
{
	CHECK_OK(duet_run(change_handler, NULL));
}

/* --- several loops --- */

enum { THREADS = 4 };

static atomic_int waiting, heard;

static int wait_and_count(void *arg)
{
	duet_task *t = duet_spawn(wait_both, NULL);

	(void)arg;
	CHECK_OK(duet_yield());
	waiting++;
	CHECK_EQ(duet_await(t), SIGTERM);
	heard++;
	return 0;
}

static void *run_loop(void *arg)
{
	(void)arg;
	CHECK_OK(duet_run(wait_and_count, NULL));
	return NULL;
}

/* Loops of several threads hear of the same signal. */
TEST(signal_reaches_every_loop)
{
	pthread_t threads[THREADS];

	for (int i = 0; i < THREADS; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, run_loop, NULL), 0);
	while (waiting < THREADS)
		sched_yield();
	CHECK_EQ(kill(getpid(), SIGTERM), 0);
	for (int i = 0; i < THREADS; i++)
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
	CHECK_EQ(heard, THREADS);
	CHECK(handler_of(SIGTERM) == SIG_DFL);
}

static int fork_while_waiting(void *arg)
{
	duet_task *t = duet_spawn(wait_both, NULL);
	pid_t child;
	int status;

	(void)arg;
	CHECK_OK(duet_yield());
	child = fork();
	if (child == 0) {
		kill(getpid(), SIGTERM);
		_exit(0);
	}
	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK(WIFSIGNALED(status));
	CHECK_EQ(WTERMSIG(status), SIGTERM);
	CHECK_OK(duet_sleep(DUET_MS(2)));
	CHECK(!duet_done(t));
	return duet_cancel_await(t) == DUET_ECANCELED ? 0 : -1;
}

/* A child forked meanwhile has its signals for itself. */
TEST(signal_of_a_forked_child_is_its_own)
{
	if (test_is_tsan())
		SKIP("forks inside a coroutine");
	CHECK_OK(duet_run(fork_while_waiting, NULL));
}

static volatile sig_atomic_t own_heard;

static void hear(int signal)
{
	own_heard = signal;
}

static int fork_with_own_handler(void *arg)
{
	duet_task *t = duet_spawn(wait_both, NULL);
	pid_t child;
	int status;

	(void)arg;
	CHECK_OK(duet_yield());
	child = fork();
	if (child == 0) {
		raise(SIGTERM);
		_exit(own_heard == SIGTERM && handler_of(SIGTERM) == hear ? 0 : 1);
	}
	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK_EQ(status, 0);
	return duet_cancel_await(t) == DUET_ECANCELED ? 0 : -1;
}

/* In a forked child the program's own handler is there again. */
TEST(signal_handler_of_a_forked_child_is_the_programs)
{
	if (test_is_tsan())
		SKIP("forks inside a coroutine");
	CHECK(signal(SIGTERM, hear) != SIG_ERR);
	CHECK_OK(duet_run(fork_with_own_handler, NULL));
}

static int fork_and_leave(void *arg)
{
	duet_task *t = duet_spawn(wait_both, NULL);
	pid_t *child = arg;

	CHECK_OK(duet_yield());
	*child = fork();
	return *child == 0 ? 0 : duet_cancel_await(t) == DUET_ECANCELED ? 0 : -1;
}

static int kill_self(void *arg)
{
	duet_task *t = duet_spawn(wait_both, NULL);

	(void)arg;
	CHECK_OK(duet_yield());
	CHECK_EQ(kill(getpid(), SIGTERM), 0);
	return duet_await(t);
}

/* A child that has left the run waits for signals in a run of its own. */
TEST(signal_is_heard_in_a_run_of_a_forked_child)
{
	pid_t child = -1;
	int r, status;

	if (test_is_tsan())
		SKIP("forks inside a coroutine");
	r = duet_run(fork_and_leave, &child);
	if (child == 0)
		_exit(r == DUET_EFORKED && duet_run(kill_self, NULL) == SIGTERM ? 0 : 1);
	CHECK_OK(r);
	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK_EQ(status, 0);
}
