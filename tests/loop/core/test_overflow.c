/* A task that overflows its stack is named before the process dies of it. */
#include <duet/duet.h>

#include "loop/core/sanitizer.h"
#include "tests/lib/test.h"
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static char heard[4096];

/* Runs body in a child, which dies; heard is what it wrote on stderr.  -> its wait status */
static int die(void (*body)(void))
{
	int ends[2], status;
	size_t len = 0;
	ssize_t n;
	pid_t pid;

	CHECK_EQ(pipe(ends), 0);
	pid = fork();
	if (pid == 0) {
		dup2(ends[1], STDERR_FILENO);
		body();
		_exit(0);
	}
	close(ends[1]);
	while ((n = read(ends[0], heard + len, sizeof(heard) - 1 - len)) > 0)
		len += (size_t)n;
	heard[len] = '\0';
	close(ends[0]);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	return status;
}

static void check_died(int status)
{
#if defined(DUET__ASAN) || defined(DUET__TSAN)
	CHECK(WIFSIGNALED(status) ||
	      WEXITSTATUS(status) != 0); /* the sanitizer has the last word */
#else
	CHECK(WIFSIGNALED(status));
	CHECK_EQ(WTERMSIG(status), SIGSEGV);
#endif
}

static __attribute__((noinline)) int recurse(int depth)
{
	volatile char frame[512];

	frame[0] = (char)depth;
	return depth == 0 ? 0 : recurse(depth - 1) + frame[0];
}

static int endless(void *arg)
{
	(void)arg;
	return recurse(1 << 24);
}

static __attribute__((noinline)) int take_big_frame(size_t bytes)
{
	volatile char *frame = __builtin_alloca(bytes);

	for (size_t i = 0; i < bytes; i += 4096)
		frame[bytes - 1 - i] = 1;
	return frame[bytes / 2];
}

static int big_frame(void *arg)
{
	(void)arg;
	return take_big_frame(400 * 1024);
}

static int spawn_endless(void *arg)
{
	(void)arg;
	return duet_await(duet_spawn(endless, NULL));
}

static int spawn_big_frame(void *arg)
{
	duet_task_options options = {.name = "greedy"};

	(void)arg;
	return duet_await(duet_spawn_with(&options, big_frame, NULL));
}

static void overflow_by_recursion(void)
{
	duet_overflow_report();
	duet_run(spawn_endless, NULL);
}

static void overflow_by_frame(void)
{
	duet_overflow_report();
	duet_run(spawn_big_frame, NULL);
}

static int report_then_recurse(void *arg)
{
	duet_overflow_report();
	return endless(arg);
}

static void overflow_in_main(void)
{
	duet_run(report_then_recurse, NULL);
}

static void overflow_under_debug(void)
{
	setenv("DUET_DEBUG", "1", 1);
	duet_run(spawn_endless, NULL);
}

/* C1: by recursion or by one big frame, in a task or in main, the task is named, and the signal is
 * what it would have been. */
TEST_WITHIN(c1_overflow_names_the_task, 60)
{
	for (int i = 0; i < 10; i++) {
		check_died(die(overflow_by_recursion));
		CHECK_HAS(heard, "duet: task endless (");
		CHECK_HAS(heard, "test_overflow.c:");
		CHECK_HAS(heard, "stack of 256 KiB");
		check_died(die(overflow_by_frame));
		CHECK_HAS(heard, "duet: task greedy (");
		check_died(die(overflow_in_main));
		CHECK_HAS(heard, "duet: task main (");
	}
	check_died(die(overflow_under_debug));
	CHECK_HAS(heard, "duet: task endless (");
}

static int touch_nothing(void *arg)
{
	char *page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)arg;
	return *(volatile char *)page;
}

static void plain_fault(void)
{
	duet_overflow_report();
	duet_run(touch_nothing, NULL);
}

static void own_handler(int signal)
{
	(void)signal;
	if (write(STDERR_FILENO, "mine", 4) == 4)
		kill(getpid(), SIGKILL);
}

static void fault_with_handler(void)
{
	signal(SIGSEGV, own_handler);
	plain_fault();
}

/* Any other fault is left to the handler that was there before, or to the system. */
TEST(overflow_report_leaves_other_faults_alone)
{
	check_died(die(plain_fault));
	CHECK(strstr(heard, "duet:") == NULL);
	CHECK_EQ(WTERMSIG(die(fault_with_handler)), SIGKILL);
	CHECK_STR(heard, "mine");
}

static int nothing(void *arg)
{
	(void)arg;
	return 0;
}

/* What a run was lent of signal stack is given back at its end, and one that was there is kept. */
TEST(overflow_report_gives_back_its_signal_stack)
{
	static char own[64 * 1024];
	stack_t found;

	CHECK_EQ(sigaltstack(&(stack_t){.ss_flags = SS_DISABLE}, NULL), 0);
	CHECK_OK(duet_overflow_report());
	CHECK_OK(duet_run(nothing, NULL));
	CHECK_EQ(sigaltstack(NULL, &found), 0);
	CHECK((found.ss_flags & SS_DISABLE) != 0);
	CHECK_EQ(sigaltstack(&(stack_t){.ss_sp = own, .ss_size = sizeof(own)}, NULL), 0);
	CHECK_OK(duet_run(nothing, NULL));
	CHECK_EQ(sigaltstack(&(stack_t){.ss_flags = SS_DISABLE}, &found), 0);
	CHECK(found.ss_sp == own);
}
