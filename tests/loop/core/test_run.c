/* ctest-labels: threads */
#include "loop/core/sanitizer.h"
#include "tests/lib/test.h"
#include "tests/loop/core/virtual.h"
#include <duet/duet.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static int await_arg(void *arg)
{
	return duet_await(arg);
}

static int await_each_other(void *arg)
{
	(void)arg;
	return duet_await(duet_spawn(await_arg, duet_self()));
}

/* When nothing can wake anybody the run ends with a report that names each task. */
TEST(deadlock_is_reported_and_broken_up)
{
	CHECK_ERR(duet_run(await_each_other, NULL), DUET_EDEADLK);
	CHECK_HAS(duet_errmsg(), "main: waits for task await_arg");
	CHECK_HAS(duet_errmsg(), "await_arg");
	CHECK_HAS(duet_errmsg(), "test_run.c:");
}

static duet_event *never;

static int clean_up_for(void *arg)
{
	int *cleaned = arg; /* lent by a frame of the spawner */
	int r = duet_event_wait(never);

	CHECK_ERR(r, DUET_ECANCELED);
	CHECK_EQ(*cleaned, 7);
	duet_yield();
	(*cleaned)++;
	return r;
}

static int clean_up_nth(void *ctx, size_t i)
{
	CHECK_ERR(duet_event_wait(never), DUET_ECANCELED);
	((int *)ctx)[i]++;
	return DUET_ECANCELED;
}

static void join_in_vain(void)
{
	int cleaned = 7, many[20] = {0};
	duet_task *t[2] = {duet_spawn(clean_up_for, &cleaned), NULL};
	duet_group *g;

	CHECK_ERR(duet_await(t[0]), DUET_ECANCELED);
	CHECK_EQ(cleaned, 8);
	CHECK_ERR(duet_map(20, 5, clean_up_nth, many, NULL), DUET_ECANCELED);
	cleaned = 7;
	t[0] = duet_spawn(clean_up_for, &cleaned);
	duet_gather(t, 2, NULL);
	CHECK_EQ(cleaned, 8);
	cleaned = 7;
	CHECK((g = duet_group_open()) != NULL);
	CHECK_OK(duet_group_spawn(g, clean_up_for, &cleaned));
	duet_group_close(g);
	CHECK_EQ(cleaned, 8);
}

static int join_first(void *arg)
{
	int many[20] = {0};

	if (arg != NULL)
		CHECK_ERR(duet_map(20, 5, clean_up_nth, many, NULL), DUET_ECANCELED);
	for (int i = 0; i < 5 && arg != NULL; i++)
		CHECK_EQ(many[i], 1);
	memset(many, 0x5a, sizeof(many));
	join_in_vain();
	return 0;
}

/* Also while a deadlock is broken up, no task outlives the call that joins it. */
TEST(deadlock_ends_children_before_their_spawners)
{
	never = duet_event_new();
	CHECK_ERR(duet_run(join_first, NULL), DUET_EDEADLK);
	CHECK_ERR(duet_run(join_first, never), DUET_EDEADLK);
	duet_event_free(never);
}

static int map_in_a_circle(void *ctx, size_t i)
{
	(void)i;
	return duet_await(ctx);
}

static int map_self(void *arg)
{
	duet_task *self = duet_self();

	(void)arg;
	CHECK_ERR(duet_map(3, 0, map_in_a_circle, self, NULL), DUET_ECANCELED);
	return 0;
}

/* Tasks that wait for each other's end are torn apart, and what they share is still there. */
TEST(deadlock_of_a_map_is_broken_up)
{
	CHECK_ERR(duet_run(map_self, NULL), DUET_EDEADLK);
}

static int sleep_long(void *arg)
{
	(void)arg;
	return duet_sleep(DUET_S(3600));
}

