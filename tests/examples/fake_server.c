#include "fake_server.h"
#include "tests/lib/test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static const char good[] = "{\"id\":\"x\",\"object\":\"chat.completion\",\"choices\":[{\"index\":0,"
			   "\"message\":{\"role\":\"assistant\",\"content\":\"some words\"},"
			   "\"finish_reason\":\"stop\"}]}";

static void reply(int fd, const char *status, const char *body)
{
	char text[1024];
	int len = snprintf(text, sizeof text,
			   "HTTP/1.1 %s\r\nContent-Type: application/json\r\n"
			   "Content-Length: %zu\r\nConnection: close\r\n\r\n%s",
			   status, strlen(body), body);

	(void)!write(fd, text, (size_t)len);
}

/* The whole request ends with the object's last brace. */
static bool read_request(int fd, char *text, size_t size)
{
	size_t len = 0;
	ssize_t n;

	while (len + 1 < size && (n = read(fd, text + len, size - 1 - len)) > 0) {
		len += (size_t)n;
		text[len] = '\0';
		if (strstr(text, "\r\n\r\n{") != NULL && text[len - 1] == '}')
			return true;
	}
	return false;
}

static void serve(int fd, enum fake_kind kind)
{
	static char request[65536];

	if (!read_request(fd, request, sizeof request))
		return;
	const char *number = strstr(request, "prompt number ");
	bool tenth = number != NULL && number[strcspn(number, "\"") - 1] == '0';
	if (kind == FAKE_GARBAGE)
		(void)!write(fd, "what?\r\n\r\n", 9);
	else if (kind == FAKE_NOT_JSON)
		reply(fd, "200 OK", "<html>Welcome</html>");
	else if (tenth)
		reply(fd, "500 Internal Server Error", "{\"error\":{\"message\":\"out of luck\"}}");
	else
		reply(fd, "200 OK", good);
}

static _Noreturn void serve_all(int listener, enum fake_kind kind)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_IGN);
	for (;;) {
		int fd = accept(listener, NULL, NULL);
		if (fd < 0)
			_exit(1);
		if (kind == FAKE_SILENT)
			continue;
		serve(fd, kind);
		close(fd);
	}
}

void fake_server_start(struct fake_server *s, enum fake_kind kind)
{
	struct sockaddr_in here = {.sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof here;
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	CHECK(listener >= 0);
	CHECK_EQ(bind(listener, (struct sockaddr *)&here, len), 0);
	CHECK_EQ(listen(listener, 512), 0);
	CHECK_EQ(getsockname(listener, (struct sockaddr *)&here, &len), 0);
	s->port = ntohs(here.sin_port);
	s->pid = fork();
	CHECK(s->pid >= 0);
	if (s->pid == 0)
		serve_all(listener, kind);
	close(listener);
}

void fake_server_stop(struct fake_server *s)
{
	kill(s->pid, SIGKILL);
	CHECK_EQ(waitpid(s->pid, NULL, 0), s->pid);
}
