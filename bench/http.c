/* What a request costs: POST of 457 bytes, an answer of 956, over kept connections to a small fast
 * server (its own process), closed loop.  Prints one line of JSON.
 *
 *     bench/http [-c CONCURRENCY] [-n REQUESTS] [-u URL] [-r ROUNDS]
 *
 *     bench/http --serve PORT                 the server alone
 *
 * bench/http/run.sh runs other clients against the same server. */
#include <duet/duet.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BODY = 457, REPLY = 956 };

/* --- the server --- */

struct peer {
	size_t len;
	char data[4096];
};

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
		p->len -= whole;
		memmove(p->data, p->data + whole, p->len);
		if (send(fd, answer, answer_len, MSG_NOSIGNAL) != (ssize_t)answer_len)
			return -1;
	}
}

static int listen_on(int *port)
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

static void accept_peer(int epoll, int listener, struct peer **peers)
{
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), yes = 1;
	struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};

	if (fd < 0)
		return;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	if (peers[fd] == NULL)
		peers[fd] = malloc(sizeof(struct peer));
	peers[fd]->len = 0;
	epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e);
}

static void read_peer(int fd, struct peer *p)
{
	ssize_t n = recv(fd, p->data + p->len, sizeof(p->data) - p->len, 0);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		close(fd);
		return;
	}
	p->len += (size_t)n;
	if (serve_requests(fd, p) < 0)
		close(fd);
}

static _Noreturn void serve(int listener)
{
	static struct peer *peers[65536];
	struct epoll_event ready[256], e = {.events = EPOLLIN, .data.fd = listener};
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	make_answer();
	epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &e);
	for (;;) {
		int n = epoll_wait(epoll, ready, 256, -1);

		for (int i = 0; i < n; i++) {
			if (ready[i].data.fd == listener)
				accept_peer(epoll, listener, peers);
			else
				read_peer(ready[i].data.fd, peers[ready[i].data.fd]);
		}
	}
}

static pid_t start_server(int *port)
{
	int listener = listen_on(port);
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		serve(listener);
	}
	close(listener);
	return pid;
}

/* --- the client --- */

static duet_http *http;
static const char *url;
static long requests = 100000;
static size_t concurrency = 100;
static int rounds = 3;
static char body[BODY];
static duet_time worst_lag;

static int post(void *ctx, size_t i)
{
	static const char *const headers[] = {"Content-Type: application/json",
					      "Authorization: Bearer key", NULL};
	duet_http_request request = {
		.url = url, .headers = headers, .body = DUET_BYTES(body, sizeof(body))};
	duet_http_response out = {0};
	int r = duet_http_fetch(http, &request, &out);

	(void)ctx, (void)i;
	if (r == 0 && out.status != 200)
		r = DUET_EHTTP;
	duet_http_response_free(&out);
	return r;
}

static int tick(void *arg)
{
	duet_time due = duet_now() + DUET_MS(1);

	(void)arg;
	while (duet_sleep(DUET_MS(1)) == 0) {
		if (duet_now() - due > worst_lag)
			worst_lag = duet_now() - due;
		due = duet_now() + DUET_MS(1);
	}
	return 0;
}

static double cpu_seconds(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static int measure(void *arg)
{
	struct rusage u;
	duet_task *ticker = duet_spawn(tick, NULL);
	int r = duet_map(concurrency * 4, concurrency, post, NULL, NULL);

	(void)arg;
	for (int i = 0; r == 0 && i < rounds; i++) {
		double cpu = cpu_seconds();
		duet_time t = duet_now();

		worst_lag = 0;
		r = duet_map((size_t)requests, concurrency, post, NULL, NULL);
		t = duet_now() - t;
		cpu = cpu_seconds() - cpu;
		getrusage(RUSAGE_SELF, &u);
		printf("{\"client\":\"duet\",\"c\":%zu,\"req_s\":%.0f,\"cpu_us\":%.2f,"
		       "\"lag_max_ms\":%.2f,\"rss_mib\":%.1f}\n",
		       concurrency, (double)requests / ((double)t / 1e9),
		       cpu * 1e6 / (double)requests, (double)worst_lag / 1e6,
		       (double)u.ru_maxrss / 1024);
		fflush(stdout);
	}
	if (r < 0)
		fprintf(stderr, "%s: %s\n", duet_err_name(r), duet_errmsg());
	duet_cancel_await(ticker);
	return r;
}

int main(int argc, char **argv)
{
	char own[64];
	int port = 0, r;
	pid_t server = 0;

	if (argc > 2 && strcmp(argv[1], "--serve") == 0) {
		port = atoi(argv[2]);
		serve(listen_on(&port));
	}
	for (int c; (c = getopt(argc, argv, "c:n:u:r:")) != -1;) {
		if (c == 'c')
			concurrency = strtoul(optarg, NULL, 10);
		else if (c == 'n')
			requests = strtol(optarg, NULL, 10);
		else if (c == 'u')
			url = optarg;
		else if (c == 'r')
			rounds = atoi(optarg);
		else
			return 2;
	}
	if (url == NULL) {
		server = start_server(&port);
		snprintf(own, sizeof(own), "http://127.0.0.1:%d/v1/chat/completions", port);
		url = own;
	}
	memset(body, ' ', sizeof(body));
	memcpy(body, "{}", 2);
	http = duet_http_open(NULL);
	r = http != NULL ? duet_run(measure, NULL) : -1;
	duet_http_close(http);
	if (server > 0) {
		kill(server, SIGKILL);
		waitpid(server, NULL, 0);
	}
	return r < 0;
}
