#include "tools/run/journal.h"

#include <duet/error.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
	KIND_HEAD = 'H',
	KIND_ROW = 'R',
	KIND_MARK = 'M',
	FRAME = 9,      /* length, crc, kind        */
	ROW_FIXED = 20, /* index, key, ok           */
	MARK_FIXED = 32,
	PAIR = 16,
	RECORD_MOST = 256 * 1024 * 1024,
	COPY = 64 * 1024,
};

#define FAILED (UINT64_C(1) << 63)

static const char magic[] = "duet-journal=1\n";

/* --- bytes --- */

static void put32(unsigned char *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (unsigned char)(v >> 8 * i);
}

static void put64(unsigned char *p, uint64_t v)
{
	for (int i = 0; i < 8; i++)
		p[i] = (unsigned char)(v >> 8 * i);
}

static uint64_t get(const unsigned char *p, int bytes)
{
	uint64_t v = 0;

	for (int i = bytes; i-- > 0;)
		v = v << 8 | p[i];
	return v;
}

static int write_all(int fd, const unsigned char *p, size_t n, uint64_t at)
{
	while (n > 0) {
		ssize_t done = pwrite(fd, p, n, (off_t)at);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return done < 0 ? -errno : -EIO;
		p += done;
		n -= (size_t)done;
		at += (uint64_t)done;
	}
	return 0;
}

/* -> bytes read: less than n only at the end of the file, or -errno */
static ssize_t read_all(int fd, void *to, size_t n, uint64_t at)
{
	size_t got = 0;

	while (got < n) {
		ssize_t r = pread(fd, (char *)to + got, n - got, (off_t)(at + got));

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -errno;
		if (r == 0)
			break;
		got += (size_t)r;
	}
	return (ssize_t)got;
}

/* A name is on the disk when its folder is.  Not every file system knows how, nor may everybody. */
int journal_sync_name(const struct journal *j)
{
	const char *path = j->path, *slash = strrchr(path, '/');
	char *folder = slash == NULL   ? strdup(".")
		       : slash == path ? strdup("/")
				       : strndup(path, (size_t)(slash - path));
	int fd = folder != NULL ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	int r = folder == NULL ? -ENOMEM : 0;

	if (fd >= 0 && fsync(fd) < 0 && errno != EINVAL && errno != EROFS)
		r = -errno;
	if (fd >= 0)
		close(fd);
	free(folder);
	return r;
}

/* --- records --- */

static int append(struct journal *j, unsigned char kind, duet_bytes fixed, duet_bytes rest)
{
	struct text t = {0};
	unsigned char frame[FRAME];
	int r;

	put32(frame, (uint32_t)(fixed.len + rest.len));
	frame[8] = kind;
	text_add(&t, frame, FRAME);
	text_add(&t, fixed.data, fixed.len);
	text_add(&t, rest.data, rest.len);
	if (t.is_short)
		r = -ENOMEM;
	else {
		put32((unsigned char *)t.data + 4, text_crc32(0, t.data + 8, t.len - 8));
		r = write_all(j->fd, (unsigned char *)t.data, t.len, j->end);
	}
	if (r == 0)
		j->end += t.len;
	else if (r != -ENOMEM && ftruncate(j->fd, (off_t)j->end) < 0)
		r = r < 0 ? r : -errno; /* a reader ignores what is torn anyway */
	text_free(&t);
	return r;
}

struct record {
	unsigned char kind;
	unsigned char *payload; /* in `from` */
	size_t len;
	uint64_t offset; /* of the payload */
	struct text from;
};

/* -> 1, 0 = here ends what can be trusted, -errno */
static int read_record(const struct journal *j, uint64_t at, struct record *out)
{
	unsigned char frame[FRAME];
	ssize_t n = read_all(j->fd, frame, FRAME, at);
	size_t len;
	char *room;

	if (n < FRAME)
		return n < 0 ? (int)n : 0;
	len = (size_t)get(frame, 4);
	if (len > RECORD_MOST)
		return 0;
	if (out->from.size < len + 2) {
		room = realloc(out->from.data, len + 2);
		if (room == NULL)
			return -ENOMEM;
		out->from.data = room;
		out->from.size = len + 2;
	}
	room = out->from.data;
	room[0] = (char)frame[8];
	n = read_all(j->fd, room + 1, len, at + FRAME);
	if (n < (ssize_t)len)
		return n < 0 ? (int)n : 0;
	if (text_crc32(0, room, len + 1) != (uint32_t)get(frame + 4, 4))
		return 0;
	out->kind = frame[8];
	out->payload = (unsigned char *)room + 1;
	out->len = len;
	out->offset = at + FRAME;
	return 1;
}

