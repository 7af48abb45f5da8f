/* The child is watched through its pidfd and reaped here alone; until then its pid, and the group of
 * that number, cannot mean anybody else.
 *
 * close() kills, which takes effect at once, and reaps, which may take the kernel a while: then the
 * record stays, watched, until that can be done without holding up the loop, or the run ends. */
#include <duet/process.h>

#include "loop/core/fail.h"
#include "loop/core/loop.h"
#include "loop/core/park.h"
#include "loop/core/watch.h"
#include "loop/io/shortage.h"
#include "loop/io/spawn.h"
#include "loop/io/stream_impl.h"
#include <duet/fd.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SIGNALLED = 256 };

struct duet_process {
	pid_t pid;
	int pidfd;
	int status; /* once it has ended; or -ECHILD */
	bool ended; /* and was reaped */
	bool closed;
	int calls; /* tasks that wait for it */
	duet_stream *streams[DUET__STDIO];
	duet__watch *watch; /* of a closed one */
	duet__attachment attachment;
};

/* --- ending --- */

static int status_of(const siginfo_t *info)
{
	return info->si_code == CLD_EXITED ? info->si_status : SIGNALLED + info->si_status;
}

/* -> whether it has ended; then it is reaped */
static bool reap(duet_process *p, int flags)
{
	siginfo_t info = {0};
	int r;

	if (p->ended)
		return true;
	do {
		r = waitid(P_PID, (id_t)p->pid, &info, WEXITED | flags);
	} while (r != 0 && errno == EINTR);
	if (r == 0 && info.si_pid == 0)
		return false;
	p->ended = true;
	p->status = r == 0 ? status_of(&info) : -ECHILD;
	return true;
}

static void process_free(duet_process *p)
{
	duet__watch_close(p->watch);
	duet__loop_detach(&p->attachment);
	if (p->pidfd >= 0)
		close(p->pidfd);
	duet__shortage_over();
	free(p);
}

static void on_ended(void *context, int events)
{
	duet_process *p = context;

	(void)events;
	if (reap(p, WNOHANG))
		process_free(p);
}

static void on_run_ends(duet__attachment *attachment)
{
	duet_process *p = duet__container_of(attachment, duet_process, attachment);

	reap(p, 0);
	process_free(p);
}

/* Reaps p, now or as soon as it can be, and frees it. */
static void bury(duet_process *p)
{
	if (!reap(p, WNOHANG) && duet__loop() != NULL)
		p->watch = duet__watch_open(duet__loop(), p->pidfd, on_ended, p);
	if (p->ended || p->watch == NULL || duet__watch_set(p->watch, DUET__READ) < 0) {
		reap(p, 0);
		process_free(p);
		return;
	}
	p->attachment.closing = on_run_ends;
	duet__loop_attach(duet__loop(), &p->attachment);
}

/* Not reaped yet, so its pid, and the group of that number, are still its own. */
static int signal_group(const duet_process *p, int signal)
{
	if (kill(-p->pid, signal) == 0 || (errno == ESRCH && kill(p->pid, signal) == 0))
		return 0;
	return -errno;
}

/* --- life --- */

/* Takes the child's ends of its streams. */
static int open_streams(duet_process *p, const int fds[DUET__STDIO])
{
	int r = 0;

	for (int i = 0; i < DUET__STDIO; i++)
		if (fds[i] >= 0 && (p->streams[i] = duet__stream_new(fds[i], false)) == NULL)
			r = DUET_ENOMEM;
	return r;
}

duet_process *duet_process_open(const duet_process_options *options)
{
	struct duet__spawned child;
	duet_process *p;
	int r;

	if (options == NULL || options->argv == NULL || options->argv[0] == NULL)
		return duet__failf_null(DUET_EINVAL, "no program to start");
	if (duet__loop() == NULL)
		return duet__failf_null(DUET_EINVAL, "no run to start a process in");
	p = calloc(1, sizeof(*p));
	if (p == NULL)
		return duet__fail_null(DUET_ENOMEM);
	r = duet__spawn(&child, options);
	if (r < 0) {
		free(p);
		return duet__null(r);
	}
	p->pid = child.pid;
	p->pidfd = child.pidfd;
	duet__list_init(&p->attachment.node);
	r = open_streams(p, child.ours);
	if (r == 0)
		return p;
	duet_process_close(p);
	return duet__fail_null(r);
}

pid_t duet_process_pid(const duet_process *p)
{
	return p != NULL ? p->pid : -1;
}

duet_stream *duet_process_in(const duet_process *p)
{
	return p != NULL ? p->streams[0] : NULL;
}

duet_stream *duet_process_out(const duet_process *p)
{
	return p != NULL ? p->streams[1] : NULL;
}

duet_stream *duet_process_err(const duet_process *p)
{
	return p != NULL ? p->streams[2] : NULL;
}

void duet_process_close_in(duet_process *p)
{
	if (p == NULL)
		return;
	duet_stream_close(p->streams[0]);
	p->streams[0] = NULL;
}

static int wait_for_end(duet_process *p)
{
	int r = 0;

	while (r >= 0 && !reap(p, WNOHANG))
		r = duet_wait_fd(p->pidfd, DUET_READ);
	if (r < 0)
		return r;
	if (p->status < 0)
		return duet__failf(p->status,
				   "another wait of this program took the status of "
				   "its child %d, or it ignores SIGCHLD",
				   (int)p->pid);
	return p->status;
}

int duet_process_wait(duet_process *p)
{
	int r = duet__enter();

	if (r < 0)
		return r;
	if (p == NULL)
		return duet__failf(DUET_EINVAL, "no process");
	p->calls++;
	r = wait_for_end(p);
	if (--p->calls == 0 && p->closed)
		bury(p);
	return r;
}

int duet_process_kill(duet_process *p, int signal)
{
	int r;

	if (p == NULL)
		return duet__failf(DUET_EINVAL, "no process");
	if (reap(p, WNOHANG))
		return duet__failf(-ESRCH, "process %d has ended", (int)p->pid);
	r = signal_group(p, signal);
	return r < 0 ? duet__failf(r, "signal %d to process %d: %s", signal, (int)p->pid,
				   duet_strerror(r))
		     : 0;
}

void duet_process_close(duet_process *p)
{
	if (p == NULL || p->closed)
		return;
	p->closed = true;
	for (int i = 0; i < DUET__STDIO; i++)
		duet_stream_close(p->streams[i]);
	if (!reap(p, WNOHANG))
		signal_group(p, SIGKILL);
	if (p->calls == 0)
		bury(p);
}
