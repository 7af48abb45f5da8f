/* Fixture: the duet program as its user sees it, and files for it. */
#ifndef TESTS_TOOLS_PROGRAM_H
#define TESTS_TOOLS_PROGRAM_H

#include <stddef.h>
#include <sys/types.h>

struct program {
	pid_t pid;
	int out_fd, err_fd;
	struct disk *disk;
	int status; /* exit status, or 128 + the signal that ended it */
	char out[65536], err[65536];
};

/* How to start it; {0} is plain. */
struct program_options {
	const char *const *env; /* "NAME=value", ended by NULL, on top of what the tests have */
	const char *input;      /* standard input's file; NULL = /dev/null                 */
	long file_limit;        /* RLIMIT_FSIZE, or 0                                        */
	int out_fd;             /* its standard output instead of ours; 0 = ours             */
	int closed;             /* 1 << n: standard file n is closed                         */
	struct disk *disk;      /* what fails under it (disk.h); NULL = nothing              */
};

/* arguments: words parted by blanks; %s in them is the test's scratch directory.  A word may be
 * quoted with '. */
void program_start(struct program *p, const struct program_options *o, const char *arguments);
/* To its end. */
void program_finish(struct program *p);
void program_run(struct program *p, const char *arguments);
void program_run_with(struct program *p, const struct program_options *o, const char *arguments);

/* duet mock in a process of its own; url ends in /v1. */
struct mock {
	struct program program;
	char url[64];
	int port;
};
void mock_start(struct mock *m, const char *arguments);
void mock_stop(struct mock *m);
/* A number out of /stats. */
long mock_stat(const struct mock *m, const char *name);

/* Files in the scratch directory. */
const char *path_of(const char *name); /* valid for the next few calls */
void file_write(const char *name, const void *data, size_t len);
void file_put(const char *name, const char *text);
char *file_read(const char *name, size_t *len); /* NUL-terminated, to be freed; NULL = none */
long file_size(const char *name);               /* -1 = none */
long file_lines(const char *name);
void file_remove(const char *name);
/* Whether two files hold the same; if not, says where they part. */
void file_check_same(const char *name, const char *other);

/* n rows {"prompt":"question 0"} ... */
void rows_write(const char *name, int n);

#endif