/* --- reading --- */

static int give_mark(struct journal *j, const struct journal_reader *reader,
		     const struct record *record)
{
	const unsigned char *p = record->payload;
	struct journal_mark mark = {.output = get(p, 8),
				    .errors = get(p + 8, 8),
				    .ok = get(p + 16, 8),
				    .failed = get(p + 24, 8)};
	int r = 0;

	j->live += FRAME + record->len;
	for (p += MARK_FIXED; r == 0 && p < record->payload + record->len; p += PAIR)
		r = reader->marked(reader->context, get(p, 8) & ~FAILED, get(p + 8, 8),
				   (get(p, 8) & FAILED) == 0);
	return r < 0 ? r : reader->mark(reader->context, &mark);
}

static int give_row(const struct journal_reader *reader, const struct record *record)
{
	const unsigned char *p = record->payload;
	struct journal_row row = {.index = get(p, 8),
				  .key = get(p + 8, 8),
				  .ok = (uint32_t)get(p + 16, 4),
				  .offset = record->offset + ROW_FIXED,
				  .len = (uint32_t)(record->len - ROW_FIXED)};

	return reader->row(reader->context, &row);
}

/* -> 1 = go on, 0 = not to be trusted, < 0 */
static int give(struct journal *j, const struct journal_reader *reader, struct record *record)
{
	int r;

	if (record->kind == KIND_ROW && record->len >= ROW_FIXED)
		r = give_row(reader, record);
	else if (record->kind == KIND_MARK && record->len >= MARK_FIXED &&
		 (record->len - MARK_FIXED) % PAIR == 0)
		r = give_mark(j, reader, record);
	else
		return 0;
	return r < 0 ? r : 1;
}

/* A file that is no journal must not be overwritten; one that was torn while it was created may. */
static int check_foreign(const struct journal *j)
{
	struct stat st;
	unsigned char frame[FRAME + sizeof magic];
	ssize_t n;

	if (fstat(j->fd, &st) < 0)
		return -errno;
	if (st.st_size == 0)
		return 0;
	n = read_all(j->fd, frame, sizeof frame - 1, 0);
	if (n < 0)
		return (int)n;
	if (n <= FRAME)
		return st.st_size <= FRAME ? 0 : -EPROTO;
	return frame[8] == KIND_HEAD && memcmp(frame + FRAME, magic, (size_t)n - FRAME) == 0
		       ? 0
		       : -EPROTO;
}

static int read_head(struct journal *j, struct record *record, struct text *head)
{
	int r = read_record(j, 0, record);

	if (r < 0)
		return r;
	if (r == 0 || record->kind != KIND_HEAD || record->len < sizeof magic - 1 ||
	    memcmp(record->payload, magic, sizeof magic - 1) != 0)
		return check_foreign(j);
	text_add(head, record->payload + sizeof magic - 1, record->len - (sizeof magic - 1));
	if (head->len == 0)
		text_puts(head, "");
	return head->is_short ? -ENOMEM : 1;
}

int journal_read(struct journal *j, const struct journal_reader *reader, struct text *head)
{
	struct record record = {0};
	int r = read_head(j, &record, head);

	j->end = j->live = 0;
	while (r > 0) {
		j->end += FRAME + record.len;
		if ((r = read_record(j, j->end, &record)) > 0)
			r = give(j, reader, &record);
	}
	text_free(&record.from);
	if (r == 0 && j->end > 0 && ftruncate(j->fd, (off_t)j->end) < 0)
		r = -errno;
	return r;
}

/* --- writing --- */

int journal_start(struct journal *j, duet_bytes head)
{
	int r;

	if (ftruncate(j->fd, 0) < 0)
		return -errno;
	j->end = j->live = 0;
	j->noted.n = j->sealed.n = 0;
	r = append(j, KIND_HEAD, DUET_STR(magic), head);
	if (r == 0 && fsync(j->fd) < 0)
		r = -errno;
	return r == 0 ? journal_sync_name(j) : r;
}

