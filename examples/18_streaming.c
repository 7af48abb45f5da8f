/* Lesson 18: print a reply while it is being written.
 *
 * The model says a word every 0.05 s; each is printed when it comes, not when all are there.  A
 * channel carries values of one type, and ends when its last sender is closed: what `async for`
 * reads from. */
#include "lesson.h"

static int generate(void *arg)
{
	static const char *const words[] = {"Here ", "is ", "your ", "streaming ", "response", "."};
	duet_sender *words_to = arg;
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof words / sizeof *words; i++) {
		r = duet_sleep(DUET_MS(50));
		if (r == 0)
			r = duet_channel_send(words_to, &words[i]);
	}
	duet_sender_close(words_to);
	return r;
}

static int print_words(duet_receiver *words)
{
	duet_time start = duet_now();
	double first = 0;
	const char *word;
	int r;

	while ((r = duet_channel_recv(words, &word)) == 1) {
		if (first == 0)
			first = seconds_since(start);
		fputs(word, stdout);
		fflush(stdout);
	}
	printf("\nfirst word after %.2fs, last after %.2fs\n", first, seconds_since(start));
	return r;
}

static int lesson(void *arg)
{
	(void)arg;
	duet_sender *sender;
	duet_receiver *receiver;
	int r = duet_channel_open(sizeof(char *), 1, &sender, &receiver);

	if (r < 0)
		return r;
	duet_task *model = duet_spawn(generate, sender);
	r = print_words(receiver);
	duet_receiver_close(receiver);
	int generated = duet_await(model);
	return r < 0 ? r : generated;
}

int main(void)
{
	return lesson_run(lesson);
}
