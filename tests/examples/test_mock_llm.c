/* The embedded mock server, spoken to byte by byte. */
#include "examples/mixed_workload/mock_http.c"
#include "examples/mixed_workload/mock_llm.c"
#include "examples/mixed_workload/mock_reply.c"
#include "tests/lib/test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#define PATH "/v1/chat/completions"

static int port_of(const struct mock_llm *m)
{
	return atoi(strrchr(m->url, ':') + 1);
}

static int dial(const struct mock_llm *m)
{
	struct sockaddr_in there = {.sin_family = AF_INET,
				    .sin_port = htons((uint16_t)port_of(m)),
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	CHECK(fd >= 0);
	CHECK_EQ(connect(fd, (struct sockaddr *)&there, sizeof there), 0);
	return fd;
}

/* Sends the request and reads until the server closes. */
static const char *ask(const struct mock_llm *m, const char *request, size_t len)
{
	static char answer[65536];
	size_t got = 0;
	ssize_t n;
	int fd = dial(m);

	CHECK_EQ(send(fd, request, len, MSG_NOSIGNAL), (ssize_t)len);
	CHECK_EQ(shutdown(fd, SHUT_WR), 0);
	while ((n = read(fd, answer + got, sizeof answer - 1 - got)) > 0)
		got += (size_t)n;
	CHECK_EQ(n, 0);
	answer[got] = '\0';
	close(fd);
	return answer;
}

static const char *ask_text(const struct mock_llm *m, const char *request)
{
	return ask(m, request, strlen(request));
}

static void check(const struct mock_llm *m, const char *request, const char *expected)
{
	test_note("%.80s", request);
	const char *answer = ask_text(m, request);
	CHECK(strncmp(answer, "HTTP/1.1 ", 9) == 0);
	CHECK(strncmp(answer + 9, expected, strlen(expected)) == 0);
}

static struct mock_llm start(duet_time latency)
{
	struct mock_llm m;

	CHECK_OK(mock_llm_start(&m, latency));
	return m;
}

/* A completion is the reference's, to the byte. */
TEST(mock_llm_reply_equals_the_reference)
{
	struct mock_llm m = start(0);
	const char *answer =
		ask_text(&m, "POST " PATH " HTTP/1.1\r\nHost: x\r\nContent-Length: 75\r\n\r\n"
			     "{\"model\":\"mock-1\",\"messages\":[{\"role\":\"user\","
			     "\"content\":\"prompt number 7\"}]}");
	uint64_t hash = 1469598103934665603u;

	CHECK_HAS(answer, "HTTP/1.1 200 OK\r\n");
	CHECK_HAS(answer, "{\"id\":\"chatcmpl-60e7d5a9\",\"object\":\"chat.completion\"");
	CHECK_HAS(answer, "\"content\":\"gepi boni zelila pasu vezeni gekote sedo sakiva");
	CHECK_HAS(answer, "\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":340,"
			  "\"total_tokens\":352}}");
	for (const char *at = strstr(answer, "\r\n\r\n") + 4; *at != '\0'; at++)
		hash = (hash ^ (unsigned char)*at) * 1099511628211u;
	CHECK_EQ((int64_t)hash, (int64_t)0x2d1208ee665ac112u);
	mock_llm_stop(&m);
}

/* What is not a request for a completion gets the status that says so. */
TEST(mock_llm_wrong_requests_get_their_status)
{
	static const char *const cases[][2] = {
		{"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "404 "},
		{"POST /v1/embeddings HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}", "404 "},
		{"GET " PATH " HTTP/1.1\r\n\r\n", "405 Method Not Allowed\r\n"},
		{"POST " PATH " HTTP/1.1\r\n\r\n", "411 "},
		{"POST " PATH " HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}", "400 "},
		{"POST " PATH " HTTP/1.1\r\nContent-Length: -1\r\n\r\n", "400 "},
		{"POST " PATH " HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
		 "400 "},
		{"POST " PATH " HTTP/1.1\r\nContent-Length : 1\r\n\r\n", "400 "},
		{"POST " PATH " HTTP/1.1\r\nno colon\r\n\r\n", "400 "},
		{"POST " PATH " HTTP/1.1\r\nContent-Length: 2000000\r\n\r\n", "413 "},
		{"POST " PATH " HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n",
		 "413 "},
		{"POST " PATH " HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "501 "},
		{"garbage\r\n\r\n", "400 "},
		{"\r\n\r\n", "400 "},
	};
	struct mock_llm m = start(0);

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		check(&m, cases[i][0], cases[i][1]);
	CHECK_HAS(ask(&m, "GET /\0 HTTP/1.1\r\n\r\n", 19), "HTTP/1.1 400 ");
	mock_llm_stop(&m);
}

/* A head without an end is cut off with an answer, not read for ever. */
TEST(mock_llm_endless_head_is_refused)
{
	enum { LEN = 20000 };
	struct mock_llm m = start(0);
	char *head = malloc(LEN);

	CHECK(head != NULL);
	memset(head, 'x', LEN);
	memcpy(head, "GET / HTTP/1.1\r\n", 16);
	CHECK_HAS(ask(&m, head, LEN), "HTTP/1.1 431 ");
	free(head);
	mock_llm_stop(&m);
}

/* Requests sent in one go are answered one after the other on the same connection. */
TEST(mock_llm_pipelined_requests_are_all_answered)
{
	struct mock_llm m = start(0);
	const char *answer = ask_text(&m, "GET /1 HTTP/1.1\r\n\r\n"
					  "POST /2 HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello"
					  "GET /3 HTTP/1.1\r\nConnection: close\r\n\r\n"
					  "GET /4 HTTP/1.1\r\n\r\n");
	int answers = 0;

	for (const char *at = answer; (at = strstr(at, "HTTP/1.1 404 ")) != NULL; at++)
		answers++;
	CHECK_EQ(answers, 3);
	mock_llm_stop(&m);
}

/* A client that waits for leave to send its body gets it. */
TEST(mock_llm_expect_continue_is_answered_first)
{
	struct mock_llm m = start(0);
	char answer[64] = "";
	int fd = dial(&m);
	static const char head[] =
		"POST " PATH " HTTP/1.1\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n";

	CHECK_EQ(write(fd, head, sizeof head - 1), (ssize_t)sizeof head - 1);
	CHECK(read(fd, answer, sizeof answer - 1) > 0);
	CHECK_HAS(answer, "HTTP/1.1 100 Continue\r\n\r\n");
	close(fd);
	mock_llm_stop(&m);
}

/* Five hundred clients at once are served at the latency of one. */
TEST_WITHIN(mock_llm_many_connections_are_served_at_once, 60)
{
	enum { CLIENTS = 500 };
	static const char request[] = "POST " PATH " HTTP/1.1\r\nContent-Length: 14\r\n\r\n"
				      "{\"content\":\"\"}";
	struct mock_llm m = start(DUET_MS(50));
	int fds[CLIENTS];

	for (int i = 0; i < CLIENTS; i++) {
		fds[i] = dial(&m);
		CHECK(write(fds[i], request, sizeof request - 1) > 0);
	}
	for (int i = 0; i < CLIENTS; i++) {
		char answer[4096] = "";
		CHECK(read(fds[i], answer, sizeof answer - 1) > 0);
		CHECK_HAS(answer, "HTTP/1.1 200 OK\r\n");
		close(fds[i]);
	}
	mock_llm_stop(&m);
}
