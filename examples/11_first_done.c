/* Lesson 11: take the first answer, drop the others.
 *
 * duet_wait returns when enough tasks are done, and takes none of them.  To cancel is to ask: the
 * task is over when it has been joined, and by then its cleanup has run.  Reading a result never
 * throws.  (duet_race does all of this in one call.) */
#include "lesson.h"

enum { TASKS = 10 };

static int cleanups;

static int answer(void *arg)
{
	int rank = *(const int *)arg;
	int r = duet_sleep(DUET_MS(100) * rank);

	if (r < 0)
		cleanups++;
	return r < 0 ? r : rank;
}

static int lesson(void *arg)
{
	(void)arg;
	int ranks[TASKS] = {5, 9, 3, 1, 7, 2, 10, 8, 6, 4}, results[TASKS], cancelled = 0;
	duet_task *tasks[TASKS];
	duet_time start = duet_now();

	for (int i = 0; i < TASKS; i++)
		tasks[i] = duet_spawn(answer, &ranks[i]);
	int done = duet_wait(tasks, TASKS, 1, DUET_FOREVER);
	printf("%d done after %.1f s\n", done, seconds_since(start));
	for (int i = 0; i < TASKS; i++) {
		if (duet_done(tasks[i]))
			printf("task %d: %d\n", i, duet_result(tasks[i]));
		else
			duet_cancel(tasks[i]);
	}
	printf("cleaned up right after cancel: %d\n", cleanups);
	int r = duet_settle(tasks, TASKS, results);
	for (int i = 0; i < TASKS; i++)
		cancelled += results[i] == DUET_ECANCELED;
	printf("cancelled: %d, cleaned up after joining: %d\n", cancelled, cleanups);
	return done < 0 ? done : r;
}

int main(void)
{
	return lesson_run(lesson);
}
