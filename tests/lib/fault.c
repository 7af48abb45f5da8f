#include "tests/lib/fault.h"
#include "tests/lib/test.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

static atomic_int armed_kinds;
static atomic_long calls_left, failed;
static enum fault_span armed_span;
static long armed_nth;

/* Whether this call is to fail; errno is set then. */
static bool strikes(enum fault_kind kind, const char *call, int error)
{
	long left;

	if ((atomic_load_explicit(&armed_kinds, memory_order_relaxed) & (int)kind) == 0)
		return false;
	left = atomic_fetch_sub(&calls_left, 1) - 1;
	if (left > 0 || (left < 0 && armed_span == FAULT_ONCE))
		return false;
	atomic_fetch_add(&failed, 1);
	test_note("%s failed on purpose, as call %ld of its kind", call, armed_nth - left);
	errno = error;
	return true;
}

void fault_arm(int kinds, long nth, enum fault_span span)
{
	armed_span = span;
	armed_nth = nth;
	atomic_store(&calls_left, nth);
	atomic_store(&failed, 0);
	atomic_store(&armed_kinds, kinds);
}

long fault_disarm(void)
{
	atomic_store(&armed_kinds, 0);
	return atomic_load(&failed);
}

long fault_sweep(int kinds, enum fault_span span, int (*body)(void *arg), void *arg)
{
	for (long nth = 1;; nth++) {
		fault_arm(kinds, nth, span);
		body(arg);
		if (fault_disarm() == 0)
			return nth - 1;
		test_note("%s", "");
	}
}

/* What the linker makes of a call to NAME, and of a call to __real_NAME. */
#define WRAP(kind, error, failure, type, name, params, args)                                       \
	type __real_##name params;                                                                 \
	type __wrap_##name params;                                                                 \
	type __wrap_##name params                                                                  \
	{                                                                                          \
		return strikes(kind, #name, error) ? (failure) : __real_##name args;               \
	}

WRAP(FAULT_ALLOC, ENOMEM, NULL, void *, malloc, (size_t n), (n))
WRAP(FAULT_ALLOC, ENOMEM, NULL, void *, calloc, (size_t n, size_t size), (n, size))
WRAP(FAULT_ALLOC, ENOMEM, NULL, void *, realloc, (void *p, size_t n), (p, n))
WRAP(FAULT_ALLOC, ENOMEM, NULL, void *, reallocarray, (void *p, size_t n, size_t s), (p, n, s))
WRAP(FAULT_ALLOC, ENOMEM, NULL, void *, aligned_alloc, (size_t align, size_t n), (align, n))
WRAP(FAULT_ALLOC, ENOMEM, ENOMEM, int, posix_memalign, (void **p, size_t align, size_t n),
     (p, align, n))
WRAP(FAULT_ALLOC, ENOMEM, NULL, char *, strdup, (const char *s), (s))
WRAP(FAULT_ALLOC, ENOMEM, NULL, char *, strndup, (const char *s, size_t n), (s, n))
WRAP(FAULT_ALLOC, ENOMEM, -1, int, vasprintf, (char **s, const char *format, va_list args),
     (s, format, args))
WRAP(FAULT_ALLOC, ENOMEM, NULL, FILE *, open_memstream, (char **s, size_t *len), (s, len))
WRAP(FAULT_MAP, ENOMEM, MAP_FAILED, void *, mmap,
     (void *at, size_t len, int prot, int flags, int fd, off_t offset),
     (at, len, prot, flags, fd, offset))
WRAP(FAULT_FD, EMFILE, -1, int, socket, (int domain, int type, int protocol),
     (domain, type, protocol))
WRAP(FAULT_FD, EMFILE, -1, int, socketpair, (int domain, int type, int protocol, int fds[2]),
     (domain, type, protocol, fds))
WRAP(FAULT_FD, EMFILE, -1, int, accept4, (int fd, struct sockaddr *a, socklen_t *n, int flags),
     (fd, a, n, flags))
WRAP(FAULT_FD, EMFILE, -1, int, pipe2, (int fds[2], int flags), (fds, flags))
WRAP(FAULT_FD, EMFILE, -1, int, eventfd, (unsigned count, int flags), (count, flags))
WRAP(FAULT_FD, EMFILE, -1, int, memfd_create, (const char *name, unsigned flags), (name, flags))
WRAP(FAULT_FD, EMFILE, -1, int, dup, (int fd), (fd))
WRAP(FAULT_SPAWN, EAGAIN, -1, pid_t, fork, (void), ())
WRAP(FAULT_SPAWN, EAGAIN, EAGAIN, int, pthread_create,
     (pthread_t * thread, const pthread_attr_t *attr, void *(*fn)(void *), void *arg),
     (thread, attr, fn, arg))

int __wrap_asprintf(char **s, const char *format, ...) DUET_PRINTF(2, 3);
int __wrap_asprintf(char **s, const char *format, ...)
{
	va_list args;
	int r;

	va_start(args, format);
	r = __wrap_vasprintf(s, format, args);
	va_end(args);
	return r;
}

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list args;

	if (strikes(FAULT_FD, "open", EMFILE))
		return -1;
	if (flags & (O_CREAT | O_TMPFILE)) {
		va_start(args, flags);
		mode = va_arg(args, mode_t);
		va_end(args);
	}
	return __real_open(path, flags, mode);
}
