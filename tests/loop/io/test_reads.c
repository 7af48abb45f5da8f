#include "tests/lib/test.h"
#include "tests/loop/io/pair.h"
#include <duet/duet.h>
#include <stdlib.h>
#include <string.h>

static struct pair pair;

/* --- lines and their limits --- */

static int limits(void *arg)
{
	char buf[64];

	(void)arg;
	pair = pair_open();
	pair_feed(&pair, "four\nfive\n\nrest");
	CHECK_ERR(duet_stream_readline(pair.near, buf, 5), -EMSGSIZE);
	CHECK_HAS(duet_errmsg(), "5 bytes");
	CHECK_EQ(duet_stream_readline(pair.near, buf, 6), 5);
	CHECK_STR(buf, "four\n");
	CHECK_ERR(duet_stream_readline(pair.near, buf, 1), -EMSGSIZE);
	CHECK_EQ(duet_stream_read(pair.near, buf, 2), 2);
	CHECK(memcmp(buf, "fi", 2) == 0);
	CHECK_EQ(duet_stream_readline(pair.near, buf, sizeof(buf)), 3);
	CHECK_STR(buf, "ve\n");
	CHECK_EQ(duet_stream_readline(pair.near, buf, 2), 1);
	CHECK_STR(buf, "\n");
	duet_stream_close(pair.far);
	pair.far = NULL;
	CHECK_ERR(duet_stream_readline(pair.near, buf, 4), -EMSGSIZE);
	CHECK_EQ(duet_stream_readline(pair.near, buf, 5), 4);
	CHECK_STR(buf, "rest");
	CHECK_EQ(duet_stream_readline(pair.near, buf, 5), 0);
	CHECK_ERR(duet_stream_readline(pair.near, buf, 0), DUET_EINVAL);
	CHECK_ERR(duet_stream_readuntil(pair.near, "", 0, buf, 5), DUET_EINVAL);
	pair_close(&pair);
	return 0;
}

/* A line fits with its '\0' or stays unread, whole; the last one may lack its '\n'. */
TEST(readline_too_long_stays_unread)
{
	CHECK_OK(duet_run(limits, NULL));
}

enum { LONG_LINE = 100000 };

static int write_long(void *arg)
{
	char *line = malloc(LONG_LINE);

	(void)arg;
	memset(line, 'l', LONG_LINE);
	line[LONG_LINE - 1] = '\n';
	for (int i = 0; i < 3; i++)
		CHECK_OK(duet_stream_write(pair.far, line, LONG_LINE));
	free(line);
	duet_stream_close(pair.far);
	pair.far = NULL;
	return 0;
}

static int read_long(void *arg)
{
	char *line = malloc(LONG_LINE + 1);
	duet_task *writer;

	(void)arg;
	pair = pair_open();
	writer = duet_spawn(write_long, NULL);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(duet_stream_readline(pair.near, line, LONG_LINE + 1), LONG_LINE);
	CHECK_EQ(duet_stream_readline(pair.near, line, LONG_LINE + 1), 0);
	free(line);
	CHECK_OK(duet_await(writer));
	pair_close(&pair);
	return 0;
}

/* Lines longer than the system's buffer and ours come whole. */
TEST(readline_of_100_kb)
{
	CHECK_OK(duet_run(read_long, NULL));
}

static int long_separator(void *arg)
{
	char buf[64];

	(void)arg;
	pair = pair_open();
	for (const char *c = "a--b-\r-\r\n--\r\nlast--\r\n"; *c != '\0'; c++) {
		char one[2] = {*c, '\0'};
		pair_feed(&pair, one);
	}
	CHECK_EQ(duet_stream_readuntil(pair.near, "--\r\n", 4, buf, sizeof(buf)), 13);
	CHECK_STR(buf, "a--b-\r-\r\n--\r\n");
	CHECK_EQ(duet_stream_readuntil(pair.near, "--\r\n", 4, buf, sizeof(buf)), 8);
	CHECK_STR(buf, "last--\r\n");
	pair_close(&pair);
	return 0;
}

/* Beginnings of the separator are not the separator. */
TEST(readuntil_repeated_prefixes)
{
	CHECK_OK(duet_run(long_separator, NULL));
}

/* --- the end --- */

/* Whatever is left of "abc\ndef\n" when the connection ends after `cut` bytes. */
static void end_after(size_t cut)
{
	char text[16] = "abc\ndef\n", buf[32];
	size_t whole = cut >= 4 ? 4 : cut;

	text[cut] = '\0';
	pair = pair_open();
	pair_feed(&pair, text);
	duet_stream_close(pair.far);
	pair.far = NULL;
	CHECK_EQ(duet_stream_readline(pair.near, buf, sizeof(buf)), whole);
	if (cut > 4) {
		CHECK_ERR(duet_stream_readn(pair.near, buf, cut - 3), DUET_ECLOSED);
		CHECK_HAS(duet_errmsg(), "ended after");
	}
	CHECK_EQ(duet_stream_readline(pair.near, buf, sizeof(buf)), 0);
	CHECK_EQ(duet_stream_read(pair.near, buf, sizeof(buf)), 0);
	CHECK_ERR(duet_stream_readn(pair.near, buf, 1), DUET_ECLOSED);
	CHECK_OK(duet_stream_readn(pair.near, buf, 0));
	pair_close(&pair);
}

