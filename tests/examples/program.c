#include "program.h"
#include "tests/lib/test.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ARGUMENTS_MAX = 32 };

/* build/tests/this_test -> build/examples/mixed_workload */
static void find_program(char path[512])
{
	ssize_t len = readlink("/proc/self/exe", path, 400);

	CHECK(len > 0);
	path[len] = '\0';
	for (int up = 0; up < 2; up++)
		*strrchr(path, '/') = '\0';
	strcat(path, "/examples/mixed_workload");
	if (access(path, X_OK) != 0)
		SKIP("the examples are not built");
}

static _Noreturn void become(const char *path, char *words, int out, int err)
{
	char *argv[ARGUMENTS_MAX + 2] = {(char *)path};
	int n = 1;

	for (char *word = strtok(words, " "); word != NULL && n <= ARGUMENTS_MAX;
	     word = strtok(NULL, " "))
		argv[n++] = word;
	dup2(out, STDOUT_FILENO);
	dup2(err, STDERR_FILENO);
	execv(path, argv);
	_exit(127);
}

void program_start(struct program *p, const char *arguments)
{
	char path[512], words[1024];
	int out[2], err[2];

	*p = (struct program){0};
	find_program(path);
	snprintf(words, sizeof words, "%s", arguments);
	CHECK_EQ(pipe2(out, O_CLOEXEC), 0);
	CHECK_EQ(pipe2(err, O_CLOEXEC), 0);
	p->pid = fork();
	CHECK(p->pid >= 0);
	if (p->pid == 0)
		become(path, words, out[1], err[1]);
	close(out[1]);
	close(err[1]);
	p->out_fd = out[0];
	p->err_fd = err[0];
}

/* -> false at its end */
static bool take_output(int fd, char *to, size_t size)
{
	size_t len = strlen(to);
	ssize_t n = read(fd, to + len, size - 1 - len);

	CHECK(n >= 0);
	to[len + (size_t)n] = '\0';
	return n > 0;
}

void program_finish(struct program *p)
{
	struct pollfd fds[] = {{p->out_fd, POLLIN, 0}, {p->err_fd, POLLIN, 0}};
	int status;

	while (fds[0].fd >= 0 || fds[1].fd >= 0) {
		CHECK(poll(fds, 2, -1) > 0);
		if (fds[0].revents != 0 && !take_output(p->out_fd, p->out, sizeof p->out))
			fds[0].fd = -1;
		if (fds[1].revents != 0 && !take_output(p->err_fd, p->err, sizeof p->err))
			fds[1].fd = -1;
	}
	close(p->out_fd);
	close(p->err_fd);
	CHECK_EQ(waitpid(p->pid, &status, 0), p->pid);
	p->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	test_note("status %d, stdout: %s, stderr: %s", p->status, p->out, p->err);
}

void program_run(struct program *p, const char *arguments)
{
	program_start(p, arguments);
	program_finish(p);
}

static size_t children_of(pid_t pid, pid_t pids[], size_t size)
{
	char path[64];
	size_t n = 0;

	snprintf(path, sizeof path, "/proc/%d/task/%d/children", pid, pid);
	FILE *children = fopen(path, "re");
	if (children == NULL)
		return 0;
	while (n < size && fscanf(children, "%d", &pids[n]) == 1)
		n++;
	fclose(children);
	return n;
}

static size_t generation_of(pid_t pid, int generation, pid_t pids[], size_t size)
{
	pid_t children[64];
	size_t n = 0, born = children_of(pid, children, 64);

	for (size_t i = 0; i < born && n < size; i++) {
		if (generation == 1)
			pids[n++] = children[i];
		else
			n += generation_of(children[i], generation - 1, pids + n, size - n);
	}
	return n;
}

size_t program_descendants(const struct program *p, int generation, size_t want, pid_t pids[],
			   size_t size)
{
	size_t n;

	while ((n = generation_of(p->pid, generation, pids, size)) < want)
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	return n;
}

/* The signals that it has handlers for, as Linux shows them: proc(5), SigCgt. */
static uint64_t caught_signals(pid_t pid)
{
	char path[64], line[128];
	uint64_t caught = 0;

	snprintf(path, sizeof path, "/proc/%d/status", pid);
	FILE *status = fopen(path, "re");
	if (status == NULL)
		return 0;
	while (fgets(line, sizeof line, status) != NULL)
		if (sscanf(line, "SigCgt: %" SCNx64, &caught) == 1)
			break;
	fclose(status);
	return caught;
}

void program_until_catches(const struct program *p, int signal)
{
	while ((caught_signals(p->pid) >> (signal - 1) & 1) == 0)
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}
