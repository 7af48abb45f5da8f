/* Bytes: borrowed (duet_bytes) and owned (duet_buf).
 *
 *     duet_buf out = {0};
 *     duet_pool_call(pool, "upper", DUET_STR("hello"), &out);
 *     printf("%s\n", (char *)out.data);     // always NUL-terminated behind len
 *     duet_buf_free(&out);
 */
#ifndef DUET_BYTES_H
#define DUET_BYTES_H

#include <duet/api.h>
#include <string.h>

/* Borrowed: whoever fills it in keeps the memory alive for as long as the call it is given to. */
typedef struct duet_bytes {
	const void *data;
	size_t len;
} duet_bytes;

/* Owned: free it with duet_buf_free, wherever its memory lives.  {0} is empty and valid. */
typedef struct duet_buf {
	void *data;
	size_t len;
	/* private: how to give the memory back; NULL = free() */
	void (*release)(struct duet_buf *buf);
	void *owner;
} duet_buf;

#if defined(__cplusplus)
#define DUET_BYTES(p, n) (duet_bytes{(p), (n)})
#define DUET_STR(text)   (duet_bytes{(text), strlen(text)})
#else
#define DUET_BYTES(p, n) ((duet_bytes){(p), (n)})
#define DUET_STR(text)   ((duet_bytes){(text), strlen(text)})
#endif

DUET_BEGIN_DECLS

/* Gives the memory back and clears *buf.  NULL and an empty buffer are fine. */
DUET_API void duet_buf_free(duet_buf *buf);

/* Makes *buf a heap buffer holding a copy of len bytes (data may be NULL: len zero bytes).
 * -> 0, -ENOMEM */
DUET_API int duet_buf_copy(duet_buf *buf, const void *data, size_t len);

DUET_END_DECLS

#endif
