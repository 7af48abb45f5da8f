/* P7: a write that fails, whichever it is, is said loudly, and the same command goes on as if nothing
 * had been. */
#include "disk.h"
#include "program.h"
#include "tests/lib/test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define RUN                                                                                        \
	"run %s/in -o %s/out --errors %s/errors -q -j 4 --retries 0 --allow-failures "             \
	"--report %s/report --trace %s/trace --stats %s/stats --metrics %s/metrics "
#define FLAKY "--mock=latency=1ms,fail=400:0.3"

static const char *const outputs[] = {"out",    "out.journal", "out.journal.new", "errors",
				      "report", "trace",       "stats",           "metrics"};

static void forget(void)
{
	for (size_t i = 0; i < sizeof outputs / sizeof *outputs; i++)
		file_remove(outputs[i]);
}

/* What was there before the run under test: commands, up to NULL. */
struct history {
	const char *before[2];
	const char *command;
};

static void start_over(const struct history *h)
{
	struct program p;

	forget();
	for (int i = 0; i < 2 && h->before[i] != NULL; i++) {
		program_run(&p, h->before[i]);
		CHECK_EQ(p.status, 0);
	}
}

static void check_loud(const struct program *p, const struct disk *d)
{
	char name[256];

	/* What stands in for a file is named as that file. */
	snprintf(name, sizeof name, "%.*s", (int)strcspn(d->file, "."), d->file);
	test_note("call %ld of %s, %s of %s: status %d: %s", d->nth, strerror(d->error), d->call,
		  d->file, p->status, p->err);
	CHECK_NE(p->status, 0);
	CHECK_LE(p->status, 127);
	CHECK_HAS(p->err, name);
	CHECK_HAS(p->err, strerror(d->error));
}

/* The command with its 1st, 2nd, 3rd ... call failing, until none is left.  -> how many there were */
static long sweep(const struct history *h, struct disk fault)
{
	struct program p;

	fault.under = test_scratch();
	start_over(h);
	program_run(&p, h->command);
	CHECK_EQ(p.status, 0);
	rename(path_of("out"), path_of("whole"));
	rename(path_of("errors"), path_of("whole_errors"));
	for (fault.nth = 1;; fault.nth++) {
		struct disk disk = fault;

		start_over(h);
		program_run_with(&p, &(struct program_options){.disk = &disk}, h->command);
		if (disk.struck == 0)
			break;
		check_loud(&p, &disk);
		program_run(&p, h->command);
		test_note("after call %ld of %s, %s of %s: status %d: %s", disk.nth,
			  strerror(disk.error), disk.call, disk.file, p.status, p.err);
		CHECK_EQ(p.status, 0);
		file_check_same("out", "whole");
		file_check_same("errors", "whole_errors");
	}
	CHECK_EQ(p.status, 0);
	return fault.nth - 1;
}

static void sweep_each_way(const struct history *h, long least)
{
	CHECK_GE(sweep(h, (struct disk){.error = ENOSPC, .is_torn = true}), least);
	if (test_is_slow())
		return;
	CHECK_GE(sweep(h, (struct disk){.error = ENOSPC, .is_lasting = true}), least);
	CHECK_GE(sweep(h, (struct disk){.error = EIO}), least);
}

/* From nothing: journal, output, errors, report, trace and figures, each at each of its writes. */
TEST_WITHIN(disk_failing_at_any_call_is_loud_and_resumable, 120)
{
	rows_write("in", 10);
	sweep_each_way(&(struct history){.command = RUN FLAKY}, 25);
}

/* While the journal is made smaller, which is done again and again here. */
TEST_WITHIN(disk_failing_under_a_shrinking_journal_is_loud_and_resumable, 120)
{
	rows_write("in", 10);
	CHECK_GE(sweep(&(struct history){.command = RUN FLAKY " --compact-from 1"},
		       (struct disk){.error = ENOSPC, .is_torn = true}),
		 25);
	CHECK_GE(sweep(&(struct history){{RUN FLAKY " --limit 5"}, RUN FLAKY " --compact-from 1"},
		       (struct disk){.error = EIO}),
		 20);
}

/* In the run that goes on after one that was broken off. */
TEST_WITHIN(disk_failing_while_a_run_goes_on_is_loud_and_resumable, 120)
{
	rows_write("in", 12);
	sweep_each_way(&(struct history){{RUN FLAKY " --limit 5"}, RUN FLAKY}, 20);
}

/* In the run that asks failed rows again, which writes output and journal anew. */
TEST_WITHIN(disk_failing_while_failed_rows_are_asked_again_is_loud_and_resumable, 120)
{
	rows_write("in", 10);
	sweep_each_way(&(struct history){{RUN FLAKY}, RUN "--mock --retry-failed"}, 20);
}

/* B6: whoever reads the output may go at any byte of it: then it ends at once, in silence. */
TEST(disk_pipe_closed_after_any_byte_ends_the_run)
{
	rows_write("in", 5000);
	for (long most = 0; most < 300000; most = most < 4 ? most + 1 : most * 5) {
		int ends[2];
		char waste[4096];
		struct program p;

		CHECK_EQ(pipe2(ends, O_CLOEXEC), 0);
		program_start(&p, &(struct program_options){.out_fd = ends[1]},
			      "run %s/in --mock=latency=1ms -j 8 --post tokens -w 1");
		close(ends[1]);
		for (long got = 0; got < most;) {
			size_t some = most - got < 4096 ? (size_t)(most - got) : sizeof waste;
			ssize_t n = read(ends[0], waste, some);
			CHECK(n > 0);
			got += n;
		}
		close(ends[0]);
		program_finish(&p);
		CHECK_EQ(p.status, 141);
		CHECK_STR(p.err, "");
	}
}

/* A standard file that is closed from the start is no other file's number. */
TEST(disk_standard_files_that_are_closed_stay_so)
{
	char in[512];
	struct program p;

	rows_write("in", 10);
	snprintf(in, sizeof in, "%s", path_of("in"));
	program_run(&p, "run %s/in -o %s/whole --mock -q");
	CHECK_EQ(p.status, 0);
	for (int closed = 1; closed < 8; closed++) {
		struct program_options o = {.closed = closed, .input = in};

		program_run_with(&p, &o, "run %s/in -o %s/out --mock -v --post tokens");
		CHECK_EQ(p.status, 0);
		forget();
		program_run_with(&p, &o, "run %s/in -o %s/out --mock -v --progress json");
		CHECK_EQ(p.status, 0);
		file_check_same("out", "whole");
		forget();
		program_run_with(&p, &o, "run - --mock");
		CHECK_EQ(p.status, closed & 1 ? 2 : closed & 2 ? 74 : 0);
		if (closed == 2)
			CHECK_HAS(p.err, "cannot write standard output: Bad file descriptor");
	}
}

/* Each command that prints says so when nobody could have read it. */
TEST(disk_full_under_standard_output_is_told_by_every_command)
{
	static const char *const commands[] = {"--help",      "--version",          "run --help",
					       "mock --help", "check --help",       "demo --help",
					       "check %s/in", "run %s/in --dry-run"};
	struct program_options o = {.out_fd = open("/dev/full", O_WRONLY | O_CLOEXEC)};
	struct program p;

	CHECK(o.out_fd > 0);
	rows_write("in", 300);
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
		program_run_with(&p, &o, commands[i]);
		CHECK_EQ(p.status, 74);
		CHECK_HAS(p.err, "cannot write standard output");
	}
	close(o.out_fd);
}
