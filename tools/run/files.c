#include "tools/run/files.h"

#include "tools/commands.h"
#include <duet/error.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int refuse(struct files *f, int status, const char *format, ...) DUET_PRINTF(3, 4);
static int refuse(struct files *f, int status, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	vsnprintf(f->why, sizeof f->why, format, list);
	va_end(list);
	return status;
}

/* --- what the output is --- */

static bool is_same(int fd, const struct stat *st)
{
	struct stat other;

	return fd >= 0 && fstat(fd, &other) == 0 && other.st_dev == st->st_dev &&
	       other.st_ino == st->st_ino && S_ISREG(st->st_mode);
}

static int look_at(struct files *f, const char *path, int input_fd, struct stat *st)
{
	if (lstat(path, st) < 0) {
		*st = (struct stat){.st_mode = S_IFREG};
		return errno == ENOENT ? 0 : refuse(f, EXIT_USAGE, "%s: %s", path, strerror(errno));
	}
	if (S_ISLNK(st->st_mode))
		return refuse(f, EXIT_USAGE, "%s is a symbolic link: name the file itself", path);
	if (S_ISDIR(st->st_mode))
		return refuse(f, EXIT_USAGE, "%s is a directory", path);
	if (is_same(input_fd, st))
		return refuse(f, EXIT_USAGE, "%s is the input", path);
	return 0;
}

static int open_file(struct files *f, struct output_file *to, const char *path, int flags)
{
	struct stat st;

	to->name = path;
	to->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY | flags, 0600);
	if (to->fd < 0 && errno == EACCES)
		to->fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY | flags);
	if (to->fd < 0 || fstat(to->fd, &st) < 0)
		return refuse(f, EXIT_USAGE, "%s: %s", path, strerror(errno));
	to->is_regular = S_ISREG(st.st_mode);
	return 0;
}

static void use_stdout(struct files *f)
{
	struct stat st;

	f->output.lines = (struct output_file){.name = "standard output", .fd = STDOUT_FILENO};
	f->output.lines.is_regular = fstat(STDOUT_FILENO, &st) == 0 && S_ISREG(st.st_mode);
}

/* --- the settings, which a journal keeps --- */

static void make_head(const struct run_options *o, struct text *head)
{
	static const char *const formats[] = {"batch", "jsonl", "text"};

	text_printf(head, "--format=%s\n--unordered=%d\n--timings=%d\n--errors=%d\n",
		    formats[o->format], o->unordered, o->timings, o->errors != NULL);
	text_printf(head, "--expect=%s\n", o->expect == EXPECT_JSON ? "json" : "nothing");
	text_puts(head, "--post=");
	if (o->post != NULL)
		text_quote(head, o->post, strlen(o->post));
	text_puts(head, "\n--post-exec=");
	if (o->post_exec != NULL)
		text_quote(head, o->post_exec, strlen(o->post_exec));
	text_puts(head, "\n");
}

static int compare_heads(struct files *f, const struct text *old, const struct text *now)
{
	const char *a = old->data, *b = now->data;

	while (*a != '\0' && *b != '\0') {
		int m = (int)strcspn(a, "\n"), n = (int)strcspn(b, "\n");

		if (m != n || memcmp(a, b, (size_t)n) != 0)
			return refuse(f, EXIT_USAGE,
				      "%s is of a run with %.*s, and this one has %.*s: use the "
				      "same options, or --fresh to begin anew",
				      f->journal.path, m, a, n, b);
		a += m + (a[m] != '\0');
		b += n + (b[n] != '\0');
	}
	return 0;
}

/* --- going on --- */

static int cut(struct files *f, struct output_file *file, uint64_t length)
{
	struct stat st;

	if (fstat(file->fd, &st) < 0)
		return refuse(f, EXIT_OUTPUT, "%s: %s", file->name, strerror(errno));
	if ((uint64_t)st.st_size < length)
		return refuse(f, EXIT_USAGE,
			      "%s is shorter than its journal says: put it back, or --fresh to "
			      "begin anew",
			      file->name);
	if (ftruncate(file->fd, (off_t)length) < 0 || lseek(file->fd, (off_t)length, SEEK_SET) < 0)
		return refuse(f, EXIT_OUTPUT, "%s: %s", file->name, strerror(errno));
	file->written = length;
	return 0;
}

