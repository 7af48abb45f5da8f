/* As in a queue, an element and a waiting receiver never meet unserved, nor do room and a waiting
 * sender.  With capacity 0 there is never room: a receiver takes the element from the first sender
 * that waits.
 *
 * `senders` and `receivers` count handles, not tasks.  When either side has none left, whoever
 * waits for it is sent away; so by the time both are 0 nobody waits and the channel can go. */
#include <duet/channel.h>

#include <stdlib.h>
#include <string.h>

#include "loop/sync/wait.h"

#define FIRST_SIZE 8

struct channel {
	size_t element_size;
	size_t capacity;
	char *slots; /* a ring of `size` elements */
	size_t size; /* 0 or a power of two       */
	size_t head; /* of the oldest             */
	size_t count;
	size_t senders;
	size_t receivers;
	duet__list sending;
	duet__list receiving;
};

struct duet_sender {
	struct channel *channel;
};

struct duet_receiver {
	struct channel *channel;
};

/* A task that waits to send or to receive, and where its element lies. */
struct party {
	duet__waiter waiter;
	union {
		const void *from;
		void *to;
	} element;
};

static void release(struct channel *c)
{
	if (c->senders > 0 || c->receivers > 0)
		return;
	free(c->slots);
	free(c);
}

static struct channel *channel_new(size_t element_size, size_t capacity)
{
	struct channel *c = calloc(1, sizeof *c);

	if (c == NULL)
		return NULL;
	c->element_size = element_size;
	c->capacity = capacity;
	duet__list_init(&c->sending);
	duet__list_init(&c->receiving);
	return c;
}

static duet_sender *sender_new(struct channel *c)
{
	duet_sender *s = malloc(sizeof *s);

	if (s == NULL)
		return NULL;
	s->channel = c;
	c->senders++;
	return s;
}

static duet_receiver *receiver_new(struct channel *c)
{
	duet_receiver *r = malloc(sizeof *r);

	if (r == NULL)
		return NULL;
	r->channel = c;
	c->receivers++;
	return r;
}

int duet_channel_open(size_t element_size, size_t capacity, duet_sender **sender,
		      duet_receiver **receiver)
{
	if (sender == NULL || receiver == NULL)
		return duet__fail_no("room for the handles");
	if (element_size == 0 || (capacity != SIZE_MAX && capacity > SIZE_MAX / 4 / element_size))
		return duet__failf(DUET_EINVAL, "no channel for %zu elements of %zu bytes",
				   capacity, element_size);
	struct channel *c = channel_new(element_size, capacity);
	duet_sender *s = c != NULL ? sender_new(c) : NULL;
	duet_receiver *r = s != NULL ? receiver_new(c) : NULL;
	if (r == NULL) {
		free(s);
		free(c);
		return duet__fail(DUET_ENOMEM);
	}
	*sender = s;
	*receiver = r;
	return 0;
}

duet_sender *duet_sender_clone(const duet_sender *s)
{
	if (s == NULL)
		return duet__failf_null(DUET_EINVAL, "the sender is NULL");
	duet_sender *clone = sender_new(s->channel);
	return clone != NULL ? clone : duet__fail_null(DUET_ENOMEM);
}

duet_receiver *duet_receiver_clone(const duet_receiver *r)
{
	if (r == NULL)
		return duet__failf_null(DUET_EINVAL, "the receiver is NULL");
	duet_receiver *clone = receiver_new(r->channel);
	return clone != NULL ? clone : duet__fail_null(DUET_ENOMEM);
}

static struct party *first_party(const duet__list *parties)
{
	duet__list *node = duet__list_first(parties);

	return node == NULL ? NULL : duet__container_of(node, struct party, waiter.node);
}

static int wait_as(duet__list *parties, struct party *self)
{
	duet__list_append(parties, &self->waiter.node);
	return duet__wait_parked(&self->waiter);
}

static char *slot(const struct channel *c, size_t i)
{
	return c->slots + ((c->head + i) & (c->size - 1)) * c->element_size;
}

