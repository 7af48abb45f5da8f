/* What every transport promises, tried on each. */
#include "ipc/channel.h"
#include "ipc/frame.h"
#include "ipc/mem/mem.h"
#include "pool/directory.h"
#include "tests/lib/test.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static unsigned char buf[DUET__MESSAGE_MAX];
static duet__channel *here;
static duet__offer offer;

static void open_channel(const duet__transport *t)
{
	CHECK_OK(t->open(test_scratch(), "0.1", &here, &offer));
}

static size_t receive(duet__channel *c)
{
	struct pollfd p = {.fd = c->transport->fd(c), .events = POLLIN};
	CHECK_EQ(poll(&p, 1, 5000), 1);
	ssize_t n = duet__channel_recv(c, buf, sizeof(buf), false);
	CHECK_OK(n);
	return (size_t)n;
}

/* ---- a peer in a process of its own ---- */

/* Sends each message back, until the channel ends. */
static void echo_for_ever(const duet__transport *t)
{
	duet__channel *c;
	if (t->dial(&offer, &c) < 0)
		_exit(1);
	for (;;) {
		ssize_t n = duet__channel_recv(c, buf, sizeof(buf), true);
		if (n < 0)
			_exit(n == -EPIPE ? 0 : 2);
		while (duet__channel_send(c, buf, (size_t)n) == -EAGAIN)
			poll(NULL, 0, 1);
	}
}

/* The child must be forked before the parent opens an nng socket, and dial after it. */
static pid_t start_echo(const duet__transport *t)
{
	int gate[2];
	CHECK_EQ(pipe(gate), 0);
	if (!t->starts_threads)
		open_channel(t);
	pid_t pid = fork();
	if (pid == 0) {
		if (!t->starts_threads)
			close(here->transport->fd(here));
		close(gate[1]);
		if (read(gate[0], &offer, sizeof(offer)) != sizeof(offer))
			_exit(3);
		echo_for_ever(t);
	}
	if (t->starts_threads)
		open_channel(t);
	CHECK_EQ(write(gate[1], &offer, sizeof(offer)), sizeof(offer));
	close(gate[0]);
	close(gate[1]);
	if (offer.fd >= 0)
		close(offer.fd);
	return pid;
}

static void check_exit(pid_t pid, int want)
{
	int status;
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, want);
}

static bool has_sockets(void)
{
	char path[32], target[32];
	for (int fd = 3; fd < 256; fd++) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		if (readlink(path, target, sizeof(target)) > 7 && memcmp(target, "socket:", 7) == 0)
			return true;
	}
	return false;
}

/* nng takes its sockets down in the background. */
static void close_channel(void)
{
	duet__channel_close(here);
	for (int ms = 0; has_sockets() && ms < 2000; ms++)
		poll(NULL, 0, 1);
}

static void check_echo(const duet__transport *t)
{
	static const size_t sizes[] = {1, 64, 1000, DUET__MESSAGE_MAX};
	pid_t pid = start_echo(t);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		memset(buf, (int)i + 1, sizes[i]);
		while (duet__channel_send(here, buf, sizes[i]) == -EAGAIN)
			poll(NULL, 0, 1);
		memset(buf, 0, sizeof(buf));
		CHECK_EQ(receive(here), sizes[i]);
		CHECK_EQ(buf[0], i + 1);
		CHECK_EQ(buf[sizes[i] - 1], i + 1);
	}
	CHECK_ERR(duet__channel_recv(here, buf, sizeof(buf), false), -EAGAIN);
	close_channel();
	check_exit(pid, 0);
}

/* Messages of every size cross to another process and back; its end is seen as the end. */
TEST(channel_local_echoes)
{
	check_echo(&duet__transport_local);
}
TEST(channel_nng_echoes)
{
	test_allow_fds(2);
	check_echo(&duet__transport_nng);
}

static void check_order(const duet__transport *t)
{
	enum { N = 100 };
	pid_t pid = start_echo(t);
	for (int i = 0; i < N; i++) {
		int r;
		while ((r = duet__channel_send(here, &i, sizeof(i))) == -EAGAIN)
			poll(NULL, 0, 1);
		CHECK_OK(r);
	}
	for (int i = 0; i < N; i++) {
		int got;
		CHECK_EQ(receive(here), sizeof(got));
		memcpy(&got, buf, sizeof(got));
		CHECK_EQ(got, i);
	}
	close_channel();
	check_exit(pid, 0);
}

