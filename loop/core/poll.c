/* All that duet uses of libevent: file descriptors.  The loop's first deadline is one more of them, a
 * timerfd, which costs a system call when it changes; libevent's own precise timers cost one at
 * every turn. */
#include "loop/core/watch.h"

#include "loop/core/fail.h"
#include "loop/core/loop_impl.h"
#include "loop/core/vigil.h"
#include <event2/event.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

/* What the events of one poll may take before the tasks that they woke get to run.  While tasks are
 * waiting for that already, less comes in than goes out, and the queue of ready tasks, which every
 * timer has to go through, stays short. */
#define DISPATCH_TIME        DUET_US(500)
#define DISPATCH_TIME_BEHIND DUET_US(100)

enum { CLOCK_EVERY = 4 };

/* It is past, and its descriptor readable until it is set anew. */
enum { ALARM_RINGS = 0 };

struct duet__poll {
	struct event_base *base;
	struct event *alarm;
	struct event *mail;
	int alarm_fd;
	duet_time alarm_at; /* CLOCK_MONOTONIC; DUET_FOREVER: not set; ALARM_RINGS */
	duet_loop *loop;
	size_t watching; /* watches that are set */
	int callbacks;   /* in this poll */
	bool is_behind;  /* tasks were ready when it began */
	duet_time dispatch_end;
	duet_time
		expected_until; /* CLOCK_MONOTONIC; 0: nothing is expected                        */
	duet__vigil vigil;
};

struct duet__watch {
	struct duet__poll *poll;
	struct event *event;
	int fd;
	int events;
	duet__watch_fn *fn;
	void *context;
};

static void on_alarm(evutil_socket_t fd, short what, void *arg)
{
	struct duet__poll *p = arg;

	(void)fd, (void)what;
	p->alarm_at = ALARM_RINGS;
}

static void on_mail(evutil_socket_t fd, short what, void *arg)
{
	struct duet__poll *p = arg;

	(void)fd, (void)what;
	duet__mailbox_deliver(p->loop->mailbox);
}

/* A base needs an epoll and a pipe.  Without descriptors for them libevent prints, and ends the
 * process: so it is tried whether they are there.  -> 0, or -errno */
static int try_descriptors(void)
{
	int probe = epoll_create1(EPOLL_CLOEXEC), pair[2], r = 0;

	if (probe < 0)
		return -errno;
	if (pipe2(pair, O_CLOEXEC) != 0) {
		r = -errno;
	} else {
		close(pair[0]);
		close(pair[1]);
	}
	close(probe);
	return r;
}

static struct event_base *open_base(void)
{
	struct event_config *config = event_config_new();
	struct event_base *base = NULL;
	int r = config != NULL ? try_descriptors() : DUET_ENOMEM;

	if (r == 0) {
		event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
		base = event_base_new_with_config(config);
		r = DUET_ENOMEM;
	}
	if (config != NULL)
		event_config_free(config);
	if (base == NULL)
		errno = -r;
	return base;
}

struct duet__poll *duet__poll_open(duet_loop *loop)
{
	struct duet__poll *p = calloc(1, sizeof(*p));
	int error;

	if (p == NULL)
		return NULL;
	p->loop = loop;
	p->alarm_at = DUET_FOREVER;
	p->alarm_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (p->alarm_fd < 0 || (p->base = open_base()) == NULL)
		goto fail;
	p->alarm = event_new(p->base, p->alarm_fd, EV_READ | EV_PERSIST, on_alarm, p);
	p->mail = event_new(p->base, duet__mailbox_fd(loop->mailbox), EV_READ | EV_PERSIST, on_mail,
			    p);
	if (p->alarm == NULL || p->mail == NULL || event_add(p->alarm, NULL) != 0 ||
	    event_add(p->mail, NULL) != 0) {
		errno = ENOMEM;
		goto fail;
	}
	return p;
fail:
	error = errno;
	duet__poll_close(p);
	errno = error;
	return NULL;
}

void duet__poll_close(struct duet__poll *p)
{
	if (p == NULL)
		return;
	if (p->mail != NULL)
		event_free(p->mail);
	if (p->alarm != NULL)
		event_free(p->alarm);
	if (p->base != NULL)
		event_base_free(p->base);
	if (p->alarm_fd >= 0)
		close(p->alarm_fd);
	free(p);
}

