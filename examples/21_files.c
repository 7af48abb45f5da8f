/* Lesson 21: many files at once.
 *
 * A regular file is always "ready", so no loop can wait for it: reading one is work for a helper
 * thread, and duet_file_read does that.  The loop goes on meanwhile; a ticker proves it. */
#include "lesson.h"

#include <unistd.h>

enum { FILES = 100, AT_ONCE = 10 };

static int write_and_read(void *directory, size_t i)
{
	char path[128];
	duet_buf text = {0};

	snprintf(path, sizeof path, "%s/note-%zu", (char *)directory, i);
	int r = duet_file_write(path, DUET_STR(path));
	if (r == 0)
		r = duet_file_read(path, &text);
	if (r == 0 && strcmp(text.data, path) != 0)
		r = -EIO;
	duet_buf_free(&text);
	unlink(path);
	return r;
}

static int tick(void *arg)
{
	int *ticks = arg;

	while (duet_sleep(DUET_MS(1)) == 0)
		++*ticks;
	return 0;
}

static int lesson(void *arg)
{
	(void)arg;
	char directory[] = "/tmp/duet-lesson-XXXXXX";
	int ticks = 0;

	if (mkdtemp(directory) == NULL)
		return -errno;
	duet_task *ticker = duet_spawn(tick, &ticks);
	int r = duet_map(FILES, AT_ONCE, write_and_read, directory, NULL);
	duet_sleep(DUET_MS(2));
	duet_cancel_await(ticker);
	rmdir(directory);
	printf("%d files: %s, the ticker %s\n", FILES,
	       r < 0 ? duet_strerror(r) : "written and read",
	       ticks > 0 ? "ticked on" : "stood still");
	return r;
}

int main(void)
{
	return lesson_run(lesson);
}
