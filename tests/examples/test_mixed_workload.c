/* The main example as a program: its digests, its words and exit codes when things go wrong, and
 * what is left when it is interrupted or killed. */
#include "program.h"
#include "tests/lib/http_server.h"
#include "tests/lib/process.h"
#include "tests/lib/test.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* The results are the reference's, in order, in both modes. */
TEST_WITHIN(mixed_workload_digests_equal_the_reference, 60)
{
	struct program p;

	program_run(&p, "--json --mode light -n 1500 --latency 1");
	CHECK_EQ(p.status, 0);
	CHECK_HAS(p.out, "\"n\": 1500, \"wall_s\": ");
	CHECK_HAS(p.out, "\"digest\": \"6e7a9d96247595ca\"}");
	program_run(&p, "--json -n 40 --concurrency 7 --workers 3");
	CHECK_EQ(p.status, 0);
	CHECK_HAS(p.out, "\"digest\": \"d49aee15f11661ff\"}");
}

/* A person gets a summary, and no bar where there is no terminal. */
TEST(mixed_workload_without_json_prints_a_summary)
{
	struct program p;

	program_run(&p, "-n 40 --latency 1");
	CHECK_EQ(p.status, 0);
	CHECK_HAS(p.out, "Done: 40 of 40 rows");
	CHECK_HAS(p.out, "d49aee15f11661ff");
	CHECK_STR(p.err, "");
}

/* Wrong usage is said in one line, with status 2. */
TEST(mixed_workload_wrong_options_are_refused)
{
	static const char *const wrong[][2] = {
		{"--bogus", "--bogus"},
		{"-n 0", "-n wants a number"},
		{"-n 12x", "-n wants a number"},
		{"--mode medium", "--mode wants heavy or light"},
		{"--latency -1", "--latency wants"},
		{"--url localhost:80", "--url wants http://"},
		{"--concurrency", "--concurrency"},
		{"extra", "unexpected argument 'extra'"},
		{"--input /nonexistent/prompts.jsonl", "/nonexistent/prompts.jsonl: No such file"},
	};
	struct program p;

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		program_run(&p, wrong[i][0]);
		CHECK_EQ(p.status, 2);
		CHECK_HAS(p.err, wrong[i][1]);
		CHECK_STR(p.out, "");
	}
}

/* --help and --version answer on stdout. */
TEST(mixed_workload_help_and_version_are_answered)
{
	struct program p;

	program_run(&p, "--help");
	CHECK_EQ(p.status, 0);
	CHECK_HAS(p.out, "--concurrency");
	program_run(&p, "--version");
	CHECK_EQ(p.status, 0);
	CHECK_HAS(p.out, "mixed_workload ");
}

/* A server that is not there is one message, at once, not one for each row. */
TEST(mixed_workload_unreachable_server_is_one_message)
{
	struct program p;

	program_run(&p, "--url http://127.0.0.1:1/v1/chat/completions");
	CHECK_EQ(p.status, 3);
	CHECK_HAS(p.err, "connect");
	CHECK_HAS(p.err, "127.0.0.1");
	CHECK(strchr(p.err, '\n') == strrchr(p.err, '\n'));
	CHECK_STR(p.out, "");
}

static void tenth_fails(int fd, int nth, void *arg)
{
	struct server_request r;

	(void)nth, (void)arg;
	while (server_take(fd, &r) > 0) {
		const char *number = strstr(r.body, "prompt number ");
		if (number != NULL && number[strcspn(number, "\"") - 1] == '0')
			server_reply(fd, 500, NULL, "{\"error\":{\"message\":\"out of luck\"}}");
		else
			server_reply(fd, 200, NULL,
				     "{\"choices\":[{\"message\":{\"role\":\"assistant\","
				     "\"content\":\"some words\"}}]}");
	}
}

static void not_http(int fd, int nth, void *arg)
{
	(void)nth, (void)arg;
	server_take(fd, NULL);
	server_say(fd, "what?\r\n\r\n");
}

static void not_json(int fd, int nth, void *arg)
{
	(void)nth, (void)arg;
	while (server_take(fd, NULL) > 0)
		server_reply(fd, 200, NULL, "<html>Welcome</html>");
}

static void silent(int fd, int nth, void *arg)
{
	(void)nth, (void)arg;
	server_hang(fd);
}

static void run_against(struct program *p, server_script *script, const char *more)
{
	struct server *server = server_start(script, NULL);
	char arguments[512];

	snprintf(arguments, sizeof arguments, "-n 40 --concurrency 8 --url %s %s",
		 server_url(server, "/v1/chat/completions"), more);
	program_run(p, arguments);
	server_stop(server);
}

/* Rows that the server failed are counted with the reason; the others are kept. */
TEST(mixed_workload_failing_rows_are_counted_and_the_rest_kept)
{
	struct program p;

	run_against(&p, tenth_fails, "");
	CHECK_EQ(p.status, 1);
	CHECK_HAS(p.out, "36 of 40 rows");
	CHECK_HAS(p.out, "4 failed");
	CHECK_HAS(p.out, "500");
	run_against(&p, tenth_fails, "--json");
	CHECK_EQ(p.status, 1);
	CHECK_HAS(p.out, "\"n\": 40,");
	CHECK_HAS(p.out, "\"done\": 36, \"failed\": 4, \"partial\": false}");
}

