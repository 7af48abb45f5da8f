/* duet run as its user sees it: order, formats, exit codes, failures of server and disk. */
#include "program.h"
#include "tests/lib/http_server.h"
#include "tests/lib/process.h"
#include "tests/lib/test.h"

#include <duet/json.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A member of the nth line of a file, as JSON; valid until the next call. */
static const char *member(const char *file, int line, const char *path)
{
	static char value[2048];
	char *data = file_read(file, NULL), *p = data;
	duet_bytes found;

	CHECK(data != NULL);
	for (int i = 0; i < line; i++) {
		p = strchr(p, '\n');
		CHECK(p != NULL);
		p++;
	}
	size_t len = strcspn(p, "\n");
	CHECK_OK(duet_json_check(DUET_BYTES(p, len)));
	if (duet_json_find(DUET_BYTES(p, len), path, &found) < 0)
		found = DUET_STR("(none)");
	snprintf(value, sizeof value, "%.*s", (int)found.len, (const char *)found.data);
	free(data);
	return value;
}

/* Rows come back in the order of the input, though the answers do not. */
TEST(run_output_is_in_input_order)
{
	struct program p;
	char want[32];

	rows_write("in", 200);
	program_run(&p, "run %s/in -o %s/out --mock=latency=5ms+-5ms -j 32 --window 50");
	CHECK_EQ(p.status, 0);
	CHECK_EQ(file_lines("out"), 200);
	for (int i = 0; i < 200; i += 13) {
		snprintf(want, sizeof want, "%d", i);
		CHECK_STR(member("out", i, "duet.index"), want);
	}
	CHECK_HAS(p.err, "200 rows in");
	CHECK_STR(p.out, "");
}

/* Every form of row, and every way in which a line can be wrong; each has its output line. */
TEST(run_takes_each_form_of_row_and_answers_bad_lines)
{
	static const char rows[] =
		"\xef\xbb\xbf{\"custom_id\":\"a\",\"method\":\"POST\",\"url\":\"/v1/chat/"
		"completions\","
		"\"body\":{\"model\":\"x\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}}"
		"\r\n"
		"\r\n"
		"{\"model\":\"x\",\"messages\":[{}],\"metadata\":{\"k\":[1, 2]},\"n\":1}\n"
		"{\"prompt\":\"words\",\"custom_id\":7}\n"
		"{\"custom_id\":\"e\",\"url\":\"/v1/embeddings\",\"body\":{\"input\":\"x\"}}\n"
		"not json\n"
		"{\"prompt\":\"\xff\"}\n"
		"{\"prompt\":\"nul\0\"}\n"
		"[1]\n"
		"{\"custom_id\":\"u\",\"url\":\"/v2/other\",\"body\":{}}\n"
		"{\"nothing\":1}\n"
		"{\"prompt\":\"last, without its end\"}";
	struct program p;

	file_write("in", rows, sizeof rows - 1);
	program_run(&p, "run %s/in -o %s/out --mock -v");
	CHECK_EQ(p.status, 1);
	CHECK_EQ(file_lines("out"), 11);
	CHECK_STR(member("out", 0, "custom_id"), "\"a\"");
	CHECK_STR(member("out", 0, "response.status_code"), "200");
	CHECK_STR(member("out", 0, "error"), "null");
	CHECK_STR(member("out", 0, "duet.code"), "\"ok\"");
	CHECK_STR(member("out", 1, "custom_id"), "\"row-3\"");
	CHECK_STR(member("out", 1, "duet.metadata"), "{\"k\":[1, 2]}");
	CHECK_STR(member("out", 2, "custom_id"), "\"7\"");
	CHECK_STR(member("out", 3, "response.body.object"), "\"list\"");
	for (int i = 4; i < 10; i++) {
		CHECK_STR(member("out", i, "duet.code"), "\"input_invalid\"");
		CHECK_STR(member("out", i, "response"), "null");
		CHECK_STR(member("out", i, "error.code"), "\"input_invalid\"");
	}
	CHECK_STR(member("out", 10, "duet.code"), "\"ok\"");
	CHECK_HAS(p.err, "line 6");
}

