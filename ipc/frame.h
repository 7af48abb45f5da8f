/* The frame: what parent and worker say to each other.  A pure codec; a message is one or more
 * frames, each 64 bytes of little-endian header and its inline bytes, padded to 16 with zeros so
 * that at least one NUL follows the bytes.
 *
 *      0  magic "DUET"       4  version   5  type   6  ticket (u16)
 *      8  job id (u64)      16  epoch (u32)        20  code (i32)
 *     24  offset (u64)      32  length (u64)       40  nanos (u64)
 *     48  slot (u32)        52  flags (u32)        56  inline size (u32)    60  zero
 *
 * Decoding trusts nothing: it reads only inside the message, and a field that is out of its range
 * makes the whole message bad.  What a field means for the receiver's own state (a ticket nobody
 * holds, an offset outside the arena) is for the receiver to judge. */
#ifndef DUET_IPC_FRAME_H
#define DUET_IPC_FRAME_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
	DUET__FRAME_HEADER = 64,
	DUET__FRAME_INLINE_MAX = 32 * 1024, /* longer bytes travel by shared memory             */
	DUET__MESSAGE_MAX = 64 * 1024,
};

typedef enum duet__frame_type {
	DUET__FRAME_HELLO = 1,    /* worker: who I am; inline: the pool's token                 */
	DUET__FRAME_READY = 2,    /* worker: the start hook is done, jobs may come              */
	DUET__FRAME_JOB = 3,      /* parent: code = index of the job's function                 */
	DUET__FRAME_RESULT = 4,   /* worker: code >= 0: the reply; code < 0: inline = words     */
	DUET__FRAME_SKIPPED = 5,  /* worker: the job was taken back before it started           */
	DUET__FRAME_PROGRESS = 6, /* worker: nanos = bits of a double in 0..1                   */
	DUET__FRAME_STOP = 7,     /* parent: finish and leave                                   */
	DUET__FRAME_TIRED = 8,    /* worker: too large or too old, please replace me            */
	DUET__FRAME_TYPES,
} duet__frame_type;

/* The bytes are at offset .. offset + length of the sender's arena, not inline. */
#define DUET__FRAME_SHARED 1u

typedef struct duet__frame {
	duet__frame_type type;
	uint16_t ticket; /* the job's place on the worker's board                              */
	uint64_t job;    /* id, never used twice in a pool                                     */
	uint32_t epoch;  /* the worker's generation                                            */
	int32_t code;    /* JOB: function; RESULT: the job's result                            */
	uint64_t offset; /* SHARED: where in the arena                                         */
	uint64_t length; /* SHARED: bytes there                                                */
	uint64_t nanos;  /* RESULT: how long the job ran                                       */
	uint32_t slot;   /* RESULT, SHARED: the lease of the region                            */
	uint32_t flags;
	const void *data; /* inline bytes; after decoding they point into the message           */
	uint32_t size;
} duet__frame;

/* Bytes a frame with that many inline bytes takes. */
static inline size_t duet__frame_space(size_t inline_size)
{
	return (DUET__FRAME_HEADER + inline_size + 1 + 15) & ~(size_t)15;
}

/* Writes f at `to`, which is aligned to 8 -> bytes written, or 0 if they don't fit in room. */
size_t duet__frame_put(void *to, size_t room, const duet__frame *f);

/* Reads the frame at `from` -> bytes consumed, or DUET_EPROTO; *f is then undefined. */
ssize_t duet__frame_get(const void *from, size_t len, duet__frame *f);

#endif
