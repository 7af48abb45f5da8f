/* A job: a function that runs in a forked worker process, on another core.
 *
 *     static int upper(duet_job *job)
 *     {
 *             duet_bytes in = duet_job_input(job);
 *             char *out = duet_job_reserve(job, in.len);
 *             if (out == NULL)
 *                     return -ENOMEM;
 *             for (size_t i = 0; i < in.len; i++)
 *                     out[i] = toupper(((const char *)in.data)[i]);
 *             return 0;
 *     }
 *     ...
 *     duet_job_register("upper", upper);        // in main, before duet_pool_open
 *
 * A worker runs one job at a time, is single-threaded, and keeps its memory from job to job: what
 * a job leaves in static variables, the next one on that worker finds.  A job may do what a
 * program may: allocate, read files, start threads that it also joins, fork, exit, crash.  It shares
 * nothing with the parent but the bytes that go in and come out.  Its standard input is empty, it
 * has no other descriptors of the parent's, and files that it creates are for its user alone.
 * exit() ends the worker without the program's own exit handlers; what a job has forked ends when it
 * returns from the job, or with the worker, or (a daemon in a session of its own) with the pool. */
#ifndef DUET_JOB_H
#define DUET_JOB_H

#include <duet/api.h>
#include <duet/bytes.h>

typedef struct duet_job duet_job;

/* -> >= 0: the result of the call; < 0: the job failed with that code (-errno, or one of your
 * own), and its reply is dropped. */
typedef int duet_job_fn(duet_job *job);

DUET_BEGIN_DECLS

/* Parent.  Makes fn known to every pool under this name (copied).  Call it before the first
 * duet_pool_open: workers are forked from there, and know what was registered then.
 * -> 0, -EINVAL (no name, no function), -EEXIST (the name is taken), -EBUSY (a pool is open),
 * -ENOMEM */
DUET_API int duet_job_register(const char *name, duet_job_fn *fn);

/* All that follows is called by the job, in the worker, and never suspends. */

/* The bytes of the call.  Lent until the job returns, and not to be written: they may lie in
 * memory that only the parent can write. */
DUET_API duet_bytes duet_job_input(const duet_job *job);

/* Appends a copy of len bytes to the reply.  -> 0, -ENOMEM, -E2BIG (over the pool's .max_payload) */
DUET_API int duet_job_reply(duet_job *job, const void *data, size_t len);

/* Appends len bytes for the job to fill in, in place: a large reply is built where the parent will
 * read it.  Lent until the next append.  -> the bytes, or NULL with errno ENOMEM or E2BIG */
DUET_API void *duet_job_reserve(duet_job *job, size_t len);

/* Sets the words of the failure, for duet_errmsg() in the calling task.  -> code (>= 0 becomes
 * -EINVAL), so that a job ends with `return duet_job_fail(job, -EBADMSG, "line %d", n);` */
DUET_API int duet_job_fail(duet_job *job, int code, const char *format, ...) DUET_PRINTF(3, 4);

/* Tells the caller's .on_progress how far the job is: 0 to 1.  Cheap: at most one in 10 ms is
 * sent.  -> 0 */
DUET_API int duet_job_progress(duet_job *job, double fraction);

/* Whether the caller has gone or the time is up, and the pool's .grace is running: end soon, what
 * you return is dropped.  Without a grace the worker is killed instead. */
DUET_API bool duet_job_cancelled(const duet_job *job);

DUET_END_DECLS

#endif
