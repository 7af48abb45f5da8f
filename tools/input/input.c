#include "tools/input/input.h"

#include <duet/error.h>
#include <duet/fd.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static ssize_t read_some(void *context, void *buf, size_t n)
{
	struct input *in = context;
	ssize_t got;
	int r;

	do {
		if (!in->is_regular && (r = duet_wait_fd(in->fd, DUET_READ)) < 0 &&
		    r != DUET_ENOTASK)
			return r;
		got = read(in->fd, buf, n);
	} while (got < 0 && (errno == EINTR || errno == EAGAIN));
	return got < 0 ? -errno : got;
}

int input_open(struct input *in, const char *path)
{
	struct stat st;

	*in = (struct input){.name = path, .fd = STDIN_FILENO};
	in->lines = (struct lines){.read = read_some, .context = in};
	if (strcmp(path, "-") != 0)
		in->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	else
		in->name = "standard input";
	if (in->fd < 0 || fstat(in->fd, &st) < 0)
		return -errno;
	in->is_regular = S_ISREG(st.st_mode) && lseek(in->fd, 0, SEEK_CUR) == 0;
	return S_ISDIR(st.st_mode) ? -EISDIR : 0;
}

static int check_id(struct input *in, struct row *row)
{
	int before = ids_add(&in->ids, row->id, row->id_len, row->line);

	if (before <= 0 || row->problem != NULL)
		return before < 0 ? before : 0;
	row->problem = strdup("its custom_id stands on an earlier line already");
	return row->problem != NULL ? 0 : -ENOMEM;
}

int input_next(struct input *in, const struct row_rules *rules, struct row **out)
{
	struct line line;
	struct row *row;
	int r;

	do {
		if ((r = lines_next(&in->lines, &line)) <= 0)
			return r;
	} while (row_is_blank(&line));
	row = row_parse(rules, &line, in->index);
	if (row == NULL || (!in->is_regular && check_id(in, row) < 0)) {
		row_free(row);
		return -ENOMEM;
	}
	in->index++;
	*out = row;
	return 1;
}

static int rewind_input(struct input *in)
{
	if (lseek(in->fd, 0, SEEK_SET) < 0)
		return -errno;
	lines_free(&in->lines);
	in->lines = (struct lines){.read = read_some, .context = in};
	in->index = 0;
	return 0;
}

/* The id of a line, to be freed.  -> 0, -ENOMEM, -errno */
static int id_of(bool is_text, const struct line *line, char **id, size_t *len)
{
	int r = is_text ? -ENOENT : row_peek_id(line, id, len);

	if (r != -ENOENT)
		return r;
	r = asprintf(id, "row-%zu", line->number);
	*len = (size_t)r;
	return r < 0 ? -ENOMEM : 0;
}

/* -> 0, 1 = it stands twice, < 0 */
static int note_line(struct ids *ids, bool is_text, const struct line *line, struct input_scan *out)
{
	char *id;
	size_t len;
	int r = id_of(is_text, line, &id, &len);

	if (r < 0)
		return r;
	r = ids_add(ids, id, len, line->number);
	if (r > 0) {
		out->second = line->number;
		out->id = id;
		out->id_len = len;
	} else {
		free(id);
	}
	return r;
}

/* The line on which what stands twice stands first. */
static int find_first(struct input *in, const struct row_rules *rules, struct input_scan *out)
{
	struct line line;
	int r = rewind_input(in);

	while (r >= 0 && out->first == 0 && (r = lines_next(&in->lines, &line)) > 0) {
		char *id = NULL;
		size_t len;

		if (row_is_blank(&line) || (r = id_of(rules->is_text, &line, &id, &len)) < 0)
			continue;
		if (len == out->id_len && memcmp(id, out->id, len) == 0)
			out->first = line.number;
		free(id);
	}
	return r < 0 ? r : 0;
}

int input_scan(struct input *in, const struct row_rules *rules, uint64_t most,
	       struct input_scan *out)
{
	struct ids ids = {0};
	struct line line;
	int r = rewind_input(in);

	*out = (struct input_scan){0};
	while (r >= 0 && (most == 0 || out->rows < most) &&
	       (r = lines_next(&in->lines, &line)) > 0) {
		if (row_is_blank(&line))
			continue;
		out->rows++;
		if ((r = note_line(&ids, rules->is_text, &line, out)) != 0)
			break;
	}
	ids_free(&ids);
	if (r > 0)
		r = find_first(in, rules, out);
	if (r == 0)
		r = rewind_input(in);
	if (r < 0) {
		free(out->id);
		out->id = NULL;
	}
	return r;
}

void input_close(struct input *in)
{
	if (in->fd > STDIN_FILENO)
		close(in->fd);
	lines_free(&in->lines);
	ids_free(&in->ids);
	in->fd = -1;
}
