/* Lesson 12: wait for any five of ten, which asyncio.wait cannot.
 *
 * duet_wait counts tasks that are done; duet_wait_ok counts successes, and gives up as soon as
 * there cannot be enough any more: a quorum. */
#include "lesson.h"

enum { TASKS = 10 };

struct vote {
	int after; /* tenths of a second */
	int result;
};

static int cast(void *arg)
{
	const struct vote *vote = arg;
	int r = duet_sleep(DUET_MS(100) * vote->after);

	return r < 0 ? r : vote->result;
}

/* The first `bad` of ten staggered tasks fail. */
static int poll_tasks(const char *title, int bad, bool count_successes)
{
	struct vote votes[TASKS];
	duet_task *tasks[TASKS];
	duet_time start = duet_now();

	for (int i = 0; i < TASKS; i++) {
		votes[i] = (struct vote){i + 1, i < bad ? DUET_ESERVER : 0};
		tasks[i] = duet_spawn(cast, &votes[i]);
	}
	int n = count_successes ? duet_wait_ok(tasks, TASKS, 5, DUET_FOREVER)
				: duet_wait(tasks, TASKS, 5, DUET_FOREVER);
	printf("%s: %d after %.1f s\n", title, n, seconds_since(start));
	for (int i = 0; i < TASKS; i++)
		duet_cancel(tasks[i]);
	int r = duet_settle(tasks, TASKS, NULL);
	return n < 0 ? n : r;
}

static int lesson(void *arg)
{
	(void)arg;
	int r = poll_tasks("five done", 0, false);

	if (r >= 0)
		r = poll_tasks("five successes, three fail first", 3, true);
	if (r >= 0)
		r = poll_tasks("five successes, six fail first", 6, true);
	return r;
}

int main(void)
{
	return lesson_run(lesson);
}
