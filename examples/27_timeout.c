/* Lesson 27: a deadline is a scope, not an argument.
 *
 * A scope bounds everything below it, at any depth, and the tightest one wins.  Once it is over
 * every suspending call returns DUET_ECANCELED, so the code unwinds by itself; cleanup that has to
 * wait takes a shielded scope of its own. */
#include "lesson.h"

static int say_goodbye(void)
{
	duet_scope shield;
	int r = duet_scope_shield(&shield, DUET_S(1));

	if (r < 0)
		return r;
	r = duet_sleep(DUET_MS(100));
	printf("  goodbye was %s\n", r == 0 ? "said" : "cut short");
	duet_scope_exit(&shield);
	return r;
}

static int talk(void *arg)
{
	int r = duet_sleep(*(const duet_time *)arg);

	if (r == DUET_ECANCELED)
		say_goodbye();
	return r;
}

static int talk_within(duet_time limit, duet_time needed)
{
	duet_time start = duet_now();
	int r = duet_timeout(limit, talk, &needed);

	printf("%s after %.1f s\n", r < 0 ? duet_err_name(r) : "done", seconds_since(start));
	return r;
}

static int lesson(void *arg)
{
	(void)arg;
	talk_within(DUET_S(1), DUET_MS(500));
	talk_within(DUET_S(1), DUET_S(5));

	duet_scope outer;
	int r = duet_scope_enter(&outer, DUET_MS(300));
	if (r < 0)
		return r;
	talk_within(DUET_S(1), DUET_S(5));
	r = duet_scope_exit(&outer);
	printf("the outer scope says %s\n", duet_err_name(r));
	return r == DUET_ETIMEDOUT ? 0 : r;
}

int main(void)
{
	return lesson_run(lesson);
}