static int jump(void *arg)
{
	(void)arg;
	CHECK_EQ(duet_now(), 0);
	duet_task *t = duet_spawn(sleep_long, NULL);
	CHECK_OK(duet_sleep(DUET_S(60)));
	CHECK_EQ(duet_now(), DUET_S(60));
	CHECK_OK(duet_await(t));
	CHECK_EQ(duet_now(), DUET_S(3600));
	return 0;
}

/* Virtual time jumps from deadline to deadline, exactly. */
TEST(virtual_clock_jumps)
{
	CHECK_OK(run_virtual(jump, NULL));
}

enum { POSTS = 1000 };

static struct {
	duet_loop *loop;
	int calls;
	int in_order;
} posted;

static void on_post(void *arg)
{
	posted.in_order += posted.calls++ == (int)(intptr_t)arg;
	CHECK(duet_self() == NULL);
}

static void *post_from_thread(void *arg)
{
	(void)arg;
	for (intptr_t i = 0; i < POSTS; i++)
		CHECK_OK(duet_post(posted.loop, on_post, (void *)i));
	return NULL;
}

static int count_posts(void *arg)
{
	pthread_t thread;

	(void)arg;
	posted.loop = duet_loop_current();
	CHECK_EQ(pthread_create(&thread, NULL, post_from_thread, NULL), 0);
	while (posted.calls < POSTS)
		CHECK_OK(duet_sleep(DUET_MS(1)));
	pthread_join(thread, NULL);
	return 0;
}

/* Posts from another thread arrive once each and in order. */
TEST(post_from_a_thread_arrives_in_order)
{
	CHECK_OK(duet_run(count_posts, NULL));
	CHECK_EQ(posted.calls, POSTS);
	CHECK_EQ(posted.in_order, POSTS);
}

static int post_and_leave(void *arg)
{
	(void)arg;
	return duet_post(duet_loop_current(), on_post, (void *)0);
}

/* A post that was accepted happens, even if the run ends. */
TEST(post_is_delivered_when_the_run_ends)
{
	CHECK_OK(duet_run(post_and_leave, NULL));
	CHECK_EQ(posted.calls, 1);
}

static int return_three(void *arg)
{
	(void)arg;
	return 3;
}

static int sleep_in_vain(void *arg)
{
	duet_scope s;

	posted.calls++;
	CHECK_ERR(duet_sleep(DUET_S(1)), DUET_ECANCELED);
	CHECK_OK(duet_scope_shield(&s, DUET_S(1)));
	CHECK_EQ(duet_to_thread(return_three, arg), 3);
	return duet_scope_exit(&s);
}

static void spawn_from_post(void *arg)
{
	duet_task *t = duet_spawn(sleep_in_vain, arg);

	CHECK(t != NULL);
	duet_detach(t);
	CHECK_ERR(duet_post(posted.loop, spawn_from_post, NULL), DUET_ECLOSED);
	CHECK_HAS(duet_errmsg(), "ending");
}

static int post_spawn_and_leave(void *arg)
{
	posted.loop = duet_loop_current();
	return duet_post(posted.loop, spawn_from_post, arg);
}

/* What the last post spawns still runs, is cancelled and joined, and may clean up. */
TEST(post_when_the_run_ends_may_spawn)
{
	CHECK_OK(duet_run(post_spawn_and_leave, NULL));
	CHECK_EQ(posted.calls, 1);
}

static void set_event(void *arg)
{
	duet_event_set(arg);
}

static int jump_after_a_post(void *arg)
{
	duet_event *posted_event = duet_event_new();

	(void)arg;
	CHECK_OK(duet_post(duet_loop_current(), set_event, posted_event));
	duet_task *t = duet_spawn(sleep_long, NULL);
	CHECK_OK(duet_event_wait(posted_event));
	CHECK_EQ(duet_now(), 0);
	CHECK_OK(duet_await(t));
	CHECK_EQ(duet_now(), DUET_S(3600));
	duet_event_free(posted_event);
	return 0;
}

