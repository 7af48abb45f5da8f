/* Lesson 2: a call waits; tasks wait at the same time.
 *
 * Calling say_after twice takes the sum of both waits, as `await` twice does.  As two tasks it
 * takes the longer one of them: duet_spawn is create_task, duet_gather awaits them. */
#include "lesson.h"

struct line {
	duet_time delay;
	const char *text;
};

static struct line hello = {DUET_MS(500), "hello"};
static struct line world = {DUET_MS(500), "world"};

static int say_after(void *arg)
{
	const struct line *line = arg;
	int r = duet_sleep(line->delay);

	if (r == 0)
		puts(line->text);
	return r;
}

static int way_1(void)
{
	int r = say_after(&hello);

	return r < 0 ? r : say_after(&world);
}

static int way_2(void)
{
	duet_task *tasks[] = {duet_spawn(say_after, &hello), duet_spawn(say_after, &world)};

	return duet_gather(tasks, 2, NULL);
}

static int timed(const char *title, int (*way)(void))
{
	duet_time start = duet_now();

	printf("%s\nStarted at %.2f\n", title, seconds_since(start));
	int r = way();
	printf("Finished at %.2f\n", seconds_since(start));
	return r;
}

static int lesson(void *arg)
{
	(void)arg;
	int r = timed("One after the other", way_1);
	return r < 0 ? r : timed("At the same time", way_2);
}

int main(void)
{
	return lesson_run(lesson);
}
