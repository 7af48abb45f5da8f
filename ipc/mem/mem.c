#include "ipc/mem/mem.h"

#include "loop/core/list.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { CAPACITY = 128 };

struct message {
	duet__list node;
	size_t len;
	unsigned char bytes[];
};

/* One end; `inbox` is what the other sent.  The last of the two to be closed frees both. */
struct end {
	duet__channel base;
	struct end *other;
	duet__list inbox;
	size_t waiting;
	int ready; /* eventfd: 1 while the inbox has something, or the other end is closed       */
	bool closed;
};

static struct end *end_of(duet__channel *c)
{
	return (struct end *)(void *)c;
}

static struct end *end_new(void)
{
	struct end *e = calloc(1, sizeof(*e));
	if (e == NULL)
		return NULL;
	e->base.transport = &duet__transport_mem;
	duet__list_init(&e->inbox);
	e->ready = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return e;
}

static void end_free(struct end *e)
{
	if (e == NULL)
		return;
	DUET__LIST_EACH (node, &e->inbox)
		free(duet__container_of(node, struct message, node));
	if (e->ready >= 0)
		close(e->ready);
	free(e);
}

static void signal_ready(struct end *e)
{
	ssize_t n = write(e->ready, &(uint64_t){1}, sizeof(uint64_t));
	(void)n;
}

static int mem_open(const char *directory, const char *name, duet__channel **channel,
		    duet__offer *offer)
{
	(void)directory, (void)name;
	struct end *a = end_new(), *b = end_new();
	if (a == NULL || b == NULL || a->ready < 0 || b->ready < 0) {
		end_free(a);
		end_free(b);
		return -ENOMEM;
	}
	a->other = b;
	b->other = a;
	*channel = &a->base;
	*offer = (duet__offer){.fd = -1};
	memcpy(offer->address, &b, sizeof(struct end *));
	return 0;
}

static int mem_dial(const duet__offer *offer, duet__channel **channel)
{
	struct end *e;
	memcpy(&e, offer->address, sizeof(struct end *));
	*channel = &e->base;
	return 0;
}

duet__channel *duet__mem_other_end(duet__channel *c)
{
	return &end_of(c)->other->base;
}

static int mem_send(duet__channel *c, const void *bytes, size_t len)
{
	struct end *to = end_of(c)->other;
	if (to->closed)
		return -EPIPE;
	if (to->waiting == CAPACITY)
		return -EAGAIN;
	struct message *m = malloc(sizeof(*m) + len);
	if (m == NULL)
		return -ENOMEM;
	m->len = len;
	memcpy(m->bytes, bytes, len);
	duet__list_append(&to->inbox, &m->node);
	to->waiting++;
	signal_ready(to);
	return 0;
}

static void settle_ready(struct end *e)
{
	uint64_t count;
	if (e->waiting == 0 && !e->other->closed)
		while (read(e->ready, &count, sizeof(count)) > 0)
			;
}

static ssize_t mem_recv(duet__channel *c, void *buf, size_t size, bool wait)
{
	struct end *e = end_of(c);
	if (wait)
		poll(&(struct pollfd){.fd = e->ready, .events = POLLIN}, 1, -1);
	duet__list *first = duet__list_first(&e->inbox);
	if (first == NULL)
		return e->other->closed ? -EPIPE : -EAGAIN;
	struct message *m = duet__container_of(first, struct message, node);
	ssize_t r = m->len > size ? -EMSGSIZE : (ssize_t)m->len;
	if (r >= 0)
		memcpy(buf, m->bytes, m->len);
	duet__list_remove(&m->node);
	free(m);
	e->waiting--;
	settle_ready(e);
	return r;
}

static int mem_fd(duet__channel *c)
{
	return end_of(c)->ready;
}

static pid_t mem_peer(duet__channel *c)
{
	(void)c;
	return 0;
}

static void mem_close(duet__channel *c)
{
	struct end *e = end_of(c);
	if (e->other->closed) {
		end_free(e->other);
		end_free(e);
		return;
	}
	e->closed = true;
	signal_ready(e->other);
}

const duet__transport duet__transport_mem = {
	.name = "mem",
	.open = mem_open,
	.dial = mem_dial,
	.send = mem_send,
	.recv = mem_recv,
	.fd = mem_fd,
	.peer = mem_peer,
	.close = mem_close,
};
