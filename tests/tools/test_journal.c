/* The journal alone: what is written is read again, whatever was torn; and the order of the output. */
#include "program.h"
#include "tests/lib/fault.h"
#include "tests/lib/test.h"
#include "tools/run/output.h"
#include "tools/run/resume.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct text heard;

static int hear_row(void *context, const struct journal_row *row)
{
	struct journal *j = context;
	struct text line = {0};

	CHECK_EQ(journal_line(j, row, &line), 0);
	text_printf(&heard, "R%d:%s ", (int)row->index, line.data);
	text_free(&line);
	return 0;
}

static int hear_marked(void *context, uint64_t index, uint64_t key, bool ok)
{
	(void)context;
	text_printf(&heard, "%s%d/%d ", ok ? "+" : "-", (int)index, (int)key);
	return 0;
}

static int hear_mark(void *context, const struct journal_mark *mark)
{
	(void)context;
	text_printf(&heard, "M%d,%d ", (int)mark->output, (int)mark->ok);
	return 0;
}

/* What stands in it, in words; "" and *head empty if it is new. */
static const char *hear(struct journal *j, struct text *head)
{
	struct journal_reader reader = {j, hear_row, hear_marked, hear_mark};

	heard.len = 0;
	text_puts(&heard, "");
	CHECK_EQ(journal_read(j, &reader, head), 0);
	return heard.data;
}

static void add(struct journal *j, int index, const char *line, bool is_written)
{
	struct journal_row row = {.index = (uint64_t)index, .key = 100 + (uint64_t)index, .ok = 1};

	row.ok = line[0] != '!';
	CHECK_EQ(journal_add(j, &row, DUET_STR(line)), 0);
	if (is_written)
		CHECK_EQ(journal_note(j, &row), 0);
}

static void fill(struct journal *j)
{
	struct journal_mark mark = {10, 0, 2, 0};

	CHECK_EQ(journal_start(j, DUET_STR("a=1\n")), 0);
	add(j, 0, "zero", true);
	add(j, 2, "two", false);
	add(j, 1, "!one", true);
	CHECK(journal_seal(j));
	CHECK_EQ(journal_add_mark(j, &mark), 0);
	add(j, 3, "three", false);
}

static const char whole[] = "R0:zero R2:two R1:!one +0/100 -1/101 M10,2 R3:three ";

/* What was added is heard again, in order; a lock keeps others out. */
TEST(journal_gives_back_what_was_added)
{
	struct journal j, other;
	struct text head = {0};

	CHECK_EQ(journal_open(&j, path_of("j")), 0);
	CHECK_STR(hear(&j, &head), "");
	CHECK(head.data == NULL);
	fill(&j);
	CHECK_EQ(journal_open(&other, path_of("j")), -EBUSY);
	journal_close(&other);
	CHECK_STR(hear(&j, &head), whole);
	CHECK_STR(head.data, "a=1\n");
	journal_close(&j);
	text_free(&head);
	text_free(&heard);
}

/* Cut at any byte, it holds the whole records before the cut, and goes on from there. */
TEST(journal_cut_at_each_byte_holds_what_stands_before)
{
	struct journal j;
	size_t len;

	CHECK_EQ(journal_open(&j, path_of("j")), 0);
	fill(&j);
	journal_close(&j);
	char *bytes = file_read("j", &len);
	for (size_t cut = 0; cut <= len; cut++) {
		struct text head = {0};

		file_write("j", bytes, cut);
		CHECK_EQ(journal_open(&j, path_of("j")), 0);
		const char *got = hear(&j, &head);
		CHECK(strncmp(got, whole, strlen(got)) == 0);
		CHECK(cut < len || strcmp(got, whole) == 0);
		if (head.data != NULL) {
			char *before = strdup(got);
			add(&j, 7, "seven", false);
			CHECK(strncmp(hear(&j, &head), before, strlen(before)) == 0);
			CHECK_HAS(heard.data, "R7:seven ");
			free(before);
		}
		journal_close(&j);
		text_free(&head);
	}
	free(bytes);
	text_free(&heard);
}

/* Compact, it has the marks and the rows that are still needed. */
TEST(journal_compacted_keeps_marks_and_rows_in_need)
{
	struct journal j;
	struct text head = {0}, line = {0};
	struct journal_row three = {.index = 3, .key = 103, .ok = 1}, *rows[] = {&three};

	CHECK_EQ(journal_open(&j, path_of("j")), 0);
	fill(&j);
	CHECK_EQ(journal_add(&j, &three, DUET_STR("III")), 0);
	long before = file_size("j");
	CHECK_EQ(journal_compact(&j, rows, 1), 0);
	CHECK_LE(file_size("j"), before - 30);
	CHECK_EQ(journal_line(&j, &three, &line), 0);
	CHECK_STR(line.data, "III");
	add(&j, 4, "four", false);
	CHECK_STR(hear(&j, &head), "+0/100 -1/101 M10,2 R3:III R4:four ");
	journal_close(&j);
	text_free(&head);
	text_free(&line);
	text_free(&heard);
}