/* A ring that is full when it doubles: the part before head moves behind the rest. */
static int grow(struct channel *c)
{
	size_t size = c->size == 0 ? FIRST_SIZE : c->size * 2;
	char *slots = size > SIZE_MAX / c->element_size ? NULL
							: realloc(c->slots, size * c->element_size);

	if (slots == NULL)
		return duet__fail(DUET_ENOMEM);
	memcpy(slots + c->size * c->element_size, slots, c->head * c->element_size);
	c->slots = slots;
	c->size = size;
	return 0;
}

static int push(struct channel *c, const void *element)
{
	if (c->count == c->size) {
		int r = grow(c);

		if (r < 0)
			return r;
	}
	memcpy(slot(c, c->count), element, c->element_size);
	c->count++;
	return 0;
}

static void pop(struct channel *c, void *element)
{
	memcpy(element, slot(c, 0), c->element_size);
	c->head = (c->head + 1) & (c->size - 1);
	c->count--;
}

int duet_channel_try_send(duet_sender *s, const void *element)
{
	if (s == NULL || element == NULL)
		return duet__fail_no(s == NULL ? "sender" : "element");
	struct channel *c = s->channel;
	struct party *receiver = first_party(&c->receiving);
	if (receiver != NULL) {
		memcpy(receiver->element.to, element, c->element_size);
		duet__wake_here(&receiver->waiter, 1);
		return 0;
	}
	if (c->receivers == 0)
		return duet__failf(DUET_ECLOSED, "the channel has no receiver left");
	if (c->count >= c->capacity)
		return duet__fail(DUET_EAGAIN);
	return push(c, element);
}

static bool must_wait_to_send(const struct channel *c)
{
	return c->count >= c->capacity && c->receivers > 0 && duet__list_is_empty(&c->receiving);
}

int duet_channel_send(duet_sender *s, const void *element)
{
	if (s == NULL || element == NULL)
		return duet__fail_no(s == NULL ? "sender" : "element");
	int r = duet__enter_here();
	if (r < 0)
		return r;
	if (!must_wait_to_send(s->channel))
		return duet_channel_try_send(s, element);
	struct party self = {.waiter = DUET__WAITER_(self.waiter, "channel send", false),
			     .element.from = element};
	return wait_as(&s->channel->sending, &self);
}

/* The room that pop made goes to the first sender that waits; so the push needs no memory. */
static void receive_buffered(struct channel *c, void *element)
{
	struct party *sender = first_party(&c->sending);

	pop(c, element);
	if (sender == NULL)
		return;
	push(c, sender->element.from);
	duet__wake_here(&sender->waiter, 0);
}

int duet_channel_try_recv(duet_receiver *r, void *element)
{
	if (r == NULL || element == NULL)
		return duet__fail_no(r == NULL ? "receiver" : "room for the element");
	struct channel *c = r->channel;
	if (c->count > 0) {
		receive_buffered(c, element);
		return 1;
	}
	struct party *sender = first_party(&c->sending);
	if (sender != NULL) {
		memcpy(element, sender->element.from, c->element_size);
		duet__wake_here(&sender->waiter, 0);
		return 1;
	}
	return c->senders == 0 ? 0 : duet__fail(DUET_EAGAIN);
}

static bool must_wait_to_receive(const struct channel *c)
{
	return c->count == 0 && c->senders > 0 && duet__list_is_empty(&c->sending);
}

int duet_channel_recv(duet_receiver *r, void *element)
{
	if (r == NULL || element == NULL)
		return duet__fail_no(r == NULL ? "receiver" : "room for the element");
	int rc = duet__enter_here();
	if (rc < 0)
		return rc;
	if (!must_wait_to_receive(r->channel))
		return duet_channel_try_recv(r, element);
	struct party self = {.waiter = DUET__WAITER_(self.waiter, "channel receive", false),
			     .element.to = element};
	return wait_as(&r->channel->receiving, &self);
}

void duet_sender_close(duet_sender *s)
{
	if (s == NULL)
		return;
	struct channel *c = s->channel;
	free(s);
	if (--c->senders == 0)
		duet__wake_all(&c->receiving, 0);
	release(c);
}

void duet_receiver_close(duet_receiver *r)
{
	if (r == NULL)
		return;
	struct channel *c = r->channel;
	free(r);
	if (--c->receivers == 0) {
		duet__wake_all(&c->sending, DUET_ECLOSED);
		duet__wake_all(&c->receiving, DUET_ECLOSED);
	}
	release(c);
}
