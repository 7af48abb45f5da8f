#include "ipc/memory.h"

#include "ipc/descriptor.h"
#include "loop/core/fail.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

enum { PAGE = 4096, LENT_MAX = DUET__LEASES / 2 };

struct lease {
	duet__memory *memory;
	uint32_t slot;
};

size_t duet__memory_replies_offset(void)
{
	return (sizeof(duet__board) + PAGE - 1) & ~(size_t)(PAGE - 1);
}

static bool is_over_the_limit(size_t size)
{
	struct rlimit limit;
	return getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur < size;
}

int duet__memory_create(const char *name, size_t size)
{
	if (is_over_the_limit(size))
		return -EFBIG;
	unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	int fd = memfd_create(name, flags | MFD_NOEXEC_SEAL);
	if (fd < 0 && errno == EINVAL) /* a kernel before 6.3 */
		fd = memfd_create(name, flags);
	if (fd < 0)
		return -errno;
	fd = duet__fd_raise(fd);
	if (ftruncate(fd, (off_t)size) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) < 0) {
		int r = -errno;
		close(fd);
		return r;
	}
	return fd;
}

int duet__memory_reader(int fd)
{
	char path[32];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	int reader = duet__fd_raise(open(path, O_RDONLY | O_CLOEXEC));
	return reader < 0 ? -errno : reader;
}

static duet__board *map_board(int fd)
{
	void *p = mmap(NULL, duet__memory_replies_offset(), PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		       0);
	return p == MAP_FAILED ? NULL : p;
}

int duet__memory_open(size_t replies_size, duet__memory **memory)
{
	duet__memory *m = calloc(1, sizeof(*m));
	if (m == NULL)
		return -ENOMEM;
	m->refs = 1;
	m->owner = getpid();
	m->size = replies_size;
	m->fd = duet__memory_create("duet-worker", duet__memory_replies_offset() + replies_size);
	int r = m->fd;
	if (m->fd >= 0)
		r = (m->board = map_board(m->fd)) == NULL ? -errno : 0;
	if (r < 0) {
		duet__memory_unref(m);
		return r;
	}
	*memory = m;
	return 0;
}

void duet__memory_unref(duet__memory *m)
{
	if (m == NULL || atomic_fetch_sub(&m->refs, 1) > 1)
		return;
	if (m->board != NULL)
		munmap(m->board, duet__memory_replies_offset());
	if (m->replies != NULL)
		munmap(m->replies, m->size);
	if (m->fd >= 0)
		close(m->fd);
	free(m);
}

duet__board *duet__memory_attach(int fd)
{
	return map_board(fd);
}

static bool map_replies(duet__memory *m)
{
	if (m->replies != NULL)
		return true;
	void *p = mmap(NULL, m->size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, m->fd,
		       (off_t)duet__memory_replies_offset());
	if (p == MAP_FAILED)
		return false;
	madvise(p, m->size, MADV_DONTDUMP);
	m->replies = p;
	return true;
}

void duet__memory_return(duet__memory *m, uint32_t slot)
{
	if (slot < DUET__LEASES && m->owner == getpid())
		atomic_store_explicit(&m->board->lease[slot], 0, memory_order_release);
}

static void release(duet_buf *buf)
{
	struct lease *l = buf->owner;
	duet__memory_return(l->memory, l->slot);
	duet__memory_unref(l->memory);
	free(l);
}

/* References beyond the pool's own are leases. */
static bool may_lend(const duet__memory *m)
{
	return atomic_load(&m->refs) <= LENT_MAX;
}

static int lend(duet__memory *m, void *data, size_t len, uint32_t slot, duet_buf *out)
{
	struct lease *l = malloc(sizeof(*l));
	if (l == NULL)
		return -ENOMEM;
	*l = (struct lease){m, slot};
	atomic_fetch_add(&m->refs, 1);
	*out = (duet_buf){.data = data, .len = len, .release = release, .owner = l};
	return 0;
}

int duet__memory_lend(duet__memory *m, uint64_t offset, uint64_t len, uint32_t slot, duet_buf *out)
{
	if (slot >= DUET__LEASES || offset >= m->size || len >= m->size - offset)
		return DUET_EPROTO;
	int r = -ENOMEM;
	if (map_replies(m)) {
		unsigned char *data = m->replies + offset;
		data[len] = 0;
		if (may_lend(m))
			r = lend(m, data, len, slot, out);
		else if ((r = duet_buf_copy(out, data, len)) == 0)
			duet__memory_return(m, slot);
	}
	if (r < 0)
		duet__memory_return(m, slot);
	return r;
}
