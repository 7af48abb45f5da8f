/* Lesson 18: print a reply while it is being written.
 *
 * The model says a word every 0.05 s; each is printed when it comes, not when all are there.  A
 * queue with an end (shutdown) is what `async for` reads from. */
#include "lesson.h"

static duet_queue *tokens;

static int generate(void *arg)
{
	static char *words[] = {"Here ", "is ", "your ", "streaming ", "response", "."};
	int r = 0;

	(void)arg;
	for (size_t i = 0; r == 0 && i < sizeof words / sizeof *words; i++) {
		r = duet_sleep(DUET_MS(50));
		if (r == 0)
			r = duet_queue_put(tokens, words[i]);
	}
	duet_queue_shutdown(tokens);
	return r;
}

static int lesson(void *arg)
{
	(void)arg;
	duet_time start = duet_now();
	double first = 0;
	void *word;
	int r;

	tokens = duet_queue_new(1);
	duet_task *model = duet_spawn(generate, NULL);
	while ((r = duet_queue_get(tokens, &word)) == 0) {
		if (first == 0)
			first = seconds_since(start);
		fputs(word, stdout);
		fflush(stdout);
	}
	printf("\nfirst word after %.2fs, last after %.2fs\n", first, seconds_since(start));
	int generated = duet_await(model);
	duet_queue_free(tokens);
	return r == DUET_ECLOSED ? generated : r;
}

int main(void)
{
	return lesson_run(lesson);
}
