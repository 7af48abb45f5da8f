/* Tasks that stand at different depths, for gdb to find: see ../gdb.sh. */
#include <duet/duet.h>

static __attribute__((noinline)) int inner(duet_event *never)
{
	int r = duet_event_wait(never);

	return r < 0 ? r : 1;
}

static __attribute__((noinline)) int middle(duet_event *never)
{
	int r = inner(never);

	return r < 0 ? r : 2;
}

static int waits_deep(void *never)
{
	return middle(never) == 2;
}

static int sleeps(void *arg)
{
	(void)arg;
	return duet_sleep(DUET_S(1000));
}

static __attribute__((noinline)) void stop_here(void)
{
	__asm__ volatile("" ::: "memory");
}

static int parent(void *arg)
{
	duet_event *never = duet_event_new();
	duet_task *tasks[] = {duet_spawn(waits_deep, never), duet_spawn(sleeps, NULL)};

	(void)arg;
	duet_yield();
	stop_here();
	duet_cancel_await(tasks[0]);
	duet_cancel_await(tasks[1]);
	duet_event_free(never);
	return 0;
}

int main(void)
{
	return duet_run(parent, NULL) < 0;
}
