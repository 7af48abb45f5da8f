#include "ipc/outbox.h"

#include <duet/error.h>
#include <poll.h>
#include <string.h>

static duet__outbox *filling(duet__board *b)
{
	return &b->outbox[atomic_load_explicit(&b->current, memory_order_relaxed) & 1];
}

/* Empties the other box and goes on there; the one just sent stays readable. */
static void turn_over(duet__board *b)
{
	uint32_t next = !(atomic_load_explicit(&b->current, memory_order_relaxed) & 1);
	duet__outbox *o = &b->outbox[next];
	atomic_fetch_add(&o->version, 1);
	atomic_store(&o->committed, 0);
	atomic_fetch_add(&o->version, 1);
	atomic_store(&b->current, next);
}

/* A full channel empties as the parent reads; nothing tells us when, so look again each ms. */
static int send_waiting(duet__channel *c, const void *bytes, size_t len)
{
	int r;
	while ((r = duet__channel_send(c, bytes, len)) == -EAGAIN)
		poll(NULL, 0, 1);
	return r;
}

int duet__outbox_flush(duet__board *b, duet__channel *c)
{
	duet__outbox *o = filling(b);
	uint32_t len = atomic_load_explicit(&o->committed, memory_order_relaxed);
	if (len == 0)
		return 0;
	int r = send_waiting(c, o->frames, len);
	if (r == 0)
		turn_over(b);
	return r;
}

int duet__outbox_put(duet__board *b, duet__channel *c, const duet__frame *f)
{
	duet__outbox *o = filling(b);
	uint32_t len = atomic_load_explicit(&o->committed, memory_order_relaxed);
	size_t n = duet__frame_put(o->frames + len, sizeof(o->frames) - len, f);
	if (n == 0) {
		int r = duet__outbox_flush(b, c);
		if (r < 0)
			return r;
		o = filling(b);
		len = 0;
		n = duet__frame_put(o->frames, sizeof(o->frames), f);
	}
	atomic_store_explicit(&o->committed, len + (uint32_t)n, memory_order_release);
	return 0;
}

size_t duet__outbox_peek(duet__board *b, unsigned which, void *to)
{
	duet__outbox *o = &b->outbox[which & 1];
	uint32_t version = atomic_load(&o->version);
	uint32_t len = atomic_load(&o->committed);
	if (len == 0 || len > sizeof(o->frames) || (version & 1))
		return 0;
	memcpy(to, o->frames, len);
	atomic_thread_fence(memory_order_acquire);
	return atomic_load(&o->version) == version ? len : 0;
}
