#include "tests/loop/io/pair.h"

#include "tests/lib/test.h"
#include <string.h>
#include <sys/socket.h>

struct pair pair_open(void)
{
	struct pair p;
	int fds[2];

	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	CHECK((p.near = duet_stream_from_fd(fds[0])) != NULL);
	CHECK((p.far = duet_stream_from_fd(fds[1])) != NULL);
	return p;
}

void pair_close(struct pair *p)
{
	duet_stream_close(p->near);
	duet_stream_close(p->far);
}

void pair_feed(const struct pair *p, const char *text)
{
	CHECK_EQ(send(duet_stream_fd(p->far), text, strlen(text), MSG_DONTWAIT), strlen(text));
}
