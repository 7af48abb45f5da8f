#include "bench/http/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { REPLY = 956, FDS = 65536 };

struct peer {
	int tokens; /* of a stream that are still to be sent */
	size_t len;
	char data[4096];
};

static struct peer *peers[FDS];
static int most_fd;

static char answer[2048];
static size_t answer_len;

static void make_answer(void)
{
	char content[REPLY + 1];
	int n;

	n = snprintf(
		content, sizeof(content),
		"{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion\",\"model\":\"mock\","
		"\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"");
	memset(content + n, 'w', (size_t)(REPLY - n));
	strcpy(content + REPLY - 109,
	       "\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":"
	       "100,\"completion_tokens\":200,\"total_tokens\":300  }}");
	answer_len = (size_t)snprintf(answer, sizeof(answer),
				      "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
				      "Content-Length: %zu\r\n\r\n%s",
				      strlen(content), content);
}

/* --- streams --- */

static int begin_stream(int fd, struct peer *p)
{
	static const char head[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
				   "Transfer-Encoding: chunked\r\n\r\n";

	p->len = 0;
	p->tokens = STREAM_TOKENS;
	return send(fd, head, sizeof(head) - 1, MSG_NOSIGNAL) > 0 ? 0 : -1;
}

static void send_token(int fd, struct peer *p)
{
	static const char event[] =
		"data: {\"id\":\"chatcmpl-0123456789\",\"object\":\"chat.completion.chunk\","
		"\"created\":1700000000,\"model\":\"mock-model\",\"system_fingerprint\":null,"
		"\"choices\":[{\"index\":0,\"delta\":{\"content\":\" token\"},\"logprobs\":null,"
		"\"finish_reason\":null}]}\n\n";
	static const char done[] = "e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n";
	char chunk[512];
	int n = snprintf(chunk, sizeof(chunk), "%zx\r\n%s\r\n", sizeof(event) - 1, event);

	p->tokens--;
	if (send(fd, chunk, (size_t)n, MSG_NOSIGNAL) < 0)
		p->tokens = 0;
	else if (p->tokens == 0)
		(void)!send(fd, done, sizeof(done) - 1, MSG_NOSIGNAL);
}

static void tick(int timer)
{
	uint64_t times;

	(void)!read(timer, &times, sizeof(times));
	for (int fd = 0; fd <= most_fd; fd++)
		if (peers[fd] != NULL && peers[fd]->tokens > 0)
			send_token(fd, peers[fd]);
}

static int open_timer(void)
{
	struct timespec pace = {0, STREAM_PACE_MS * 1000000L};
	int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);

	timerfd_settime(timer, 0, &(struct itimerspec){pace, pace}, NULL);
	return timer;
}

/* --- requests --- */

/* Answers each whole request in the buffer.  -> 0, or -1: the connection is to be closed */
static int serve_requests(int fd, struct peer *p)
{
	for (;;) {
		char *end = memmem(p->data, p->len, "\r\n\r\n", 4);
		char *length;
		size_t whole;

		if (end == NULL)
			return 0;
		length = memmem(p->data, (size_t)(end - p->data), "ontent-", 7);
		while (length != NULL && strncasecmp(length, "ontent-Length:", 14) != 0)
			length = memmem(length + 7, (size_t)(end - length - 7), "ontent-", 7);
		whole = (size_t)(end + 4 - p->data) +
			(length != NULL ? strtoul(length + 14, NULL, 10) : 0);
		if (whole > p->len)
			return whole < sizeof(p->data) ? 0 : -1;
		if (memmem(p->data, (size_t)(end - p->data), " /stream ", 9) != NULL)
			return begin_stream(fd, p);
		p->len -= whole;
		memmove(p->data, p->data + whole, p->len);
		if (send(fd, answer, answer_len, MSG_NOSIGNAL) != (ssize_t)answer_len)
			return -1;
	}
}

int server_listen(int *port)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
				.sin_port = htons((unsigned short)*port),
				.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) != 0 || listen(fd, 4096) != 0) {
		perror("listen");
		exit(1);
	}
	getsockname(fd, (struct sockaddr *)&a, &n);
	*port = ntohs(a.sin_port);
	return fd;
}

static void add(int epoll, int fd)
{
	struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};

	epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e);
}

static void accept_peer(int epoll, int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), yes = 1;

	if (fd < 0)
		return;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	if (peers[fd] == NULL)
		peers[fd] = malloc(sizeof(struct peer));
	peers[fd]->len = 0;
	peers[fd]->tokens = 0;
	if (fd > most_fd)
		most_fd = fd;
	add(epoll, fd);
}

static void read_peer(int fd, struct peer *p)
{
	ssize_t n = recv(fd, p->data + p->len, sizeof(p->data) - p->len, 0);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		p->tokens = 0;
		close(fd);
		return;
	}
	p->len += (size_t)n;
	if (serve_requests(fd, p) < 0)
		close(fd);
}

_Noreturn void server_run(int listener)
{
	struct epoll_event ready[256];
	int epoll = epoll_create1(EPOLL_CLOEXEC), timer = open_timer();

	make_answer();
	add(epoll, listener);
	add(epoll, timer);
	for (;;) {
		int n = epoll_wait(epoll, ready, 256, -1);

		for (int i = 0; i < n; i++) {
			if (ready[i].data.fd == listener)
				accept_peer(epoll, listener);
			else if (ready[i].data.fd == timer)
				tick(timer);
			else
				read_peer(ready[i].data.fd, peers[ready[i].data.fd]);
		}
	}
}

pid_t server_fork(int *port)
{
	int listener = server_listen(port);
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		server_run(listener);
	}
	close(listener);
	return pid;
}
