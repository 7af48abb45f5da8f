/* Lesson 30: where did the time go?
 *
 * A run with .trace hears of every task, request and job that has ended, with its beginning and its
 * end, and of the spans that the program adds.  Here each is drawn as a bar; duet_trace_open() and
 * duet_trace_write() put the same into a file for ui.perfetto.dev. */
#include "lesson.h"

enum { WIDTH = 40 };

#define COLUMN DUET_MS(10)

static duet_time began;

static void draw(void *context, const duet_span *span)
{
	int from = (int)((span->begin - began + COLUMN / 2) / COLUMN);
	int until = (int)((span->end - began + COLUMN / 2) / COLUMN);

	(void)context;
	printf("%2u  %-5s %-9s |%*s", span->track, span->kind, span->name, from, "");
	for (int i = from; i < until; i++)
		putchar('=');
	printf("%*s|\n", WIDTH - until, "");
}

static int brew(void *arg)
{
	duet_time grinding = duet_now();

	(void)arg;
	duet_sleep(DUET_MS(100));
	duet_trace_span(&(duet_span){.name = "grinding", .begin = grinding});
	return duet_sleep(DUET_MS(200));
}

static int toast(void *arg)
{
	(void)arg;
	return duet_sleep(DUET_MS(150));
}

static int breakfast(void *arg)
{
	duet_task *tasks[] = {duet_spawn(brew, NULL), duet_spawn(toast, NULL)};

	(void)arg;
	duet_gather(tasks, 2, NULL);
	return duet_sleep(DUET_MS(100));
}

int main(void)
{
	duet_run_options options = {.clock = lesson_clock(), .trace = draw};

	began = options.clock == DUET_CLOCK_VIRTUAL ? 0 : duet_now();
	return lesson_status(duet_run_with(&options, breakfast, NULL));
}
