/* Lesson 19: the whole batch system.
 *
 * Twenty prompts, ten at once, and two that fail.  A failure stays in its row.  Waiting for a slot
 * and being served are measured apart, or the average latency would be a lie: 0.15 s. */
#include "lesson.h"

enum { PROMPTS = 20, AT_ONCE = 10 };

static duet_sem *slots;
static double in_line, served;

static int call_model(const char *prompt)
{
	int r = duet_sleep(DUET_MS(100));

	return r == 0 && strstr(prompt, "fail") != NULL ? DUET_ESERVER : r;
}

/* The result is the row's code; the batch goes on whatever it is, unless it is cancelled. */
static int process(void *codes, size_t i)
{
	char prompt[32];
	duet_time asked = duet_now();
	snprintf(prompt, sizeof prompt, "Prompt %zu%s", i, i % 10 == 7 ? " (fail)" : "");
	int r = duet_sem_acquire(slots);
	if (r < 0)
		return r;
	in_line += seconds_since(asked);
	duet_time started = duet_now();
	r = ((int *)codes)[i] = call_model(prompt);
	served += seconds_since(started);
	duet_sem_release(slots);
	return r == DUET_ECANCELED ? r : 0;
}

static int lesson(void *arg)
{
	(void)arg;
	int codes[PROMPTS], ok = 0;
	duet_time start = duet_now();

	slots = duet_sem_new(AT_ONCE);
	int r = duet_map(PROMPTS, 0, process, codes, NULL);
	duet_sem_free(slots);
	printf("Completed: %d requests in %.2fs\n", PROMPTS, seconds_since(start));
	for (int i = 0; i < PROMPTS; i++) {
		ok += codes[i] == 0;
		if (codes[i] < 0)
			printf("Failure: prompt %d: %s\n", i, duet_strerror(codes[i]));
	}
	printf("Success: %d/%d\n", ok, PROMPTS);
	printf("Avg latency: %.2fs, after %.2fs in line\n", served / PROMPTS, in_line / PROMPTS);
	return r;
}

int main(void)
{
	return lesson_run(lesson);
}
