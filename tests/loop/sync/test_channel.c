#include <duet/duet.h>

#include <stdio.h>
#include <string.h>

#include "tests/lib/run.h"
#include "tests/lib/test.h"

struct word {
	char text[12];
	int number;
};

static duet_sender *tx;
static duet_receiver *rx;

static const char *const reply[] = {"Here", "is", "your", "streaming", "response."};

/* Sends the words, one each 50 ms, and closes its sender. */
static int speak(void *arg)
{
	duet_sender *mine = arg;
	struct word w;

	for (int i = 0; i < 5; i++) {
		CHECK_OK(duet_sleep(DUET_MS(50)));
		snprintf(w.text, sizeof w.text, "%s", reply[i]);
		w.number = i;
		CHECK_OK(duet_channel_send(mine, &w));
	}
	duet_sender_close(mine);
	return 0;
}

static int listen_until_the_end(void *arg)
{
	struct word w;
	int r;

	CHECK_OK(duet_channel_open(sizeof w, *(size_t *)arg, &tx, &rx));
	duet_task *t = duet_spawn(speak, tx);
	while ((r = duet_channel_recv(rx, &w)) == 1)
		note("%s %d", w.text, ms());
	CHECK_EQ(r, 0);
	CHECK_EQ(duet_channel_recv(rx, &w), 0);
	CHECK_EQ(ms(), 250);
	duet_receiver_close(rx);
	return duet_await(t);
}

/* Words arrive as they are spoken, and the loop ends with the speaker. */
TEST(row_23_channel_streams_words_until_its_sender_closes)
{
	size_t capacities[] = {0, 1, 8, DUET_UNBOUNDED};

	for (int i = 0; i < 4; i++) {
		CHECK_OK(run_virtual(listen_until_the_end, &capacities[i]));
		CHECK_STR(notes(), "Here 50, is 100, your 150, streaming 200, response. 250");
	}
}

static int send_number(void *arg)
{
	int r = duet_channel_send(tx, arg);

	note("sent %d: %d at %d", *(int *)arg, r, ms());
	return r;
}

static int recv_number(void *arg)
{
	int n = -1, r = duet_channel_recv(rx, &n);

	note("%s: %d %d", (const char *)arg, r, n);
	return r;
}

static int full_channel(void *arg)
{
	int numbers[] = {0, 1, 2, 3}, n;
	duet_task *tasks[4];

	(void)arg;
	CHECK_OK(duet_channel_open(sizeof(int), 2, &tx, &rx));
	for (int i = 0; i < 4; i++)
		tasks[i] = duet_spawn(send_number, &numbers[i]);
	duet_sleep(DUET_MS(10));
	CHECK_ERR(duet_channel_try_send(tx, &n), -EAGAIN);
	for (int i = 0; i < 4; i++) {
		CHECK_EQ(duet_channel_try_recv(rx, &n), 1);
		CHECK_EQ(n, i);
	}
	CHECK_ERR(duet_channel_try_recv(rx, &n), -EAGAIN);
	CHECK_OK(duet_gather(tasks, 4, NULL));
	CHECK_STR(notes(), "sent 0: 0 at 0, sent 1: 0 at 0, sent 2: 0 at 10, sent 3: 0 at 10");
	duet_sender_close(tx);
	CHECK_EQ(duet_channel_try_recv(rx, &n), 0);
	duet_receiver_close(rx);
	return 0;
}

/* A full channel makes senders wait, and lets them in in order. */
TEST(channel_full_makes_senders_wait_in_order)
{
	CHECK_OK(run_virtual(full_channel, NULL));
}

static int rendezvous(void *arg)
{
	int one = 1, two = 2, n;

	(void)arg;
	CHECK_OK(duet_channel_open(sizeof(int), 0, &tx, &rx));
	CHECK_ERR(duet_channel_try_send(tx, &one), -EAGAIN);
	duet_task *sender = duet_spawn(send_number, &one);
	duet_sleep(DUET_MS(5));
	CHECK(!duet_done(sender));
	CHECK_EQ(duet_channel_recv(rx, &n), 1);
	CHECK_EQ(n, 1);
	CHECK_OK(duet_await(sender));
	duet_task *receiver = duet_spawn(recv_number, "r");
	duet_yield();
	CHECK_OK(duet_channel_try_send(tx, &two));
	CHECK_EQ(duet_await(receiver), 1);
	CHECK_STR(notes(), "sent 1: 0 at 5, r: 1 2");
	duet_sender_close(tx);
	duet_receiver_close(rx);
	return 0;
}

/* With capacity 0 a send returns when a receiver has the element. */
TEST(channel_of_capacity_0_is_a_rendezvous)
{
	CHECK_OK(run_virtual(rendezvous, NULL));
}

static int clones(void *arg)
{
	int n;

	(void)arg;
	CHECK_OK(duet_channel_open(sizeof(int), 4, &tx, &rx));
	duet_sender *second = duet_sender_clone(tx);
	CHECK_OK(duet_channel_send(tx, &(int){1}));
	duet_sender_close(tx);
	CHECK_OK(duet_channel_send(second, &(int){2}));
	duet_task *a = duet_spawn(recv_number, "a"), *b = duet_spawn(recv_number, "b"),
		  *c = duet_spawn(recv_number, "c");
	duet_yield();
	CHECK(!duet_done(c));
	duet_sender_close(second);
	CHECK_EQ(duet_await(a), 1);
	CHECK_EQ(duet_await(b), 1);
	CHECK_EQ(duet_await(c), 0);
	CHECK_EQ(duet_channel_recv(rx, &n), 0);
	CHECK_STR(notes(), "a: 1 1, b: 1 2, c: 0 -1");
	duet_receiver_close(rx);
	return 0;
}

