#include <duet/serve.h>

#include "loop/core/fail.h"
#include "loop/core/loop.h"
#include "loop/core/park.h"
#include "loop/io/address.h"
#include "loop/io/listener.h"
#include <duet/error.h>
#include <duet/group.h>
#include <duet/sem.h>
#include <duet/task.h>
#include <stdio.h>
#include <stdlib.h>

enum { REPORT_MOST = 768 };

#define PAUSE DUET_MS(10)

/* Outlives the call if the run breaks up a deadlock, where clients end after their server. */
struct server {
	duet_serve_fn *fn;
	void *context;
	duet_sem *places; /* NULL: no limit */
	size_t users;     /* the call, and each client */
};

struct visit {
	struct server *server;
	duet_stream *client;
};

static void server_release(struct server *s)
{
	if (--s->users > 0)
		return;
	duet_sem_free(s->places);
	free(s);
}

/* One client's failure is not the others'. */
static void report(const duet_stream *client, int code)
{
	char peer[DUET__ADDRESS_WORDS] = "", words[REPORT_MOST / 2], text[REPORT_MOST];

	snprintf(words, sizeof(words), "%s", duet_errmsg());
	duet_stream_peer(client, peer, sizeof(peer));
	snprintf(text, sizeof(text), "serving a client%s%s failed with %s: %s",
		 peer[0] != '\0' ? " at " : "", peer, duet_err_name(code), words);
	duet__report(&(duet_report){.kind = DUET_REPORT_UNREAD,
				    .text = text,
				    .task = duet_task_name(duet_self()),
				    .result = code});
}

static void leave(struct server *s, duet_stream *client)
{
	duet_stream_close(client);
	if (s->places != NULL)
		duet_sem_release(s->places);
	server_release(s);
}

static int visit(void *arg)
{
	struct visit v = *(struct visit *)arg;
	int r;

	free(arg);
	r = v.server->fn(v.server->context, v.client);
	if (r < 0 && r != DUET_ECANCELED)
		report(v.client, r);
	leave(v.server, v.client);
	return 0;
}

/* Takes client, and the place it has.  Out of memory, it is turned away. */
static void receive(struct server *s, duet_group *visits, duet_stream *client)
{
	struct visit *v = malloc(sizeof(*v));

	s->users++;
	if (v != NULL) {
		*v = (struct visit){s, client};
		if (duet_group_spawn(visits, visit, v) == 0)
			return;
		free(v);
	}
	leave(s, client);
}

/* A server outlives a moment without memory.  -> 0: go on */
static int recover(int code)
{
	return code == DUET_ENOMEM ? duet_sleep(PAUSE) : code;
}

/* -> 0 (the listener was closed), < 0 */
static int accept_all(struct server *s, duet_group *visits, duet_listener *l)
{
	for (;;) {
		duet_stream *client;
		int r = s->places != NULL ? duet_sem_acquire(s->places) : 0;

		if (r < 0)
			return r;
		while ((client = duet_accept(l)) == NULL)
			if ((r = recover(duet__last_error())) < 0)
				return r == DUET_ECLOSED ? 0 : r;
		receive(s, visits, client);
	}
}

static int serve(struct server *s, duet_listener *l)
{
	duet_group *visits = duet_group_open();
	int r, closed;

	if (visits == NULL)
		return duet__last_error();
	r = accept_all(s, visits, l);
	if (r < 0)
		duet_group_cancel(visits);
	closed = duet_group_close(visits);
	return r < 0 ? duet__fail(r) : closed;
}

int duet_serve(duet_listener *l, duet_serve_fn *fn, void *context, size_t limit)
{
	struct server *s;
	int r = duet__enter();

	if (r < 0)
		return r;
	if (l == NULL || fn == NULL)
		return duet__failf(DUET_EINVAL, "no listener, or nothing to serve");
	s = calloc(1, sizeof(*s));
	if (s == NULL)
		return duet__fail(DUET_ENOMEM);
	*s = (struct server){.fn = fn, .context = context, .users = 1};
	duet__listener_hold(l);
	if (limit > 0 && (s->places = duet_sem_new(limit)) == NULL)
		r = duet__last_error();
	else
		r = serve(s, l);
	duet__listener_release(l);
	server_release(s);
	return r;
}
