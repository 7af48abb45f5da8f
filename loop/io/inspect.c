#include <duet/inspect.h>

#include "loop/core/fail.h"
#include "loop/core/loop.h"
#include "loop/core/timer.h"
#include "loop/core/watch.h"
#include <duet/scope.h>
#include <duet/stream.h>
#include <duet/task.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 4, ANSWERS_MOST = 4 };

#define ANSWER_TIME DUET_S(5)
#define PAUSE       DUET_MS(200)

typedef struct inspector {
	int fd;
	unsigned answers; /* under way */
	duet_loop *loop;
	duet__watch *watch;
	duet__timer pause; /* until it accepts again */
	duet__attachment attachment;
} inspector;

typedef struct answer {
	inspector *to;
	duet_stream *stream;
	char *text;
	size_t len;
} answer;

static void answer_free(answer *a)
{
	duet_stream_close(a->stream);
	free(a->text);
	free(a);
}

static int give_answer(void *arg)
{
	answer *a = arg;
	duet_scope limit;

	if (duet_scope_enter(&limit, ANSWER_TIME) == 0) {
		duet_stream_write(a->stream, a->text, a->len);
		duet_scope_exit(&limit);
	}
	a->to->answers--;
	answer_free(a);
	return 0;
}

static bool may_ask(int fd)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
	       (peer.uid == geteuid() || peer.uid == 0);
}

/* Takes fd. */
static answer *answer_new(inspector *i, int fd)
{
	answer *a = calloc(1, sizeof(*a));
	FILE *to = a != NULL ? open_memstream(&a->text, &a->len) : NULL;

	if (to != NULL) {
		duet_dump(to);
		if (fclose(to) == 0)
			a->stream = duet_stream_from_fd(fd);
	}
	if (a != NULL && a->stream != NULL) {
		a->to = i;
		return a;
	}
	close(fd);
	if (a != NULL)
		answer_free(a);
	return NULL;
}

/* It is taken down at once, so that it shows what was, not what answering has changed. */
static void begin_answer(inspector *i, int fd)
{
	answer *a = answer_new(i, fd);
	duet_task *t = a != NULL ? duet_spawn(give_answer, a) : NULL;

	if (t == NULL) {
		if (a != NULL)
			answer_free(a);
		return;
	}
	i->answers++;
	duet_task_set_name(t, "inspector");
	duet_detach(t);
}

static void resume(void *timer)
{
	duet__watch_set(duet__container_of(timer, inspector, pause)->watch, DUET__READ);
}

static void on_asked(void *context, int events)
{
	inspector *i = context;
	int fd = accept4(i->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)) {
		duet__watch_set(i->watch, 0); /* or the loop would spin */
		duet__timer_start(i->loop, &i->pause, PAUSE);
	}
	if (fd < 0)
		return;
	if (i->answers < ANSWERS_MOST && may_ask(fd))
		begin_answer(i, fd);
	else
		close(fd);
}

static void inspector_free(inspector *i)
{
	duet__watch_close(i->watch);
	close(i->fd);
	free(i);
}

static void on_run_ends(duet__attachment *attachment)
{
	inspector *i = duet__container_of(attachment, inspector, attachment);

	duet__timer_stop(i->loop, &i->pause);
	inspector_free(i);
}

/* -> a listening descriptor */
static int listen_here(void)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), r;
	int n = snprintf(name.sun_path + 1, sizeof(name.sun_path) - 1, "duet-ps/%d", (int)getpid());

	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&name,
		 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n)) == 0 &&
	    listen(fd, BACKLOG) == 0)
		return fd;
	r = -errno;
	close(fd);
	return r;
}

int duet_inspector_open(void)
{
	inspector *i;
	int r;

	if (duet__loop() == NULL)
		return duet__fail(DUET_ENOTASK);
	i = calloc(1, sizeof(*i));
	if (i == NULL)
		return duet__fail(DUET_ENOMEM);
	i->loop = duet__loop();
	i->pause.fire = resume;
	i->attachment.closing = on_run_ends;
	i->fd = listen_here();
	if (i->fd < 0) {
		r = i->fd;
		free(i);
		return duet__failf(r, "the run cannot be looked into: %s", duet_strerror(r));
	}
	i->watch = duet__watch_open(i->loop, i->fd, on_asked, i);
	if (i->watch == NULL || duet__watch_set(i->watch, DUET__READ) < 0) {
		inspector_free(i);
		return duet__fail(DUET_ENOMEM);
	}
	duet__loop_attach(i->loop, &i->attachment);
	return 0;
}
