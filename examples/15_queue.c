/* Lesson 15: a queue between producers and workers.
 *
 * Three workers take ten jobs of 0.1 s from a queue: 0.4 s.  join waits until every job is done.
 * In asyncio a worker that fails leaves join waiting for ever; here it shuts the queue down, join
 * returns, and the group tells what happened. */
#include "lesson.h"

enum { WORKERS = 3, JOBS = 10, NONE = -1 };

static duet_queue *jobs;
static int bad_job;

static int worker(void *arg)
{
	int name = *(int *)arg, r;
	void *job;

	while ((r = duet_queue_get(jobs, &job)) == 0 && (r = duet_sleep(DUET_MS(100))) == 0) {
		if (*(int *)job == bad_job) {
			duet_queue_shutdown(jobs);
			return DUET_ESERVER;
		}
		printf("worker-%d finished job %d\n", name, *(int *)job);
		duet_queue_task_done(jobs);
	}
	return r == DUET_ECLOSED ? 0 : r;
}

static void process_all(int bad)
{
	static int numbers[JOBS] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
	duet_group *workers = duet_group_open();
	duet_time start = duet_now();

	jobs = duet_queue_new(JOBS);
	bad_job = bad;
	for (int i = 0; i < WORKERS; i++)
		duet_group_spawn(workers, worker, &numbers[i]);
	for (int i = 0; i < JOBS; i++)
		duet_queue_put(jobs, &numbers[i]);
	duet_queue_join(jobs);
	duet_queue_shutdown(jobs);
	int r = duet_group_close(workers);
	printf("%s after %.2fs\n", r < 0 ? duet_err_name(r) : "all done", seconds_since(start));
	duet_queue_free(jobs);
}

static int lesson(void *arg)
{
	(void)arg;
	process_all(NONE);
	process_all(4);
	return 0;
}

int main(void)
{
	return lesson_run(lesson);
}
