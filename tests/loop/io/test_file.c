/* ctest-labels: threads */
#include "tests/lib/test.h"
#include <duet/duet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char path[256];

static int round_trip(void *arg)
{
	duet_buf out = {0};
	size_t n = (size_t)arg;
	char *data = malloc(n + 1);

	for (size_t i = 0; i < n; i++)
		data[i] = (char)(i * 31);
	CHECK_OK(duet_file_write(path, DUET_BYTES(data, n)));
	CHECK_OK(duet_file_read(path, &out));
	CHECK_EQ(out.len, n);
	CHECK(memcmp(out.data, data, n) == 0);
	CHECK_EQ(((char *)out.data)[n], 0);
	duet_buf_free(&out);
	free(data);
	return 0;
}

/* What was written is read back, of any size. */
TEST(file_round_trip)
{
	static const size_t sizes[] = {0, 1, 4095, 4096, 16384, 16385, 3000000};

	snprintf(path, sizeof(path), "%s/file", test_scratch());
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		CHECK_OK(duet_run(round_trip, (void *)sizes[i]));
}

static int read_proc(void *arg)
{
	duet_buf out = {0};

	(void)arg;
	CHECK_OK(duet_file_read("/proc/self/status", &out));
	CHECK_HAS(out.data, "VmRSS");
	duet_buf_free(&out);
	CHECK_ERR(duet_file_read("/nowhere/x", &out), -ENOENT);
	CHECK_HAS(duet_errmsg(), "/nowhere/x");
	CHECK_ERR(duet_file_read("/", &out), -EISDIR);
	CHECK(out.data == NULL);
	CHECK_ERR(duet_file_write("/dev/full", DUET_STR("x")), -ENOSPC);
	CHECK_HAS(duet_errmsg(), "/dev/full");
	CHECK_ERR(duet_file_write(NULL, DUET_STR("x")), DUET_EINVAL);
	return 0;
}

/* Files without a size are read to their end; errors name the file. */
TEST(file_errors_name_the_path)
{
	CHECK_OK(duet_run(read_proc, NULL));
}

static int read_fifo(void *arg)
{
	duet_buf out = {0};
	duet_scope s;

	(void)arg;
	CHECK_OK(duet_scope_enter(&s, DUET_MS(5)));
	CHECK_ERR(duet_file_read(path, &out), DUET_ECANCELED);
	CHECK_ERR(duet_scope_exit(&s), DUET_ETIMEDOUT);
	CHECK_OK(duet_file_write(path, DUET_STR("for the thread that still reads")));
	return 0;
}

/* A read that never ends can be cancelled; what its thread still holds is freed when it ends. */
TEST(file_read_can_be_cancelled)
{
	snprintf(path, sizeof(path), "%s/fifo", test_scratch());
	CHECK_EQ(mkfifo(path, 0600), 0);
	CHECK_OK(duet_run(read_fifo, NULL));
}

static int ticks;

static int tick(void *arg)
{
	(void)arg;
	while (duet_sleep(DUET_MS(1)) == 0)
		ticks++;
	return 0;
}

static int read_one(void *ctx, size_t i)
{
	duet_buf out = {0};
	int r = duet_file_read("/proc/self/maps", &out);

	(void)ctx, (void)i;
	duet_buf_free(&out);
	return r;
}

static int read_hundred(void *arg)
{
	duet_task *ticker = duet_spawn(tick, NULL);

	(void)arg;
	while (ticks < 5)
		CHECK_OK(duet_map(100, 10, read_one, NULL, NULL));
	return duet_cancel_await(ticker);
}

/* Reading files holds up nobody. */
TEST(file_reads_leave_the_loop_free)
{
	CHECK_OK(duet_run(read_hundred, NULL));
}
