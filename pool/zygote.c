#include "pool/zygote.h"

#include "ipc/descriptor.h"
#include "loop/core/sanitizer.h"
#include "pool/directory.h"
#include "pool/spawn.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CHILDREN_MAX = 4 * DUET_POOL_MAX_WORKERS, ORDER_FDS = 3, FAREWELL_MS = 1000 };

/* ---- the parent's side ---- */

/* -> -1 before Linux 5.3, and under a valgrind that would only complain */
static int open_pidfd(pid_t pid)
{
	return duet__is_on_valgrind() ? -1 : (int)syscall(SYS_pidfd_open, pid, 0);
}

int duet__zygote_start(duet__zygote *z, const duet__plan *plan)
{
	int ends[2];
	int r = duet__fd_pair(ends);
	if (r < 0)
		return r;
	pid_t pid = duet__spawn_zygote(plan, ends[1]);
	close(ends[1]);
	if (pid < 0) {
		close(ends[0]);
		return pid;
	}
	*z = (duet__zygote){pid, ends[0], duet__fd_raise(open_pidfd(pid))};
	return 0;
}

/* By its pidfd: the program may reap children that are not its own. */
void duet__zygote_kill(duet__zygote *z)
{
	if (z->ended >= 0)
		syscall(SYS_pidfd_send_signal, z->ended, SIGKILL, NULL, 0);
	else if (z->pid > 0)
		kill(z->pid, SIGKILL);
}

/* Room for the descriptors of one order, aligned as the kernel wants it. */
union ancillary {
	char bytes[CMSG_SPACE(ORDER_FDS * sizeof(int))];
	struct cmsghdr align;
};

static void attach_fds(struct msghdr *m, union ancillary *a, const duet__order *o)
{
	int all[ORDER_FDS] = {o->memory_fd, o->offer.fd, o->output_fd}, fds[ORDER_FDS];
	size_t n = 0;
	for (int i = 0; i < ORDER_FDS; i++)
		if (all[i] >= 0)
			fds[n++] = all[i];
	if (n == 0)
		return;
	m->msg_control = a->bytes;
	m->msg_controllen = CMSG_SPACE(n * sizeof(int));
	struct cmsghdr *c = CMSG_FIRSTHDR(m);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(n * sizeof(int));
	memcpy(CMSG_DATA(c), fds, n * sizeof(int));
}

static bool takes_orders(const duet__zygote *z)
{
	struct pollfd p = {.fd = z->control, .events = POLLOUT};
	return poll(&p, 1, FAREWELL_MS) != 0 || (errno = EAGAIN, false);
}

int duet__zygote_order(duet__zygote *z, const duet__order *order)
{
	if (z->control < 0)
		return -EPIPE;
	union ancillary a = {0};
	struct iovec iov = {(void *)(uintptr_t)order, sizeof(*order)};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
	if (order->kind == DUET__ORDER_SPAWN)
		attach_fds(&m, &a, order);
	ssize_t n;
	do
		n = sendmsg(z->control, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n < 0 && (errno == EINTR || (errno == EAGAIN && takes_orders(z))));
	if (n < 0 && errno == EAGAIN)
		duet__zygote_kill(z);
	return n >= 0 ? 0 : errno == ECONNRESET ? -EPIPE : -errno;
}

int duet__zygote_news(duet__zygote *z, duet__news *news)
{
	if (z->control < 0)
		return -EPIPE;
	ssize_t n;
	do
		n = recv(z->control, news, sizeof(*news), MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n == (ssize_t)sizeof(*news))
		return 1;
	return n < 0 && errno == EAGAIN ? 0 : -EPIPE;
}

bool duet__zygote_has_ended(const duet__zygote *z)
{
	return z->ended >= 0 && poll(&(struct pollfd){.fd = z->ended, .events = POLLIN}, 1, 0) > 0;
}

void duet__zygote_wait(const duet__zygote *z)
{
	struct pollfd either[] = {{.fd = z->control, .events = POLLIN},
				  {.fd = z->ended, .events = POLLIN}};
	poll(either, 2, -1);
}

