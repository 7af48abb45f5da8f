/* What a run leaves: --trace and --report. */
#include "program.h"
#include "tests/lib/test.h"

#include <duet/duet.h>
#include <stdlib.h>
#include <string.h>

/* Each row is in the trace, which is JSON; the page shows it, and holds no words of the server's that
 * a browser would obey. */
TEST(run_trace_and_report_show_every_row)
{
	struct program p;
	char *trace, *report;
	size_t len;
	int rows = 0;

	rows_write("in", 40);
	program_run(&p, "run %s/in -o %s/out -q --mock=latency=2ms+-1ms,fail=500:0.2 --retries 0 "
			"--post tokens --trace %s/trace --report %s/report");
	CHECK_EQ(p.status, 1);
	trace = file_read("trace", &len);
	CHECK_OK(duet_json_check(DUET_BYTES(trace, len)));
	for (char *at = trace; (at = strstr(at, "\"name\":\"row\"")) != NULL; at++)
		rows++;
	CHECK_EQ(rows, 40);
	CHECK_HAS(trace, ": server_error, attempts: ");
	CHECK_HAS(trace, "\"name\":\"post\",\"cat\":\"job\"");
	report = file_read("report", NULL);
	CHECK_HAS(report, "Timeline");
	CHECK_HAS(report, "<td>server_error");
	CHECK(strstr(report, "<script") == NULL && strstr(report, "http") == NULL);
	free(trace);
	free(report);
	program_run(&p, "run %s/in -o %s/more -q --mock --trace /dev/full");
	CHECK_EQ(p.status, 74);
	CHECK_HAS(p.err, "--trace /dev/full: No space left");
	CHECK_EQ(file_lines("more"), 40);
	program_run(&p, "run %s/in -o %s/less -q --mock --report %s/none/report");
	CHECK_EQ(p.status, 74);
	CHECK_HAS(p.err, "/none/report: No such file");
	CHECK_LE(file_lines("less"), 0);
}
