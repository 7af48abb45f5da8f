#include "loop/io/spawn.h"

#include "loop/core/fail.h"
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* The child's end of each standard stream, and ours; -1: none. */
struct ends {
	int child[DUET__STDIO];
	int ours[DUET__STDIO];
};

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

/* Out of the way of 0, 1 and 2, which this process may have closed.  Takes fd.  -> fd, -errno */
static int lift(int fd)
{
	int higher, error;

	if (fd < 0)
		return -errno;
	if (fd >= DUET__STDIO)
		return fd;
	higher = fcntl(fd, F_DUPFD_CLOEXEC, DUET__STDIO);
	error = errno;
	close(fd);
	return higher >= 0 ? higher : -error;
}

static int open_pipe(int *child, int *ours, bool child_reads)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) != 0)
		return -errno;
	*child = lift(ends[child_reads ? 0 : 1]);
	*ours = lift(ends[child_reads ? 1 : 0]);
	if (*child < 0 || *ours < 0)
		return *child < 0 ? *child : *ours;
	return fcntl(*ours, F_SETFL, O_NONBLOCK) == 0 ? 0 : -errno;
}

static int open_end(struct ends *e, int i, duet_process_stdio kind)
{
	switch (kind) {
	case DUET_PROCESS_PIPE:
		return open_pipe(&e->child[i], &e->ours[i], i == 0);
	case DUET_PROCESS_NULL:
		e->child[i] = lift(open("/dev/null", (i == 0 ? O_RDONLY : O_WRONLY) | O_CLOEXEC));
		return e->child[i] < 0 ? e->child[i] : 0;
	case DUET_PROCESS_INHERIT: /* -1: closed here, and so there */
		e->child[i] = fcntl(i, F_DUPFD_CLOEXEC, DUET__STDIO);
		return e->child[i] < 0 && errno != EBADF ? -errno : 0;
	case DUET_PROCESS_TO_OUT:
		e->child[i] = i == 2 ? fcntl(e->child[1], F_DUPFD_CLOEXEC, DUET__STDIO) : -1;
		return i == 2 && (e->child[i] >= 0 || errno == EBADF) ? 0 : DUET_EINVAL;
	}
	return DUET_EINVAL;
}

static int open_ends(struct ends *e, const duet_process_options *o)
{
	const duet_process_stdio kinds[DUET__STDIO] = {o->in, o->out, o->err};
	int r = 0;

	for (int i = 0; i < DUET__STDIO; i++)
		e->child[i] = e->ours[i] = -1;
	for (int i = 0; i < DUET__STDIO && r == 0; i++)
		r = open_end(e, i, kinds[i]);
	return r;
}

static int plan_files(posix_spawn_file_actions_t *files, const struct ends *e,
		      const char *directory)
{
	int r = 0;

	for (int i = 0; i < DUET__STDIO && r == 0; i++)
		r = e->child[i] >= 0 ? posix_spawn_file_actions_adddup2(files, e->child[i], i)
				     : posix_spawn_file_actions_addclose(files, i);
	if (r == 0)
		r = posix_spawn_file_actions_addclosefrom_np(files, DUET__STDIO);
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

static int start(pid_t *pid, const struct ends *e, const duet_process_options *o)
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

/* Nobody could tell when it ends: it must not go on. */
static void undo(pid_t pid)
{
	kill(-pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

static int start_watched(struct duet__spawned *child, const struct ends *e,
			 const duet_process_options *o)
{
	int r = start(&child->pid, e, o);

	if (r < 0)
		return r;
	child->pidfd = pidfd_open(child->pid, 0);
	if (child->pidfd >= 0 || errno == ESRCH) /* reaped already: this program ignores SIGCHLD */
		return 0;
	r = -errno;
	undo(child->pid);
	return r;
}

static int tell(int code, const duet_process_options *o)
{
	if (o->directory != NULL)
		return duet__failf(code, "start %s in %s: %s", o->argv[0], o->directory,
				   duet_strerror(code));
	return duet__failf(code, "start %s: %s", o->argv[0], duet_strerror(code));
}

int duet__spawn(struct duet__spawned *child, const duet_process_options *options)
{
	struct ends e;
	int r = open_ends(&e, options);

	if (r == 0)
		r = start_watched(child, &e, options);
	for (int i = 0; i < DUET__STDIO; i++) {
		close_fd(e.child[i]);
		if (r < 0)
			close_fd(e.ours[i]);
		child->ours[i] = e.ours[i];
	}
	return r < 0 ? tell(r, options) : 0;
}
