#include "loop/core/stack.h"
#include "tests/lib/test.h"
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* A released stack is the next to be given out, while it is warm. */
TEST(stack_released_last_is_acquired_first)
{
	duet__stacks pool;
	duet__stack *a, *b;

	duet__stacks_init(&pool, DUET__STACK_DEFAULT);
	a = duet__stack_acquire(&pool);
	b = duet__stack_acquire(&pool);
	CHECK(a != NULL && b != NULL && a != b);
	duet__stack_release(a);
	CHECK(duet__stack_acquire(&pool) == a);
	duet__stack_release(b);
	duet__stack_release(a);
	duet__stacks_fini(&pool);
}

/* After a burst the slabs that are idle go back to the system. */
TEST(stack_pool_shrinks_after_a_burst)
{
	enum { BURST = 3000 };
	static duet__stack *all[BURST];
	duet__stacks pool;

	duet__stacks_init(&pool, DUET__STACK_MIN);
	for (int i = 0; i < BURST; i++)
		CHECK((all[i] = duet__stack_acquire(&pool)) != NULL);
	CHECK_EQ(pool.live, BURST);
	CHECK_GE(pool.slabs, 4);
	for (int i = 0; i < BURST; i++)
		duet__stack_release(all[i]);
	duet__stacks_trim(&pool);
	CHECK_EQ(pool.live, 0);
	CHECK_LE(pool.slabs, 2);
	CHECK((all[0] = duet__stack_acquire(&pool)) != NULL);
	memset(all[0]->low, 1, (size_t)((char *)all[0] - all[0]->low));
	duet__stack_release(all[0]);
	duet__stacks_fini(&pool);
}

/* Below its low end a stack is guarded: whoever runs over it dies there. */
TEST(stack_overflow_hits_the_guard)
{
	duet__stacks pool;
	duet__stack *s;
	int status;
	pid_t pid;

	duet__stacks_init(&pool, DUET__STACK_DEFAULT);
	CHECK((s = duet__stack_acquire(&pool)) != NULL);
	*(volatile char *)s->low = 1;
	pid = fork();
	if (pid == 0) {
		*(volatile char *)(s->low - 8) = 1;
		_exit(0);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(!WIFEXITED(status) || WEXITSTATUS(status) != 0);
	duet__stack_release(s);
	duet__stacks_fini(&pool);
}

/* Where address space is limited, stacks come in slabs as small as it takes. */
TEST(stack_slabs_shrink_to_what_fits)
{
	enum { SIZE = 256 * 1024, COUNT = 700 };
	struct rlimit r = {(rlim_t)SIZE * COUNT * 3 / 2, (rlim_t)SIZE * COUNT * 3 / 2};
	static duet__stack *all[COUNT];
	duet__stacks pool;

	if (test_is_slow())
		SKIP("sanitizers reserve terabytes, valgrind what it needs itself");
	duet__stacks_init(&pool, SIZE);
	CHECK_EQ(setrlimit(RLIMIT_AS, &r), 0);
	for (int i = 0; i < COUNT; i++)
		CHECK((all[i] = duet__stack_acquire(&pool)) != NULL);
	for (int i = 0; i < COUNT; i++)
		duet__stack_release(all[i]);
	duet__stacks_fini(&pool);
}
