/* Lesson 13: at most three at once.
 *
 * Ten calls of 0.2 s through a semaphore of three take four rounds: 0.8 s.  Waiters are served
 * first come, first served. */
#include "lesson.h"

enum { CALLS = 10 };

struct call {
	duet_sem *slots;
	char prompt[64];
};

static int ask(void *arg)
{
	struct call *call = arg;
	int r = duet_sem_acquire(call->slots);

	if (r < 0)
		return r;
	r = duet_sleep(DUET_MS(200));
	if (r == 0)
		printf("%.20s...\n", call->prompt);
	duet_sem_release(call->slots);
	return r;
}

static int lesson(void *arg)
{
	(void)arg;
	duet_sem *slots = duet_sem_new(3);
	struct call calls[CALLS];
	duet_task *tasks[CALLS];
	duet_sem_stats_t stats;
	duet_time start = duet_now();

	for (int i = 0; i < CALLS; i++) {
		calls[i].slots = slots;
		snprintf(calls[i].prompt, sizeof calls[i].prompt, "Prompt %d: tell me more", i);
		tasks[i] = duet_spawn(ask, &calls[i]);
	}
	int r = duet_gather(tasks, CALLS, NULL);
	duet_sem_stats(slots, &stats);
	printf("Completed %d requests in %.1fs, %zu at once\n", CALLS, seconds_since(start),
	       stats.peak);
	duet_sem_free(slots);
	return r;
}

int main(void)
{
	return lesson_run(lesson);
}