/* B7: lines of text; a prompt made of fields; further members of the body. */
TEST(run_text_and_templates_make_prompts)
{
	struct program p;

	file_put("in", "one\n\ntwo \\ \"words\"\n");
	program_run(&p, "run %s/in --text --prompt 'Say: {text} {{x}}' --mock --dry-run");
	CHECK_EQ(p.status, 0);
	CHECK_HAS(p.out, "\"content\":\"Say: one {x}\"");
	CHECK_HAS(p.out, "2 rows, 0 of them wrong");
	file_put("in", "{\"a\":{\"b\":\"deep\"},\"n\":1.50}\n{\"a\":1}\n");
	program_run(&p,
		    "run %s/in --prompt 'x {a.b} {n}' --system 'be brief' -m big --body top_p=0.5 "
		    "--body user=me --max-tokens 9 --mock --dry-run");
	CHECK_EQ(p.status, 0);
	CHECK_HAS(p.out, "{\"model\":\"big\",\"messages\":[{\"role\":\"system\",\"content\":\"be "
			 "brief\"},{\"role\":\"user\",\"content\":\"x deep 1.50\"}],"
			 "\"max_tokens\":9,\"top_p\":0.5,\"user\":\"me\"}");
	CHECK_HAS(p.out, "2 rows, 1 of them wrong");
	program_run(&p, "run %s/in --prompt 'x {a' --mock");
	CHECK_EQ(p.status, 2);
	CHECK_HAS(p.err, "without its '}'");
}

/* B8: both lines of an id that stands twice are named before anything is sent. */
TEST(run_duplicate_id_is_refused_before_the_first_request)
{
	struct program p;

	file_put("in", "{\"custom_id\":\"x\",\"prompt\":\"a\"}\n\n{\"prompt\":\"b\"}\n"
		       "{\"custom_id\":\"x\",\"prompt\":\"c\"}\n");
	program_run(&p, "run %s/in -o %s/out --mock");
	CHECK_EQ(p.status, 2);
	CHECK_HAS(p.err, "\"x\" stands on lines 1 and 4");
	CHECK_EQ(file_size("out"), -1);
	struct program_options o = {.input = path_of("in")};
	program_run_with(&p, &o, "run --mock --format jsonl");
	CHECK_EQ(p.status, 2);
}

/* Rows without a model are told of before the first request; with one, every row is asked, the first
 * as well. */
TEST(run_without_a_model_is_refused_before_the_first_request)
{
	struct program p;
	struct mock mock;
	char command[256];

	mock_start(&mock, "");
	rows_write("in", 3);
	snprintf(command, sizeof command, "run %%s/in -o %%s/out --base-url %s", mock.url);
	program_run(&p, command);
	CHECK_EQ(p.status, 2);
	CHECK_HAS(p.err, "/in:1: no model is named: give -m MODEL");
	CHECK_EQ(file_size("out"), -1);
	CHECK_EQ(mock_stat(&mock, "requests"), 0);
	file_put("in", "{\"prompt\":\"a\",\"model\":\"m\"}\n{\"prompt\":\"b\",\"model\":\"m\"}\n"
		       "{\"prompt\":\"c\"}\n");
	program_run(&p, command);
	CHECK_EQ(p.status, 1);
	CHECK_EQ(file_lines("out"), 3);
	CHECK_STR(member("out", 0, "custom_id"), "\"row-1\"");
	CHECK_STR(member("out", 0, "duet.code"), "\"ok\"");
	CHECK_HAS(member("out", 2, "error.message"), "no model");
	CHECK_EQ(mock_stat(&mock, "requests"), 2);
	mock_stop(&mock);
}

/* Wrong usage is one line and status 2. */
TEST(run_wrong_usage_is_refused)
{
	static const char *const wrong[][2] = {
		{"run %s/in --nope", "unknown option '--nope'"},
		{"run %s/in --retrys 3", "did you mean --retries?"},
		{"run %s/in -j none", "-j wants"},
		{"run %s/in --rpm many", "--rpm wants a number"},
		{"run %s/in --timeout 5x", "--timeout wants a time"},
		{"run %s/in --format xml", "batch|jsonl|text"},
		{"run %s/in --window 0", "--window wants"},
		{"run %s/in --budget 5 --mock", "--price"},
		{"run %s/in --mock=latency=x", "--mock cannot be understood"},
		{"run %s/in --post nothing --mock", "--post wants"},
		{"run %s/in --fresh --retry-failed --mock", "excludes"},
		{"run %s/none --mock", "No such file"},
		{"run %s --mock", "directory"},
		{"run %s/in", "set OPENAI_API_KEY, OPENAI_BASE_URL or --mock"},
		{"run a b", "unexpected argument 'b'"},
		{"run -o", "wants a value"},
		{"fly", "unknown command 'fly'"},
		{"--fly", "unknown option '--fly'"},
		{"", "no command"},
	};
	struct program p;

	rows_write("in", 1);
	unsetenv("OPENAI_API_KEY");
	unsetenv("OPENAI_BASE_URL");
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		program_run(&p, wrong[i][0]);
		CHECK_EQ(p.status, 2);
		CHECK_HAS(p.err, wrong[i][1]);
		CHECK_STR(p.out, "");
	}
}

