/* The runner's parent side and the checks; what a test left behind is counted in leaks.c.
 *
 *   runner (subreaper) --fork--> test process --fork--> whatever the test starts
 *
 * The test process counts its own descriptors and children, strictly, and exits.  Processes that
 * it orphaned come to the runner, which gives them a second to die, as a killed parent's workers
 * should, and then counts and kills them.  Verdicts of a forked worker reach the runner through
 * one shared page. */
#include "tests/lib/test.h"
#include "tests/lib/leaks.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { DEFAULT_LIMIT = 20, SKIPPED_EXIT = 77 };

struct verdict {
	volatile bool failed, skipped;
	char why[200];
	char note[200];
};

static struct test *first, **last = &first;
static struct verdict *verdict;
static uint64_t seed;
static int allowed_fds;
static bool fds_are_counted = true;
static struct leaks_dirs dirs;

void test_register(struct test *test)
{
	*last = test;
	last = &test->next;
}

void test_fail(const char *file, int line, const char *format, ...)
{
	char words[1000];
	va_list args;

	va_start(args, format);
	vsnprintf(words, sizeof(words), format, args);
	va_end(args);
	fflush(stdout);
	fprintf(stderr, "# %s:%d: %s\n", file, line, words);
	verdict->failed = true;
	_exit(1);
}

void test_skip(const char *why)
{
	snprintf(verdict->why, sizeof(verdict->why), "%s", why);
	verdict->skipped = true;
	_exit(0);
}

void test_check_int(const char *file, int line, const char *words, intmax_t a, char op, intmax_t b)
{
	bool holds = op == '=' ? a == b : op == '!' ? a != b : op == '<' ? a <= b : a >= b;

	if (!holds)
		test_fail(file, line, "%s: %jd and %jd", words, a, b);
}

void test_check_str(const char *file, int line, const char *words, const char *a, const char *b)
{
	bool same = a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;

	if (!same)
		test_fail(file, line, "%s: \"%s\" and \"%s\"", words, a ? a : "(null)",
			  b ? b : "(null)");
}

void test_check_has(const char *file, int line, const char *words, const char *a, const char *b)
{
	if (a == NULL || b == NULL || strstr(a, b) == NULL)
		test_fail(file, line, "%s: \"%s\" and \"%s\"", words, a ? a : "(null)",
			  b ? b : "(null)");
}

void test_allow_fds(int n)
{
	allowed_fds = n;
}

void test_allow_any_fds(void)
{
	fds_are_counted = false;
}

uint64_t test_seed(void)
{
	return seed;
}

const char *test_scratch(void)
{
	return dirs.scratch;
}

void test_note(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(verdict->note, sizeof(verdict->note), format, args);
	va_end(args);
}

bool test_is_tsan(void)
{
#if defined(__SANITIZE_THREAD__)
	return true;
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
	return true;
#endif
#endif
	return false;
}

bool test_is_slow(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	return true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
	return true;
#endif
#endif
	const char *preload = getenv("LD_PRELOAD");

	return preload != NULL && strstr(preload, "vgpreload") != NULL;
}

static double now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static int limit_of(const struct test *test)
{
	const char *asked = getenv("TEST_LIMIT");

	if (asked != NULL && atoi(asked) > 0)
		return atoi(asked);
	return (test->limit > 0 ? test->limit : DEFAULT_LIMIT) * (test_is_slow() ? 4 : 1);
}

/* A test may have taken them away, but the counts and the leak sanitizer need some, too. */
static void free_descriptors(void)
{
	struct rlimit files;

	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
}

/* The test process.  exit(), not _exit(): the leak sanitizer reports from there. */
static _Noreturn void run_child(const struct test *test)
{
	struct leaks_fds before;
	int left;

	leaks_fds_list(&before);
	test->run();
	free_descriptors();
	left = fds_are_counted ? leaks_fds_count(&before, allowed_fds) : 0;
	if (left > 0)
		test_fail(test->name, 0, "%d descriptors left open", left);
	if (leaks_children_any())
		test_fail(test->name, 0, "a child process left, running or not reaped");
	left = leaks_dir_count(dirs.tmp);
	if (left > 0)
		test_fail(test->name, 0, "%d files left in $TMPDIR", left);
	exit(verdict->failed);
}