/* A hundred messages come back in order. */
TEST(channel_local_keeps_order)
{
	check_order(&duet__transport_local);
}
TEST(channel_nng_keeps_order)
{
	test_allow_fds(2);
	check_order(&duet__transport_nng);
}

/* A dead peer is the end, after what it had sent. */
TEST(channel_local_peer_dies)
{
	pid_t pid = start_echo(&duet__transport_local);
	CHECK_OK(duet__channel_send(here, "last", 5));
	CHECK_EQ(receive(here), 5);
	kill(pid, SIGKILL);
	check_exit(pid, SIGKILL);
	CHECK_ERR(duet__channel_recv(here, buf, sizeof(buf), false), -EPIPE);
	CHECK_ERR(duet__channel_send(here, "x", 1), -EPIPE);
	duet__channel_close(here);
}

/* A channel that nobody reads is full at some point, and says so instead of blocking. */
TEST(channel_local_full_does_not_block)
{
	open_channel(&duet__transport_local);
	int r = 0;
	for (int i = 0; r == 0; i++) {
		CHECK_LE(i, 10000);
		r = duet__channel_send(here, buf, sizeof(buf));
	}
	CHECK_ERR(r, -EAGAIN);
	close(offer.fd);
	duet__channel_close(here);
}

/* The fake keeps the same promises in one process. */
TEST(channel_mem_keeps_them)
{
	duet__channel *there;
	open_channel(&duet__transport_mem);
	CHECK_OK(duet__transport_mem.dial(&offer, &there));
	CHECK(there == duet__mem_other_end(here));
	CHECK_ERR(duet__channel_recv(here, buf, sizeof(buf), false), -EAGAIN);
	CHECK_OK(duet__channel_send(there, "one", 4));
	CHECK_OK(duet__channel_send(there, "three", 6));
	CHECK_EQ(receive(here), 4);
	CHECK_STR((char *)buf, "one");
	CHECK_ERR(duet__channel_recv(here, buf, 3, false), -EMSGSIZE);
	int r = 0;
	for (int i = 0; r == 0 && i < 1000; i++)
		r = duet__channel_send(there, "x", 1);
	CHECK_ERR(r, -EAGAIN);
	duet__channel_close(there);
	while ((r = (int)duet__channel_recv(here, buf, sizeof(buf), false)) >= 0)
		;
	CHECK_ERR(r, -EPIPE);
	duet__channel_close(here);
}

static int connect_as_nobody(const char *path)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	if (setgid(65534) < 0 || setuid(65534) < 0)
		return 77;
	for (int i = 0; i < 1000; i++) {
		int fd = socket(AF_UNIX, SOCK_STREAM, 0);
		if (connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0)
			return 1;
		close(fd);
	}
	return 0;
}

/* Nobody else reaches a channel in a private directory. */
TEST(channel_nng_refuses_other_users)
{
	if (geteuid() != 0)
		SKIP("needs root, to be somebody else");
	test_allow_fds(2);
	char directory[64], path[80];
	CHECK_OK(duet__directory_make(directory, sizeof(directory)));
	CHECK_OK(duet__transport_nng.open(directory, "0.1", &here, &offer));
	snprintf(path, sizeof(path), "%s/0.1", directory);
	CHECK_EQ(access(path, F_OK), 0);
	pid_t pid = fork();
	if (pid == 0)
		_exit(connect_as_nobody(path));
	check_exit(pid, 0);
	close_channel();
	duet__directory_remove(directory);
	CHECK_EQ(access(directory, F_OK), -1);
}

/* A directory that is too deep for a socket's address is a clear error. */
TEST(channel_nng_long_directory)
{
	test_allow_fds(2);
	char path[160];
	memset(path, 'x', sizeof(path));
	path[0] = '/';
	path[150] = 0;
	CHECK_ERR(duet__transport_nng.open(path, "0.1", &here, &offer), -ENAMETOOLONG);
}