int journal_add(struct journal *j, struct journal_row *row, duet_bytes line)
{
	unsigned char fixed[ROW_FIXED];
	uint64_t at = j->end;
	int r;

	if (line.len > RECORD_MOST - ROW_FIXED)
		return -EFBIG;
	put64(fixed, row->index);
	put64(fixed + 8, row->key);
	put32(fixed + 16, row->ok);
	if ((r = append(j, KIND_ROW, DUET_BYTES(fixed, ROW_FIXED), line)) < 0)
		return r;
	row->offset = at + FRAME + ROW_FIXED;
	row->len = (uint32_t)line.len;
	return 0;
}

int journal_line(const struct journal *j, const struct journal_row *row, struct text *out)
{
	char *room = malloc((size_t)row->len + 1);
	ssize_t n;

	if (room == NULL)
		return -ENOMEM;
	n = read_all(j->fd, room, row->len, row->offset);
	if (n == (ssize_t)row->len)
		text_add(out, room, row->len);
	free(room);
	if (n < 0)
		return (int)n;
	return n < (ssize_t)row->len ? -EIO : out->is_short ? -ENOMEM : 0;
}

static int make_room(struct journal_rows *to, size_t n)
{
	size_t room = to->room > 0 ? to->room : 64;
	struct journal_row *rows;

	while (room < n)
		room *= 2;
	if (room == to->room)
		return 0;
	rows = realloc(to->rows, room * sizeof *rows);
	if (rows == NULL)
		return -ENOMEM;
	to->rows = rows;
	to->room = room;
	return 0;
}

int journal_note(struct journal *j, const struct journal_row *row)
{
	if (make_room(&j->noted, j->noted.n + 1) < 0)
		return -ENOMEM;
	j->noted.rows[j->noted.n++] = *row;
	return 0;
}

/* All or none: a mark says how long the output is with all of them in it. */
bool journal_seal(struct journal *j)
{
	struct journal_rows *s = &j->sealed;

	if (j->noted.n == 0)
		return s->n > 0;
	if (make_room(s, s->n + j->noted.n) < 0)
		return false;
	memcpy(s->rows + s->n, j->noted.rows, j->noted.n * sizeof *s->rows);
	s->n += j->noted.n;
	j->noted.n = 0;
	return true;
}

static void add_pair(struct text *pairs, const struct journal_row *row)
{
	unsigned char pair[PAIR];

	put64(pair, row->index | (row->ok ? 0 : FAILED));
	put64(pair + 8, row->key);
	text_add(pairs, pair, PAIR);
}

int journal_add_mark(struct journal *j, const struct journal_mark *mark)
{
	unsigned char fixed[MARK_FIXED];
	struct text pairs = {0};
	int r;

	for (size_t i = 0; i < j->sealed.n; i++)
		add_pair(&pairs, &j->sealed.rows[i]);
	if (pairs.is_short) {
		text_free(&pairs);
		return -ENOMEM;
	}
	put64(fixed, mark->output);
	put64(fixed + 8, mark->errors);
	put64(fixed + 16, mark->ok);
	put64(fixed + 24, mark->failed);
	r = append(j, KIND_MARK, DUET_BYTES(fixed, MARK_FIXED), DUET_BYTES(pairs.data, pairs.len));
	if (r == 0) {
		j->live += FRAME + MARK_FIXED + pairs.len;
		j->sealed.n = 0;
	}
	text_free(&pairs);
	return r;
}

/* --- life --- */

static bool is_still_there(int fd, const char *path)
{
	struct stat held, named;

	return fstat(fd, &held) == 0 && stat(path, &named) == 0 && held.st_ino == named.st_ino &&
	       held.st_dev == named.st_dev;
}

/* The other process may replace the file between our open and our lock: then again. */
static int open_locked(const char *path)
{
	for (;;) {
		int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

		if (fd < 0)
			return -errno;
		if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
			int r = errno == EWOULDBLOCK ? -EBUSY : -errno;
			close(fd);
			return r;
		}
		if (is_still_there(fd, path))
			return fd;
		close(fd);
	}
}

int journal_open(struct journal *j, const char *path)
{
	*j = (struct journal){.fd = -1};
	j->path = strdup(path);
	if (j->path == NULL)
		return -ENOMEM;
	j->fd = open_locked(path);
	return j->fd < 0 ? j->fd : 0;
}

