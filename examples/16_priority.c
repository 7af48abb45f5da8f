/* Lesson 16: the most urgent first.
 *
 * A priority queue asks a function which of two jobs comes first; jobs that are equally urgent
 * come out in the order they went in. */
#include "lesson.h"

struct job {
	int priority;
	const char *prompt;
};

static int by_priority(const void *a, const void *b)
{
	return ((const struct job *)a)->priority - ((const struct job *)b)->priority;
}

static int lesson(void *arg)
{
	(void)arg;
	struct job list[] = {{9, "newsletter"},   {2, "chat, first"}, {5, "report"},
			     {2, "chat, second"}, {0, "alarm"},       {2, "chat, third"}};
	enum { N = sizeof list / sizeof *list };
	duet_queue *jobs = duet_queue_new_priority(N, by_priority);
	int r = 0;

	for (int i = 0; r == 0 && i < N; i++)
		r = duet_queue_put(jobs, &list[i]);
	for (void *item; r == 0 && duet_queue_try_get(jobs, &item) == 0;) {
		const struct job *job = item;
		printf("%d %s\n", job->priority, job->prompt);
	}
	duet_queue_free(jobs);
	return r;
}

int main(void)
{
	return lesson_run(lesson);
}