static int go_on(struct files *f, const struct run_options *o)
{
	int r = open_file(f, &f->output.lines, o->output, O_NOFOLLOW);

	if (r == 0 && o->retry_failed) {
		struct text head = {0};

		f->again = resume_retry_failed(&f->resume, &f->journal, &f->output.lines);
		if (f->again < 0)
			return refuse(f, EXIT_OUTPUT, "%s and %s do not fit together: %s",
				      o->output, f->journal.path, duet_strerror((int)f->again));
		resume_fini(&f->resume);
		r = resume_read(&f->resume, &f->journal, false, &head);
		text_free(&head);
		if (r < 0)
			return refuse(f, EXIT_OUTPUT, "%s: %s", f->journal.path, duet_strerror(r));
	}
	if (r == 0 && o->errors != NULL)
		r = open_file(f, &f->output.errors, o->errors, O_NOFOLLOW);
	if (r == 0)
		r = cut(f, &f->output.lines, f->resume.mark.output);
	if (r == 0 && o->errors != NULL)
		r = cut(f, &f->output.errors, f->resume.mark.errors);
	f->output.next = f->resume.marked;
	f->output.ok = f->resume.mark.ok;
	f->output.failed = f->resume.mark.failed;
	return r;
}

static int begin(struct files *f, const struct run_options *o, const struct text *head)
{
	struct stat st;
	int r;

	if (!o->fresh && stat(o->output, &st) == 0 && st.st_size > 0) {
		unlink(f->journal.path);
		return refuse(f, EXIT_USAGE,
			      "%s exists and is not of an earlier run: --fresh overwrites it",
			      o->output);
	}
	if (o->retry_failed) {
		unlink(f->journal.path);
		return refuse(f, EXIT_USAGE, "--retry-failed: %s is not of an earlier run",
			      o->output);
	}
	r = journal_start(&f->journal, DUET_BYTES(head->data, head->len));
	if (r < 0)
		return refuse(f, EXIT_OUTPUT, "%s: %s", f->journal.path, strerror(-r));
	r = open_file(f, &f->output.lines, o->output, O_TRUNC | O_NOFOLLOW);
	if (r == 0 && o->errors != NULL)
		r = open_file(f, &f->output.errors, o->errors, O_TRUNC | O_NOFOLLOW);
	return r;
}

static int open_journal(struct files *f, const char *output)
{
	char *path;
	int r;

	if (asprintf(&path, "%s.journal", output) < 0)
		return refuse(f, EXIT_INTERNAL, "no memory");
	r = journal_open(&f->journal, path);
	if (r == -EBUSY)
		r = refuse(f, EXIT_USAGE, "another run is writing %s", output);
	else if (r < 0)
		r = refuse(f, EXIT_USAGE, "%s: %s", path, strerror(-r));
	free(path);
	return r;
}

static int open_with_journal(struct files *f, const struct run_options *o)
{
	struct text old = {0}, now = {0};
	int r = open_journal(f, o->output);

	if (r != 0)
		return r;
	f->has_journal = true;
	f->output.journal = &f->journal;
	make_head(o, &now);
	r = now.is_short ? -ENOMEM : resume_read(&f->resume, &f->journal, o->retry_failed, &old);
	if (r == -EPROTO)
		r = refuse(f, EXIT_USAGE, "%s exists and is no journal of duet", f->journal.path);
	else if (r < 0)
		r = refuse(f, EXIT_OUTPUT, "%s: %s", f->journal.path, duet_strerror(r));
	else if (old.data == NULL || o->fresh) {
		resume_fini(&f->resume);
		r = begin(f, o, &now);
	} else if ((r = compare_heads(f, &old, &now)) == 0) {
		r = go_on(f, o);
	}
	text_free(&old);
	text_free(&now);
	return r;
}

static int open_plain(struct files *f, const struct run_options *o)
{
	int r = 0;

	if (o->retry_failed)
		return refuse(f, EXIT_USAGE, "--retry-failed wants -o FILE");
	if (o->output == NULL || strcmp(o->output, "-") == 0)
		use_stdout(f);
	else
		r = open_file(f, &f->output.lines, o->output, 0);
	if (r == 0 && o->errors != NULL)
		r = open_file(f, &f->output.errors, o->errors, O_TRUNC | O_NOFOLLOW);
	return r;
}

int files_open(struct files *f, const struct run_options *o, int input_fd)
{
	struct stat st = {.st_mode = S_IFIFO};
	int r;

	*f = (struct files){.journal.fd = -1};
	if (output_init(&f->output, (size_t)o->window, o->unordered, NULL) < 0)
		return refuse(f, EXIT_INTERNAL, "no memory for a window of %ld rows", o->window);
	if (o->errors != NULL && (r = look_at(f, o->errors, input_fd, &st)) != 0)
		return r;
	st.st_mode = S_IFIFO;
	if (o->output != NULL && strcmp(o->output, "-") != 0 &&
	    (r = look_at(f, o->output, input_fd, &st)) != 0)
		return r;
	return S_ISREG(st.st_mode) ? open_with_journal(f, o) : open_plain(f, o);
}

void files_close(struct files *f)
{
	output_fini(&f->output);
	journal_close(&f->journal);
	resume_fini(&f->resume);
}
