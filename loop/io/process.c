/* posix_spawn does what must happen between fork and exec.  The child is watched through its pidfd
 * and reaped here alone; until then its pid, and the group of that number, cannot mean anybody else. */
#include <duet/process.h>

#include "loop/core/fail.h"
#include "loop/core/loop.h"
#include "loop/io/stream_impl.h"
#include <duet/fd.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { STREAMS = 3, SIGNALLED = 256 };

struct duet_process {
	pid_t pid;
	int pidfd;
	int status; /* once it was reaped; -1 before */
	duet_stream *streams[STREAMS];
};

/* The child's end of each standard stream, and ours; -1: none. */
struct ends {
	int child[STREAMS];
	int ours[STREAMS];
};

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

/* A socket pair rather than a pipe: writing to one can be kept from raising SIGPIPE. */
static int open_pair(int *child, int *ours)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		return -errno;
	*child = pair[0];
	*ours = pair[1];
	return fcntl(pair[1], F_SETFL, O_NONBLOCK) == 0 ? 0 : -errno;
}

static int open_end(struct ends *e, int i, duet_process_stdio kind)
{
	switch (kind) {
	case DUET_PROCESS_PIPE:
		return open_pair(&e->child[i], &e->ours[i]);
	case DUET_PROCESS_NULL:
		e->child[i] = open("/dev/null", (i == 0 ? O_RDONLY : O_WRONLY) | O_CLOEXEC);
		return e->child[i] >= 0 ? 0 : -errno;
	case DUET_PROCESS_INHERIT:
		e->child[i] = fcntl(i, F_DUPFD_CLOEXEC, STREAMS);
		return 0;
	default:
		return i == 2 ? 0 : -EINVAL;
	}
}

static int open_ends(struct ends *e, const duet_process_options *o)
{
	const duet_process_stdio kinds[STREAMS] = {o->in, o->out, o->err};
	int r = 0;

	for (int i = 0; i < STREAMS; i++)
		e->child[i] = e->ours[i] = -1;
	for (int i = 0; i < STREAMS && r == 0; i++)
		r = open_end(e, i, kinds[i]);
	if (r == 0 && o->err == DUET_PROCESS_TO_OUT)
		e->child[2] = fcntl(e->child[1], F_DUPFD_CLOEXEC, STREAMS);
	return r;
}

static void close_ends(struct ends *e, bool ours)
{
	for (int i = 0; i < STREAMS; i++) {
		close_fd(e->child[i]);
		if (ours)
			close_fd(e->ours[i]);
	}
}

static int plan_files(posix_spawn_file_actions_t *files, const struct ends *e,
		      const char *directory)
{
	int r = 0;

	for (int i = 0; i < STREAMS && r == 0; i++)
		if (e->child[i] >= 0)
			r = posix_spawn_file_actions_adddup2(files, e->child[i], i);
	if (r == 0)
		r = posix_spawn_file_actions_addclosefrom_np(files, STREAMS);
	if (r == 0 && directory != NULL)
		r = posix_spawn_file_actions_addchdir_np(files, directory);
	return -r;
}

static int plan_attributes(posix_spawnattr_t *attributes)
{
	sigset_t all, none;

	sigfillset(&all);
	sigemptyset(&none);
	posix_spawnattr_setsigdefault(attributes, &all);
	posix_spawnattr_setsigmask(attributes, &none);
	posix_spawnattr_setpgroup(attributes, 0);
	return -posix_spawnattr_setflags(
		attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
}

static int spawn(pid_t *pid, const struct ends *e, const duet_process_options *o)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	int r;

	posix_spawn_file_actions_init(&files);
	posix_spawnattr_init(&attributes);
	r = plan_files(&files, e, o->directory);
	if (r == 0)
		r = plan_attributes(&attributes);
	if (r == 0)
		r = -posix_spawnp(pid, o->argv[0], &files, &attributes, (char *const *)o->argv,
				  o->env != NULL ? (char *const *)o->env : environ);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&files);
	return r;
}

