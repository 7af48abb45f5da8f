/* Journals.  ctest-libs: duet_tools
 * A damaged journal is read as far as it can be trusted: every line it speaks of lies inside it; a
 * row added behind that is found by the next reader. */
#include "tools/run/resume.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void check_rows(struct journal *j, struct resume *r)
{
	for (size_t i = 0; i < r->n; i++) {
		struct text line = {0};

		must(r->rows[i].offset + r->rows[i].len <= j->end);
		must(journal_line(j, &r->rows[i], &line) == 0);
		text_free(&line);
	}
}

static void check_append(struct journal *j, size_t rows)
{
	struct journal_row row = {.index = UINT64_MAX, .key = 1, .ok = 1};
	struct text head = {0};
	struct resume r;

	must(journal_add(j, &row, DUET_STR("a line\n")) == 0);
	must(resume_read(&r, j, false, &head) == 0);
	must(r.n == rows + 1 && r.rows[r.n - 1].index == UINT64_MAX);
	resume_fini(&r);
	text_free(&head);
}

/* The checksums of a mutated file would never fit: they are put right, as far as lengths allow. */
static void mend(uint8_t *data, size_t size)
{
	for (size_t at = 0; at + 9 <= size;) {
		size_t len = data[at] | (size_t)data[at + 1] << 8;

		data[at + 2] = data[at + 3] = 0;
		if (at + 9 + len > size)
			return;
		uint32_t crc = text_crc32(0, data + at + 8, len + 1);
		memcpy(data + at + 4, &crc, 4);
		at += 9 + len;
	}
}

static void try(const uint8_t *data, size_t size)
{
	struct journal j = {.fd = memfd_create("journal", MFD_CLOEXEC), .path = strdup("journal")};
	struct text head = {0};
	struct resume r;
	int e;

	must(j.fd >= 0 && j.path != NULL && write(j.fd, data, size) == (ssize_t)size);
	e = resume_read(&r, &j, true, &head);
	must(e == 0 || e == -EPROTO || e == -ENOMEM);
	if (e == 0 && head.data != NULL) {
		size_t rows = r.n;

		must(j.end <= size);
		check_rows(&j, &r);
		check_append(&j, rows);
	}
	resume_fini(&r);
	text_free(&head);
	journal_close(&j);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = calloc(1, size + 1);

	must(copy != NULL);
	if (size > 0)
		memcpy(copy, data, size);
	try(copy, size);
	mend(copy, size);
	try(copy, size);
	free(copy);
	return 0;
}
