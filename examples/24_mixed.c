/* Lesson 24: calls and computing at the same time.
 *
 * Each row waits 50 ms for an answer, then 20 ms of work is done on it by one of two workers.  The
 * loop waits for the next answers while the workers compute, so all takes about as long as the
 * longer of the two parts, and the results are in order.  (mixed_workload is this in full.) */
#include "lesson.h"

#include <time.h>

enum { ROWS = 20, CALLS_AT_ONCE = 4 };

static duet_sem *calls;

static int square(duet_job *job)
{
	int number = *(const int *)duet_job_input(job).data;

	nanosleep(&(struct timespec){.tv_nsec = DUET_MS(20)}, NULL);
	return number * number;
}

static int ask(int row)
{
	int r = duet_sem_acquire(calls);

	if (r < 0)
		return r;
	r = duet_sleep(DUET_MS(50));
	duet_sem_release(calls);
	return r < 0 ? r : row;
}

static int do_row(void *pool, size_t i)
{
	int answer = ask((int)i);

	if (answer < 0)
		return answer;
	return duet_pool_call(pool, "square", DUET_BYTES(&answer, sizeof answer), NULL);
}

static int lesson(void *pool)
{
	int results[ROWS];

	calls = duet_sem_new(CALLS_AT_ONCE);
	int r = duet_map(ROWS, 0, do_row, pool, results);
	duet_sem_free(calls);
	for (int i = 0; r == 0 && i < ROWS; i++)
		printf("%d%c", results[i], i + 1 < ROWS ? ' ' : '\n');
	return r;
}

int main(void)
{
	duet_job_register("square", square);
	return lesson_run_pool(lesson, 2);
}
