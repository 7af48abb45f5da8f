#include <duet/duet.h>

#include "tests/lib/run.h"
#include "tests/lib/test.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void on_span(void *context, const duet_span *s)
{
	(void)context;
	CHECK_EQ(s->queued, s->begin);
	CHECK_EQ(duet_yield(), DUET_ENOTASK);
	note("%s %s %lld-%lld on %u: %d", s->kind, s->name, (long long)(s->begin / DUET_MS(1)),
	     (long long)(s->end / DUET_MS(1)), s->track, s->result);
}

static const duet_run_options traced = {.clock = DUET_CLOCK_VIRTUAL, .trace = on_span};

static int nap(void *arg)
{
	return duet_sleep(DUET_MS((long)arg)) < 0 ? DUET_ECANCELED : (int)(long)arg;
}

static int family(void *arg)
{
	(void)arg;
	duet_task *a = duet_spawn(nap, (void *)20), *b = duet_spawn(nap, (void *)10);

	CHECK_EQ(duet_await(b), 10);
	duet_task *c = duet_spawn(nap, (void *)30);
	duet_task_set_name(c, "third");
	CHECK_EQ(duet_await(a), 20);
	duet_cancel_await(c);
	return 0;
}

/* Each task is a span, in the order of their ends; tasks that overlap are on different tracks. */
TEST(trace_tasks)
{
	CHECK_OK(duet_run_with(&traced, family, NULL));
	CHECK_STR(notes(), "task nap 0-10 on 3: 10, task nap 0-20 on 2: 20, "
			   "task third 10-20 on 3: -125, task main 0-20 on 1: 0");
}

static int own(void *arg)
{
	duet_time begin = duet_now();

	(void)arg;
	CHECK(duet_trace_is_on());
	CHECK_OK(duet_sleep(DUET_MS(5)));
	duet_trace_span(&(duet_span){.name = "parse", .begin = begin, .result = 7});
	duet_trace_span(&(duet_span){.kind = "k", .begin = begin, .end = begin + DUET_MS(2)});
	duet_trace_span(NULL);
	return 0;
}

/* What the program adds is on its task's track; what it leaves out has its default. */
TEST(trace_span_fills_in_defaults)
{
	CHECK_OK(duet_run_with(&traced, own, NULL));
	CHECK_STR(notes(), "span parse 0-5 on 1: 7, k k 0-2 on 1: 0, task main 0-5 on 1: 0");
}

static int untraced(void *arg)
{
	(void)arg;
	CHECK(!duet_trace_is_on());
	duet_trace_span(&(duet_span){.name = "nobody hears"});
	return 0;
}

/* Without a hook, and outside a run, a span is nothing. */
TEST(trace_off_is_silent)
{
	CHECK_OK(duet_run(untraced, NULL));
	CHECK_OK(untraced(NULL));
	CHECK_STR(notes(), "");
}

enum { CROWD = 1000 };

static int crowd(void *arg)
{
	static duet_task *tasks[CROWD];

	(void)arg;
	for (long i = 0; i < CROWD; i++)
		tasks[i] = duet_spawn(nap, (void *)(1 + i % 7));
	for (long i = 0; i < CROWD; i++)
		CHECK_EQ(duet_await(tasks[i]), 1 + i % 7);
	return 0;
}

static void count_tracks(void *context, const duet_span *s)
{
	size_t *seen = context;

	CHECK_LE(s->track, CROWD + 1);
	seen[s->track]++;
}

/* Tracks are as many as tasks overlap, and each of them is given out again. */
TEST(trace_tracks_are_dense)
{
	static size_t seen[CROWD + 2];
	duet_run_options options = {
		.clock = DUET_CLOCK_VIRTUAL, .trace = count_tracks, .trace_context = seen};

	CHECK_OK(duet_run_with(&options, crowd, NULL));
	CHECK_EQ(seen[0], 0);
	for (size_t i = 1; i <= CROWD + 1; i++)
		CHECK_EQ(seen[i], 1);
	CHECK_OK(duet_run_with(&options, own, NULL));
	CHECK_EQ(seen[1], 4);
}

/* --- the file --- */

static char *read_file(const char *path)
{
	FILE *from = fopen(path, "re");
	char *text = NULL;
	size_t room = 0;

	CHECK(from != NULL);
	CHECK(getdelim(&text, &room, '\0', from) > 0);
	fclose(from);
	return text;
}

static int odd_names(void *arg)
{
	(void)arg;
	duet_trace_span(&(duet_span){.name = "a \"quoted\" \\ \n\xff line \xc3\xa9",
				     .detail = "\x01",
				     .begin = 0,
				     .end = 1500});
	duet_trace_span(&(duet_span){.kind = "http", .name = "GET x", .begin = 1000, .end = 3000});
	duet_trace_span(&(duet_span){.kind = "job",
				     .name = "j",
				     .queued = 1,
				     .begin = 2000001,
				     .end = 3000001,
				     .worker = 77});
	return 0;
}

static void check_member(const char *json, const char *path, const char *expected)
{
	duet_bytes value;

	CHECK_OK(duet_json_find(DUET_STR(json), path, &value));
	CHECK_EQ(value.len, strlen(expected));
	CHECK(memcmp(value.data, expected, value.len) == 0);
}

/* The file is strict JSON whatever the names are, in microseconds, with exchanges as pairs. */
TEST(trace_file_is_json)
{
	char path[] = "trace-XXXXXX";
	int fd = mkstemp(path);
	duet_trace *trace = duet_trace_open(path);
	duet_run_options options = {
		.clock = DUET_CLOCK_VIRTUAL, .trace = duet_trace_write, .trace_context = trace};

	close(fd);
	CHECK_OK(duet_run_with(&options, odd_names, NULL));
	CHECK_OK(duet_trace_close(trace));
	char *text = read_file(path);
	unlink(path);
	CHECK_OK(duet_json_check(DUET_STR(text)));
	check_member(text, "traceEvents.2.name",
		     "\"a \\\"quoted\\\" \\\\ \\u000a? line \xc3\xa9\"");
	check_member(text, "traceEvents.2.ph", "\"X\"");
	check_member(text, "traceEvents.2.dur", "1.500");
	check_member(text, "traceEvents.2.args.detail", "\"\\u0001\"");
	check_member(text, "traceEvents.3.ph", "\"b\"");
	check_member(text, "traceEvents.4.ph", "\"e\"");
	check_member(text, "traceEvents.4.ts", "3.000");
	check_member(text, "traceEvents.5.pid", "2");
	check_member(text, "traceEvents.5.tid", "77");
	check_member(text, "traceEvents.5.args.queued_ms", "2.000");
	check_member(text, "traceEvents.6.name", "\"main\"");
	free(text);
}

/* A full disk is told at the end; a file that cannot be made, at once. */
TEST(trace_file_failures_are_told)
{
	duet_trace *trace = duet_trace_open("/dev/full");
	duet_run_options options = {
		.clock = DUET_CLOCK_VIRTUAL, .trace = duet_trace_write, .trace_context = trace};

	CHECK_OK(duet_run_with(&options, crowd, NULL));
	CHECK_ERR(duet_trace_close(trace), -ENOSPC);
	CHECK_HAS(duet_errmsg(), "not whole");
	CHECK(duet_trace_open("/no/such/folder/trace") == NULL);
	CHECK_EQ(errno, ENOENT);
	CHECK_HAS(duet_errmsg(), "/no/such/folder/trace");
	CHECK_OK(duet_trace_close(NULL));
}
