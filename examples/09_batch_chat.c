/* Lesson 9: a batch of calls.
 *
 * Five prompts of 0.2 s each are answered in 0.2 s, not 1.0, in the order of the prompts.  What
 * Python does with default arguments, C does with a struct whose zero fields are the defaults.
 * (The model is a sleep here; lesson 22 talks to a real server.) */
#include "lesson.h"

struct chat {
	const char *model; /* NULL: gpt-4 */
	const char *prompt;
	char reply[96];
};

static int ask(void *arg)
{
	struct chat *chat = arg;
	int r = duet_sleep(DUET_MS(200));

	if (r == 0)
		snprintf(chat->reply, sizeof chat->reply, "[%s] Response to: %s",
			 chat->model != NULL ? chat->model : "gpt-4", chat->prompt);
	return r;
}

static int lesson(void *arg)
{
	(void)arg;
	struct chat chats[] = {
		{.model = "model-0", .prompt = "What is a coroutine?"},
		{.model = "model-1", .prompt = "What is an event loop?"},
		{.model = "model-2", .prompt = "What is a worker pool?"},
		{.model = "model-3", .prompt = "What is a semaphore?"},
		{.prompt = "Which model are you?"},
	};
	duet_task *tasks[5];
	duet_time start = duet_now();

	for (int i = 0; i < 5; i++)
		tasks[i] = duet_spawn(ask, &chats[i]);
	int r = duet_gather(tasks, 5, NULL);
	for (int i = 0; r == 0 && i < 5; i++)
		puts(chats[i].reply);
	printf("Total time: %.2fs\n", seconds_since(start));
	return r;
}

int main(void)
{
	return lesson_run(lesson);
}
