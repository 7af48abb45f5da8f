/* The descriptors curl works on, and their watches.
 *
 * A connection's descriptor stays watched for reading between requests ("sticky"): that saves two
 * epoll_ctl for each.  If it becomes readable while nobody uses it, the server has closed it, and
 * it is watched no more; curl finds out when it wants to use it again.  curl's own descriptors (of
 * a name lookup) never reach duet__socket_close, so those are let go when curl says so.  Nor do
 * those that did not connect: curl closes them itself, and what is left of them here goes when curl
 * wants them no more, when their number comes again, or with the client. */
#include "loop/core/watch.h"
#include "loop/http/handle.h"
#include "loop/http/shard.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct duet__socket {
	duet__list node; /* in the client's broken, if its watch failed */
	duet_http *http;
	duet__shard *shard;
	duet__watch *watch;
	int fd;
	int wanted;  /* by a transfer: DUET__READ | DUET__WRITE; 0 = idle */
	bool is_own; /* made by duet__socket_open                         */
} duet__socket;

static bool make_slot(duet_http *h, int fd)
{
	size_t slots = h->socket_slots == 0 ? 64 : h->socket_slots;
	duet__socket **grown;

	while (slots <= (size_t)fd)
		slots *= 2;
	if (slots == h->socket_slots)
		return true;
	grown = realloc(h->sockets, slots * sizeof(*grown));
	if (grown == NULL)
		return false;
	memset(grown + h->socket_slots, 0, (slots - h->socket_slots) * sizeof(*grown));
	h->sockets = grown;
	h->socket_slots = slots;
	return true;
}

static duet__socket *find(const duet_http *h, int fd)
{
	return (size_t)fd < h->socket_slots ? h->sockets[fd] : NULL;
}

static void on_ready(void *context, int events)
{
	duet__socket *s = context;

	if (s->wanted == 0)
		duet__watch_set(s->watch, 0);
	else
		duet__shard_act(s->shard, s->fd,
				(events & DUET__READ ? CURL_CSELECT_IN : 0) |
					(events & DUET__WRITE ? CURL_CSELECT_OUT : 0));
}

static void drop(duet__socket *s)
{
	duet__list_remove(&s->node);
	duet__watch_close(s->watch);
	s->http->sockets[s->fd] = NULL;
	s->http->open_sockets -= s->is_own;
	free(s);
}

static duet__socket *add(duet_http *h, duet__shard *shard, int fd, bool is_own)
{
	duet__socket *s;

	if (!make_slot(h, fd))
		return NULL;
	if (h->sockets[fd] != NULL)
		drop(h->sockets[fd]);
	if ((s = calloc(1, sizeof(*s))) == NULL)
		return NULL;
	*s = (duet__socket){.http = h, .shard = shard, .fd = fd, .is_own = is_own};
	duet__list_init(&s->node);
	s->watch = duet__watch_open(h->loop, fd, on_ready, s);
	if (s->watch == NULL) {
		free(s);
		return NULL;
	}
	h->sockets[fd] = s;
	h->open_sockets += is_own;
	return s;
}

curl_socket_t duet__socket_open(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
	duet__handle *handle = context;
	duet__transfer *x = handle->transfer;
	int fd;

	(void)purpose;
	fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
	if (fd < 0) {
		x->out_of_fds = errno == EMFILE || errno == ENFILE;
		return CURL_SOCKET_BAD;
	}
	if (add(handle->http, x->shard, fd, true) == NULL) {
		duet__transfer_blame(x, DUET_ENOMEM, "no memory for a connection");
		close(fd);
		return CURL_SOCKET_BAD;
	}
	handle->http->opened++;
	return fd;
}

int duet__socket_close(void *context, curl_socket_t fd)
{
	duet_http *h = context;
	duet__socket *s = find(h, fd);

	if (s != NULL)
		drop(s);
	return close(fd);
}

static void watch(duet__socket *s, int events)
{
	if (duet__watch_set(s->watch, events) == 0)
		return;
	/* curl may not hear of it now: a callback that fails ends every transfer. */
	duet__list_remove(&s->node);
	duet__list_append(&s->http->broken, &s->node);
	duet__hook_arm(s->http->loop, &s->http->hook);
}

int duet__socket_wish(CURL *easy, curl_socket_t fd, int what, void *context, void *data)
{
	duet__shard *shard = context;
	duet__socket *s = find(shard->http, fd);

	(void)easy, (void)data;
	if (s == NULL && what == CURL_POLL_REMOVE)
		return 0;
	if (s == NULL && (s = add(shard->http, shard, fd, false)) == NULL)
		return 0; /* the transfer ends with its timeout */
	s->wanted =
		(what & CURL_POLL_IN ? DUET__READ : 0) | (what & CURL_POLL_OUT ? DUET__WRITE : 0);
	if (what == CURL_POLL_REMOVE)
		s->wanted = 0;
	if (s->wanted != 0)
		watch(s, s->wanted);
	else if (!s->is_own || duet__watch_set(s->watch, DUET__READ) < 0)
		drop(s);
	return 0;
}

void duet__sockets_forget(duet_http *h)
{
	for (size_t fd = 0; fd < h->socket_slots; fd++)
		if (h->sockets[fd] != NULL)
			drop(h->sockets[fd]);
	free(h->sockets);
	h->sockets = NULL;
	h->socket_slots = 0;
}

void duet__sockets_report_broken(duet_http *h)
{
	duet__list *node;

	while ((node = duet__list_first(&h->broken)) != NULL) {
		duet__socket *s = duet__container_of(node, duet__socket, node);

		duet__list_remove(node);
		duet__shard_act(s->shard, s->fd, CURL_CSELECT_ERR);
	}
}
