/* P8: duet run on a million rows uses what it uses on ten thousand. */
#include "tests/lib/process.h"
#include "tests/lib/test.h"
#include "tests/tools/program.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct use {
	long peak, scanned,
		fds; /* KiB at most; of it for the look at all ids before the first row */
	double seconds;
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void write_rows(const char *name, const char *format, long n)
{
	FILE *to = fopen(path_of(name), "we");

	CHECK(to != NULL);
	for (long i = 0; i < n; i++)
		fprintf(to, format, i, i);
	CHECK_EQ(fclose(to), 0);
}

static void watch(const char *format, long n, struct use *use)
{
	double began = now();
	struct program p;

	*use = (struct use){0};
	write_rows("in", format, n);
	program_start(&p, NULL, "run %s/in -o %s/out --mock -q -j 64 --trace /dev/null");
	for (; process_memory(p.pid) > 0; usleep(100000)) {
		long peak = process_peak(p.pid), fds = process_fds(p.pid);

		if (file_size("out") <= 0)
			use->scanned = peak;
		use->peak = peak > use->peak ? peak : use->peak;
		use->fds = fds > use->fds ? fds : use->fds;
	}
	program_finish(&p);
	use->seconds = now() - began;
	CHECK_EQ(p.status, 0);
	CHECK_EQ(file_lines("out"), n);
	printf("# %ld rows: %ld KiB at most (%ld before the first row), %ld descriptors, %.0f/s\n",
	       n, use->peak, use->scanned, use->fds, (double)n / use->seconds);
	fflush(stdout);
	file_remove("out");
	file_remove("out.journal");
}

static void check_flat(const char *format, long growth)
{
	struct use few, more, most;

	watch(format, 10000, &few);
	watch(format, 100000, &more);
	watch(format, 1000000, &most);
	CHECK_LE(more.peak - few.peak, 4096);
	CHECK_LE(most.peak - few.peak, growth);
	CHECK_LE(most.fds - few.fds, 80); /* connections that idle in between */
}

/* Rows named after their lines: nothing is kept for them. */
TEST_WITHIN(rows_by_the_million_use_flat_memory, 1800)
{
	check_flat("{\"prompt\":\"question %ld\"}\n", 4096);
}

/* Rows with an id each: 8 bytes for each, in a table that doubles, until all were looked at. */
TEST_WITHIN(rows_with_ids_by_the_million_use_flat_memory, 1800)
{
	check_flat("{\"custom_id\":\"request-%ld\",\"method\":\"POST\",\"url\":\"/v1/chat/"
		   "completions\","
		   "\"body\":{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"%ld\"}"
		   "]}}\n",
		   26 * 1024);
}