/* Garbage fails the rows, not the program. */
TEST(mixed_workload_garbage_fails_every_row_with_its_reason)
{
	struct program p;

	run_against(&p, not_http, "");
	CHECK_EQ(p.status, 1);
	CHECK_HAS(p.out, "0 of 40 rows");
	CHECK_HAS(p.out, "40 failed");
	run_against(&p, not_json, "");
	CHECK_EQ(p.status, 1);
	CHECK_HAS(p.out, "40 failed");
}

static const char *write_input(const char *text)
{
	static char path[512];

	snprintf(path, sizeof path, "%s/prompts.jsonl", test_scratch());
	FILE *to = fopen(path, "w");
	CHECK(to != NULL);
	CHECK(fputs(text, to) >= 0);
	CHECK_EQ(fclose(to), 0);
	return path;
}

/* Broken lines are named with their number; the good ones are done. */
TEST(mixed_workload_broken_input_lines_are_named_and_the_rest_done)
{
	struct program p;
	char arguments[1100], output[600];
	const char *path = write_input("{\"prompt\": \"prompt number 0\"}\n"
				       "{\"prompt\": \n"
				       "\n"
				       "\"prompt number 1\"\n"
				       "{\"prompt\": 3}\n"
				       "{\"text\": \"x\"}\n"
				       "  {\"id\": 7, \"prompt\": \"caf\\u00e9 \\\"x\\\"\"}  \r\n"
				       "nonsense");

	snprintf(output, sizeof output, "%s/results.jsonl", test_scratch());
	snprintf(arguments, sizeof arguments, "--latency 0 --input %s --output %s", path, output);
	program_run(&p, arguments);
	CHECK_EQ(p.status, 1);
	CHECK_HAS(p.err, "prompts.jsonl:2: ");
	CHECK_HAS(p.err, "prompts.jsonl:5: ");
	CHECK_HAS(p.err, "prompts.jsonl:6: ");
	CHECK_HAS(p.err, "prompts.jsonl:8: ");
	CHECK_HAS(p.out, "3 of 7 rows");
	CHECK_HAS(p.out, "4 failed: broken input line");

	char line[256];
	int lines = 0;
	FILE *results = fopen(output, "r");
	CHECK(results != NULL);
	while (fgets(line, sizeof line, results) != NULL)
		lines++;
	fclose(results);
	CHECK_EQ(lines, 7);
}

/* Ctrl-C ends it with what is done so far, and says that it is a part. */
TEST(mixed_workload_interrupted_keeps_what_is_done)
{
	struct program p;

	program_start(&p, "-n 100000 --latency 5 --mode light");
	program_until_catches(&p, SIGINT);
	nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
	kill(p.pid, SIGINT);
	program_finish(&p);
	CHECK_EQ(p.status, 130);
	CHECK_HAS(p.out, "Interrupted");
	CHECK_HAS(p.out, "of 100000 rows");
}

/* A server that never answers does not hold up Ctrl-C. */
TEST(mixed_workload_interrupted_while_waiting_ends_at_once)
{
	struct server *server = server_start(silent, NULL);
	struct program p;
	char arguments[512];

	snprintf(arguments, sizeof arguments, "--json --url %s",
		 server_url(server, "/v1/chat/completions"));
	program_start(&p, arguments);
	program_until_catches(&p, SIGINT);
	nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
	kill(p.pid, SIGINT);
	program_finish(&p);
	server_stop(server);
	CHECK_EQ(p.status, 130);
	CHECK_HAS(p.out, "\"done\": 0, \"failed\": 0, \"partial\": true}");
}

/* A worker that is killed takes no row with it. */
TEST_WITHIN(mixed_workload_killed_worker_loses_no_row, 60)
{
	struct program p;
	pid_t workers[8];

	program_start(&p, "--json -n 400 --latency 5");
	for (int i = 0; i < 5; i++) {
		size_t n = program_descendants(&p, 2, 1, workers, 8);
		kill(workers[(size_t)i % n], SIGKILL);
		nanosleep(&(struct timespec){.tv_nsec = 30000000}, NULL);
	}
	program_finish(&p);
	CHECK_EQ(p.status, 0);
	CHECK_HAS(p.out, "\"digest\": \"d45d66f1d0589b38\"}");
}

/* Killed itself, it leaves no process behind. */
TEST_WITHIN(mixed_workload_killed_leaves_no_process, 60)
{
	struct program p;
	pid_t pids[16];

	program_start(&p, "-n 100000 --latency 5");
	size_t n = program_descendants(&p, 2, 2, pids, 8);
	n += program_descendants(&p, 1, 2, pids + n, 16 - n);
	kill(p.pid, SIGKILL);
	program_finish(&p);
	CHECK_EQ(p.status, 128 + SIGKILL);
	for (int ms = 0; ms < 10000; ms += 10) {
		size_t alive = 0;
		for (size_t i = 0; i < n; i++)
			alive += process_is_alive(pids[i]);
		if (alive == 0)
			return;
		nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
	}
	CHECK(!"every process is gone");
}