/* Only the last sender's close ends the receivers, the waiting one too. */
TEST(channel_ends_with_its_last_sender)
{
	CHECK_OK(run_virtual(clones, NULL));
}

static int no_receiver(void *arg)
{
	int one = 1, two = 2;

	(void)arg;
	CHECK_OK(duet_channel_open(sizeof(int), 1, &tx, &rx));
	duet_receiver *second = duet_receiver_clone(rx);
	CHECK_OK(duet_channel_send(tx, &one));
	duet_task *t = duet_spawn(send_number, &two);
	duet_yield();
	duet_receiver_close(rx);
	duet_yield();
	CHECK(!duet_done(t));
	duet_receiver_close(second);
	CHECK_ERR(duet_await(t), DUET_ECLOSED);
	CHECK_ERR(duet_channel_send(tx, &one), DUET_ECLOSED);
	CHECK_ERR(duet_channel_try_send(tx, &one), DUET_ECLOSED);
	duet_sender_close(tx);
	return 0;
}

/* Without a receiver sends fail, those that wait too. */
TEST(channel_without_receivers_fails_its_senders)
{
	CHECK_OK(run_virtual(no_receiver, NULL));
}

static int close_under_own_receive(void *arg)
{
	(void)arg;
	CHECK_OK(duet_channel_open(sizeof(int), 1, &tx, &rx));
	duet_task *t = duet_spawn(recv_number, "a");
	duet_yield();
	duet_receiver_close(rx);
	duet_sender_close(tx);
	CHECK_ERR(duet_await(t), DUET_ECLOSED);
	return 0;
}

/* Closing the handle on which another task receives sends that task away. */
TEST(channel_closed_under_a_receive_says_eclosed)
{
	CHECK_OK(run_virtual(close_under_own_receive, NULL));
}

static int cancel_receivers(void *arg)
{
	(void)arg;
	CHECK_OK(duet_channel_open(sizeof(int), 1, &tx, &rx));
	duet_task *a = duet_spawn(recv_number, "a"), *b = duet_spawn(recv_number, "b"),
		  *c = duet_spawn(recv_number, "c");
	duet_yield();
	CHECK_ERR(duet_cancel_await(a), DUET_ECANCELED);
	duet_cancel(b);
	CHECK_OK(duet_channel_send(tx, &(int){7}));
	CHECK_OK(duet_channel_send(tx, &(int){8}));
	CHECK_EQ(duet_await(b), 1);
	CHECK_EQ(duet_await(c), 1);
	char expected[64];
	snprintf(expected, sizeof expected, "a: %d -1, b: 1 7, c: 1 8", DUET_ECANCELED);
	CHECK_STR(notes(), expected);
	duet_sender_close(tx);
	duet_receiver_close(rx);
	return 0;
}

/* A receiver that has left gets nothing; one that gets its element as it is cancelled has it. */
TEST(channel_cancelled_receiver_loses_no_element)
{
	CHECK_OK(run_virtual(cancel_receivers, NULL));
}

static int many(void *arg)
{
	int n;

	(void)arg;
	CHECK_OK(duet_channel_open(sizeof(int), DUET_UNBOUNDED, &tx, &rx));
	for (int i = 0, next = 0; i < 10000; i++) {
		CHECK_OK(duet_channel_send(tx, &i));
		if (i % 3 == 0) {
			CHECK_EQ(duet_channel_recv(rx, &n), 1);
			CHECK_EQ(n, next++);
		}
	}
	duet_sender_close(tx);
	for (int i = 3334; i < 10000; i++) {
		CHECK_EQ(duet_channel_recv(rx, &n), 1);
		CHECK_EQ(n, i);
	}
	CHECK_EQ(duet_channel_recv(rx, &n), 0);
	duet_receiver_close(rx);
	return 0;
}

/* Elements keep their order while the ring grows around them. */
TEST(channel_grows_and_keeps_order)
{
	CHECK_OK(run_virtual(many, NULL));
}

static int cancelled(void *arg)
{
	int n = 0;

	(void)arg;
	duet_cancel(duet_self());
	CHECK_ERR(duet_channel_send(tx, &n), DUET_ECANCELED);
	CHECK_ERR(duet_channel_recv(rx, &n), DUET_ECANCELED);
	return 0;
}

/* Sizes that cannot be, missing handles, tasks that may not wait: refused. */
TEST(channel_refuses_what_cannot_be)
{
	int n = 0;

	CHECK_ERR(duet_channel_open(0, 1, &tx, &rx), -EINVAL);
	CHECK_ERR(duet_channel_open(SIZE_MAX / 2, 4, &tx, &rx), -EINVAL);
	CHECK(tx == NULL);
	CHECK_OK(duet_channel_open(sizeof n, 1, &tx, &rx));
	CHECK_OK(run_virtual(cancelled, NULL));
	CHECK_ERR(duet_channel_send(tx, &n), DUET_ENOTASK);
	CHECK_ERR(duet_channel_recv(rx, &n), DUET_ENOTASK);
	CHECK_ERR(duet_channel_send(NULL, &n), -EINVAL);
	CHECK_ERR(duet_channel_recv(NULL, &n), -EINVAL);
	CHECK(duet_sender_clone(NULL) == NULL);
	CHECK(duet_receiver_clone(NULL) == NULL);
	duet_receiver_close(rx);
	duet_sender_close(tx);
	duet_receiver_close(NULL);
	duet_sender_close(NULL);
}
