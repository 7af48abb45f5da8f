#include "tools/run/resume.h"

#include "tools/input/lines.h"
#include <duet/error.h>
#include <stdlib.h>
#include <unistd.h>

#define FAILED (UINT64_C(1) << 63)

enum { AHEAD_MOST = 10 * 1000 * 1000 }; /* the largest --window */

static int make_room(struct resume *r, uint64_t index)
{
	uint64_t size = r->size > 0 ? r->size : 1024;
	uint64_t *keys;

	if (index < r->size)
		return 0;
	if (index > r->marked + AHEAD_MOST)
		return -EPROTO;
	while (size <= index)
		size *= 2;
	keys = realloc(r->keys, size * sizeof *keys);
	if (keys == NULL)
		return -ENOMEM;
	memset(keys + r->size, 0, (size - r->size) * sizeof *keys);
	r->keys = keys;
	r->size = size;
	return 0;
}

/* --- what the journal says --- */

static int take_row(void *context, const struct journal_row *row)
{
	struct resume *r = context;

	if (r->n == r->room) {
		size_t room = r->room > 0 ? 2 * r->room : 256;
		struct journal_row *rows = realloc(r->rows, room * sizeof *rows);

		if (rows == NULL)
			return -ENOMEM;
		r->rows = rows;
		r->room = room;
	}
	r->rows[r->n++] = *row;
	if (row->index >= r->last)
		r->last = row->index + 1;
	return 0;
}

static int take_order(struct resume *r, uint64_t index, bool ok)
{
	if ((r->ordered & (r->ordered - 1)) == 0) {
		size_t room = r->ordered > 0 ? 2 * (size_t)r->ordered : 1;
		uint64_t *order = realloc(r->order, room * sizeof *order);

		if (order == NULL)
			return -ENOMEM;
		r->order = order;
	}
	r->order[r->ordered++] = index | (ok ? 0 : FAILED);
	return 0;
}

static int take_marked(void *context, uint64_t index, uint64_t key, bool ok)
{
	struct resume *r = context;
	int e = make_room(r, index);

	if (e < 0)
		return e;
	r->marked += r->keys[index] == 0;
	r->keys[index] = key;
	if (index >= r->last)
		r->last = index + 1;
	return r->keep_order ? take_order(r, index, ok) : 0;
}

static int take_mark(void *context, const struct journal_mark *mark)
{
	struct resume *r = context;

	r->mark = *mark;
	return 0;
}

static int by_index(const void *a, const void *b)
{
	const struct journal_row *x = a, *y = b;

	if (x->index != y->index)
		return x->index < y->index ? -1 : 1;
	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

/* Rows that are in the output need their lines no more. */
static void sort_rows(struct resume *r)
{
	size_t n = 0;

	for (size_t i = 0; i < r->n; i++)
		if (r->rows[i].index >= r->size || r->keys[r->rows[i].index] == 0)
			r->rows[n++] = r->rows[i];
	r->n = n;
	if (n > 1)
		qsort(r->rows, n, sizeof *r->rows, by_index);
}

int resume_read(struct resume *r, struct journal *j, bool keep_order, struct text *head)
{
	struct journal_reader reader = {r, take_row, take_marked, take_mark};
	int e;

	*r = (struct resume){.keep_order = keep_order};
	e = journal_read(j, &reader, head);
	if (e == 0)
		sort_rows(r);
	return e;
}

void resume_fini(struct resume *r)
{
	free(r->keys);
	free(r->rows);
	free(r->order);
	*r = (struct resume){0};
}

/* --- what to do about a row --- */

enum resume_state resume_look(struct resume *r, uint64_t index, uint64_t key,
			      struct journal_row **row)
{
	if (index < r->size && r->keys[index] != 0)
		return r->keys[index] == key ? RESUME_WRITTEN : RESUME_DIFFERS;
	while (r->at < r->n && r->rows[r->at].index < index)
		r->at++;
	if (r->at == r->n || r->rows[r->at].index != index)
		return RESUME_NEW;
	if (r->rows[r->at].key != key)
		return RESUME_DIFFERS;
	*row = &r->rows[r->at++];
	return RESUME_JOURNALLED;
}

size_t resume_left(const struct resume *r, struct journal_row **rows)
{
	*rows = r->n > r->at ? &r->rows[r->at] : NULL;
	return r->n - r->at;
}

/* --- once more what failed --- */

static ssize_t read_output(void *context, void *buf, size_t n)
{
	const struct output_file *f = context;
	ssize_t got = read(f->fd, buf, n);

	return got < 0 ? -errno : got;
}

/* The k-th line of the output is that of the k-th row that was marked. */
static int64_t copy_written(struct resume *r, struct output_file *output, struct journal *to)
{
	struct lines lines = {.read = read_output, .context = output, .most = 256 * 1024 * 1024};
	int64_t failed = 0;
	struct line line;
	int e = 0;

	if (lseek(output->fd, 0, SEEK_SET) < 0)
		return -errno;
	for (uint64_t k = 0; k < r->ordered && e >= 0; k++) {
		uint64_t index = r->order[k] & ~FAILED;
		struct journal_row row = {.index = index, .key = r->keys[index], .ok = 1};

		e = lines_next(&lines, &line);
		if (e == 0)
			e = -EPROTO;
		else if (e > 0 && (r->order[k] & FAILED) != 0)
			failed++;
		else if (e > 0) /* with its line end, which follows it */
			e = journal_add(to, &row, DUET_BYTES(line.data, line.len + 1));
	}
	lines_free(&lines);
	return e < 0 ? e : failed;
}

static int64_t copy_journalled(struct resume *r, struct journal *j, struct journal *to)
{
	int64_t failed = 0;

	for (size_t i = 0; i < r->n; i++) {
		struct journal_row row = r->rows[i];
		struct text line = {0};
		int e;

		if (!row.ok) {
			failed++;
			continue;
		}
		e = journal_line(j, &r->rows[i], &line);
		if (e == 0)
			e = journal_add(to, &row, DUET_BYTES(line.data, line.len));
		text_free(&line);
		if (e < 0)
			return e;
	}
	return failed;
}

static int64_t fill_retry(struct resume *r, struct journal *j, struct output_file *output,
			  struct journal *to)
{
	struct text head = {0};
	struct resume unused = {0};
	struct journal_reader reader = {&unused, take_row, take_marked, take_mark};
	int64_t failed, more;
	int e = journal_read(j, &reader, &head);

	resume_fini(&unused);
	if (e == 0)
		e = journal_start(to, DUET_BYTES(head.data, head.len));
	text_free(&head);
	if (e < 0 || (failed = copy_written(r, output, to)) < 0)
		return e < 0 ? e : failed;
	more = copy_journalled(r, j, to);
	return more < 0 ? more : failed + more;
}

int64_t resume_retry_failed(struct resume *r, struct journal *j, struct output_file *output)
{
	struct journal to;
	char *path;
	int64_t failed;
	int e;

	if (asprintf(&path, "%s.new", j->path) < 0)
		return -ENOMEM;
	e = journal_open(&to, path);
	failed = e < 0 ? e : fill_retry(r, j, output, &to);
	if (failed > 0 && (fsync(to.fd) < 0 || rename(path, j->path) < 0))
		failed = -errno;
	if (failed > 0 && (e = journal_sync_name(j)) < 0)
		failed = e;
	if (failed > 0) { /* the new one is the journal now */
		int old = j->fd;
		j->fd = to.fd;
		j->end = to.end;
		j->live = to.live;
		to.fd = old;
	} else {
		unlink(path);
	}
	journal_close(&to);
	free(path);
	return failed;
}