void journal_close(struct journal *j)
{
	if (j->path != NULL && j->fd >= 0)
		close(j->fd);
	free(j->path);
	free(j->noted.rows);
	free(j->sealed.rows);
	*j = (struct journal){.fd = -1};
}

/* --- compaction --- */

static int copy_bytes(const struct journal *from, uint64_t at, size_t n, struct journal *to)
{
	unsigned char part[COPY];
	int r = 0;

	while (n > 0 && r == 0) {
		size_t some = n < COPY ? n : COPY;
		ssize_t got = read_all(from->fd, part, some, at);

		if (got != (ssize_t)some)
			return got < 0 ? (int)got : -EIO;
		r = write_all(to->fd, part, some, to->end);
		at += some;
		to->end += some;
		n -= some;
	}
	return r;
}

/* Head and marks, as they are. */
static int copy_marks(const struct journal *j, struct journal *to)
{
	unsigned char frame[FRAME];
	uint64_t at = 0;
	int r = 0;

	while (r == 0 && at < j->end) {
		if (read_all(j->fd, frame, FRAME, at) != FRAME)
			return -EIO;
		size_t len = FRAME + (size_t)get(frame, 4);
		if (frame[8] != KIND_ROW)
			r = copy_bytes(j, at, len, to);
		at += len;
	}
	return r;
}

static int copy_row(const struct journal *j, struct journal_row *row, struct journal *to)
{
	struct text line = {0};
	int r = journal_line(j, row, &line);

	if (r == 0)
		r = journal_add(to, row, DUET_BYTES(line.data, line.len));
	text_free(&line);
	return r;
}

static int fill_compact(struct journal *j, struct journal_row *const rows[], size_t n,
			struct journal *to)
{
	int r = copy_marks(j, to);

	for (size_t i = 0; i < n && r == 0; i++)
		r = copy_row(j, rows[i], to);
	if (r == 0 && fsync(to->fd) < 0)
		r = -errno;
	if (r == 0 && rename(to->path, j->path) < 0)
		r = -errno;
	return r == 0 ? journal_sync_name(j) : r;
}

/* Those given, and those that no mark covers yet. */
static struct journal_row **join(struct journal *j, struct journal_row *const rows[], size_t *n)
{
	size_t given = *n;
	struct journal_row **all = malloc((given + j->sealed.n + j->noted.n + 1) * sizeof *all);

	if (all == NULL)
		return NULL;
	if (given > 0)
		memcpy(all, rows, given * sizeof *all);
	for (size_t i = 0; i < j->sealed.n; i++)
		all[(*n)++] = &j->sealed.rows[i];
	for (size_t i = 0; i < j->noted.n; i++)
		all[(*n)++] = &j->noted.rows[i];
	return all;
}

static void replace(struct journal *j, struct journal *with)
{
	close(j->fd);
	j->fd = with->fd;
	j->end = with->end;
	j->live = with->end; /* so it has to double before it is worth while again */
	with->fd = -1;
}

static int write_compact(struct journal *j, struct journal_row **all, size_t n, struct journal *to)
{
	struct journal_row *before = malloc((n + 1) * sizeof *before);
	int r = before != NULL ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < n; i++)
		before[i] = *all[i];
	if (r == 0)
		to->fd = open(to->path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (r == 0 && (to->fd < 0 || flock(to->fd, LOCK_EX | LOCK_NB) < 0))
		r = -errno;
	if (r == 0 && (r = fill_compact(j, all, n, to)) < 0)
		for (size_t i = 0; i < n; i++)
			*all[i] = before[i];
	free(before);
	return r;
}

int journal_compact(struct journal *j, struct journal_row *const rows[], size_t n)
{
	struct journal to = {.fd = -1};
	struct journal_row **all = join(j, rows, &n);
	int r = all != NULL && asprintf(&to.path, "%s.new", j->path) >= 0 ? 0 : -ENOMEM;

	if (r < 0) {
		free(all);
		return r;
	}
	r = write_compact(j, all, n, &to);
	if (r == 0) {
		replace(j, &to);
	} else if (to.fd >= 0) {
		close(to.fd);
		unlink(to.path);
	}
	free(to.path);
	free(all);
	return r;
}
