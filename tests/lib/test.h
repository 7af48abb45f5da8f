/* The test runner: one forked process for each test, under a time limit, that must leave nothing.
 *
 *     // A queue that is full suspends put until somebody takes an item.
 *     TEST(queue_full_put_suspends)
 *     {
 *             CHECK_OK(duet_run(body, NULL));
 *             CHECK_EQ(steps, 3);
 *     }
 *
 * Linking the library that holds this file brings main().  After a test has returned, the runner
 * counts what it left: file descriptors, sockets, child processes (zombies included), files in
 * $TMPDIR.  Anything left is a failure.  Every check ends the test at once when it fails, from
 * any depth, also inside a task, a thread or a forked worker.
 *
 *     test_x [--list] [--here] [WORD...]     tests whose name contains a WORD; --here: no fork, for gdb
 *     SEED=42 test_x                         replays what test_seed() gave
 *     TEST_LIMIT=100 test_x                  seconds for each test, instead of 20 (80 under sanitizers) */
#ifndef DUET_TEST_H
#define DUET_TEST_H

#include <duet/error.h>
#include <stdint.h>

/* A test, and one that may take longer than the default limit (seconds, before the x4 for
 * sanitizers). */
#define TEST(name) TEST_WITHIN(name, 0)
#define TEST_WITHIN(name, seconds)                                                                 \
	static void test_##name(void);                                                             \
	__attribute__((constructor)) static void register_##name(void)                             \
	{                                                                                          \
		static struct test test = {#name, test_##name, (seconds), NULL};                   \
		test_register(&test);                                                              \
	}                                                                                          \
	static void test_##name(void)

#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition))                                                                  \
			test_fail(__FILE__, __LINE__, "%s", #condition);                           \
	} while (0)
#define CHECK_EQ(a, b)  test_check_int(__FILE__, __LINE__, #a " == " #b, (a), '=', (b))
#define CHECK_NE(a, b)  test_check_int(__FILE__, __LINE__, #a " != " #b, (a), '!', (b))
#define CHECK_LE(a, b)  test_check_int(__FILE__, __LINE__, #a " <= " #b, (a), '<', (b))
#define CHECK_GE(a, b)  test_check_int(__FILE__, __LINE__, #a " >= " #b, (a), '>', (b))
#define CHECK_STR(a, b) test_check_str(__FILE__, __LINE__, #a " is " #b, (a), (b))
/* text contains part */
#define CHECK_HAS(a, b) test_check_has(__FILE__, __LINE__, #a " has " #b, (a), (b))
/* rc >= 0; otherwise the error's name and words are shown */
#define CHECK_OK(rc)                                                                               \
	do {                                                                                       \
		intmax_t test_rc = (rc);                                                           \
		if (test_rc < 0)                                                                   \
			test_fail(__FILE__, __LINE__, "%s is %s: %s", #rc,                         \
				  duet_err_name((int)test_rc), duet_errmsg());                     \
	} while (0)
/* rc is exactly this code */
#define CHECK_ERR(rc, code)                                                                        \
	do {                                                                                       \
		intmax_t test_rc = (rc);                                                           \
		if (test_rc != (code))                                                             \
			test_fail(__FILE__, __LINE__, "%s is %jd (%s), not %s", #rc, test_rc,      \
				  duet_err_name((int)test_rc), #code);                             \
	} while (0)

/* Ends the test, counted as skipped; from any depth. */
#define SKIP(why) test_skip(why)

/* This process keeps up to n descriptors of a third-party library's global state: pipes, eventfds
 * and epolls, never sockets or files. */
void test_allow_fds(int n);

/* This process's descriptors are not counted: for a third-party library that may lose its sockets. */
void test_allow_any_fds(void);

/* Random, or $SEED; the same for the whole program, and printed. */
uint64_t test_seed(void);

/* Words shown beside the verdict if the test fails from here on, or dies: what it was at. */
void test_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* True under ThreadSanitizer, which takes every coroutine for a thread: after a fork from inside
 * one it sees races that are none. */
bool test_is_tsan(void);

/* True under a sanitizer or valgrind, where sizes and counts of a test may be cut. */
bool test_is_slow(void);

/* A directory for this test's own files, removed by the runner. */
const char *test_scratch(void);

struct test {
	const char *name;
	void (*run)(void);
	int limit;
	struct test *next;
};
void test_register(struct test *test);
_Noreturn void test_fail(const char *file, int line, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
_Noreturn void test_skip(const char *why);
void test_check_int(const char *file, int line, const char *words, intmax_t a, char op, intmax_t b);
void test_check_str(const char *file, int line, const char *words, const char *a, const char *b);
void test_check_has(const char *file, int line, const char *words, const char *a, const char *b);

#endif
