/* Lesson 6: the loop is a queue, first in, first out.
 *
 * Tasks run in the order in which they became ready, here by events that are set in the order
 * A, C, B.  A task that yields goes to the end of the queue, so none can starve the others. */
#include "lesson.h"

struct waiter {
	const char *name;
	duet_event *go;
};

static int wait_turn(void *arg)
{
	const struct waiter *w = arg;
	int r = duet_event_wait(w->go);

	if (r == 0)
		printf("%s runs\n", w->name);
	return r;
}

static int spin(void *arg)
{
	int *turns = arg;
	int r;

	while ((r = duet_yield()) == 0)
		++*turns;
	return r;
}

static int lesson(void *arg)
{
	(void)arg;
	int order[] = {0, 2, 1}, turns = 0;
	struct waiter waiters[] = {{"A", NULL}, {"B", NULL}, {"C", NULL}};
	duet_task *tasks[3];
	duet_task *spinner = duet_spawn(spin, &turns);

	for (int i = 0; i < 3; i++) {
		waiters[i].go = duet_event_new();
		tasks[i] = duet_spawn(wait_turn, &waiters[i]);
	}
	int r = duet_yield(); /* all start, and wait */
	for (int i = 0; i < 3; i++)
		duet_event_set(waiters[order[i]].go);
	int joined = duet_gather(tasks, 3, NULL);
	for (int i = 0; i < 3; i++)
		duet_event_free(waiters[i].go);
	duet_cancel_await(spinner);
	printf("and the spinner had %s\n", turns > 0 ? "its turns, too" : "none");
	return r < 0 ? r : joined;
}

int main(void)
{
	return lesson_run(lesson);
}
