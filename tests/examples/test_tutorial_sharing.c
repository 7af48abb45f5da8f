/* The tutorial's rows on limits, queues, streams and batches, on virtual time. */
#include "tests/lib/run.h"
#include "tests/lib/test.h"

#include <duet/duet.h>
#include <string.h>

static struct {
	duet_sem *slots;
	duet_ratelimit *rate;
	duet_queue *queue;
	int now, peak;
} shared;

static int hold_slot(void *ctx, size_t i)
{
	int duration = *(const int *)ctx;
	int r = duet_sem_acquire(shared.slots);

	if (r < 0)
		return r;
	note("%zu", i);
	shared.now++;
	shared.peak = shared.now > shared.peak ? shared.now : shared.peak;
	r = duet_sleep(DUET_MS(duration));
	shared.now--;
	duet_sem_release(shared.slots);
	return r;
}

static int row_17(void *arg)
{
	int duration = 200;

	(void)arg;
	shared.slots = duet_sem_new(3);
	CHECK_EQ(duet_map(10, 0, hold_slot, &duration, NULL), 0);
	CHECK_EQ(ms(), 800);
	CHECK_EQ(shared.peak, 3);
	duet_sem_free(shared.slots);
	return 0;
}

/* Ten calls of 0.2 s through three slots take 0.8 s, first come, first served. */
TEST(tutorial_17_semaphore_of_three_takes_four_rounds)
{
	CHECK_OK(run_virtual(row_17, NULL));
	CHECK_STR(notes(), "0, 1, 2, 3, 4, 5, 6, 7, 8, 9");
}

static int take_token(void *ctx, size_t i)
{
	(void)ctx, (void)i;
	return duet_ratelimit_take(shared.rate, 1);
}

static int row_18(void *arg)
{
	size_t at_once = *(const size_t *)arg;

	shared.rate = duet_ratelimit_new(600 / 60.0, 10);
	CHECK_EQ(duet_map(30, at_once, take_token, NULL, NULL), 0);
	CHECK_EQ(ms(), 2000);
	duet_ratelimit_free(shared.rate);
	return 0;
}

/* At 600 a minute and a burst of ten, thirty requests take 2 s whatever the concurrency. */
TEST(tutorial_18_rate_limit_is_not_concurrency)
{
	static const size_t at_once[] = {1, 5, 30};

	for (size_t i = 0; i < 3; i++)
		CHECK_OK(run_virtual(row_18, (void *)&at_once[i]));
}

enum { NO_BAD_JOB = -1 };

static int names, bad_job;

static int worker(void *arg)
{
	int name = names++, r;
	void *item;

	(void)arg;
	while ((r = duet_queue_get(shared.queue, &item)) == 0 &&
	       (r = duet_sleep(DUET_MS(100))) == 0) {
		if (*(int *)item == bad_job) {
			duet_queue_shutdown(shared.queue);
			return DUET_ESERVER;
		}
		note("worker-%d", name);
		duet_queue_task_done(shared.queue);
	}
	return r == DUET_ECLOSED ? 0 : r;
}

