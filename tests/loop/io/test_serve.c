#include "tests/lib/test.h"
#include <duet/duet.h>
#include <stdio.h>

struct service {
	duet_listener *listener;
	duet_serve_fn *fn;
	size_t limit;
	size_t now, most, total, cancelled; /* clients */
	duet_event *gate;
};

static int serve(void *arg)
{
	struct service *s = arg;

	return duet_serve(s->listener, s->fn, s, s->limit);
}

static duet_task *start(struct service *s, duet_serve_fn *fn, size_t limit)
{
	*s = (struct service){.fn = fn, .limit = limit};
	CHECK((s->listener = duet_listen("tcp://127.0.0.1:0")) != NULL);
	CHECK((s->gate = duet_event_new()) != NULL);
	return duet_spawn(serve, s);
}

static int wait_at_gate(void *context, duet_stream *client)
{
	struct service *s = context;
	int r;

	s->total++;
	if (++s->now > s->most)
		s->most = s->now;
	r = duet_event_wait(s->gate);
	s->now--;
	s->cancelled += r == DUET_ECANCELED;
	return r < 0 ? r : duet_stream_write(client, "!", 1);
}

static int visit(void *ctx, size_t i)
{
	struct service *s = ctx;
	duet_stream *c = duet_connect(duet_listener_url(s->listener));
	char mark;

	(void)i;
	CHECK(c != NULL);
	CHECK_OK(duet_stream_readn(c, &mark, 1));
	duet_stream_close(c);
	return 0;
}

static int visit_all(void *arg)
{
	return duet_map(50, 0, visit, arg, NULL);
}

static int limited(void *arg)
{
	struct service s;
	duet_task *server = start(&s, wait_at_gate, 7), *visitors;

	(void)arg;
	visitors = duet_spawn(visit_all, &s);
	while (s.now < 7)
		CHECK_OK(duet_sleep(DUET_MS(1)));
	for (int i = 0; i < 20; i++)
		CHECK_OK(duet_yield());
	CHECK_EQ(s.now, 7);
	duet_event_set(s.gate);
	CHECK_OK(duet_await(visitors));
	duet_listener_close(s.listener);
	CHECK_OK(duet_await(server));
	CHECK_EQ(s.most, 7);
	CHECK_EQ(s.total, 50);
	duet_event_free(s.gate);
	return 0;
}

/* No more clients at once than the limit; the others wait their turn. */
TEST(serve_keeps_to_its_limit)
{
	CHECK_OK(duet_run(limited, NULL));
}

static int drain(void *arg)
{
	struct service s;
	duet_task *server = start(&s, wait_at_gate, 0);
	duet_stream *c[3];
	char mark;

	(void)arg;
	for (int i = 0; i < 3; i++)
		CHECK((c[i] = duet_connect(duet_listener_url(s.listener))) != NULL);
	while (s.now < 3)
		CHECK_OK(duet_sleep(DUET_MS(1)));
	duet_listener_close(s.listener);
	for (int i = 0; i < 20; i++)
		CHECK_OK(duet_yield());
	CHECK(!duet_done(server));
	duet_event_set(s.gate);
	CHECK_OK(duet_await(server));
	for (int i = 0; i < 3; i++) {
		CHECK_OK(duet_stream_readn(c[i], &mark, 1));
		CHECK_EQ(duet_stream_read(c[i], &mark, 1), 0);
		duet_stream_close(c[i]);
	}
	duet_event_free(s.gate);
	return 0;
}

/* With its listener closed, serve ends when the last client does. */
TEST(serve_listener_closed_drains)
{
	CHECK_OK(duet_run(drain, NULL));
}

static int close_while_full(void *arg)
{
	struct service s;
	duet_task *server = start(&s, wait_at_gate, 1);
	duet_stream *c = duet_connect(duet_listener_url(s.listener));

	(void)arg;
	while (s.now < 1)
		CHECK_OK(duet_sleep(DUET_MS(1)));
	duet_listener_close(s.listener);
	CHECK_OK(duet_yield());
	duet_event_set(s.gate);
	CHECK_OK(duet_await(server));
	duet_stream_close(c);
	duet_event_free(s.gate);
	return 0;
}

/* The listener may be closed while serve waits for a place rather than for a client. */
TEST(serve_listener_closed_while_full)
{
	CHECK_OK(duet_run(close_while_full, NULL));
}

static int cancel(void *arg)
{
	struct service s;
	duet_task *server = start(&s, wait_at_gate, 0);
	duet_stream *c[3];
	char mark;

	(void)arg;
	for (int i = 0; i < 3; i++)
		CHECK((c[i] = duet_connect(duet_listener_url(s.listener))) != NULL);
	while (s.now < 3)
		CHECK_OK(duet_sleep(DUET_MS(1)));
	CHECK_ERR(duet_cancel_await(server), DUET_ECANCELED);
	CHECK_EQ(s.cancelled, 3);
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(duet_stream_read(c[i], &mark, 1), 0);
		duet_stream_close(c[i]);
	}
	duet_listener_close(s.listener);
	duet_event_free(s.gate);
	return 0;
}

/* Cancelled, serve cancels and joins every client's task. */
TEST(serve_cancelled_cancels_clients)
{
	CHECK_OK(duet_run(cancel, NULL));
}

static int fail_some(void *context, duet_stream *client)
{
	struct service *s = context;

	if (++s->total % 2 == 0)
		return duet_queue_try_put(NULL, client); /* words of a failed call */
	return duet_stream_write(client, "!", 1);
}

static char reported[1024];
static int reports;

static void hear(void *context, const duet_report *report)
{
	(void)context;
	if (report->kind == DUET_REPORT_UNREAD) {
		reports++;
		snprintf(reported, sizeof(reported), "%s", report->text);
	}
}

static int serve_failing(void *arg)
{
	struct service s;
	duet_task *server = start(&s, fail_some, 1);

	(void)arg;
	for (int i = 0; i < 4; i++) {
		duet_stream *c = duet_connect(duet_listener_url(s.listener));
		char mark;
		CHECK_EQ(duet_stream_read(c, &mark, 1), i % 2 == 0);
		duet_stream_close(c);
	}
	duet_listener_close(s.listener);
	CHECK_OK(duet_await(server));
	duet_event_free(s.gate);
	return 0;
}

/* A client whose handler fails is closed and reported; the server goes on. */
TEST(serve_failure_of_one_client_is_reported)
{
	CHECK_OK(duet_run_with(&(duet_run_options){.report = hear}, serve_failing, NULL));
	CHECK_EQ(reports, 2);
	CHECK_HAS(reported, "serving a client at 127.0.0.1:");
	CHECK_HAS(reported, "EINVAL");
}

static int serve_nothing(void *arg)
{
	CHECK_ERR(duet_serve(NULL, wait_at_gate, NULL, 0), DUET_EINVAL);
	return 0 * (arg != NULL);
}

/* What cannot be served says so. */
TEST(serve_without_listener_or_task)
{
	CHECK_OK(duet_run(serve_nothing, NULL));
	CHECK_ERR(duet_serve(NULL, wait_at_gate, NULL, 0), DUET_ENOTASK);
}
