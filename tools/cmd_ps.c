/* duet ps [PID]: what a process that uses duet is waiting for.  It asks the process itself, through
 * the socket that duet_inspector_open listens on. */
#include "tools/args.h"
#include "tools/commands.h"
#include "tools/text.h"

#include <duet/error.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum { PATIENCE = 2, PIDS_MOST = 1000, COMMAND_MOST = 200 };

static const char prefix[] = "@duet-ps/";

static const struct arg_set set = {
	.command = "duet ps",
	.usage = "[PID]",
	.summary = "Shows what a process is waiting for: its tasks as a tree, the workers of its "
		   "pools\n"
		   "with their jobs, its HTTP clients.  Without a PID: lists the processes that "
		   "can be\n"
		   "asked.  These are every duet run, and every program that calls "
		   "duet_inspector_open().",
	.max_words = 1,
};

static int refuse(long pid, const char *why)
{
	fprintf(stderr, "duet ps: %ld %s\n", pid, why);
	return EXIT_UNREACHABLE;
}

/* What the process says is not to steer the terminal. */
static void print_plain(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];
		bool is_control = (c < 0x20 && c != '\n' && c != '\t') || c == 0x7f;

		putchar(is_control ? '?' : c);
	}
}

static void print_command(long pid)
{
	char path[64], command[COMMAND_MOST];
	size_t n = 0;
	FILE *from;

	snprintf(path, sizeof path, "/proc/%ld/cmdline", pid);
	from = fopen(path, "re");
	if (from != NULL) {
		n = fread(command, 1, sizeof command, from);
		fclose(from);
	}
	while (n > 0 && command[n - 1] == '\0')
		n--;
	for (size_t i = 0; i < n; i++)
		if (command[i] == '\0')
			command[i] = ' ';
	print_plain(command, n);
	putchar('\n');
}

/* --- asking --- */

static bool is_process(int fd, long pid)
{
	struct ucred peer;
	socklen_t size = sizeof peer;

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.pid == pid;
}

/* -> a connected descriptor, or -1 with errno */
static int reach(long pid)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	struct timeval patience = {.tv_sec = PATIENCE};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int n = snprintf(name.sun_path + 1, sizeof name.sun_path - 1, "%s%ld", prefix + 1, pid);

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
	if (connect(fd, (struct sockaddr *)&name,
		    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n)) == 0)
		return fd;
	n = errno;
	close(fd);
	errno = n;
	return -1;
}

static int read_answer(int fd, struct text *answer)
{
	char part[4096];
	ssize_t n;

	while ((n = read(fd, part, sizeof part)) > 0)
		text_add(answer, part, (size_t)n);
	return n < 0 ? -errno : answer->is_short ? -ENOMEM : 0;
}

static const char *why_unreachable(long pid, int error)
{
	if (error == EAGAIN)
		return "does not answer: a task holds its loop";
	if (error != ECONNREFUSED)
		return strerror(error);
	return kill((pid_t)pid, 0) < 0 && errno == ESRCH
		       ? "is no process"
		       : "cannot be asked: it has not called duet_inspector_open()";
}

/* -> 0, or the exit status, and it has been said why */
static int hear(int fd, long pid, struct text *answer)
{
	int r;

	if (!is_process(fd, pid))
		return refuse(pid, "is not who answers");
	r = read_answer(fd, answer);
	if (r < 0)
		return refuse(pid, why_unreachable(pid, -r));
	return answer->len > 0 ? 0 : refuse(pid, "does not answer this user");
}

static int ask(long pid)
{
	struct text answer = {0};
	int fd = reach(pid), r;

	if (fd < 0)
		return refuse(pid, why_unreachable(pid, errno));
	r = hear(fd, pid, &answer);
	close(fd);
	if (r == 0) {
		printf("%ld: ", pid);
		print_command(pid);
		print_plain(answer.data, answer.len);
	}
	text_free(&answer);
	return r;
}

/* --- the list --- */

/* -> the process whose socket the line of /proc/net/unix is about, or 0 */
static long listener_of(const char *line)
{
	const char *path = strstr(line, prefix);
	unsigned long flags;
	char *end;
	long pid;

	if (path == NULL || sscanf(line, "%*s %*s %*s %lx", &flags) != 1 || flags == 0)
		return 0;
	pid = strtol(path + sizeof prefix - 1, &end, 10);
	return *end == '\n' || *end == '\0' ? pid : 0;
}

static int list(void)
{
	FILE *from = fopen("/proc/net/unix", "re");
	char line[512];
	int n = 0;

	if (from == NULL) {
		perror("duet ps: /proc/net/unix");
		return EXIT_INTERNAL;
	}
	while (n < PIDS_MOST && fgets(line, sizeof line, from) != NULL) {
		long pid = listener_of(line);
		if (pid <= 0)
			continue;
		printf("%7ld  ", pid);
		print_command(pid);
		n++;
	}
	fclose(from);
	if (n == 0)
		fputs("duet ps: there is no process that can be asked\n", stderr);
	return n > 0 ? EXIT_DONE : EXIT_ROWS;
}

int cmd_ps(int argc, char **argv)
{
	struct arg_result words;
	int r = args_begin(&set, argc, argv, NULL, &words);
	char *end;
	long pid;

	if (r >= 0)
		return r;
	if (words.n == 0) {
		r = list();
	} else {
		pid = strtol(words.words[0], &end, 10);
		if (*end != '\0' || pid <= 0) {
			fprintf(stderr, "duet ps: wants the number of a process, not '%s'\n",
				words.words[0]);
			return EXIT_USAGE;
		}
		r = ask(pid);
	}
	return args_end_output(r);
}