static duet_group *start_workers(void)
{
	static int jobs[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
	duet_group *workers = duet_group_open();

	shared.queue = duet_queue_new(10);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(duet_group_spawn(workers, worker, NULL), 0);
	for (int i = 0; i < 10; i++)
		CHECK_EQ(duet_queue_put(shared.queue, &jobs[i]), 0);
	return workers;
}

static int row_19(void *arg)
{
	duet_group *workers = start_workers();

	(void)arg;
	CHECK_EQ(duet_queue_join(shared.queue), 0);
	CHECK_EQ(ms(), 400);
	duet_group_cancel(workers);
	CHECK_EQ(duet_group_close(workers), 0);
	duet_queue_free(shared.queue);
	return 0;
}

/* Three workers do ten jobs of 0.1 s in 0.40 s, in turn, and are gone when the group is closed. */
TEST(tutorial_19_queue_of_ten_jobs_and_three_workers)
{
	bad_job = NO_BAD_JOB;
	CHECK_OK(run_virtual(row_19, NULL));
	CHECK_STR(notes(), "worker-0, worker-1, worker-2, worker-0, worker-1, worker-2, worker-0, "
			   "worker-1, worker-2, worker-0");
}

struct job {
	int priority, order;
};

static int by_priority(const void *a, const void *b)
{
	return ((const struct job *)a)->priority - ((const struct job *)b)->priority;
}

static int row_20(void *arg)
{
	struct job jobs[20];
	duet_queue *queue = duet_queue_new_priority(20, by_priority);
	void *item;

	(void)arg;
	for (int i = 0; i < 20; i++) {
		jobs[i] = (struct job){9 - i / 2, i % 2};
		CHECK_EQ(duet_queue_put(queue, &jobs[i]), 0);
	}
	for (int i = 0; i < 20; i++) {
		CHECK_EQ(duet_queue_get(queue, &item), 0);
		CHECK_EQ(((struct job *)item)->priority, i / 2);
		CHECK_EQ(((struct job *)item)->order, i % 2);
	}
	duet_queue_free(queue);
	return 0;
}

/* Jobs put with priority 9 to 0 come out from 0 to 9; equals in the order they went in. */
TEST(tutorial_20_priority_is_used_and_ties_are_fair)
{
	CHECK_OK(run_virtual(row_20, NULL));
}

static int row_21(void *arg)
{
	duet_group *workers = start_workers();

	(void)arg;
	CHECK_EQ(duet_queue_join(shared.queue), 0);
	CHECK_EQ(ms(), 200);
	CHECK_EQ(duet_group_close(workers), DUET_ESERVER);
	CHECK_EQ(ms(), 200);
	duet_queue_free(shared.queue);
	return 0;
}

/* A worker that fails ends the join in the same instant, and the group tells its error. */
TEST(tutorial_21_failing_worker_does_not_hang_the_join)
{
	bad_job = 4;
	CHECK_OK(run_virtual(row_21, NULL));
}

static int produce(void *arg)
{
	static int item;
	int n = *(const int *)arg, r = 0;

	for (int i = 0; r == 0 && i < n; i++) {
		r = duet_queue_put(shared.queue, &item);
		int waiting = (int)duet_queue_len(shared.queue);
		shared.peak = waiting > shared.peak ? waiting : shared.peak;
	}
	duet_queue_shutdown(shared.queue);
	return r;
}

static int row_22(void *arg)
{
	int n = test_is_slow() ? 20000 : 1000000, taken = 0;
	void *item;

	(void)arg;
	shared.queue = duet_queue_new(4);
	duet_task *producer = duet_spawn(produce, &n);
	while (duet_queue_get(shared.queue, &item) == 0)
		taken++;
	CHECK_EQ(taken, n);
	CHECK_LE(shared.peak, 4);
	CHECK_EQ(duet_await(producer), 0);
	duet_queue_free(shared.queue);
	return 0;
}

/* A put on a full queue waits, over a million items. */
TEST(tutorial_22_bounded_queue_holds_its_producer_back)
{
	CHECK_OK(run_virtual(row_22, NULL));
}

static int speak(void *arg)
{
	static const char *const words[] = {"Here ", "is ", "your ", "streaming ", "response", "."};
	duet_sender *to = arg;

	for (int i = 0; i < 6; i++) {
		duet_sleep(DUET_MS(50));
		CHECK_EQ(duet_channel_send(to, &words[i]), 0);
	}
	duet_sender_close(to);
	return 0;
}

static int row_23(void *arg)
{
	duet_sender *to;
	duet_receiver *from;
	const char *word;
	char text[64] = "";
	int count = 0, r;

	(void)arg;
	CHECK_EQ(duet_channel_open(sizeof(char *), 1, &to, &from), 0);
	duet_task *speaker = duet_spawn(speak, to);
	while ((r = duet_channel_recv(from, &word)) == 1) {
		strcat(text, word);
		CHECK_EQ(ms(), 50 * ++count);
	}
	CHECK_EQ(r, 0);
	CHECK_STR(text, "Here is your streaming response.");
	duet_receiver_close(from);
	return duet_await(speaker);
}

/* Each of six words arrives when it is said: the first after 0.05 s, the last after 0.30. */
TEST(tutorial_23_streaming_gives_each_word_at_once)
{
	CHECK_OK(run_virtual(row_23, NULL));
}

struct response {
	int code;
	duet_time queued, served;
};

static int ask(void *ctx, size_t i)
{
	struct response *row = (struct response *)ctx + i;
	duet_time asked = duet_now();
	int r = duet_sem_acquire(shared.slots);

	if (r < 0)
		return r;
	row->queued = duet_now() - asked;
	r = duet_sleep(DUET_MS(100));
	row->served = duet_now() - asked - row->queued;
	row->code = r == 0 && i % 10 == 7 ? DUET_ESERVER : r;
	duet_sem_release(shared.slots);
	return 0;
}

static int batch(void *arg)
{
	struct response *rows = arg;
	duet_time queued = 0, served = 0;

	shared.slots = duet_sem_new(10);
	CHECK_EQ(duet_map(20, 0, ask, rows, NULL), 0);
	CHECK_EQ(ms(), 200);
	for (int i = 0; i < 20; i++) {
		queued += rows[i].queued;
		served += rows[i].served;
	}
	CHECK_EQ(served / 20, DUET_MS(100));
	CHECK_EQ(queued / 20, DUET_MS(50));
	duet_sem_free(shared.slots);
	return 0;
}

/* Twenty prompts, ten at once, take 0.20 s; served in 0.10 s on average after 0.05 s in line. */
TEST(tutorial_24_batch_system_tells_waiting_from_service)
{
	struct response rows[20] = {0};

	CHECK_OK(run_virtual(batch, rows));
}

/* Two rows fail, each for itself: 18 of 20. */
TEST(tutorial_25_failing_rows_leave_the_others_alone)
{
	struct response rows[20] = {0};
	int ok = 0;

	CHECK_OK(run_virtual(batch, rows));
	for (int i = 0; i < 20; i++)
		ok += rows[i].code == 0;
	CHECK_EQ(ok, 18);
	CHECK_EQ(rows[7].code, DUET_ESERVER);
	CHECK_EQ(rows[17].code, DUET_ESERVER);
}

static int count_alive(void *ctx, size_t i)
{
	(void)ctx;
	shared.now++;
	shared.peak = shared.now > shared.peak ? shared.now : shared.peak;
	int r = i % 7 == 0 ? duet_yield() : 0;
	shared.now--;
	return r;
}

static int row_28(void *arg)
{
	(void)arg;
	CHECK_EQ(duet_map(test_is_slow() ? 20000 : 1000000, 10, count_alive, NULL, NULL), 0);
	CHECK_LE(shared.peak, 10);
	return 0;
}

/* A million rows are never more than ten tasks. */
TEST(tutorial_28_map_keeps_memory_to_its_limit)
{
	CHECK_OK(run_virtual(row_28, NULL));
}
