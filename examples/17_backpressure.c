/* Lesson 17: a queue that is full makes its producer wait.
 *
 * The producer could make a thousand items at once; the consumer takes 10 ms for each.  With room
 * for four, at most four wait in memory, and the producer goes at the consumer's speed.  A queue
 * without limit must be asked for: DUET_UNBOUNDED. */
#include "lesson.h"

enum { ITEMS = 1000, ROOM = 4 };

static duet_queue *queue;
static size_t longest;

static int produce(void *arg)
{
	static int item;
	int r = 0;

	(void)arg;
	for (int i = 0; r == 0 && i < ITEMS; i++) {
		r = duet_queue_put(queue, &item);
		longest = duet_queue_len(queue) > longest ? duet_queue_len(queue) : longest;
	}
	duet_queue_shutdown(queue);
	return r;
}

static int consume(void *arg)
{
	int *taken = arg;
	void *item;
	int r;

	while ((r = duet_queue_get(queue, &item)) == 0 && (r = duet_sleep(DUET_MS(10))) == 0)
		++*taken;
	return r == DUET_ECLOSED ? 0 : r;
}

static int lesson(void *arg)
{
	(void)arg;
	int taken = 0;

	queue = duet_queue_new(ROOM);
	duet_task *tasks[] = {duet_spawn(produce, NULL), duet_spawn(consume, &taken)};
	int r = duet_gather(tasks, 2, NULL);
	printf("%d items went through, never more than %zu waiting\n", taken, longest);
	duet_queue_free(queue);
	return r;
}

int main(void)
{
	return lesson_run(lesson);
}
