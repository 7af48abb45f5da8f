/* A child process, with its standard streams as duet streams.
 *
 *     const char *argv[] = {"sort", "-r", NULL};
 *     duet_process *p = duet_process_open(&(duet_process_options){
 *             .argv = argv, .in = DUET_PROCESS_PIPE, .out = DUET_PROCESS_PIPE});
 *     duet_stream_write(duet_process_in(p), "a\nb\n", 4);
 *     duet_process_close_in(p);                          // sort reads the end
 *     while (duet_stream_readline(duet_process_out(p), line, sizeof(line)) > 0)
 *             fputs(line, stdout);
 *     int status = duet_process_wait(p);
 *     duet_process_close(p);
 *
 * Life: open -> streams, wait, kill -> close.  A process never outlives its handle: close kills
 * what still runs.  Or all in one call:
 *
 *     duet_buf text = {0};
 *     int status = duet_process_run(&(duet_process_options){.argv = argv}, DUET_STR("b\na\n"),
 *                                   &text, NULL);
 */
#ifndef DUET_PROCESS_H
#define DUET_PROCESS_H

#include <duet/api.h>
#include <duet/bytes.h>
#include <duet/stream.h>
#include <sys/types.h>

typedef struct duet_process duet_process;

typedef enum duet_process_stdio {
	DUET_PROCESS_INHERIT = 0,
	DUET_PROCESS_PIPE = 1,   /* a duet_stream here     */
	DUET_PROCESS_NULL = 2,   /* /dev/null              */
	DUET_PROCESS_TO_OUT = 3, /* .err only: as .out   */
} duet_process_stdio;

/* All pointers are lent for the call.  Every field but argv may be 0 for its default. */
typedef struct duet_process_options {
	const char *const *argv; /* argv[0] is looked up in $PATH; ended by NULL              */
	const char *const *env;  /* "NAME=value", ended by NULL; NULL = this process's        */
	const char *directory;   /* to start in; NULL = here                                  */
	duet_process_stdio in, out, err;
} duet_process_options;

DUET_BEGIN_DECLS

/* Starts it: with default signals, no other descriptor than 0, 1, 2, and a process group of its
 * own.  In a run.  -> gives a process, or NULL with errno (ENOENT, EACCES, EMFILE ...) and words */
DUET_API duet_process *duet_process_open(const duet_process_options *options);

DUET_API pid_t duet_process_pid(const duet_process *p);

/* Lent; NULL unless it was asked for. */
DUET_API duet_stream *duet_process_in(const duet_process *p);
DUET_API duet_stream *duet_process_out(const duet_process *p);
DUET_API duet_stream *duet_process_err(const duet_process *p);
DUET_API void duet_process_close_in(duet_process *p); /* twice is once */

/* Suspends until it has ended; any number of times, in any number of tasks.
 * -> its exit status 0..255, or 256 + the signal that ended it; -ECHILD (another wait of this program
 * took its status, or it ignores SIGCHLD), DUET_ECANCELED, DUET_ENOTASK, -ENOMEM */
DUET_SUSPENDS DUET_API int duet_process_wait(duet_process *p);

/* Sends a signal to its process group.  -> 0, -ESRCH (it has ended), -EPERM ... */
DUET_API int duet_process_kill(duet_process *p, int signal);

/* Kills its process group (SIGKILL) if it still runs, closes the streams, frees p; it is reaped
 * without holding up the loop.  NULL is fine. */
DUET_API void duet_process_close(duet_process *p);

/* Runs it to its end: `in` is what it reads (none: as options->in says), out and err get what it
 * writes (NULL: as the options say), NUL-terminated behind .len.  Cancelled, it is killed.
 * -> as wait (out and err are the caller's to free); as open and the reads of a stream */
DUET_SUSPENDS DUET_API int duet_process_run(const duet_process_options *options, duet_bytes in,
					    duet_buf *out, duet_buf *err);

DUET_END_DECLS

#endif