static void set_alarm(struct duet__poll *p, duet_time wait)
{
	duet_time now = duet__clock_monotonic();
	duet_time at = wait < DUET_FOREVER - now ? now + wait : DUET_FOREVER;
	struct itimerspec when = {0};

	/* A microsecond of the old alarm is near enough, and saves setting it anew. */
	if (at == p->alarm_at || (at > p->alarm_at && at - p->alarm_at < 1000))
		return;
	p->alarm_at = at;
	if (at != DUET_FOREVER)
		when.it_value = (struct timespec){at / DUET_S(1), at % DUET_S(1)};
	timerfd_settime(p->alarm_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

bool duet__poll_is_idle(const struct duet__poll *p)
{
	return p->watching == 0;
}

static bool has_come(const struct duet__poll *p)
{
	return p->callbacks > 0 || duet__ready_count(&p->loop->ready) > 0;
}

/* For what is expected.  -> whether it, or something else, came */
static bool wait_awake(struct duet__poll *p, duet_time most)
{
	duet_time now = duet__clock_monotonic(), end = p->expected_until;

	p->expected_until = 0;
	if (end <= now || !duet__vigil_is_worth(&p->vigil))
		return false;
	if (most < end - now)
		end = now + most;
	do
		event_base_loop(p->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	while (!has_come(p) && duet__clock_monotonic() < end);
	duet__vigil_end(&p->vigil, has_come(p));
	return has_come(p);
}

void duet__poll_once(struct duet__poll *p, duet_time wait)
{
	p->callbacks = 0;
	p->is_behind = duet__ready_count(&p->loop->ready) > 0;
	if (wait > 0 && p->expected_until > 0 && wait_awake(p, wait))
		return;
	if (wait > 0)
		set_alarm(p, wait);
	event_base_loop(p->base, wait > 0 ? EVLOOP_ONCE : EVLOOP_ONCE | EVLOOP_NONBLOCK);
}

void duet__watch_expect(duet_loop *loop, duet_time within)
{
	loop->poll->expected_until = duet__clock_monotonic() + within;
}

/* Reading the clock costs more than many a callback. */
static void limit_dispatch(struct duet__poll *p)
{
	if (p->callbacks++ == 0)
		p->dispatch_end = duet__clock_monotonic() +
				  (p->is_behind ? DISPATCH_TIME_BEHIND : DISPATCH_TIME);
	else if (p->callbacks % CLOCK_EVERY == 0 && duet__clock_monotonic() > p->dispatch_end)
		event_base_loopbreak(p->base);
}

static void on_ready(evutil_socket_t fd, short what, void *arg)
{
	duet__watch *w = arg;
	int events = (what & EV_READ ? DUET__READ : 0) | (what & EV_WRITE ? DUET__WRITE : 0);

	(void)fd;
	limit_dispatch(w->poll);
	w->fn(w->context, events);
}

duet__watch *duet__watch_open(duet_loop *loop, int fd, duet__watch_fn *fn, void *context)
{
	duet__watch *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	*w = (duet__watch){.poll = loop->poll, .fd = fd, .fn = fn, .context = context};
	w->event = event_new(loop->poll->base, -1, 0, on_ready, w);
	if (w->event == NULL) {
		free(w);
		return NULL;
	}
	return w;
}

/* Some devices, such as /dev/null, cannot be polled: only trying tells.  -> 0, or -errno */
static int try_epoll(int fd)
{
	int probe = epoll_create1(EPOLL_CLOEXEC), r = 0;

	if (probe < 0)
		return 0;
	if (epoll_ctl(probe, EPOLL_CTL_ADD, fd, &(struct epoll_event){0}) != 0)
		r = -errno;
	close(probe);
	return r;
}

/* libevent prints a warning about descriptors that epoll refuses, and a library must not print. */
static int refuse_fd(int fd)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return -errno;
	switch (st.st_mode & S_IFMT) {
	case S_IFREG:
	case S_IFDIR:
	case S_IFBLK:
		return -EPERM;
	case S_IFSOCK:
	case S_IFIFO:
		return (fcntl(fd, F_GETFL) & O_PATH) != 0 ? -EBADF : 0;
	default:
		return try_epoll(fd);
	}
}

int duet__watch_set(duet__watch *w, int events)
{
	short what = (short)(EV_PERSIST | (events & DUET__READ ? EV_READ : 0) |
			     (events & DUET__WRITE ? EV_WRITE : 0));
	int r;

	if (events == w->events)
		return 0;
	if (w->events != 0) {
		event_del(w->event);
		w->poll->watching--;
		w->events = 0;
	}
	if (events == 0)
		return 0;
	if ((r = refuse_fd(w->fd)) < 0)
		return r;
	event_assign(w->event, w->poll->base, w->fd, what, on_ready, w);
	if (event_add(w->event, NULL) != 0)
		return errno != 0 ? -errno : -ENOMEM;
	w->events = events;
	w->poll->watching++;
	return 0;
}

void duet__watch_close(duet__watch *w)
{
	if (w == NULL || w->poll->loop->forked)
		return;
	if (w->events != 0)
		w->poll->watching--;
	event_free(w->event);
	free(w);
}

bool duet__watch_is_here(const duet__watch *w)
{
	return w != NULL && w->poll->loop == duet__current_loop;
}
