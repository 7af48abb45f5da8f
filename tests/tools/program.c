#include "disk.h"
#include "program.h"

#include "tests/lib/test.h"
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WORDS_MOST = 64 };

/* build/tests/this_test -> build/bin/duet */
static void find_program(char path[512])
{
	ssize_t len = readlink("/proc/self/exe", path, 400);

	CHECK(len > 0);
	path[len] = '\0';
	for (int up = 0; up < 2; up++)
		*strrchr(path, '/') = '\0';
	strcat(path, "/bin/duet");
	if (access(path, X_OK) != 0)
		SKIP("the program is not built");
}

static int split(char *words, char *argv[])
{
	int n = 1;

	while (*words != '\0' && n < WORDS_MOST) {
		char end = *words == '\'' ? '\'' : ' ';
		char *word = words + (end == '\'');
		size_t len = strcspn(word, end == '\'' ? "'" : " ");

		words = word + len + (word[len] != '\0');
		word[len] = '\0';
		if (len > 0 || end == '\'')
			argv[n++] = word;
	}
	argv[n] = NULL;
	return n;
}

static _Noreturn void become(const struct program_options *o, const char *path, char *argv[],
			     int out, int err, int watch)
{
	int in = open(o->input != NULL ? o->input : "/dev/null", O_RDONLY);

	for (int i = 0; o->env != NULL && o->env[i] != NULL; i++)
		putenv((char *)o->env[i]);
	if (o->file_limit > 0)
		setrlimit(RLIMIT_FSIZE,
			  &(struct rlimit){(rlim_t)o->file_limit, (rlim_t)o->file_limit});
	dup2(in, STDIN_FILENO);
	dup2(o->out_fd > 0 ? o->out_fd : out, STDOUT_FILENO);
	dup2(err, STDERR_FILENO);
	for (int fd = 0; fd < 3; fd++)
		if ((o->closed & 1 << fd) != 0)
			close(fd);
	if (o->disk != NULL)
		disk_enter(watch);
	execv(path, argv);
	_exit(127);
}

void program_start(struct program *p, const struct program_options *o, const char *arguments)
{
	static const struct program_options plain;
	char path[512], words[8192], *argv[WORDS_MOST + 1];
	int out[2], err[2], watch[2] = {-1, -1}, n = 0;

	*p = (struct program){.disk = o != NULL ? o->disk : NULL};
	find_program(path);
	for (const char *a = arguments; *a != '\0' && n < 8000; a++) {
		if (a[0] == '%' && a[1] == 's') {
			n += sprintf(words + n, "%s", test_scratch());
			a++;
		} else {
			words[n++] = *a;
		}
	}
	words[n] = '\0';
	argv[0] = path;
	split(words, argv);
	CHECK_EQ(pipe2(out, O_CLOEXEC), 0);
	CHECK_EQ(pipe2(err, O_CLOEXEC), 0);
	if (p->disk != NULL)
		CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, watch), 0);
	p->pid = fork();
	CHECK(p->pid >= 0);
	if (p->pid == 0)
		become(o != NULL ? o : &plain, path, argv, out[1], err[1], watch[1]);
	if (p->disk != NULL) {
		close(watch[1]);
		disk_watch(p->disk, watch[0], p->pid);
	}
	close(out[1]);
	close(err[1]);
	p->out_fd = out[0];
	p->err_fd = err[0];
}

/* What does not fit is read all the same. -> false at its end */
static bool take_output(int fd, char *to, size_t size)
{
	size_t len = strlen(to);
	char waste[4096];
	ssize_t n =
		len + 1 < size ? read(fd, to + len, size - 1 - len) : read(fd, waste, sizeof waste);

	CHECK(n >= 0 || errno == EINTR);
	if (len + 1 < size && n > 0)
		to[len + (size_t)n] = '\0';
	return n != 0;
}

void program_finish(struct program *p)
{
	struct pollfd fds[] = {{p->out_fd, POLLIN, 0}, {p->err_fd, POLLIN, 0}};
	int status;

	while (fds[0].fd >= 0 || fds[1].fd >= 0) {
		CHECK(poll(fds, 2, -1) > 0 || errno == EINTR);
		if (fds[0].revents != 0 && !take_output(p->out_fd, p->out, sizeof p->out))
			fds[0].fd = -1;
		if (fds[1].revents != 0 && !take_output(p->err_fd, p->err, sizeof p->err))
			fds[1].fd = -1;
	}
	close(p->out_fd);
	close(p->err_fd);
	CHECK_EQ(waitpid(p->pid, &status, 0), p->pid);
	if (p->disk != NULL)
		disk_leave(p->disk);
	p->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	test_note("status %d, stdout: %.1500s, stderr: %.1500s", p->status, p->out, p->err);
}

