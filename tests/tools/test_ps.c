/* duet ps, as its user sees it. */
#include "program.h"
#include "tests/lib/test.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void ps(struct program *p, pid_t pid)
{
	char command[32];

	snprintf(command, sizeof command, "ps %d", (int)pid);
	program_run(p, command);
}

/* Asks until it hears the word; a test that waits too long fails. */
static void ps_until(struct program *p, pid_t pid, const char *word)
{
	do {
		ps(p, pid);
		usleep(1000);
	} while (strstr(p->out, word) == NULL);
}

/* A run under way shows its rows, its requests and the jobs of its workers. */
TEST_WITHIN(ps_shows_rows_requests_and_workers, 30)
{
	struct program run, p;

	rows_write("in", 10);
	program_start(&run, NULL,
		      "run %s/in -o %s/out -q -j 4 --mock=latency=20ms --post busy=100 -w 1");
	ps_until(&p, run.pid, "job post for");
	CHECK_EQ(p.status, 0);
	CHECK_HAS(p.out, "duet run ");
	CHECK_HAS(p.out, "tasks alive");
	CHECK_HAS(p.out, "\n  main");
	CHECK_HAS(p.out, "waits for pool call");
	CHECK_HAS(p.out, "\npool: 1 workers");
	CHECK_HAS(p.out, "\nhttp: ");
	program_run(&p, "ps");
	CHECK_EQ(p.status, 0);
	CHECK_HAS(p.out, "run ");
	program_finish(&run);
	CHECK_EQ(run.status, 0);
}

/* What cannot be asked is told apart. */
TEST_WITHIN(ps_tells_why_not, 30)
{
	struct program p;
	struct mock mock;

	program_run(&p, "ps none");
	CHECK_EQ(p.status, 2);
	CHECK_HAS(p.err, "wants the number of a process, not 'none'");
	ps(&p, getpid());
	CHECK_EQ(p.status, 3);
	CHECK_HAS(p.err, "has not called duet_inspector_open()");
	ps(&p, 4194305); /* over the kernel's highest */
	CHECK_EQ(p.status, 3);
	CHECK_HAS(p.err, "is no process");
	mock_start(&mock, "");
	kill(mock.program.pid, SIGSTOP);
	ps(&p, mock.program.pid);
	CHECK_EQ(p.status, 3);
	CHECK_HAS(p.err, "does not answer: a task holds its loop");
	kill(mock.program.pid, SIGCONT);
	ps(&p, mock.program.pid);
	CHECK_EQ(p.status, 0);
	CHECK_HAS(p.out, "tasks alive");
	mock_stop(&mock);
}