/* Virtual time jumps, too, in a run that another thread might post to; what was posted comes first. */
TEST(virtual_clock_jumps_behind_posts)
{
	CHECK_OK(run_virtual(jump_after_a_post, NULL));
}

static int post_after_fork(void *arg)
{
	duet_loop *loop = duet_loop_current();
	pid_t pid = fork();
	int status;

	(void)arg;
	if (pid == 0)
		_exit(duet_post(loop, on_post, NULL) == DUET_EFORKED ? 0 : 1);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	return 0;
}

/* A forked child cannot post to its parent's loop. */
TEST(post_of_a_forked_child_is_refused)
{
	if (test_is_tsan())
		SKIP("a coroutine that forks confuses ThreadSanitizer");
	CHECK_OK(duet_run(post_after_fork, NULL));
}

static int fork_inside(void *arg)
{
	pid_t pid = fork();
	int status;

	(void)arg;
	if (pid == 0) {
		bool ok = duet_sleep(1) == DUET_EFORKED && duet_self() == NULL &&
			  duet_run(sleep_long, NULL) == DUET_EFORKED;
		_exit(ok ? 0 : 1);
	}
	CHECK(pid > 0);
	CHECK_OK(duet_sleep(DUET_MS(1)));
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	return 0;
}

/* A loop that was inherited across a fork refuses to be used. */
TEST(forked_child_cannot_use_the_loop)
{
	CHECK_OK(duet_run(fork_inside, NULL));
}

static int fork_and_return(void *arg)
{
	*(pid_t *)arg = fork();
	return 3;
}

/* A child that returns out of the inherited run gets the error, and may run a loop of its own. */
TEST(forked_child_can_leave_the_run)
{
#if defined(DUET__TSAN)
	SKIP("ThreadSanitizer does not follow a fork out of a fiber");
#endif
	pid_t pid = -1;
	int r, status;

	if (test_is_tsan())
		SKIP("a coroutine that forks confuses ThreadSanitizer");
	r = duet_run(fork_and_return, &pid);
	if (pid == 0)
		_exit(r == DUET_EFORKED && run_virtual(sleep_long, NULL) == 0 ? 0 : 1);
	CHECK_EQ(r, 3);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
}

static bool is_child;

static int yield_in_parent(void *arg)
{
	(void)arg;
	CHECK(!is_child);
	CHECK_OK(duet_yield());
	CHECK(!is_child);
	return 0;
}

static int fork_among_others(void *arg)
{
	duet_task *t[4];
	pid_t *pid = arg;

	CHECK_EQ(duet_to_thread(return_three, NULL), 3);
	for (int i = 0; i < 4; i++)
		t[i] = duet_spawn(yield_in_parent, NULL);
	CHECK_OK(duet_yield());
	*pid = fork();
	is_child = *pid == 0;
	return is_child ? 3 : duet_gather(t, 4, NULL);
}

static int run_in_child(void *arg)
{
	(void)arg;
	is_child = false;
	CHECK_EQ(duet_to_thread(return_three, NULL), 3);
	return duet_await(duet_spawn(yield_in_parent, NULL));
}

/* A child that leaves the inherited run takes no other task along, and its own run has helper
 * threads of its own. */
TEST(forked_child_runs_no_other_task)
{
	pid_t pid = -1;
	int r, status;

	if (test_is_tsan())
		SKIP("a coroutine that forks confuses ThreadSanitizer");
	r = duet_run(fork_among_others, &pid);
	if (pid == 0)
		_exit(r == DUET_EFORKED && duet_run(run_in_child, NULL) == 0 ? 0 : 1);
	CHECK_OK(r);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
}

static int without_descriptors(int limit)
{
	struct rlimit r;

	CHECK_EQ(getrlimit(RLIMIT_NOFILE, &r), 0);
	r.rlim_cur = (rlim_t)limit;
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &r), 0);
	return duet_run(return_three, NULL);
}

