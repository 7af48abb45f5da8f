/* An errand of a file call may outlive the call, if that is cancelled: what both need is a record
 * with two owners, the call and the thread. */
#include <duet/file.h>

#include "loop/core/fail.h"
#include "loop/core/park.h"
#include <duet/thread.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FIRST_READ = 16 * 1024 };

struct file_errand {
	atomic_int owners;
	char *path;
	duet_buf data; /* read, or to be written */
};

static void release(struct file_errand *e)
{
	if (atomic_fetch_sub(&e->owners, 1) != 1)
		return;
	duet_buf_free(&e->data);
	free(e->path);
	free(e);
}

static int fail_at(const char *what, const char *path)
{
	int code = -errno;

	return duet__failf(code, "%s %s: %s", what, path, duet_strerror(code));
}

static int grow(duet_buf *buf, size_t capacity, const char *path)
{
	char *data = realloc(buf->data, capacity + 1);

	if (data == NULL)
		return duet__failf(DUET_ENOMEM, "read %s: no memory for %zu bytes", path, capacity);
	buf->data = data;
	return 0;
}

static int read_all(int fd, const char *path, duet_buf *buf)
{
	struct stat st;
	size_t capacity = FIRST_READ;
	ssize_t n = 1;
	int r;

	/* One byte more than its size, so that the end is seen without growing. */
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0)
		capacity = (size_t)st.st_size + 1;
	if ((r = grow(buf, capacity, path)) < 0)
		return r;
	while (n > 0) {
		if (buf->len == capacity && (r = grow(buf, capacity *= 2, path)) < 0)
			return r;
		n = read(fd, (char *)buf->data + buf->len, capacity - buf->len);
		if (n < 0 && errno == EINTR)
			n = 1;
		else if (n < 0)
			return fail_at("read", path);
		else
			buf->len += (size_t)n;
	}
	((char *)buf->data)[buf->len] = '\0';
	return 0;
}

static int read_in_thread(void *arg)
{
	struct file_errand *e = arg;
	int fd = open(e->path, O_RDONLY | O_CLOEXEC | O_NOCTTY), r;

	if (fd < 0) {
		r = fail_at("open", e->path);
	} else {
		r = read_all(fd, e->path, &e->data);
		close(fd);
	}
	release(e);
	return r;
}

static int write_all(int fd, const char *path, const duet_buf *buf)
{
	for (size_t done = 0; done < buf->len;) {
		ssize_t n = write(fd, (const char *)buf->data + done, buf->len - done);
		if (n < 0 && errno != EINTR)
			return fail_at("write", path);
		done += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

static int write_in_thread(void *arg)
{
	struct file_errand *e = arg;
	int fd = open(e->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0666), r;

	if (fd < 0) {
		r = fail_at("open", e->path);
	} else {
		r = write_all(fd, e->path, &e->data);
		if (close(fd) != 0 && r == 0)
			r = fail_at("close", e->path);
	}
	release(e);
	return r;
}

static struct file_errand *errand_new(const char *path)
{
	struct file_errand *e = calloc(1, sizeof(*e));

	if (e == NULL)
		return NULL;
	e->path = strdup(path);
	if (e->path == NULL) {
		free(e);
		return NULL;
	}
	atomic_init(&e->owners, 2);
	return e;
}

/* The thread gives up its share only if it was started. */
static int run(duet_fn *fn, struct file_errand *e)
{
	int r = duet_to_thread(fn, e);

	if (r == DUET_ENOMEM || r == DUET_EAGAIN) {
		if (atomic_load(&e->owners) == 2)
			release(e);
	}
	return r;
}

int duet_file_read(const char *path, duet_buf *out)
{
	struct file_errand *e;
	int r = duet__enter();

	if (r < 0)
		return r;
	if (path == NULL || out == NULL)
		return duet__failf(DUET_EINVAL, "no path, or nowhere to read to");
	e = errand_new(path);
	if (e == NULL)
		return duet__fail(DUET_ENOMEM);
	r = run(read_in_thread, e);
	if (r == 0) {
		*out = e->data;
		e->data = (duet_buf){0};
	}
	release(e);
	return r;
}

int duet_file_write(const char *path, duet_bytes data)
{
	struct file_errand *e;
	int r = duet__enter();

	if (r < 0)
		return r;
	if (path == NULL || (data.data == NULL && data.len > 0))
		return duet__failf(DUET_EINVAL, "no path, or nothing to write");
	e = errand_new(path);
	if (e == NULL)
		return duet__fail(DUET_ENOMEM);
	r = duet_buf_copy(&e->data, data.data, data.len);
	if (r < 0) {
		release(e);
		release(e);
		return r;
	}
	r = run(write_in_thread, e);
	release(e);
	return r;
}
