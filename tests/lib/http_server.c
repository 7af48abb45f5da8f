#include "tests/lib/http_server.h"

#include "tests/lib/test.h"
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct server_log *server_log;

/* --- for scripts --- */

int server_send(int fd, const void *data, size_t n)
{
	const char *p = data;

	while (n > 0) {
		ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);

		if (sent <= 0)
			return -1;
		p += sent;
		n -= (size_t)sent;
	}
	return 0;
}

int server_say(int fd, const char *format, ...)
{
	char *text;
	va_list args;
	int n, r;

	va_start(args, format);
	n = vasprintf(&text, format, args);
	va_end(args);
	if (n < 0)
		return -1;
	r = server_send(fd, text, (size_t)n);
	free(text);
	return r;
}

int server_reply(int fd, int status, const char *headers, const char *body)
{
	return server_say(fd, "HTTP/1.1 %d Whatever\r\nContent-Length: %zu\r\n%s\r\n%s", status,
			  strlen(body), headers != NULL ? headers : "", body);
}

void server_reset(int fd)
{
	struct linger now = {1, 0};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

void server_hang(int fd)
{
	char byte;

	while (recv(fd, &byte, 1, 0) > 0)
		;
}

void server_pause_ms(int ms)
{
	struct timespec t = {ms / 1000, ms % 1000 * 1000000L};

	nanosleep(&t, NULL);
}

static size_t length_of(const char *head)
{
	const char *line = strcasestr(head, "\r\nContent-Length:");

	return line != NULL ? strtoul(line + 17, NULL, 10) : 0;
}

/* One byte at a time, so as not to eat of the next request. */
static int take_head(int fd, char *head, size_t size)
{
	size_t n = 0;

	while (n + 1 < size && recv(fd, head + n, 1, 0) == 1) {
		head[++n] = '\0';
		if (n >= 4 && memcmp(head + n - 4, "\r\n\r\n", 4) == 0)
			return 1;
	}
	return 0;
}

/* Each connection has a thread, and the log is one. */
static void log_request(const char *head)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

	pthread_mutex_lock(&lock);
	snprintf(server_log->last_head, sizeof(server_log->last_head), "%.8000s", head);
	pthread_mutex_unlock(&lock);
	server_log->requests++;
}

int server_take(int fd, struct server_request *r)
{
	struct server_request *own = r == NULL ? malloc(sizeof(*own)) : r;
	char rest[4096];
	int ok = 0;

	own->head[0] = own->body[0] = '\0';
	if (take_head(fd, own->head, sizeof(own->head))) {
		size_t left = own->body_len = length_of(own->head);

		for (size_t at = 0; left > 0;) {
			ssize_t got = recv(fd, rest, left < sizeof(rest) ? left : sizeof(rest), 0);

			if (got <= 0)
				break;
			for (ssize_t i = 0; i < got && at < sizeof(own->body) - 1; i++)
				own->body[at++] = rest[i];
			own->body[at] = '\0';
			left -= (size_t)got;
		}
		ok = left == 0;
	}
	if (ok)
		log_request(own->head);
	if (r == NULL)
		free(own);
	return ok;
}

/* --- the process --- */

struct connection {
	int fd, nth;
	server_script *script;
	void *arg;
};

static void *serve(void *arg)
{
	struct connection c = *(struct connection *)arg;

	free(arg);
	server_log->open++;
	c.script(c.fd, c.nth, c.arg);
	server_log->open--;
	close(c.fd);
	return NULL;
}

static _Noreturn void accept_all(int listener, server_script *script, void *arg)
{
	pthread_attr_t detached;

	pthread_attr_init(&detached);
	pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
	for (;;) {
		int fd = accept(listener, NULL, NULL), yes = 1;
		struct connection *c;
		pthread_t thread;

		if (fd < 0)
			_exit(1);
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
		c = malloc(sizeof(*c));
		*c = (struct connection){fd, server_log->connections++, script, arg};
		if (pthread_create(&thread, &detached, serve, c) != 0)
			_exit(1);
	}
}

static int listen_anywhere(int *port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	CHECK(fd >= 0);
	CHECK(bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0);
	CHECK(listen(fd, 1024) == 0);
	CHECK(getsockname(fd, (struct sockaddr *)&a, &n) == 0);
	*port = ntohs(a.sin_port);
	return fd;
}

struct server *server_start(server_script *script, void *arg)
{
	struct server *s = calloc(1, sizeof(*s));
	int listener = listen_anywhere(&s->port);

	s->log = mmap(NULL, sizeof(*s->log), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	CHECK(s->log != MAP_FAILED);
	s->pid = fork();
	CHECK(s->pid >= 0);
	if (s->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		server_log = s->log;
		accept_all(listener, script, arg);
	}
	close(listener);
	return s;
}

void server_stop(struct server *s)
{
	kill(s->pid, SIGKILL);
	waitpid(s->pid, NULL, 0);
	munmap(s->log, sizeof(*s->log));
	free(s);
}

const char *server_url(struct server *s, const char *path)
{
	snprintf(s->url, sizeof(s->url), "http://127.0.0.1:%d%s", s->port, path);
	return s->url;
}
