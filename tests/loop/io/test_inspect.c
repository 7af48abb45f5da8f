#include "tests/lib/run.h"
#include "tests/lib/test.h"
#include <duet/duet.h>

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static char answer[65536];

/* What duet ps does, on a thread: asks this process, and reads to the end. */
static int ask(void *arg)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	int n = sprintf(name.sun_path + 1, "duet-ps/%d", (int)getpid());
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	size_t len = 0;
	ssize_t got;

	(void)arg;
	if (connect(fd, (struct sockaddr *)&name,
		    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n)) < 0) {
		close(fd);
		return -ECONNREFUSED;
	}
	while ((got = read(fd, answer + len, sizeof(answer) - 1 - len)) > 0)
		len += (size_t)got;
	answer[len] = '\0';
	close(fd);
	return (int)len;
}

static int nap(void *arg)
{
	return duet_sleep(DUET_S((long)arg));
}

static int inspected(void *arg)
{
	duet_task *t = duet_spawn_with(&(duet_task_options){.name = "a napper"}, nap, (void *)100);

	(void)arg;
	duet_yield(); /* now it naps */
	CHECK_OK(duet_inspector_open());
	CHECK_ERR(duet_inspector_open(), -EADDRINUSE);
	for (int i = 0; i < 3; i++) {
		CHECK(duet_to_thread(ask, NULL) > 0);
		CHECK_HAS(answer, "  main");
		CHECK_HAS(answer, "waits for a thread");
		CHECK_HAS(answer, "    a napper");
		CHECK_HAS(answer, "waits for sleep");
	}
	duet_cancel_await(t);
	return 0;
}

/* Who asks is told what the tasks wait for, as often as he likes. */
TEST(inspector_answers_with_the_dump)
{
	CHECK_OK(duet_run(inspected, NULL));
	CHECK_EQ(ask(NULL), -ECONNREFUSED);
}

static int stuck(void *arg)
{
	duet_event *never = duet_event_new();

	(void)arg;
	CHECK_OK(duet_inspector_open());
	CHECK_ERR(duet_event_wait(never), DUET_ECANCELED);
	duet_event_free(never);
	return 0;
}

/* A run that can be looked into still finds its deadlocks. */
TEST(inspector_hides_no_deadlock)
{
	CHECK_EQ(duet_run(stuck, NULL), DUET_EDEADLK);
	CHECK_HAS(duet_errmsg(), "waits for event");
}

/* Outside a run there is nothing to look into. */
TEST(inspector_outside_a_run_is_refused)
{
	CHECK_ERR(duet_inspector_open(), DUET_ENOTASK);
}