void duet__zygote_let_go(duet__zygote *z)
{
	if (z->control < 0)
		return;
	shutdown(z->control, SHUT_RDWR); /* a child of the program may have it open, too */
	close(z->control);
	z->control = -1;
}

/* One that does not end (somebody stopped it) is killed: it is ours, and not reaped. */
void duet__zygote_stop(duet__zygote *z)
{
	duet__zygote_let_go(z);
	if (z->pid > 0) {
		if (z->ended >= 0 && poll(&(struct pollfd){.fd = z->ended, .events = POLLIN}, 1,
					  2 * FAREWELL_MS) == 0)
			duet__zygote_kill(z);
		while (waitpid(z->pid, NULL, __WALL) < 0 && errno == EINTR)
			;
	}
	if (z->ended >= 0)
		close(z->ended);
	*z = DUET__ZYGOTE_NONE;
}

void duet__describe_end(char *text, size_t size, pid_t pid, int status)
{
	if (WIFSIGNALED(status)) {
		const char *name = sigabbrev_np(WTERMSIG(status));
		char number[24];
		snprintf(number, sizeof(number), "RT%d", WTERMSIG(status));
		snprintf(text, size, "worker process %d was killed by SIG%s%s", (int)pid,
			 name != NULL ? name : number,
			 WTERMSIG(status) == SIGKILL ? " (by hand, or for lack of memory)" : "");
	} else {
		snprintf(text, size, "worker process %d ended by itself: exit status %d", (int)pid,
			 WEXITSTATUS(status));
	}
}

/* ---- the zygote's side ---- */

static struct {
	const duet__plan *plan;
	int control, signals, parent;
	int first_fd; /* lower ones were the parent's                                          */
	struct child {
		pid_t pid;
		uint32_t epoch;
	} children[CHILDREN_MAX];
	size_t n;
} zygote;

static int send_news(enum duet__news_kind kind, struct child c, int status)
{
	duet__news news = {kind, c.epoch, c.pid, status};
	ssize_t n;
	do
		n = send(zygote.control, &news, sizeof(news), MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -1 : 0;
}

/* The leader is not reaped yet, so its group's number can be nobody else's. */
static void kill_group(struct child c)
{
	kill(-c.pid, SIGKILL);
	kill(c.pid, SIGKILL);
}

/* Workers, and what has come to us from those that have ended. */
static void each_child(void (*act)(pid_t pid))
{
	char path[64];
	int pid;
	snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
	FILE *f = fopen(path, "re");
	while (f != NULL && fscanf(f, "%d", &pid) == 1)
		act(pid);
	if (f != NULL)
		fclose(f);
}

static size_t find_child(pid_t pid)
{
	size_t i = 0;
	while (i < zygote.n && zygote.children[i].pid != pid)
		i++;
	return i;
}

/* What it has left in groups of their own.  Daemons, in sessions of their own, end with the pool. */
static void kill_stray(pid_t pid)
{
	pid_t group = getpgid(pid);
	if (find_child(pid) < zygote.n || find_child(group) < zygote.n || getsid(pid) != getsid(0))
		return;
	if (group > 1 && group != getpgrp())
		kill(-group, SIGKILL);
	kill(pid, SIGKILL);
}

static void reap_worker(size_t i)
{
	struct child c = zygote.children[i];
	int status;
	kill_group(c);
	waitpid(c.pid, &status, 0);
	zygote.children[i] = zygote.children[--zygote.n];
	each_child(kill_stray);
	send_news(DUET__NEWS_EXITED, c, status);
}

/* Those that are no workers were orphaned by one: as their nearest subreaper we inherit them.
 * -> whether any child is left */
static bool reap(void)
{
	siginfo_t info = {0};
	int r;
	while ((r = waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT)) == 0 && info.si_pid > 0) {
		size_t i = find_child(info.si_pid);
		if (i < zygote.n)
			reap_worker(i);
		else
			waitpid(info.si_pid, NULL, 0);
		info.si_pid = 0;
	}
	return r == 0;
}

/* Daemons that jobs have left, in sessions of their own, where no group's kill meets them. */
static void kill_orphan(pid_t pid)
{
	if (find_child(pid) == zygote.n)
		kill(pid, SIGKILL);
}

