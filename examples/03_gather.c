/* Lesson 3: gather waits for all, and keeps the order of its arguments.
 *
 * Three calls at once take as long as the slowest.  results[i] belongs to tasks[i], whoever
 * finishes first.  Unlike asyncio's, the first failure cancels the others, and all are joined. */
#include "lesson.h"

struct call {
	const char *name;
	double seconds;
};

static int fetch(void *arg)
{
	const struct call *call = arg;

	return duet_sleep(DUET_S(call->seconds));
}

static int three_calls(void)
{
	struct call calls[] = {{"API-1", 0.5}, {"API-2", 0.3}, {"API-3", 0.4}};
	duet_task *tasks[3];
	duet_time start = duet_now();

	for (int i = 0; i < 3; i++)
		tasks[i] = duet_spawn(fetch, &calls[i]);
	int r = duet_gather(tasks, 3, NULL);
	printf("Total time: %.2fs\n", seconds_since(start));
	for (int i = 0; i < 3; i++)
		printf("%s: done in %.1fs\n", calls[i].name, calls[i].seconds);
	return r;
}

static int sleep_tenths(void *arg)
{
	int tenths = *(const int *)arg;
	int r = duet_sleep(DUET_MS(100) * tenths);

	return r < 0 ? r : tenths;
}

static int in_order(void)
{
	int tenths[] = {3, 1, 2}, results[3];
	duet_task *tasks[3];

	for (int i = 0; i < 3; i++)
		tasks[i] = duet_spawn(sleep_tenths, &tenths[i]);
	int r = duet_gather(tasks, 3, results);
	if (r == 0)
		printf("[%d, %d, %d]\n", results[0], results[1], results[2]);
	return r;
}

static int lesson(void *arg)
{
	(void)arg;
	int r = three_calls();
	return r < 0 ? r : in_order();
}

int main(void)
{
	return lesson_run(lesson);
}