/* What is read back decides about each row of the next run. */
TEST(resume_knows_written_journalled_and_changed_rows)
{
	struct journal j;
	struct journal_row *row = NULL;
	struct resume r;
	struct text head = {0};

	CHECK_EQ(journal_open(&j, path_of("j")), 0);
	fill(&j);
	CHECK_EQ(resume_read(&r, &j, false, &head), 0);
	CHECK_EQ(r.marked, 2);
	CHECK_EQ(r.n, 2);
	CHECK_EQ(r.last, 4);
	CHECK_EQ(resume_look(&r, 0, 100, &row), RESUME_WRITTEN);
	CHECK_EQ(resume_look(&r, 1, 999, &row), RESUME_DIFFERS);
	CHECK_EQ(resume_look(&r, 2, 102, &row), RESUME_JOURNALLED);
	CHECK_EQ(row->index, 2);
	CHECK_EQ(resume_look(&r, 3, 999, &row), RESUME_DIFFERS);
	CHECK_EQ(resume_look(&r, 4, 104, &row), RESUME_NEW);
	resume_fini(&r);
	journal_close(&j);
	text_free(&head);
}

static int allocations(void *arg)
{
	struct journal j;
	struct resume r = {0};
	struct text head = {0};

	(void)arg;
	if (journal_open(&j, path_of("j")) == 0 && resume_read(&r, &j, true, &head) == 0 &&
	    head.data != NULL) {
		struct journal_row row = {.index = 5, .key = 6}, *rows[] = {&row};
		if (journal_add(&j, &row, DUET_STR("x")) == 0 && journal_note(&j, &row) == 0)
			journal_compact(&j, rows, 1);
	}
	resume_fini(&r);
	journal_close(&j);
	text_free(&head);
	return 0;
}

/* P9: any allocation may fail, and the file stays one that can be read. */
TEST(journal_any_allocation_may_fail)
{
	struct journal j;
	struct text head = {0};

	CHECK_EQ(journal_open(&j, path_of("j")), 0);
	fill(&j);
	journal_close(&j);
	CHECK_GE(fault_sweep(FAULT_ALLOC, FAULT_ONCE, allocations, NULL), 8);
	fault_sweep(FAULT_ALLOC, FAULT_FROM_THEN_ON, allocations, NULL);
	CHECK_EQ(journal_open(&j, path_of("j")), 0);
	CHECK_HAS(hear(&j, &head), "+0/100 -1/101 M10,2 ");
	journal_close(&j);
	text_free(&head);
	text_free(&heard);
}

/* --- the order of the output --- */

static void place(struct output *o, int index, const char *words)
{
	struct journal_row row = {.index = (uint64_t)index, .ok = 1};
	struct text line = {0};

	text_puts(&line, words);
	CHECK_EQ(output_place(o, &row, &line), 0);
	CHECK(line.data == NULL);
}

/* Lines come out in the order of their rows, as soon as it is their turn. */
TEST(output_puts_rows_into_order)
{
	struct output o;

	CHECK_EQ(output_init(&o, 4, false, NULL), 0);
	o.lines = (struct output_file){.name = "out", .is_regular = true};
	o.lines.fd = open(path_of("out"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	place(&o, 2, "2\n");
	place(&o, 1, "1\n");
	CHECK_EQ(o.held, 2);
	CHECK_EQ(output_flush(&o), 0);
	CHECK_EQ(file_size("out"), 0);
	place(&o, 0, "0\n");
	CHECK_EQ(o.next, 3);
	place(&o, 6, "6\n");
	place(&o, 5, "5\n");
	place(&o, 3, "3\n");
	place(&o, 4, "4\n");
	CHECK_EQ(o.held, 0);
	CHECK_EQ(output_flush(&o), 0);
	CHECK_EQ(o.lines.written, 14);
	output_fini(&o);
	char *data = file_read("out", NULL);
	CHECK_STR(data, "0\n1\n2\n3\n4\n5\n6\n");
	free(data);
}

/* B5: a write that fails names its file, and what was not written is not forgotten. */
TEST(output_full_disk_is_named)
{
	struct output o;

	CHECK_EQ(output_init(&o, 4, true, NULL), 0);
	o.lines = (struct output_file){.name = "/dev/full", .is_regular = true};
	o.lines.fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	place(&o, 0, "0\n");
	CHECK_EQ(output_flush(&o), -ENOSPC);
	CHECK_STR(o.failed_name, "/dev/full");
	CHECK_EQ(o.lines.waiting.len, 2);
	output_fini(&o);
}
