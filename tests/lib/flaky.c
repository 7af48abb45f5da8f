#include "tests/lib/flaky.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

struct relay {
	const struct flaky *plan;
	int client, server;
	long down; /* bytes so far */
	int healthy;
};

static int dial(int port)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
				.sin_port = htons((unsigned short)port),
				.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0)
		return fd;
	close(fd);
	return -1;
}

/* -> 0 = go on, -1 = the connection is to end */
static int pass_byte(struct relay *r, char byte)
{
	const struct flaky *plan = r->plan;

	r->down++;
	if (r->down == plan->corrupt_at)
		byte = (char)~byte;
	if (r->down == plan->black_hole_at) {
		server_hang(r->client);
		return -1;
	}
	if (r->down == plan->cut_at) {
		if (plan->resets)
			server_reset(r->client);
		return -1;
	}
	if (r->down == 1 && plan->delay_ms > 0)
		server_pause_ms(plan->delay_ms);
	if (plan->dribble_ms > 0)
		server_pause_ms(plan->dribble_ms);
	return server_send(r->client, &byte, 1);
}

static int pass_down(struct relay *r)
{
	char piece[4096];
	ssize_t n = recv(r->server, piece, sizeof(piece), 0);

	if (n <= 0)
		return -1;
	if (r->healthy)
		return server_send(r->client, piece, (size_t)n);
	for (ssize_t i = 0; i < n; i++)
		if (pass_byte(r, piece[i]) < 0)
			return -1;
	return 0;
}

static int pass_up(struct relay *r)
{
	char piece[4096];
	ssize_t n = recv(r->client, piece, sizeof(piece), 0);

	return n > 0 ? server_send(r->server, piece, (size_t)n) : -1;
}

void flaky_relay(int fd, int nth, void *plan)
{
	struct relay r = {.plan = plan, .client = fd};

	r.healthy = r.plan->healthy_from > 0 && nth >= r.plan->healthy_from;
	r.server = dial(r.plan->port);
	if (r.server < 0)
		return;
	for (;;) {
		struct pollfd both[] = {{fd, POLLIN, 0}, {r.server, POLLIN, 0}};

		if (poll(both, 2, -1) < 0)
			break;
		if (both[0].revents != 0 && pass_up(&r) < 0)
			break;
		if (both[1].revents != 0 && pass_down(&r) < 0)
			break;
	}
	close(r.server);
}
