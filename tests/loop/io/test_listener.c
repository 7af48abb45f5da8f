#include "tests/lib/test.h"
#include <duet/duet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static void limit_descriptors(rlim_t n)
{
	struct rlimit limit;

	CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = n;
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static int say_hello(void *context, duet_stream *client)
{
	char line[32];

	(void)context;
	CHECK_EQ(duet_stream_readline(client, line, sizeof(line)), 6);
	return duet_stream_printf(client, "hello %s", line);
}

struct service {
	duet_listener *listener;
	size_t limit;
};

static int serve(void *arg)
{
	struct service *s = arg;

	return duet_serve(s->listener, say_hello, NULL, s->limit);
}

static int visit(void *ctx, size_t i)
{
	struct service *s = ctx;
	duet_stream *c = duet_connect(duet_listener_url(s->listener));
	char text[32], back[32];

	CHECK(c != NULL);
	CHECK_OK(duet_stream_printf(c, "%05zu\n", i));
	CHECK_EQ(duet_stream_readline(c, back, sizeof(back)), 12);
	snprintf(text, sizeof(text), "hello %05zu\n", i);
	CHECK_STR(back, text);
	duet_stream_close(c);
	return 0;
}

static int visit_all(const char *url, size_t visits, size_t at_once, size_t served_at_once)
{
	struct service s = {duet_listen(url), served_at_once};
	duet_task *server;

	CHECK(s.listener != NULL);
	server = duet_spawn(serve, &s);
	CHECK_OK(duet_map(visits, at_once, visit, &s, NULL));
	duet_listener_close(s.listener);
	return duet_await(server);
}

static int thousand(void *arg)
{
	return visit_all(arg, 1000, 0, 0);
}

/* A thousand clients at once, over TCP. */
TEST(listener_thousand_clients)
{
	limit_descriptors(4096);
	CHECK_OK(duet_run(thousand, (void *)"tcp://127.0.0.1:0"));
}

/* The same over a Unix socket, whose backlog they overrun: they try again. */
TEST(listener_thousand_clients_over_unix)
{
	char url[256];

	limit_descriptors(4096);
	snprintf(url, sizeof(url), "unix://%s/s", test_scratch());
	CHECK_OK(duet_run(thousand, url));
}

static int few_descriptors(void *arg)
{
	return visit_all(arg, 500, 0, 0);
}

/* With 64 descriptors for five hundred clients at once and their server, each has its turn: those
 * who connect leave some to those who accept. */
TEST(listener_out_of_descriptors_all_are_served)
{
	limit_descriptors(64);
	CHECK_OK(duet_run(few_descriptors, (void *)"tcp://127.0.0.1:0"));
}

static int hog_descriptors(int hogged[], int most)
{
	int n = 0;

	while (n < most && (hogged[n] = dup(0)) >= 0)
		n++;
	CHECK(n < most);
	return n;
}

static int accept_one(void *arg)
{
	duet_stream *s = duet_accept(arg);

	CHECK(s != NULL);
	duet_stream_close(s);
	return 0;
}

static int wait_for_descriptors(void *arg)
{
	duet_listener *l = duet_listen("tcp://127.0.0.1:0");
	duet_stream *client = duet_connect(duet_listener_url(l));
	int hogged[128], n = hog_descriptors(hogged, 128);
	duet_task *acceptor = duet_spawn(accept_one, l);
	duet_scope s;

	(void)arg;
	CHECK_OK(duet_scope_enter(&s, DUET_MS(50)));
	CHECK(duet_connect(duet_listener_url(l)) == NULL);
	CHECK_EQ(errno, ECANCELED);
	CHECK_ERR(duet_scope_exit(&s), DUET_ETIMEDOUT);
	CHECK(!duet_done(acceptor));
	while (n > 0)
		close(hogged[--n]);
	CHECK_OK(duet_await(acceptor));
	duet_stream_close(client);
	duet_listener_close(l);
	return 0;
}

/* Accept and connect wait while descriptors are out, also when it is not a stream that gives one
 * back; the wait can be cancelled. */
TEST(accept_out_of_descriptors_waits)
{
	limit_descriptors(100);
	CHECK_OK(duet_run(wait_for_descriptors, NULL));
}

static int give_up(void *arg)
{
	duet_listener *l = duet_listen("tcp://127.0.0.1:0");
	int hogged[128], n = hog_descriptors(hogged, 128);

	(void)arg;
	CHECK(duet_connect(duet_listener_url(l)) == NULL);
	CHECK_EQ(errno, EMFILE);
	CHECK_HAS(duet_errmsg(), "connect 127.0.0.1:");
	while (n > 0)
		close(hogged[--n]);
	duet_listener_close(l);
	return 0;
}

/* Where nobody ever gives a descriptor back, connect says so in the end. */
TEST(connect_out_of_descriptors_gives_up)
{
	limit_descriptors(100);
	CHECK_OK(duet_run(give_up, NULL));
}

static int accept_nothing(void *arg)
{
	CHECK(duet_accept(arg) == NULL);
	CHECK_EQ(errno, EPIPE);
	CHECK_HAS(duet_errmsg(), "closed");
	return 7;
}

static int close_under_acceptors(void *arg)
{
	duet_listener *l = duet_listen("tcp://127.0.0.1:0");
	duet_task *t[2] = {duet_spawn(accept_nothing, l), duet_spawn(accept_nothing, l)};
	int results[2];

	(void)arg;
	CHECK_OK(duet_sleep(DUET_MS(1)));
	duet_listener_close(l);
	CHECK_OK(duet_gather(t, 2, results));
	CHECK_EQ(results[0] + results[1], 14);
	return 0;
}

/* Closing a listener ends the accepts that wait in it. */
TEST(listener_close_ends_accepts)
{
	CHECK_OK(duet_run(close_under_acceptors, NULL));
}

static int visit_once(void *arg)
{
	struct service s = {arg, 0};
	duet_task *server = duet_spawn(serve, &s);

	CHECK_OK(visit(&s, 1));
	CHECK_ERR(duet_cancel_await(server), DUET_ECANCELED);
	return 0;
}

/* A listener may be opened before a run, and serve several. */
TEST(listener_outlives_runs)
{
	duet_listener *l = duet_listen("tcp://127.0.0.1:0");

	CHECK(l != NULL);
	CHECK_OK(duet_run(visit_once, l));
	CHECK_OK(duet_run(visit_once, l));
	duet_listener_close(l);
}

static int visit_by(void *arg)
{
	struct service s = {duet_listen("tcp://*:0"), 0};
	duet_task *server;
	char url[64], line[32];

	(void)arg;
	CHECK(s.listener != NULL);
	server = duet_spawn(serve, &s);
	for (const char *host = "127.0.0.1\0[::1]\0localhost\0"; *host; host += strlen(host) + 1) {
		snprintf(url, sizeof(url), "tcp://%s:%d", host, duet_listener_port(s.listener));
		duet_stream *c = duet_connect(url);
		if (c == NULL && errno == EADDRNOTAVAIL && host[0] == '[')
			continue; /* a machine without IPv6 */
		CHECK(c != NULL);
		CHECK_OK(duet_stream_printf(c, "00000\n"));
		CHECK_EQ(duet_stream_readline(c, line, sizeof(line)), 12);
		CHECK_OK(duet_stream_peer(c, line, sizeof(line)));
		CHECK_HAS(line, strchr(url + 6, ']') != NULL ? "[::1]:" : ":");
		duet_stream_close(c);
	}
	duet_listener_close(s.listener);
	return duet_await(server);
}

/* "*" is every interface, of IPv4 and IPv6, reached by address or name. */
TEST(listener_on_every_interface)
{
	CHECK_OK(duet_run(visit_by, NULL));
}

/* --- Unix sockets --- */

static void bind_and_die(const char *path)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(name.sun_path, sizeof(name.sun_path), "%s", path);
	CHECK_EQ(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
	close(fd);
}

/* A socket file that nobody listens on is replaced; one that is in use, or no socket, is not. */
TEST(listener_unix_file_in_the_way)
{
	char url[256];
	const char *path = url + strlen("unix://");
	duet_listener *first;
	int fd;

	snprintf(url, sizeof(url), "unix://%s/s", test_scratch());
	bind_and_die(path);
	CHECK((first = duet_listen(url)) != NULL);
	CHECK_EQ(duet_listener_port(first), 0);
	CHECK_STR(duet_listener_url(first), url);
	CHECK(duet_listen(url) == NULL);
	CHECK_EQ(errno, EADDRINUSE);
	CHECK_HAS(duet_errmsg(), path);
	duet_listener_close(first);
	CHECK_EQ(access(path, F_OK), -1);
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	close(fd);
	CHECK(duet_listen(url) == NULL);
	CHECK_EQ(errno, EADDRINUSE);
	CHECK_EQ(unlink(path), 0);
}

/* Only the file that the listener made is removed by close, and only by the process that made it. */
TEST(listener_unix_file_of_others_stays)
{
	char url[256];
	const char *path = url + strlen("unix://");
	duet_listener *l, *other;
	pid_t child;
	int status;

	snprintf(url, sizeof(url), "unix://%s/s", test_scratch());
	CHECK((l = duet_listen(url)) != NULL);
	child = fork();
	if (child == 0) {
		duet_listener_close(l);
		_exit(0);
	}
	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK_EQ(status, 0);
	CHECK_EQ(access(path, F_OK), 0);
	CHECK_EQ(unlink(path), 0);
	CHECK((other = duet_listen(url)) != NULL);
	duet_listener_close(l);
	CHECK_EQ(access(path, F_OK), 0);
	duet_listener_close(other);
	CHECK_EQ(access(path, F_OK), -1);
}

static int take_first_client(void *arg)
{
	const char *url = arg;
	duet_listener *l = duet_listen(url);
	duet_stream *near, *far;
	char c = 0;

	CHECK(l != NULL);
	CHECK(duet_listen(url) == NULL);
	CHECK((near = duet_connect(url)) != NULL);
	CHECK((far = duet_accept(l)) != NULL);
	CHECK_OK(duet_stream_write(near, "!", 1));
	CHECK_EQ(duet_stream_read(far, &c, 1), 1);
	CHECK_EQ(c, '!');
	duet_stream_close(near);
	duet_stream_close(far);
	duet_listener_close(l);
	return 0;
}

/* Who would listen where somebody does leaves no client there; nor is a socket replaced that is
 * bound, and about to listen. */
TEST(listener_unix_is_not_disturbed)
{
	char url[256];
	const char *path = url + strlen("unix://");
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(url, sizeof(url), "unix://%s/s", test_scratch());
	CHECK_OK(duet_run(take_first_client, url));
	snprintf(name.sun_path, sizeof(name.sun_path), "%s", path);
	CHECK_EQ(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
	CHECK(duet_listen(url) == NULL);
	CHECK_EQ(errno, EADDRINUSE);
	close(fd);
	CHECK_EQ(unlink(path), 0);
}

/* --- errors --- */

static int listen_badly(void *arg)
{
	static const char *const malformed[] = {
		"",
		"tcp://",
		"tcp://host",
		"tcp://host:",
		"tcp://host:x",
		"tcp://host:65536",
		"tcp://::1:80",
		"tcp://[::1]",
		"unix://relative",
		"unix://",
		"http://host:80",
		"tcp://host:-1",
		"tcp://host:080808",
		"127.0.0.1:80",
	};
	char long_path[200] = "unix:///", long_host[600];

	(void)arg;
	for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++) {
		test_note("%s", malformed[i]);
		CHECK(duet_listen(malformed[i]) == NULL);
		CHECK_EQ(errno, EINVAL);
		CHECK(duet_connect(malformed[i]) == NULL);
		CHECK_EQ(errno, EINVAL);
	}
	CHECK(duet_listen(NULL) == NULL);
	CHECK_EQ(errno, EINVAL);
	memset(long_path + 8, 'p', sizeof(long_path) - 9);
	CHECK(duet_listen(long_path) == NULL);
	CHECK_EQ(errno, ENAMETOOLONG);
	CHECK_HAS(duet_errmsg(), "107 bytes");
	snprintf(long_host, sizeof(long_host), "tcp://%0500d:80", 1);
	CHECK(duet_connect(long_host) == NULL);
	CHECK_EQ(errno, EINVAL);
	return 0;
}

/* URLs that are none say what one looks like. */
TEST(url_malformed_is_refused)
{
	CHECK_OK(duet_run(listen_badly, NULL));
}

static int look_up_nothing(void *arg)
{
	CHECK(duet_connect("tcp://no-such-host.invalid:80") == NULL);
	CHECK_EQ(errno, EIO);
	CHECK_HAS(duet_errmsg(), "look up no-such-host.invalid: ");
	CHECK(duet_listen("tcp://no-such-host.invalid:80") == NULL);
	CHECK_EQ(errno, EIO);
	return 0 * (arg != NULL);
}

/* A name that does not resolve is named, in a task and outside. */
TEST(url_unknown_host_is_named)
{
	CHECK_OK(duet_run(look_up_nothing, NULL));
	CHECK(duet_listen("tcp://no-such-host.invalid:80") == NULL);
	CHECK_HAS(duet_errmsg(), "look up no-such-host.invalid: ");
}

static int connect_by_name(void *arg)
{
	duet_listener *l = duet_listen("tcp://127.0.0.1:0");
	int port = duet_listener_port(l);
	char url[64];

	(void)arg;
	duet_listener_close(l);
	snprintf(url, sizeof(url), "tcp://localhost:%d", port);
	CHECK(duet_connect(url) == NULL);
	CHECK_EQ(errno, ECONNREFUSED);
	CHECK_HAS(duet_errmsg(), url + 6);
	CHECK_HAS(duet_errmsg(), "connect ");
	return 0;
}

/* A refused connection names the address that was tried and the host it was looked up for. */
TEST(connect_refused_names_host_and_address)
{
	CHECK_OK(duet_run(connect_by_name, NULL));
}