/* --help and --version answer on standard output, and a setting may come from the environment. */
TEST(run_help_version_and_environment)
{
	static const char *const env[] = {"DUET_FORMAT=text", "DUET_LIMIT=2", NULL};
	static const char *const bad[] = {"DUET_LIMIT=x", NULL};
	struct program_options o = {.env = env};
	struct program p;

	program_run(&p, "run --help");
	CHECK_EQ(p.status, 0);
	CHECK_HAS(p.out, "--retry-failed");
	program_run(&p, "help mock");
	CHECK_HAS(p.out, "--max-inflight");
	program_run(&p, "--version");
	CHECK_EQ(p.status, 0);
	CHECK_HAS(p.out, "duet 0.");
	rows_write("in", 5);
	program_run_with(&p, &o, "run %s/in --mock -q");
	CHECK_EQ(p.status, 0);
	CHECK(p.out[0] != '{');
	CHECK_EQ(file_lines("in"), 5);
	o.env = bad;
	program_run_with(&p, &o, "run %s/in --mock -q");
	CHECK_EQ(p.status, 2);
	CHECK_HAS(p.err, "DUET_LIMIT wants a number");
}

static void with_server(struct program *p, server_script *script, const char *more)
{
	struct server *server = server_start(script, NULL);
	char command[1024];

	snprintf(command, sizeof command, "run %%s/in -o %%s/out -m m --base-url %s %s",
		 server_url(server, "/v1"), more);
	program_run(p, command);
	server_stop(server);
}

static void refuse_key(int fd, int nth, void *arg)
{
	(void)nth, (void)arg;
	while (server_take(fd, NULL) > 0)
		server_reply(fd, 401, NULL, "{\"error\":{\"message\":\"bad key\"}}");
}

static void out_of_quota(int fd, int nth, void *arg)
{
	(void)nth, (void)arg;
	while (server_take(fd, NULL) > 0)
		server_reply(fd, 429, NULL,
			     "{\"error\":{\"message\":\"pay\",\"code\":\"insufficient_quota\"}}");
}

static void garbage(int fd, int nth, void *arg)
{
	(void)nth, (void)arg;
	while (server_take(fd, NULL) > 0)
		server_reply(fd, 200, NULL, "<html>\033[31m \xff</html>");
}

/* Each way for a run to end early has its exit code, and none of these rows counts as asked. */
TEST(run_refused_key_quota_and_dead_endpoint_have_their_codes)
{
	struct program p;

	rows_write("in", 20);
	program_run(&p, "run %s/in -o %s/out -m m --base-url http://127.0.0.1:1/v1");
	CHECK_EQ(p.status, 3);
	CHECK_HAS(p.err, "cannot reach http://127.0.0.1:1/v1");
	with_server(&p, refuse_key, "");
	CHECK_EQ(p.status, 4);
	CHECK_HAS(p.err, "bad key");
	with_server(&p, out_of_quota, "");
	CHECK_EQ(p.status, 4);
	CHECK_HAS(p.err, "insufficient_quota");
	CHECK_EQ(file_lines("out"), 0);
	program_run(&p, "run %s/in -o %s/out --mock");
	CHECK_EQ(p.status, 0);
	CHECK_EQ(file_lines("out"), 20);
}

/* H14, B10: an answer that is no JSON stands in the row as a string; no control byte reaches the
 * terminal. */
TEST(run_garbage_answers_are_rows_of_their_own_code)
{
	struct program p;

	rows_write("in", 3);
	with_server(&p, garbage, "-v");
	CHECK_EQ(p.status, 1);
	CHECK_STR(member("out", 2, "duet.code"), "\"invalid_json\"");
	CHECK_STR(member("out", 2, "response.body"), "\"<html>\\u001b[31m \xef\xbf\xbd</html>\"");
	CHECK(strchr(p.err, '\033') == NULL);
	CHECK_HAS(p.err, "[31m \\xff</html>");
}

