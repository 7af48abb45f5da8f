/* Lesson 1: asyncio.run(main()) is duet_run(main_task, arg).
 *
 * It makes a loop, runs one coroutine on it until that returns, and leaves nothing behind.  A
 * coroutine is a plain C function; duet_sleep suspends it, and the loop could run others. */
#include <duet/duet.h>
#include <stdio.h>

static int hello(void *arg)
{
	(void)arg;
	puts("Hello");
	int r = duet_sleep(DUET_S(1));
	puts("World");
	return r;
}

int main(void)
{
	return duet_run(hello, NULL) < 0;
}
