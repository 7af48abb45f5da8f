/* Lesson 3: gather waits for all, and keeps the order of its arguments.
 *
 * Three calls at once take as long as the slowest.  results[i] belongs to tasks[i], whoever
 * finishes first.  Unlike asyncio's, the first failure cancels the others, and all are joined. */
#include "lesson.h"

static int call_api(void *arg)
{
	int tenths = *(const int *)arg;
	int r = duet_sleep(DUET_MS(100) * tenths);

	return r < 0 ? r : tenths;
}

static int call_three(int tenths[3], int results[3])
{
	duet_task *tasks[3];

	for (int i = 0; i < 3; i++)
		tasks[i] = duet_spawn(call_api, &tenths[i]);
	return duet_gather(tasks, 3, results);
}

static int lesson(void *arg)
{
	(void)arg;
	int results[3];
	duet_time start = duet_now();

	int r = call_three((int[]){5, 3, 4}, results);
	if (r < 0)
		return r;
	printf("Total time: %.2fs\n", seconds_since(start));
	for (int i = 0; i < 3; i++)
		printf("API-%d: done in 0.%ds\n", i + 1, results[i]);

	r = call_three((int[]){3, 1, 2}, results);
	if (r == 0)
		printf("[%d, %d, %d]\n", results[0], results[1], results[2]);
	return r;
}

int main(void)
{
	return lesson_run(lesson);
}
