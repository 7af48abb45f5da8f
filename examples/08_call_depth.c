/* Lesson 8: write asynchronous code as you write C.
 *
 * A task has a stack of its own, so it may suspend at any depth of ordinary calls, recursion
 * included.  No function is marked async, none needs to be called in a special way. */
#include "lesson.h"

static int descend(int depth)
{
	if (depth == 5)
		return duet_sleep(DUET_MS(100));
	int r = descend(depth + 1);
	printf("back in call %d\n", depth);
	return r;
}

static int lesson(void *arg)
{
	(void)arg;
	duet_time start = duet_now();
	int r = descend(1);

	printf("slept %.1f s, 5 calls deep\n", seconds_since(start));
	return r;
}

int main(void)
{
	return lesson_run(lesson);
}