/* Takes our ends, also when it fails. */
static int open_streams(duet_process *p, struct ends *e)
{
	int r = 0;

	for (int i = 0; i < STREAMS; i++) {
		if (e->ours[i] >= 0 && (p->streams[i] = duet__stream_new(e->ours[i])) == NULL)
			r = DUET_ENOMEM;
		e->ours[i] = -1;
	}
	return r;
}

static int start(duet_process *p, struct ends *e, const duet_process_options *o)
{
	int r = spawn(&p->pid, e, o);

	if (r < 0) {
		p->pid = 0;
		return duet__failf(r, "start %s: %s", o->argv[0], duet_strerror(r));
	}
	p->pidfd = pidfd_open(p->pid, 0);
	if (p->pidfd < 0)
		return duet__fail(-errno);
	return open_streams(p, e);
}

duet_process *duet_process_open(const duet_process_options *options)
{
	duet_process *p;
	struct ends e;
	int r;

	if (options == NULL || options->argv == NULL || options->argv[0] == NULL)
		return duet__failf_null(DUET_EINVAL, "no program to start");
	if (duet__loop() == NULL)
		return duet__failf_null(DUET_EINVAL, "no run to start a process in");
	p = calloc(1, sizeof(*p));
	if (p == NULL)
		return duet__fail_null(DUET_ENOMEM);
	p->pidfd = p->status = -1;
	r = open_ends(&e, options);
	if (r < 0)
		duet__fail(r);
	else
		r = start(p, &e, options);
	close_ends(&e, true);
	if (r == 0)
		return p;
	duet_process_close(p);
	return duet__null(r);
}

pid_t duet_process_pid(const duet_process *p)
{
	return p->pid;
}

duet_stream *duet_process_in(const duet_process *p)
{
	return p->streams[0];
}

duet_stream *duet_process_out(const duet_process *p)
{
	return p->streams[1];
}

duet_stream *duet_process_err(const duet_process *p)
{
	return p->streams[2];
}

void duet_process_close_in(duet_process *p)
{
	duet_stream_close(p->streams[0]);
	p->streams[0] = NULL;
}

/* -> whether it has ended; then it is reaped */
static bool reap(duet_process *p, int flags)
{
	siginfo_t info = {0};
	int r;

	if (p->status >= 0)
		return true;
	do {
		r = waitid(P_PID, (id_t)p->pid, &info, WEXITED | flags);
	} while (r != 0 && errno == EINTR);
	if (r == 0 && info.si_pid == 0)
		return false;
	/* Somebody else's wait may have taken its status: all that is known is that it ended. */
	p->status = r != 0                       ? 0
		    : info.si_code == CLD_EXITED ? info.si_status
						 : SIGNALLED + info.si_status;
	return true;
}

int duet_process_wait(duet_process *p)
{
	int r = 0;

	if (p == NULL)
		return duet__failf(DUET_EINVAL, "no process");
	while (r >= 0 && !reap(p, WNOHANG))
		r = duet_wait_fd(p->pidfd, DUET_READ);
	return r < 0 ? r : p->status;
}

int duet_process_kill(duet_process *p, int signal)
{
	if (p == NULL)
		return duet__failf(DUET_EINVAL, "no process");
	if (reap(p, WNOHANG))
		return duet__fail(-ESRCH);
	return kill(-p->pid, signal) == 0 ? 0 : duet__fail(-errno);
}

void duet_process_close(duet_process *p)
{
	if (p == NULL)
		return;
	for (int i = 0; i < STREAMS; i++)
		duet_stream_close(p->streams[i]);
	/* Not reaped yet, so the pid, and the group of that number, are still the child's own. */
	if (p->pid > 0 && !reap(p, WNOHANG)) {
		kill(-p->pid, SIGKILL);
		kill(p->pid, SIGKILL);
		reap(p, 0);
	}
	close_fd(p->pidfd);
	free(p);
}
