/* Lesson 4: the coffee shop, told to the end.
 *
 * Ten people, one coffee each, which takes T.  If the machine does the work, and people only wait,
 * ten tasks take T.  If the barista does it, and the barista is your CPU, tasks on one loop take
 * 10 T as before: only more baristas help, that is, a pool of workers.
 *
 * The pool's time is real.  ctest-labels: serial */
#include "lesson.h"

#include <time.h>

enum { PEOPLE = 10, BARISTAS = 2 };
#define COFFEE DUET_MS(100)

/* Stands for work that keeps a core busy: nothing else on this thread goes on meanwhile. */
static int brew(duet_job *job)
{
	(void)job;
	return nanosleep(&(struct timespec){.tv_nsec = COFFEE}, NULL);
}

static int machine_works(void *ctx, size_t i)
{
	(void)ctx, (void)i;
	return duet_sleep(COFFEE);
}

static int barista_works(void *ctx, size_t i)
{
	(void)ctx, (void)i;
	return brew(NULL);
}

static int barista_of_pool_works(void *pool, size_t i)
{
	(void)i;
	return duet_pool_call(pool, "brew", DUET_STR(""), NULL);
}

static void serve(const char *title, size_t at_once, int (*coffee)(void *, size_t), void *ctx)
{
	duet_time start = duet_now();

	if (duet_map(PEOPLE, at_once, coffee, ctx, NULL) == 0)
		printf("%s: %d T\n", title, (int)((duet_now() - start) / COFFEE));
}

static int lesson(void *pool)
{
	serve("the machine works, one customer after the other", 1, machine_works, NULL);
	serve("the machine works, all at once", PEOPLE, machine_works, NULL);
	serve("the barista works, all at once on the loop", PEOPLE, barista_works, NULL);
	serve("two baristas work, in a pool", PEOPLE, barista_of_pool_works, pool);
	return 0;
}

int main(void)
{
	duet_job_register("brew", brew);
	return lesson_run_pool(lesson, BARISTAS);
}
