/* The same requests by libcurl's multi alone, as lean as it goes: epoll, sticky events, kept
 * handles.  What duet costs beyond this is duet's.
 *
 *     bare_curl URL CONCURRENCY REQUESTS [ROUNDS] */
#include <curl/curl.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { SHARD = 128, SHARDS = 32, FDS = 65536 };

struct shard {
	CURLM *multi;
	double due; /* 0 = no timer */
};

struct request {
	CURL *easy;
	struct shard *shard;
	char *data;
	size_t len, room;
};

static struct shard shards[SHARDS];
static struct shard *owner[FDS];
static unsigned watched[FDS], wanted[FDS];
static int epoll;
static long started, finished, total;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void watch(int fd, unsigned events)
{
	struct epoll_event e = {.events = events, .data.fd = fd};

	if (events == watched[fd])
		return;
	epoll_ctl(epoll,
		  watched[fd] == 0 ? EPOLL_CTL_ADD
		  : events == 0    ? EPOLL_CTL_DEL
				   : EPOLL_CTL_MOD,
		  fd, &e);
	watched[fd] = events;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *shard, void *data)
{
	(void)easy, (void)data;
	owner[fd] = shard;
	wanted[fd] = (what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u);
	if (what == CURL_POLL_REMOVE)
		wanted[fd] = 0;
	watch(fd, wanted[fd] != 0 ? wanted[fd] : EPOLLIN);
	return 0;
}

static int on_close(void *context, curl_socket_t fd)
{
	(void)context;
	watch(fd, 0);
	return close(fd);
}

static int on_timer(CURLM *multi, long ms, void *shard)
{
	(void)multi;
	((struct shard *)shard)->due = ms < 0 ? 0 : now() + (double)ms / 1e3;
	return 0;
}

static size_t on_body(char *data, size_t size, size_t n, void *context)
{
	struct request *r = context;

	(void)size;
	if (r->len + n > r->room)
		r->data = realloc(r->data, r->room = r->len + n + 4096);
	memcpy(r->data + r->len, data, n);
	r->len += n;
	return n;
}

static size_t on_header(char *data, size_t size, size_t n, void *context)
{
	(void)data, (void)context;
	return size * n;
}

static void start(struct request *r)
{
	started++;
	r->len = 0;
	curl_multi_add_handle(r->shard->multi, r->easy);
}

static void act(struct shard *s, curl_socket_t fd, int events)
{
	int n;
	CURLMsg *m;

	curl_multi_socket_action(s->multi, fd, events, &n);
	while ((m = curl_multi_info_read(s->multi, &n)) != NULL) {
		struct request *r;
		CURL *easy = m->easy_handle;

		if (m->data.result != CURLE_OK) {
			fprintf(stderr, "%s\n", curl_easy_strerror(m->data.result));
			exit(1);
		}
		curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&r);
		curl_multi_remove_handle(s->multi, easy);
		finished++;
		/* as duet does: the body is the caller's */
		free(r->data);
		r->data = NULL;
		r->room = 0;
		if (started < total)
			start(r);
	}
}

static void run(struct request *requests, size_t concurrency, long n)
{
	struct epoll_event ready[256];

	started = finished = 0;
	total = n;
	for (size_t i = 0; i < concurrency && started < total; i++)
		start(&requests[i]);
	while (finished < total) {
		double first = 0, t = now();
		int wait;

		for (size_t i = 0; i < SHARDS; i++)
			if (shards[i].due > 0 && shards[i].due <= t) {
				shards[i].due = 0;
				act(&shards[i], CURL_SOCKET_TIMEOUT, 0);
			}
		for (size_t i = 0; i < SHARDS; i++)
			if (shards[i].due > 0 && (first == 0 || shards[i].due < first))
				first = shards[i].due;
		wait = first == 0 ? 1000 : first <= now() ? 0 : (int)((first - now()) * 1e3) + 1;
		wait = epoll_wait(epoll, ready, 256, finished < total ? wait : 0);
		for (int i = 0; i < wait; i++) {
			int fd = ready[i].data.fd;

			if (wanted[fd] == 0)
				watch(fd, 0);
			else
				act(owner[fd], fd,
				    (ready[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)
					     ? CURL_CSELECT_IN
					     : 0) |
					    (ready[i].events & EPOLLOUT ? CURL_CSELECT_OUT : 0));
		}
	}
}

static void prepare(struct request *r, size_t i, const char *url, struct curl_slist *headers)
{
	static char body[457] = "{}";

	r->shard = &shards[i / SHARD % SHARDS];
	r->easy = curl_easy_init();
	curl_easy_setopt(r->easy, CURLOPT_URL, url);
	curl_easy_setopt(r->easy, CURLOPT_PRIVATE, r);
	curl_easy_setopt(r->easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(r->easy, CURLOPT_PROXY, "");
	curl_easy_setopt(r->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(r->easy, CURLOPT_POSTFIELDS, body);
	curl_easy_setopt(r->easy, CURLOPT_POSTFIELDSIZE, (long)sizeof(body));
	curl_easy_setopt(r->easy, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(r->easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(r->easy, CURLOPT_WRITEDATA, r);
	curl_easy_setopt(r->easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(r->easy, CURLOPT_CLOSESOCKETFUNCTION, on_close);
}

static double cpu_seconds(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

int main(int argc, char **argv)
{
	size_t concurrency = argc > 3 ? strtoul(argv[2], NULL, 10) : 0;
	long n = argc > 3 ? strtol(argv[3], NULL, 10) : 0;
	int rounds = argc > 4 ? atoi(argv[4]) : 3;
	struct request *requests = calloc(concurrency, sizeof(*requests));
	struct curl_slist *headers = NULL;

	if (concurrency == 0 || n == 0) {
		fprintf(stderr, "usage: bare_curl URL CONCURRENCY REQUESTS [ROUNDS]\n");
		return 2;
	}
	curl_global_init(CURL_GLOBAL_DEFAULT);
	epoll = epoll_create1(EPOLL_CLOEXEC);
	headers = curl_slist_append(headers, "Expect:");
	headers = curl_slist_append(headers, "Content-Type: application/json");
	headers = curl_slist_append(headers, "Authorization: Bearer key");
	for (size_t i = 0; i < SHARDS; i++) {
		shards[i].multi = curl_multi_init();
		curl_multi_setopt(shards[i].multi, CURLMOPT_SOCKETFUNCTION, on_socket);
		curl_multi_setopt(shards[i].multi, CURLMOPT_SOCKETDATA, &shards[i]);
		curl_multi_setopt(shards[i].multi, CURLMOPT_TIMERFUNCTION, on_timer);
		curl_multi_setopt(shards[i].multi, CURLMOPT_TIMERDATA, &shards[i]);
		curl_multi_setopt(shards[i].multi, CURLMOPT_MAXCONNECTS, 1000L);
	}
	for (size_t i = 0; i < concurrency; i++)
		prepare(&requests[i], i, argv[1], headers);
	run(requests, concurrency, (long)concurrency * 4);
	for (int i = 0; i < rounds; i++) {
		double cpu = cpu_seconds(), t = now();
		struct rusage u;

		run(requests, concurrency, n);
		t = now() - t;
		cpu = cpu_seconds() - cpu;
		getrusage(RUSAGE_SELF, &u);
		printf("{\"client\":\"bare_curl\",\"c\":%zu,\"req_s\":%.0f,\"cpu_us\":%.2f,"
		       "\"rss_mib\":%.1f}\n",
		       concurrency, (double)n / t, cpu * 1e6 / (double)n,
		       (double)u.ru_maxrss / 1024);
		fflush(stdout);
	}
	return 0;
}
