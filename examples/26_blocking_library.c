/* Lesson 26: a library that blocks.
 *
 * On the loop it would stop everything; on a helper thread it stops nobody.  A thread cannot be
 * cancelled: when the caller's time is up the call returns at once, and the thread ends later by
 * itself.  So what it uses must outlive the caller; what may hang belongs into a pool. */
#include "lesson.h"

#include <time.h>

static int legacy_query(void *arg)
{
	(void)arg;
	nanosleep(&(struct timespec){.tv_nsec = DUET_MS(300)}, NULL);
	return 42;
}

static int query_in_thread(void *arg)
{
	return duet_to_thread(legacy_query, arg);
}

static int tick(void *arg)
{
	int *ticks = arg;

	while (duet_sleep(DUET_MS(10)) == 0)
		++*ticks;
	return 0;
}

static int lesson(void *arg)
{
	int ticks = 0;
	duet_task *ticker = duet_spawn(tick, &ticks);

	int answer = query_in_thread(arg);
	duet_cancel_await(ticker);
	printf("the answer is %d, and the loop %s\n", answer,
	       ticks > 2 ? "went on" : "stood still");

	duet_time start = duet_now();
	int late = duet_timeout(DUET_MS(50), query_in_thread, arg);
	printf("within 50 ms: %s, %s\n", duet_err_name(late),
	       duet_now() - start < DUET_MS(250) ? "in time" : "late");
	return answer < 0 ? answer : 0;
}

int main(void)
{
	return lesson_run(lesson);
}
