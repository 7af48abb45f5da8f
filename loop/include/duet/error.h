/* Errors.  Every int result below zero is one: -errno, or a code of duet's own.
 *
 * The code decides, the words explain:
 *
 *     if ((r = duet_pool_call(pool, "resize", in, &out)) < 0)
 *             fprintf(stderr, "%s: %s\n", duet_err_name(r), duet_errmsg());
 *
 * Output arguments are untouched by a call that failed, unless its header says otherwise.
 * Constructors return NULL, with errno set and the words in duet_errmsg(). */
#ifndef DUET_ERROR_H
#define DUET_ERROR_H

#include <duet/api.h>
#include <errno.h>

#define DUET_ECANCELED (-ECANCELED)
#define DUET_ETIMEDOUT (-ETIMEDOUT)
#define DUET_ENOMEM    (-ENOMEM)
#define DUET_EINVAL    (-EINVAL)
#define DUET_EDEADLK   (-EDEADLK)
#define DUET_EAGAIN    (-EAGAIN)
#define DUET_EBUSY     (-EBUSY)
#define DUET_ENOENT    (-ENOENT)
#define DUET_E2BIG     (-E2BIG)
#define DUET_EALREADY  (-EALREADY)

/* code, number, words */
#define DUET_ERRORS(X)                                                                             \
	X(ECLOSED, -4001, "the queue, stream or pool is shut down")                                \
	X(EWORKER, -4002, "the worker process died under the job")                                 \
	X(EPOOL, -4003, "no worker can be started any more")                                       \
	X(ENOTASK, -4004,                                                                          \
	  "a suspending call was made outside a task: it needs duet_run around it")                \
	X(EFORKED, -4005,                                                                          \
	  "the loop was inherited across a fork: return from its run, or _exit, first")            \
	X(EPROTO, -4006, "the other side broke the protocol")                                      \
	X(EHTTP, -4007, "the HTTP transfer failed")                                                \
	X(EDNS, -4008, "the host name could not be resolved")                                      \
	X(ETLS, -4009, "the TLS connection could not be trusted or set up")                        \
	X(EJSON, -4010, "the text is not valid JSON")                                              \
	X(ERATE, -4011, "the server's rate limit was reached")                                     \
	X(EQUOTA, -4012, "the account's quota is used up")                                         \
	X(EAUTH, -4013, "the server refused the credentials")                                      \
	X(ESERVER, -4014, "the server failed to handle the request")                               \
	X(EREQUEST, -4015, "the server refused the request as wrong")

enum {
#define DUET_ERROR_ENUM(name, number, words) DUET_##name = number,
	DUET_ERRORS(DUET_ERROR_ENUM)
#undef DUET_ERROR_ENUM
};

DUET_BEGIN_DECLS

/* Words for a code, and its name ("ECANCELED", "EWORKER").  Static strings, never NULL, any
 * thread. */
DUET_API const char *duet_strerror(int code);
DUET_API const char *duet_err_name(int code);

/* What went wrong in the last duet call that failed in this task (outside tasks: in this thread),
 * in words a person can act on.  Never NULL.  Lent: valid until the task's next duet call. */
DUET_API const char *duet_errmsg(void);

DUET_END_DECLS

#endif
