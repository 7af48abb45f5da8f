#include "tools/run/output.h"

#include <duet/error.h>
#include <duet/fd.h>
#include <stdlib.h>
#include <unistd.h>

enum { WAITING_MOST = 1 << 20, PIPE_PART = 4096 };

int output_init(struct output *o, size_t window, bool unordered, struct journal *journal)
{
	*o = (struct output){.lines.fd = -1,
			     .errors.fd = -1,
			     .journal = journal,
			     .unordered = unordered,
			     .window = window};
	o->slots = calloc(window, sizeof *o->slots);
	return o->slots != NULL ? 0 : -ENOMEM;
}

static void close_file(struct output_file *f)
{
	if (f->fd > STDERR_FILENO)
		close(f->fd);
	text_free(&f->waiting);
}

void output_fini(struct output *o)
{
	for (size_t i = 0; o->slots != NULL && i < o->window; i++)
		text_free(&o->slots[i].line);
	free(o->slots);
	close_file(&o->lines);
	close_file(&o->errors);
	*o = (struct output){.lines.fd = -1, .errors.fd = -1};
}

/* --- into the right order --- */

static int emit(struct output *o, const struct journal_row *row, struct text *line)
{
	size_t before = o->lines.waiting.len;
	int r = 0;

	if (line->len > 0)
		text_add(&o->lines.waiting, line->data, line->len);
	else
		r = journal_line(o->journal, row, &o->lines.waiting);
	if (r == 0 && o->errors.name != NULL && !row->ok)
		text_add(&o->errors.waiting, o->lines.waiting.data + before,
			 o->lines.waiting.len - before);
	text_free(line);
	if (r == 0 && (o->lines.waiting.is_short || o->errors.waiting.is_short))
		r = -ENOMEM;
	if (r == 0 && o->journal != NULL)
		r = journal_note(o->journal, row);
	if (r < 0) {
		o->failed_name = o->journal != NULL ? o->journal->path : o->lines.name;
		return r;
	}
	*(row->ok ? &o->ok : &o->failed) += 1;
	o->next++;
	return 0;
}

int output_drain(struct output *o)
{
	int r = 0;

	while (!o->unordered && r == 0 && o->lines.waiting.len < WAITING_MOST) {
		struct output_slot *slot = &o->slots[o->next % o->window];

		if (!slot->is_filled)
			break;
		slot->is_filled = false;
		o->held--;
		r = emit(o, &slot->row, &slot->line);
	}
	return r;
}

int output_place(struct output *o, const struct journal_row *row, struct text *line)
{
	struct output_slot *slot = &o->slots[row->index % o->window];

	if (o->unordered || (row->index == o->next && o->lines.waiting.len < WAITING_MOST)) {
		int r = emit(o, row, line);
		return r < 0 ? r : output_drain(o);
	}
	if (o->journal != NULL)
		text_free(line);
	*slot = (struct output_slot){true, *row, *line};
	*line = (struct text){0};
	o->held++;
	return 0;
}

long output_held(struct output *o, size_t more, struct journal_row ***rows)
{
	long n = 0;

	*rows = malloc((o->held + more + 1) * sizeof **rows);
	if (*rows == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < o->window; i++)
		if (o->slots[i].is_filled)
			(*rows)[n++] = &o->slots[i].row;
	return n;
}

/* --- onto the disk --- */

/* A pipe that is said to be writable takes a page without blocking. */
static ssize_t write_some(struct output_file *f, const char *p, size_t n)
{
	int r;

	if (!f->is_regular) {
		if ((r = duet_wait_fd(f->fd, DUET_WRITE)) < 0 && r != DUET_ENOTASK)
			return r;
		if (n > PIPE_PART)
			n = PIPE_PART;
	}
	ssize_t done = write(f->fd, p, n);
	if (done < 0)
		return errno == EINTR || errno == EAGAIN ? 0 : -errno;
	return done;
}

static int flush_file(struct output *o, struct output_file *f)
{
	struct text now = f->waiting;
	size_t at = 0;
	ssize_t r = 0;

	f->waiting = (struct text){0};
	while (at < now.len && (r = write_some(f, now.data + at, now.len - at)) >= 0) {
		at += (size_t)r;
		f->written += (size_t)r;
	}
	if (r >= 0) {
		text_free(&now);
		return 0;
	}
	/* What came meanwhile goes behind what is left. */
	memmove(now.data, now.data + at, now.len - at);
	now.len -= at;
	text_add(&now, f->waiting.data, f->waiting.len);
	text_free(&f->waiting);
	f->waiting = now;
	o->failed_name = f->name;
	return (int)r;
}

int output_flush(struct output *o)
{
	int r = 0;

	while (r == 0 && (o->lines.waiting.len > 0 || o->errors.waiting.len > 0)) {
		r = flush_file(o, &o->errors);
		if (r == 0)
			r = flush_file(o, &o->lines);
		if (r == 0)
			r = output_drain(o);
	}
	return r;
}
