#include "ipc/frame.h"

#include <duet/error.h>
#include <endian.h>
#include <string.h>

enum { MAGIC = 0x54455544, VERSION = 1 };

/* The header as it lies in the message: a multiple of 8 without holes. */
struct wire {
	uint32_t magic;
	uint8_t version, type;
	uint16_t ticket;
	uint64_t job;
	uint32_t epoch, code;
	uint64_t offset, length, nanos;
	uint32_t slot, flags, size, zero;
};
_Static_assert(sizeof(struct wire) == DUET__FRAME_HEADER, "the header is 64 bytes");

size_t duet__frame_put(void *to, size_t room, const duet__frame *f)
{
	size_t space = duet__frame_space(f->size);
	if (f->size > DUET__FRAME_INLINE_MAX || space > room)
		return 0;
	struct wire w = {
		.magic = htole32(MAGIC),
		.version = VERSION,
		.type = (uint8_t)f->type,
		.ticket = htole16(f->ticket),
		.job = htole64(f->job),
		.epoch = htole32(f->epoch),
		.code = htole32((uint32_t)f->code),
		.offset = htole64(f->offset),
		.length = htole64(f->length),
		.nanos = htole64(f->nanos),
		.slot = htole32(f->slot),
		.flags = htole32(f->flags),
		.size = htole32(f->size),
	};
	unsigned char *at = to;
	memcpy(at, &w, sizeof(w));
	if (f->size > 0)
		memcpy(at + sizeof(w), f->data, f->size);
	memset(at + sizeof(w) + f->size, 0, space - sizeof(w) - f->size);
	return space;
}

static int is_sane(const struct wire *w)
{
	return w->magic == htole32(MAGIC) && w->version == VERSION && w->type > 0 &&
	       w->type < DUET__FRAME_TYPES && w->zero == 0 &&
	       (le32toh(w->flags) & ~DUET__FRAME_SHARED) == 0;
}

ssize_t duet__frame_get(const void *from, size_t len, duet__frame *f)
{
	struct wire w;
	if (len < sizeof(w))
		return DUET_EPROTO;
	memcpy(&w, from, sizeof(w));
	uint32_t size = le32toh(w.size);
	if (!is_sane(&w) || size > DUET__FRAME_INLINE_MAX || duet__frame_space(size) > len)
		return DUET_EPROTO;
	*f = (duet__frame){
		.type = (duet__frame_type)w.type,
		.ticket = le16toh(w.ticket),
		.job = le64toh(w.job),
		.epoch = le32toh(w.epoch),
		.code = (int32_t)le32toh(w.code),
		.offset = le64toh(w.offset),
		.length = le64toh(w.length),
		.nanos = le64toh(w.nanos),
		.slot = le32toh(w.slot),
		.flags = le32toh(w.flags),
		.data = (const unsigned char *)from + sizeof(w),
		.size = size,
	};
	return (ssize_t)duet__frame_space(size);
}
