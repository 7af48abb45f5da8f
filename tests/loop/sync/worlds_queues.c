/* Queues and channels: what was put was got, each once. */
#include "tests/loop/sync/stage.h"

#include <stdint.h>
#include <string.h>

#include "tests/lib/test.h"

static duet_queue *queue;
static uint32_t put, got;
static int producers, consumers;

static void count(uint32_t *seen, intptr_t item)
{
	CHECK(item >= 0 && item < 32);
	CHECK((*seen >> item & 1) == 0);
	*seen |= UINT32_C(1) << item;
}

static void leave_queue(int *side)
{
	if (--*side == 0)
		duet_queue_shutdown(queue);
}

static int queue_producer(void *arg)
{
	int r = 0;

	for (intptr_t i = 0; arg != NULL && i < 4 && r == 0; i++) {
		intptr_t item = number_of(arg) * 4 + i;
		if ((r = duet_queue_put(queue, (void *)item)) == 0)
			count(&put, item);
	}
	leave_queue(&producers);
	return r;
}

static int queue_consumer(void *arg)
{
	int r = arg == NULL ? DUET_ENOMEM : 0;
	void *item;

	while (r == 0 && (r = duet_queue_get(queue, &item)) == 0) {
		count(&got, (intptr_t)item);
		r = duet_sleep(DUET_MS(1));
		CHECK_OK(duet_queue_task_done(queue));
	}
	leave_queue(&consumers);
	return r;
}

static int queue_joiner(void *arg)
{
	return arg != NULL ? duet_queue_join(queue) : 0;
}

static int run_queue(duet_queue *q)
{
	duet_fn *cast[] = {queue_producer, queue_consumer, queue_producer, queue_consumer,
			   queue_joiner};
	void *item;

	OR_SHORT(q);
	queue = q;
	put = got = 0;
	producers = consumers = 2;
	perform(cast, 5, NULL);
	while (duet_queue_try_get(q, &item) == 0) {
		CHECK(trouble.shortage);
		count(&got, (intptr_t)item);
		CHECK_OK(duet_queue_task_done(q));
	}
	CHECK_EQ(put, got);
	CHECK_EQ(duet_queue_unfinished(q), 0);
	CHECK_EQ(duet_queue_len(q), 0);
	duet_queue_free(q);
	return 0;
}

int queue_world(void *arg)
{
	(void)arg;
	return run_queue(duet_queue_new(1));
}

int lifo_world(void *arg)
{
	(void)arg;
	return run_queue(duet_queue_new_lifo(2));
}

static int by_address(const void *a, const void *b)
{
	return ((intptr_t)a > (intptr_t)b) - ((intptr_t)a < (intptr_t)b);
}

int priority_world(void *arg)
{
	(void)arg;
	return run_queue(duet_queue_new_priority(2, by_address));
}

static duet_sender *senders[4];
static duet_receiver *receivers[4];

static int channel_producer(void *arg)
{
	int r = 0;

	if (arg == NULL)
		return 0;
	for (intptr_t i = 0; i < 4 && r == 0; i++) {
		intptr_t item = number_of(arg) * 4 + i;
		if ((r = duet_channel_send(senders[number_of(arg)], &item)) == 0)
			count(&put, item);
	}
	duet_sender_close(senders[number_of(arg)]);
	senders[number_of(arg)] = NULL;
	return r;
}

static int channel_consumer(void *arg)
{
	int r = 1;
	intptr_t item;

	if (arg == NULL)
		return 0;
	while (r == 1 && (r = duet_channel_recv(receivers[number_of(arg)], &item)) == 1) {
		count(&got, item);
		int slept = duet_sleep(DUET_MS(1));
		r = slept < 0 ? slept : 1;
	}
	duet_receiver_close(receivers[number_of(arg)]);
	receivers[number_of(arg)] = NULL;
	return r;
}

/* Handles whose actor never came would keep the others waiting. */
static void close_handles(void)
{
	for (int i = 0; trouble.shortage && i < 4; i++) {
		duet_sender_close(senders[i]);
		duet_receiver_close(receivers[i]);
		senders[i] = NULL;
		receivers[i] = NULL;
	}
}

static int run_channel(size_t capacity)
{
	duet_fn *cast[] = {channel_producer, channel_consumer, channel_producer, channel_consumer};

	memset(senders, 0, sizeof senders);
	memset(receivers, 0, sizeof receivers);
	if (duet_channel_open(sizeof(intptr_t), capacity, &senders[0], &receivers[1]) < 0) {
		CHECK(trouble.shortage);
		return DUET_ENOMEM;
	}
	senders[2] = duet_sender_clone(senders[0]);
	receivers[3] = duet_receiver_clone(receivers[1]);
	put = got = 0;
	if (senders[2] != NULL && receivers[3] != NULL)
		perform(cast, 4, NULL);
	CHECK(put == got || trouble.shortage);
	CHECK((got & ~put) == 0);
	close_handles();
	return 0;
}

int channel_world(void *arg)
{
	(void)arg;
	return run_channel(2);
}

int rendezvous_world(void *arg)
{
	(void)arg;
	return run_channel(0);
}