/* Failures of a server that come and go are outlasted; those that stay are rows with a code. */
TEST(run_faults_are_retried_or_told)
{
	struct program p;

	rows_write("in", 100);
	program_run(&p, "run %s/in -o %s/out --mock=fail=429:0.1+500:0.05+reset:0.05,seed=3 -j 20 "
			"--stats %s/stats --timings");
	CHECK_EQ(p.status, 0);
	CHECK_EQ(file_lines("out"), 100);
	CHECK_STR(member("stats", 0, "codes.ok"), "100");
	CHECK_GE(atol(member("stats", 0, "retries")), 5);
	CHECK_GE(atol(member("out", 0, "duet.attempts")), 1);
	program_run(&p, "run %s/in -o %s/bad --mock=fail=500:1 --retries 0 --errors %s/errors");
	CHECK_EQ(p.status, 1);
	CHECK_EQ(file_lines("bad"), 100);
	CHECK_EQ(file_lines("errors"), 100);
	CHECK_STR(member("bad", 5, "response.status_code"), "500");
	CHECK_STR(member("bad", 5, "duet.code"), "\"server_error\"");
	CHECK_STR(member("bad", 5, "error"), "null");
	program_run(&p,
		    "run %s/in -o %s/soft --mock=fail=500:1 --retries 0 --allow-failures --metrics "
		    "%s/metrics");
	CHECK_EQ(p.status, 0);
	char *metrics = file_read("metrics", NULL);
	CHECK_HAS(metrics, "duet_rows_total{code=\"server_error\"} 100");
	free(metrics);
}

/* --max-errors, --fail-fast, --budget and --deadline stop, and the same command goes on. */
TEST(run_stopped_by_a_limit_goes_on_later)
{
	struct program p;

	rows_write("in", 200);
	program_run(&p, "run %s/in -o %s/out --mock=latency=2ms -j 4 --budget 0.001 --price 1,10");
	CHECK_EQ(p.status, 5);
	CHECK_HAS(p.err, "budget");
	CHECK_LE(file_lines("out"), 100);
	program_run(&p, "run %s/in -o %s/out --mock=latency=2s -j 4 --deadline 100ms");
	CHECK_EQ(p.status, 5);
	CHECK_HAS(p.err, "deadline");
	program_run(&p, "run %s/in -o %s/out --mock=fail=400:0.2 -j 4 --max-errors 3 --retries 0");
	CHECK_EQ(p.status, 1);
	CHECK_HAS(p.err, "3 rows failed");
	program_run(&p, "run %s/in -o %s/out --mock -j 4");
	CHECK_EQ(file_lines("out"), 200);
}

/* L6: the first interrupt lets rows under way end, the second does not; both can go on. */
TEST(run_interrupted_drains_and_goes_on)
{
	struct program p;

	rows_write("in", 400);
	program_start(&p, NULL, "run %s/in -o %s/out --mock=latency=30ms -j 8");
	while (file_size("out.journal") < 5000)
		usleep(1000);
	kill(p.pid, SIGINT);
	program_finish(&p);
	CHECK_EQ(p.status, 130);
	CHECK_HAS(p.err, "waiting up to 30 s");
	CHECK_HAS(p.err, "the same command goes on");
	program_start(&p, NULL, "run %s/in -o %s/out --mock=latency=60s -j 8");
	char seen[4096] = "";
	kill(p.pid, 0);
	while (strstr(seen, "rows are done") == NULL) {
		ssize_t n = read(p.err_fd, seen + strlen(seen), sizeof seen - 1 - strlen(seen));
		CHECK(n > 0);
	}
	for (int i = 0; i < 200 && strstr(seen, "interrupted") == NULL; i++) {
		kill(p.pid, SIGTERM); /* before it listens this ends it at once, which is as well */
		usleep(20000);
		fcntl(p.err_fd, F_SETFL, O_NONBLOCK);
		ssize_t n = read(p.err_fd, seen + strlen(seen), sizeof seen - 1 - strlen(seen));
		if (n == 0)
			break;
	}
	kill(p.pid, SIGTERM);
	program_finish(&p);
	CHECK(p.status == 143 || p.status == 128 + SIGTERM);
	program_run(&p, "run %s/in -o %s/out --mock -j 8");
	CHECK_EQ(p.status, 0);
	CHECK_EQ(file_lines("out"), 400);
}

