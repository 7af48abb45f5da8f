/* Lesson 5: a sleeping task blocks nobody.
 *
 * While one task sleeps 0.3 s, another ticks every 10 ms.  When the sleeper wakes, the ticker is
 * cancelled: its own sleep then returns DUET_ECANCELED, and its loop ends. */
#include "lesson.h"

static int tick(void *arg)
{
	int *ticks = arg;
	int r;

	while ((r = duet_sleep(DUET_MS(10))) == 0)
		++*ticks;
	return r;
}

static int lesson(void *arg)
{
	(void)arg;
	int ticks = 0;
	duet_task *ticker = duet_spawn(tick, &ticks);

	int r = duet_sleep(DUET_MS(300));
	int ended = duet_cancel_await(ticker);
	printf("%s ticks during a sleep of 0.3 s\n", ticks == 29 || ticks == 30 ? "29 or 30" : "?");
	printf("the ticker ended with %s\n", duet_err_name(ended));
	return r;
}

int main(void)
{
	return lesson_run(lesson);
}
