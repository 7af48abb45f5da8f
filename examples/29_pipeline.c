/* Lesson 29: a pipeline over all cores.
 *
 * Four stages joined by bounded queues: read gives rows, fetch waits for an answer to each (eight at
 * once), count computes in the workers, write prints in the order of the rows.  A slow stage holds
 * back those before it, so a million rows would take no more memory than these twelve. */
#include "lesson.h"

enum { ROWS = 12 };

static int rows_read;

static int read_row(void *ctx, void **item)
{
	duet_buf *row;
	char text[64];

	(void)ctx;
	if (rows_read == ROWS)
		return 0;
	if ((row = calloc(1, sizeof *row)) == NULL)
		return DUET_ENOMEM;
	snprintf(text, sizeof text, "row %d%.*s", rows_read, rows_read % 5 * 5,
		 " and more and more");
	rows_read++;
	*item = row;
	return duet_buf_copy(row, text, strlen(text)) == 0 ? 1 : DUET_ENOMEM;
}

static int fetch(void *ctx, void *in, void **out)
{
	(void)ctx;
	*out = in;
	return duet_sleep(DUET_MS(10));
}

static int count_words(duet_job *job) /* in a worker */
{
	duet_bytes in = duet_job_input(job);
	char text[96];
	int words = 1;

	for (size_t i = 0; i < in.len; i++)
		words += ((const char *)in.data)[i] == ' ';
	snprintf(text, sizeof text, "%d words in: %s", words, (const char *)in.data);
	return duet_job_reply(job, text, strlen(text));
}

static int write_row(void *ctx, void *item)
{
	puts(((duet_buf *)item)->data);
	(void)ctx;
	duet_pipeline_drop_buf(item);
	return 0;
}

static int lesson(void *pool)
{
	duet_stage stages[] = {
		{.name = "read", .source = read_row},
		{.name = "fetch", .map = fetch, .concurrency = 8},
		{.name = "count", .job = "count_words", .pool = pool, .ordered = true},
		{.name = "write", .sink = write_row},
	};
	duet_pipeline_options o = {.drop = duet_pipeline_drop_buf};

	return duet_pipeline_run(stages, 4, &o, NULL);
}

int main(void)
{
	duet_job_register("count_words", count_words);
	return lesson_run_pool(lesson, 2);
}