void program_run_with(struct program *p, const struct program_options *o, const char *arguments)
{
	program_start(p, o, arguments);
	program_finish(p);
}

void program_run(struct program *p, const char *arguments)
{
	program_run_with(p, NULL, arguments);
}

/* --- the mock server --- */

void mock_start(struct mock *m, const char *arguments)
{
	char words[1024];
	size_t len = 0;

	snprintf(words, sizeof words, "mock %s", arguments);
	program_start(&m->program, NULL, words);
	while (len < sizeof m->url - 1 && memchr(m->url, '\n', len) == NULL) {
		ssize_t n = read(m->program.out_fd, m->url + len, 1);
		CHECK(n == 1);
		len++;
	}
	m->url[len - 1] = '\0';
	CHECK_EQ(sscanf(m->url, "http://127.0.0.1:%d/v1", &m->port), 1);
}

void mock_stop(struct mock *m)
{
	CHECK_EQ(kill(m->program.pid, SIGTERM), 0);
	program_finish(&m->program);
	CHECK_EQ(m->program.status, 0);
}

long mock_stat(const struct mock *m, const char *name)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons((uint16_t)m->port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	static const char ask[] = "GET /stats HTTP/1.1\r\nConnection: close\r\n\r\n";
	char answer[4096] = "", quoted[64];
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	CHECK_EQ(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
	CHECK_EQ(write(fd, ask, sizeof ask - 1), (ssize_t)sizeof ask - 1);
	while (take_output(fd, answer, sizeof answer))
		continue;
	close(fd);
	snprintf(quoted, sizeof quoted, "\"%s\":", name);
	const char *found = strstr(answer, quoted);
	CHECK(found != NULL);
	return strtol(found + strlen(quoted), NULL, 10);
}

/* --- files --- */

const char *path_of(const char *name)
{
	static char paths[8][512];
	static int next;
	char *path = paths[next++ % 8];

	snprintf(path, 512, "%s/%s", test_scratch(), name);
	return path;
}

void file_write(const char *name, const void *data, size_t len)
{
	FILE *to = fopen(path_of(name), "we");

	CHECK(to != NULL);
	CHECK_EQ(fwrite(data, 1, len, to), len);
	CHECK_EQ(fclose(to), 0);
}

void file_put(const char *name, const char *text)
{
	file_write(name, text, strlen(text));
}

long file_size(const char *name)
{
	struct stat st;

	return stat(path_of(name), &st) == 0 ? (long)st.st_size : -1;
}

char *file_read(const char *name, size_t *len)
{
	FILE *from = fopen(path_of(name), "re");
	long size = file_size(name);
	char *data;

	if (from == NULL)
		return NULL;
	data = calloc(1, (size_t)size + 1);
	CHECK(data != NULL);
	size_t n = fread(data, 1, (size_t)size, from);
	fclose(from);
	if (len != NULL)
		*len = n;
	return data;
}

long file_lines(const char *name)
{
	size_t len = 0;
	char *data = file_read(name, &len);
	long n = 0;

	for (size_t i = 0; i < len; i++)
		n += data[i] == '\n';
	free(data);
	return n;
}

void file_remove(const char *name)
{
	unlink(path_of(name));
}

void file_check_same(const char *name, const char *other)
{
	size_t a_len = 0, b_len = 0, at = 0;
	char *a = file_read(name, &a_len), *b = file_read(other, &b_len);

	CHECK(a != NULL && b != NULL);
	while (at < a_len && at < b_len && a[at] == b[at])
		at++;
	if (at < a_len || at < b_len)
		test_note("%s (%zu bytes) and %s (%zu bytes) part at byte %zu:\n%.300s\n%.300s",
			  name, a_len, other, b_len, at, a + (at > 100 ? at - 100 : 0),
			  b + (at > 100 ? at - 100 : 0));
	CHECK(at == a_len && at == b_len);
	free(a);
	free(b);
}

void rows_write(const char *name, int n)
{
	FILE *to = fopen(path_of(name), "we");

	CHECK(to != NULL);
	for (int i = 0; i < n; i++)
		fprintf(to, "{\"prompt\":\"question %d\"}\n", i);
	CHECK_EQ(fclose(to), 0);
}