/* P7: a full disk, a file at its limit and a closed pipe are said loudly, and can be gone on from. */
TEST_WITHIN(run_output_that_cannot_be_written_is_loud_and_resumable, 60)
{
	struct program_options o = {0};
	struct program p;
	int ends[2];

	rows_write("in", 100);
	program_run(&p, "run %s/in -o /dev/full --mock");
	CHECK_EQ(p.status, 74);
	CHECK_HAS(p.err, "cannot write /dev/full: No space left");
	program_run(&p, "run %s/in -o %s/whole --mock -q");
	for (long limit = 100; limit < 60000; limit += limit < 3000 ? 450 : 9500) {
		o = (struct program_options){.file_limit = limit};
		program_run_with(&p, &o, "run %s/in -o %s/out --mock -q");
		test_note("limit %ld: %s", limit, p.err);
		CHECK_EQ(p.status, 74);
		CHECK_HAS(p.err, "/out");
		CHECK_HAS(p.err, "File too large");
		program_run(&p, "run %s/in -o %s/out --mock -q");
		CHECK_EQ(p.status, 0);
		file_check_same("out", "whole");
		file_remove("out");
		file_remove("out.journal");
	}
	CHECK_EQ(pipe2(ends, O_CLOEXEC), 0);
	close(ends[0]);
	o = (struct program_options){.out_fd = ends[1]};
	program_run_with(&p, &o, "run %s/in --mock");
	close(ends[1]);
	CHECK_EQ(p.status, 141);
	CHECK_STR(p.err, "");
}

/* The reader of a pipe may be slow: nothing is lost. */
TEST(run_slow_reader_gets_every_row)
{
	struct program p;

	rows_write("in", 60);
	program_run(&p, "run %s/in --mock -q");
	CHECK_EQ(p.status, 0);
	CHECK_EQ(strlen(p.out) > 20000, 1);
	CHECK_HAS(p.out, "\"custom_id\":\"row-60\"");
}

/* --dedup: rows that ask the same are one request, and each has its answer. */
TEST(run_dedup_sends_equal_requests_once)
{
	struct program p;
	struct mock mock;
	char command[512], rows[8192] = "";

	for (int i = 0; i < 120; i++)
		snprintf(rows + strlen(rows), sizeof rows - strlen(rows), "{\"prompt\":\"%d\"}\n",
			 i % 6);
	file_put("in", rows);
	mock_start(&mock, "--latency 2ms");
	snprintf(command, sizeof command,
		 "run %%s/in -o %%s/once --base-url %s -m m -q --dedup --format jsonl -j 16",
		 mock.url);
	program_run(&p, command);
	CHECK_EQ(p.status, 0);
	CHECK_EQ(mock_stat(&mock, "requests"), 6);
	snprintf(command, sizeof command,
		 "run %%s/in -o %%s/each --base-url %s -m m -q --format jsonl", mock.url);
	program_run(&p, command);
	file_check_same("once", "each");
	mock_stop(&mock);
}

/* Each built-in, a command, and a command that fails now and then. */
TEST(run_post_steps)
{
	struct program p;

	rows_write("in", 5);
	program_run(&p, "run %s/in -o %s/a --mock --post tokens");
	CHECK_EQ(p.status, 0);
	CHECK_HAS(member("a", 0, "duet.post"), "{\"tokens\":");
	program_run(&p, "run %s/in -o %s/b --mock --prompt 'JSON: {prompt}' --post json");
	CHECK_EQ(p.status, 0);
	CHECK_HAS(member("b", 4, "duet.post"), "{\"answer\": ");
	program_run(&p, "run %s/in -o %s/c --mock --post json");
	CHECK_EQ(p.status, 1);
	CHECK_STR(member("c", 0, "duet.code"), "\"post_failed\"");
	CHECK_STR(member("c", 0, "duet.message"), "\"the reply is not JSON\"");
	program_run(&p, "run %s/in -o %s/d --mock -w 2 --post-exec 'while read -r l; do echo "
			"\"{\\\"n\\\":${#l}}\"; done'");
	CHECK_EQ(p.status, 0);
	CHECK_HAS(member("d", 3, "duet.post"), "{\"n\":");
	program_run(
		&p,
		"run %s/in -o %s/e --mock -w 1 --post-exec 'read -r l; echo plain words; exit 3'");
	CHECK_EQ(p.status, 1);
	CHECK_STR(member("e", 0, "duet.post"), "\"plain words\"");
	CHECK_HAS(member("e", 1, "duet.message"), "status 3");
	program_run(&p, "run %s/in -o %s/f --mock -w 1 --limit 1 --post-exec 'sleep 60' "
			"--post-timeout 200ms");
	CHECK_EQ(p.status, 1);
	CHECK_HAS(member("f", 0, "duet.message"), "--post-timeout");
	program_run(&p, "run %s/in -o %s/g --mock --expect json --reask 1");
	CHECK_EQ(p.status, 1);
	CHECK_STR(member("g", 0, "duet.code"), "\"expect_failed\"");
}

