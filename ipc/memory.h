/* The memory a worker shares with its parent: one sealed memfd per generation, the board at its
 * start, the arena of its replies behind it.  The parent keeps it mapped for as long as a reply is
 * lent from it, also after the worker's death and the pool's end. */
#ifndef DUET_IPC_MEMORY_H
#define DUET_IPC_MEMORY_H

#include "ipc/board.h"

#include <duet/bytes.h>
#include <stdatomic.h>
#include <sys/types.h>

typedef struct duet__memory {
	duet__board *board;
	unsigned char *replies; /* parent: NULL until the first reply was lent                 */
	size_t size;            /* of the replies                                               */
	_Atomic size_t refs;
	pid_t owner; /* what a child of the program frees is its own copy of the books          */
	int fd;
} duet__memory;

/* Offset of the replies in the memfd. */
size_t duet__memory_replies_offset(void);

/* An anonymous file of that size that nobody can shrink or grow -> descriptor, -errno, -EFBIG (over
 * RLIMIT_FSIZE, which would be a signal) */
int duet__memory_create(const char *name, size_t size);

/* The same file once more, for readers: neither a mapping of it nor it can be made writable.
 * -> descriptor, -errno */
int duet__memory_reader(int fd);

/* Parent.  -> 0, -errno */
int duet__memory_open(size_t replies_size, duet__memory **memory);
void duet__memory_unref(duet__memory *m); /* NULL is fine */

/* Worker.  -> the board of a memory passed as fd, or NULL with errno */
duet__board *duet__memory_attach(int fd);

/* Parent.  Makes *out the bytes at offset .. offset + len of the replies, which go back to the
 * worker's arena when they are freed, by any thread: lent in place, or copied if many are lent
 * already.  Takes the lease in any case.
 * -> 0, DUET_EPROTO (they don't lie there), -ENOMEM */
int duet__memory_lend(duet__memory *m, uint64_t offset, uint64_t len, uint32_t slot, duet_buf *out);

/* Gives a lease back unread. */
void duet__memory_return(duet__memory *m, uint32_t slot);

#endif
