/* A program outside the tree that uses the installed library. */
#include <duet/duet.h>
#include <stdio.h>

static int half(void *arg)
{
	duet_sleep(DUET_MS(1));
	return *(int *)arg / 2;
}

static int whole(void *arg)
{
	duet_task *tasks[] = {duet_spawn(half, arg), duet_spawn(half, arg)};
	int results[2], r = duet_gather(tasks, 2, results);

	return r < 0 ? r : results[0] + results[1];
}

int main(void)
{
	int n = 42;

	printf("duet %s says %d\n", duet_version_string(), duet_run(whole, &n));
	return 0;
}