static void take_signals(void)
{
	struct signalfd_siginfo info;
	while (read(zygote.signals, &info, sizeof(info)) > 0)
		;
}

/* Who does not end at once, in the middle of a write to a dead disk say, is left to the kernel. */
_Noreturn static void farewell(void)
{
	for (size_t i = 0; i < zygote.n; i++)
		kill_group(zygote.children[i]);
	for (int ms = 0; reap() && ms < FAREWELL_MS; ms++) {
		each_child(kill_orphan);
		poll(&(struct pollfd){.fd = zygote.signals, .events = POLLIN}, 1, 1);
		take_signals();
	}
	duet__directory_remove(zygote.plan->directory);
	_exit(0);
}

static size_t take_fds(struct msghdr *m, int fds[ORDER_FDS])
{
	struct cmsghdr *c = CMSG_FIRSTHDR(m);
	if (c == NULL || c->cmsg_type != SCM_RIGHTS)
		return 0;
	size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	memcpy(fds, CMSG_DATA(c), n * sizeof(int));
	for (size_t i = 0; i < n; i++)
		fds[i] = duet__fd_above(fds[i], zygote.first_fd);
	return n;
}

/* The numbers in the order are the parent's; here they become ours, in the same sequence. */
static void translate_fds(duet__order *o, const int fds[], size_t n)
{
	int *const all[ORDER_FDS] = {&o->memory_fd, &o->offer.fd, &o->output_fd};
	size_t at = 0;
	for (int i = 0; i < ORDER_FDS; i++)
		if (*all[i] >= 0)
			*all[i] = at < n ? fds[at++] : -1;
}

static void spawn(duet__order *o)
{
	struct child c = {0, o->epoch};
	c.pid = zygote.n < CHILDREN_MAX ? duet__spawn_worker(zygote.plan, o) : -EAGAIN;
	if (c.pid > 0)
		zygote.children[zygote.n++] = c;
	send_news(c.pid > 0 ? DUET__NEWS_SPAWNED : DUET__NEWS_FAILED, c, c.pid > 0 ? 0 : c.pid);
}

static void kill_worker(uint32_t epoch)
{
	for (size_t i = 0; i < zygote.n; i++)
		if (zygote.children[i].epoch == epoch)
			kill_group(zygote.children[i]);
}

static void obey(void)
{
	duet__order o;
	int fds[ORDER_FDS];
	union ancillary a = {0};
	struct iovec iov = {&o, sizeof(o)};
	struct msghdr m = {.msg_iov = &iov,
			   .msg_iovlen = 1,
			   .msg_control = a.bytes,
			   .msg_controllen = sizeof(a.bytes)};
	ssize_t len = recvmsg(zygote.control, &m, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	if (len < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (len != (ssize_t)sizeof(o))
		farewell();
	size_t n = take_fds(&m, fds);
	if (o.kind == DUET__ORDER_KILL) {
		kill_worker(o.epoch);
	} else {
		translate_fds(&o, fds, n);
		spawn(&o);
	}
	for (size_t i = 0; i < n; i++)
		close(fds[i]);
}

static void start(const duet__plan *plan, int control, pid_t parent, int first_fd)
{
	sigset_t chld;
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	sigprocmask(SIG_BLOCK, &chld, NULL);
	zygote.plan = plan;
	zygote.control = control;
	zygote.first_fd = first_fd;
	zygote.n = 0;
	zygote.signals = signalfd(-1, &chld, SFD_CLOEXEC | SFD_NONBLOCK);
	zygote.parent = open_pidfd(parent); /* without one: EOF only */
	if (zygote.signals < 0 || getppid() != parent)
		_exit(0);
}

_Noreturn void duet__zygote_run(const duet__plan *plan, int control, pid_t parent, int first_fd)
{
	start(plan, control, parent, first_fd);
	struct pollfd fds[3] = {{.fd = control, .events = POLLIN},
				{.fd = zygote.signals, .events = POLLIN},
				{.fd = zygote.parent, .events = POLLIN}};
	for (;;) {
		if (poll(fds, 3, -1) < 0)
			continue;
		if (fds[2].revents != 0)
			farewell();
		take_signals();
		reap();
		if (fds[0].revents != 0)
			obey();
	}
}