/* Waits for pid until the time is up, then kills it -> its wait status; *late says which. */
static int wait_child(pid_t pid, int limit, bool *late)
{
	double end = now_s() + limit;
	struct timespec poll = {0, 50 * 1000 * 1000};
	sigset_t chld;
	int status;

	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	*late = false;
	while (waitpid(pid, &status, WNOHANG) == 0) {
		if (!*late && now_s() > end) {
			*late = true;
			kill(pid, SIGKILL);
		}
		sigtimedwait(&chld, NULL, &poll);
	}
	return status;
}

static void say_why(int status, bool late, int limit, int orphans)
{
	if (late)
		printf(" # still running after %d s", limit);
	else if (WIFSIGNALED(status))
		printf(" # killed by %s", strsignal(WTERMSIG(status)));
	else if (orphans > 0 && !verdict->failed)
		printf(" # %d processes outlived it by a second", orphans);
	else
		printf(" # exit status %d", WEXITSTATUS(status));
	if (verdict->note[0] != '\0')
		printf(", %s", verdict->note);
}

enum outcome { PASSED, FAILED, SKIPPED };

static enum outcome run_test(const struct test *test, int number)
{
	double start = now_s();
	int status, orphans;
	bool late;
	pid_t pid;

	memset(verdict, 0, sizeof(*verdict));
	leaks_dirs_open(&dirs);
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		sigset_t none;

		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		run_child(test);
	}
	status = wait_child(pid, limit_of(test), &late);
	orphans = leaks_orphans_end(verdict->failed || verdict->skipped || late ? 0 : 1);
	leaks_dirs_close(&dirs);

	enum outcome outcome = verdict->failed || status != 0 ? FAILED
			       : verdict->skipped             ? SKIPPED
			       : orphans > 0                  ? FAILED
							      : PASSED;
	printf("%sok %d - %s", outcome == FAILED ? "not " : "", number, test->name);
	if (outcome == FAILED)
		say_why(status, late, limit_of(test), orphans);
	else if (outcome == SKIPPED)
		printf(" # SKIP %s", verdict->why);
	printf(" (%.0f ms)\n", (now_s() - start) * 1e3);
	return outcome;
}

static bool is_chosen(const struct test *test, char **words)
{
	bool any = false;

	for (; *words != NULL; words++) {
		if (strncmp(*words, "--", 2) == 0)
			continue;
		any = true;
		if (strstr(test->name, *words) != NULL)
			return true;
	}
	return !any;
}

static bool has_option(char **words, const char *option)
{
	for (; *words != NULL; words++)
		if (strcmp(*words, option) == 0)
			return true;
	return false;
}

static void prepare(void)
{
	const char *asked = getenv("SEED");
	sigset_t chld;

	if (asked != NULL)
		seed = strtoull(asked, NULL, 0);
	else if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
		seed = (uint64_t)time(NULL);
	verdict = mmap(NULL, sizeof(*verdict), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		       -1, 0);
	if (verdict == MAP_FAILED)
		abort();
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	sigprocmask(SIG_BLOCK, &chld, NULL);
}

int main(int argc, char **argv)
{
	int counts[3] = {0}, number = 0;

	(void)argc;
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (has_option(argv + 1, "--list")) {
		for (struct test *t = first; t != NULL; t = t->next)
			puts(t->name);
		return 0;
	}
	prepare();
	printf("# SEED=%llu\n", (unsigned long long)seed);
	for (struct test *t = first; t != NULL; t = t->next) {
		if (!is_chosen(t, argv + 1))
			continue;
		if (has_option(argv + 1, "--here")) {
			leaks_dirs_open(&dirs);
			run_child(t);
		}
		counts[run_test(t, ++number)]++;
	}
	printf("1..%d\n", number);
	printf("%d passed, %d failed, %d skipped\n", counts[PASSED], counts[FAILED],
	       counts[SKIPPED]);
	if (counts[FAILED] > 0 || number == 0)
		return 1;
	return counts[PASSED] == 0 ? SKIPPED_EXIT : 0;
}
