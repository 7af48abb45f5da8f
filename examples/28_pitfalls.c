/* Lesson 28: what goes wrong in asyncio, and what happens here.
 *
 * Nothing is printed unless asked for: a run's report callback hears of results that nobody read,
 * of tasks that hold the loop, and of deadlocks.  (DUET_DEBUG=1 prints them on stderr.) */
#include "lesson.h"

#include <time.h>

static int nothing(void *arg)
{
	(void)arg;
	return 0;
}

static int fail(void *arg)
{
	(void)arg;
	return DUET_EHTTP;
}

static int wait_for_ever(void *arg)
{
	return duet_event_wait(arg);
}

static int lesson(void *arg)
{
	printf("a run within a run: %s\n", duet_err_name(duet_run(nothing, NULL)));
	duet_task *orphan = duet_spawn(fail, NULL);
	duet_detach(orphan);
	for (clock_t start = clock(); clock() - start < CLOCKS_PER_SEC / 20;)
		continue; /* this computes for 50 ms, and nobody else gets a turn */
	return duet_yield() < 0 ? DUET_ECANCELED : wait_for_ever(arg);
}

static void hear(void *context, const duet_report *report)
{
	static const char *const kinds[] = {
		[DUET_REPORT_SLOW] = "a task held the loop",
		[DUET_REPORT_UNREAD] = "nobody read the result",
		[DUET_REPORT_DEADLOCK] = "nothing can ever wake the tasks",
	};

	(void)context;
	printf("reported: %s\n", kinds[report->kind]);
}

int main(void)
{
	duet_event *never = duet_event_new();
	duet_run_options options = {.clock = lesson_clock(), .slow = DUET_MS(20), .report = hear};

	printf("a sleep outside a run: %s\n", duet_err_name(duet_sleep(DUET_S(1))));
	printf("the run: %s\n", duet_err_name(duet_run_with(&options, lesson, never)));
	printf("afterwards: %s\n", duet_run(nothing, NULL) == 0 ? "another run works" : "?");
	duet_event_free(never);
	return EXIT_SUCCESS;
}
