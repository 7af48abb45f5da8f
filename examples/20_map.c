/* Lesson 20: a hundred thousand rows in the memory of ten.
 *
 * Creating a task for every row before the first is done costs memory for all of them.  duet_map
 * starts the next row when one has ended, in order, and keeps the results in their places. */
#include "lesson.h"

enum { ROWS = 100000, AT_ONCE = 10 };

struct count {
	int now, peak;
};

static int square(void *ctx, size_t i)
{
	struct count *alive = ctx;

	alive->now++;
	alive->peak = alive->now > alive->peak ? alive->now : alive->peak;
	int r = duet_sleep(DUET_US(10));
	alive->now--;
	return r < 0 ? r : (int)(i % 1000 * (i % 1000));
}

static int lesson(void *arg)
{
	(void)arg;
	static int results[ROWS];
	struct count alive = {0};
	int right = 0;

	int r = duet_map(ROWS, AT_ONCE, square, &alive, results);
	for (int i = 0; i < ROWS; i++)
		right += results[i] == i % 1000 * (i % 1000);
	printf("%d of %d right, at most %d at once\n", right, ROWS, alive.peak);
	return r;
}

int main(void)
{
	return lesson_run(lesson);
}