/* A function from a shared object; when it crashes, that row fails and no other. */
TEST(run_post_step_from_a_library)
{
	char command[1024], here[512];
	ssize_t len = readlink("/proc/self/exe", here, sizeof here - 1);
	struct program p;

	CHECK(len > 0);
	here[len] = '\0';
	*strrchr(here, '/') = '\0';
	file_put("in", "{\"prompt\":\"a\"}\n{\"prompt\":\"in JSON\"}\n{\"prompt\":\"b\"}\n");
	snprintf(command, sizeof command, "run %%s/in -o %%s/a --mock --post %s/libsteps.so:shout",
		 here);
	program_run(&p, command);
	CHECK_EQ(p.status, 0);
	CHECK(strpbrk(member("a", 0, "duet.post"), "abcdefghijklmnopqrstuvwxyz") == NULL);
	CHECK_HAS(member("a", 1, "duet.post"), "{\"ANSWER\": ");
	snprintf(command, sizeof command, "run %%s/in -o %%s/b --mock --post %s/libsteps.so:crash",
		 here);
	program_run(&p, command);
	CHECK_EQ(p.status, 1);
	CHECK_STR(member("b", 0, "duet.post"), "[1, 2]");
	CHECK_STR(member("b", 1, "duet.code"), "\"worker_crashed\"");
	CHECK_HAS(member("b", 1, "duet.message"), "SIGABRT");
	CHECK_STR(member("b", 2, "duet.post"), "[1, 2]");
	snprintf(command, sizeof command, "run %%s/in -o %%s/c --mock --post %s/libsteps.so:fail",
		 here);
	program_run(&p, command);
	CHECK_HAS(member("c", 2, "duet.message"), "not to its taste");
	snprintf(command, sizeof command, "run %%s/in -o %%s/d --mock --post %s/libsteps.so:none",
		 here);
	program_run(&p, command);
	CHECK_EQ(p.status, 1);
	CHECK_HAS(member("d", 0, "duet.message"), "undefined symbol");
	program_run(&p, "run %s/in --mock --post /none/lib.so:f");
	CHECK_EQ(p.status, 2);
	CHECK_HAS(p.err, "no such library");
}

/* P8: memory and descriptors do not grow with the rows. */
TEST_WITHIN(run_memory_is_flat, 60)
{
	long memory[2] = {0}, fds[2] = {0};
	/* The address sanitizer keeps what is freed for a while: for a short one. */
	static const char *const env[] = {"ASAN_OPTIONS=quarantine_size_mb=8", NULL};
	int n = test_is_slow() ? 6000 : 24000;
	struct program p;

	rows_write("in", n);
	program_start(&p, &(struct program_options){.env = env},
		      "run %s/in -o %s/out --mock -q -j 16");
	for (int i = 0; i < 2; i++) {
		while (file_size("out") < (long)n * 600 * (i == 0 ? 4 : 9) / 10)
			usleep(2000);
		memory[i] = process_memory(p.pid);
		fds[i] = process_fds(p.pid);
	}
	program_finish(&p);
	CHECK_EQ(p.status, 0);
	CHECK_EQ(file_lines("out"), n);
	test_note("%ld KiB and %ld KiB, %ld and %ld descriptors", memory[0], memory[1], fds[0],
		  fds[1]);
	/* AddressSanitizer keeps up to 256 MiB of freed memory apart. */
	CHECK_LE(memory[1] - memory[0], test_is_slow() ? 300000 : 1000);
	CHECK_LE(fds[1] - fds[0], 8);
}