static int end_everywhere(void *arg)
{
	(void)arg;
	for (size_t cut = 0; cut <= 8; cut++)
		end_after(cut);
	return 0;
}

/* Wherever a connection ends: lines give what there is, counts fail, and the end stays the end. */
TEST(read_end_at_every_byte)
{
	CHECK_OK(duet_run(end_everywhere, NULL));
}

static int read_rest(void *arg)
{
	duet_buf all = {0};
	char buf[8];

	(void)arg;
	pair = pair_open();
	pair_feed(&pair, "first\nall the rest");
	CHECK_EQ(duet_stream_readline(pair.near, buf, sizeof(buf)), 6);
	duet_stream_close(pair.far);
	pair.far = NULL;
	CHECK_ERR(duet_stream_readall(pair.near, 0, NULL), DUET_EINVAL);
	CHECK_OK(duet_stream_readall(pair.near, 12, &all));
	CHECK_EQ(all.len, 12);
	CHECK_STR(all.data, "all the rest");
	duet_buf_free(&all);
	CHECK_OK(duet_stream_readall(pair.near, 0, &all));
	CHECK_STR(all.data, "");
	duet_buf_free(&all);
	pair_close(&pair);
	pair = pair_open();
	pair_feed(&pair, "thirteen long");
	CHECK_ERR(duet_stream_readall(pair.near, 12, &all), -EMSGSIZE);
	CHECK(all.data == NULL);
	pair_close(&pair);
	return 0;
}

/* readall begins with what was read ahead, and keeps to its limit. */
TEST(readall_takes_the_rest)
{
	CHECK_OK(duet_run(read_rest, NULL));
}

/* --- tasks beside each other --- */

static int read_line(void *arg)
{
	char buf[32];

	CHECK_EQ(duet_stream_readline(pair.near, buf, sizeof(buf)), 11);
	CHECK_STR(buf, "0123456789\n");
	return 0 * (arg != NULL);
}

static int second_reader(void *arg)
{
	duet_task *first;
	char c[4];

	(void)arg;
	pair = pair_open();
	first = duet_spawn(read_line, NULL);
	CHECK_OK(duet_yield());
	pair_feed(&pair, "0123456789");
	CHECK_OK(duet_sleep(DUET_MS(2)));
	CHECK_ERR(duet_stream_read(pair.near, c, sizeof(c)), DUET_EBUSY);
	CHECK_ERR(duet_stream_readline(pair.near, c, sizeof(c)), DUET_EBUSY);
	CHECK_ERR(duet_stream_readn(pair.near, c, sizeof(c)), DUET_EBUSY);
	CHECK_ERR(duet_stream_readall(pair.near, 0, &(duet_buf){0}), DUET_EBUSY);
	CHECK_HAS(duet_errmsg(), "another task");
	pair_feed(&pair, "\n");
	CHECK_OK(duet_await(first));
	pair_close(&pair);
	return 0;
}

/* Half a line that one task has read ahead is not another's to take. */
TEST(read_by_two_tasks_is_refused)
{
	CHECK_OK(duet_run(second_reader, NULL));
}

static int cancel_reads(void *arg)
{
	char buf[16];
	duet_scope s;

	(void)arg;
	pair = pair_open();
	pair_feed(&pair, "half");
	CHECK_OK(duet_scope_enter(&s, DUET_MS(5)));
	CHECK_ERR(duet_stream_readline(pair.near, buf, sizeof(buf)), DUET_ECANCELED);
	pair_feed(&pair, " whole\n");
	CHECK_ERR(duet_stream_readline(pair.near, buf, sizeof(buf)), DUET_ECANCELED);
	CHECK_ERR(duet_stream_write(pair.near, "x", 1), DUET_ECANCELED);
	CHECK_ERR(duet_scope_exit(&s), DUET_ETIMEDOUT);
	CHECK_EQ(duet_stream_readline(pair.near, buf, sizeof(buf)), 11);
	CHECK_STR(buf, "half whole\n");
	pair_close(&pair);
	return 0;
}

/* A cancelled readline loses nothing; under an expired scope nothing is read, even if it is there. */
TEST(readline_cancelled_loses_nothing)
{
	CHECK_OK(duet_run(cancel_reads, NULL));
}

static int tick(void *arg)
{
	int *ticks = arg;

	while (duet_sleep(DUET_MS(1)) == 0)
		++*ticks;
	return 0;
}

static int read_endless(void *arg)
{
	const char *argv[] = {"yes", NULL};
	duet_process *yes =
		duet_process_open(&(duet_process_options){.argv = argv, .out = DUET_PROCESS_PIPE});
	char buf[64];
	int ticks = 0;
	duet_task *ticker = duet_spawn(tick, &ticks);

	(void)arg;
	CHECK(yes != NULL);
	while (ticks < 10)
		CHECK_OK(duet_stream_readn(duet_process_out(yes), buf, sizeof(buf)));
	duet_process_close(yes);
	return duet_cancel_await(ticker);
}

/* Whoever reads from one that never runs dry still lets the others run: otherwise this never ends. */
TEST(read_endless_stream_leaves_turns_to_others)
{
	CHECK_OK(duet_run(read_endless, NULL));
}
