/* Lesson 10: some tasks fail.
 *
 * A task fails by returning a negative code.  settle is gather(return_exceptions=True): it waits
 * for all whatever happens, and says how many failed; nothing is thrown, every slot has a result.
 * gather stops at the first failure, cancels the rest, and returns that failure. */
#include "lesson.h"

enum { TASKS = 10 };

static unsigned dice = 7; /* the same throws in every run */

static int risky(void *arg)
{
	int number = *(const int *)arg;

	dice = dice * 1103515245 + 12345;
	bool unlucky = (dice >> 16) % 10 < 3;
	int r = duet_sleep(DUET_MS(100));
	if (r < 0)
		return r;
	return unlucky ? DUET_EINVAL : number;
}

static void spawn_all(duet_task *tasks[TASKS])
{
	static int numbers[TASKS] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};

	for (int i = 0; i < TASKS; i++)
		tasks[i] = duet_spawn(risky, &numbers[i]);
}

static int lesson(void *arg)
{
	(void)arg;
	duet_task *tasks[TASKS];
	int results[TASKS];

	spawn_all(tasks);
	int failed = duet_settle(tasks, TASKS, results);
	if (failed < 0)
		return failed;
	for (int i = 0; i < TASKS; i++)
		printf("task %d: %s\n", i, results[i] < 0 ? duet_err_name(results[i]) : "ok");
	printf("settle: %d of %d failed\n", failed, TASKS);

	spawn_all(tasks);
	int r = duet_gather(tasks, TASKS, NULL);
	printf("gather: %s\n", duet_err_name(r));
	return r == DUET_ECANCELED ? r : 0;
}

int main(void)
{
	return lesson_run(lesson);
}