/* Without descriptors for a loop a run does not start: it says so, and the process lives. */
TEST(run_without_descriptors_is_refused)
{
	int next = dup(0), r = 0;

	close(next);
	for (int more = 0; r != 3 && more < 16; more++) {
		r = without_descriptors(next + more);
		CHECK(r == 3 || r == -EMFILE);
		CHECK(r == 3 || strstr(duet_errmsg(), "cannot start") != NULL);
	}
	CHECK_EQ(r, 3);
}

static char order[2][64];
static int which;

static int write_own_letter(void *arg)
{
	size_t n = strlen(order[which]);

	order[which][n] = (char)(intptr_t)arg;
	return duet_sleep(DUET_MS(1));
}

static int write_letters(void *arg)
{
	duet_task *t[26];

	(void)arg;
	for (int i = 0; i < 26; i++)
		t[i] = duet_spawn(write_own_letter, (void *)(intptr_t)('a' + i));
	return duet_gather(t, 26, NULL);
}

/* The same seed gives the same order; another order than first in, first out. */
TEST(seed_shuffles_reproducibly)
{
	duet_run_options o = {.clock = DUET_CLOCK_VIRTUAL, .seed = 42};

	CHECK_OK(duet_run_with(&o, write_letters, NULL));
	which = 1;
	CHECK_OK(duet_run_with(&o, write_letters, NULL));
	CHECK_STR(order[0], order[1]);
	CHECK(strcmp(order[0], "abcdefghijklmnopqrstuvwxyz") != 0);
	CHECK_EQ(strlen(order[0]), 26);
}

static int dump_body(void *arg)
{
	duet_task *t = duet_spawn(sleep_long, NULL);

	CHECK_OK(duet_sleep(DUET_S(2)));
	duet_dump(arg);
	duet_cancel(t);
	CHECK_ERR(duet_await(t), DUET_ECANCELED);
	return 0;
}

/* A dump names each task, its spawn site, what it waits for and for how long. */
TEST(dump_names_each_task)
{
	char *text;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	CHECK_OK(run_virtual(dump_body, to));
	fclose(to);
	CHECK_HAS(text, "sleep_long");
	CHECK_HAS(text, "test_run.c:");
	CHECK_HAS(text, "waits for sleep, for 2.000 s");
	free(text);
	duet_dump(stderr);
}

static int spawn_two_levels(void *arg)
{
	duet_task *t =
		arg != NULL ? duet_spawn(spawn_two_levels, NULL) : duet_spawn(sleep_long, NULL);

	return duet_await(t);
}

static int dump_tree(void *arg)
{
	duet_task *a = duet_spawn(spawn_two_levels, arg), *b = duet_spawn(sleep_long, NULL);

	CHECK_OK(duet_sleep(DUET_S(1)));
	duet_dump(arg);
	duet_cancel_await(a);
	duet_cancel_await(b);
	return 0;
}

/* The dump is a tree: each task stands below the one that spawned it. */
TEST(dump_is_a_tree)
{
	char *text;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	CHECK_OK(run_virtual(dump_tree, to));
	fclose(to);
	CHECK_HAS(text, "\n* main");
	CHECK_HAS(text, "\n    spawn_two_levels");
	CHECK_HAS(text, "\n      spawn_two_levels");
	CHECK_HAS(text, "\n        sleep_long");
	CHECK_HAS(strstr(text, "\n        sleep_long") + 1, "\n    sleep_long");
	free(text);
}

static void *run_elsewhere(void *arg)
{
	return (void *)(intptr_t)duet_run(arg == NULL ? sleep_long : write_letters, NULL);
}

/* Each thread may run a loop of its own. */
TEST(two_threads_run_two_loops)
{
	pthread_t thread;
	void *result;

	CHECK_EQ(pthread_create(&thread, NULL, run_elsewhere, (void *)1), 0);
	CHECK_OK(run_virtual(sleep_long, NULL));
	pthread_join(thread, &result);
	CHECK_EQ((intptr_t)result, 0);
}
