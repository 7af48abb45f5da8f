/* Lesson 7: when does a task start?
 *
 * Not when it is created: its body begins at the creator's next suspension.  An eager task runs at
 * once, up to its own first suspension, which saves a turn when the answer is there already. */
#include "lesson.h"

static int task(void *arg)
{
	printf("  %s task\n", (const char *)arg);
	return duet_yield();
}

static int lesson(void *arg)
{
	(void)arg;
	puts("as usual:");
	duet_task *lazy = duet_spawn(task, "lazy");
	puts("  after create");
	int r = duet_await(lazy);

	puts("eager:");
	duet_task *eager = duet_spawn_with(&(duet_task_options){.eager = true}, task, "eager");
	puts("  after create");
	int r2 = duet_await(eager);
	return r < 0 ? r : r2;
}

int main(void)
{
	return lesson_run(lesson);
}
