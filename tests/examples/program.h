/* Fixture: the mixed_workload program as its user sees it. */
#ifndef TESTS_EXAMPLES_PROGRAM_H
#define TESTS_EXAMPLES_PROGRAM_H

#include <stddef.h>
#include <sys/types.h>

struct program {
	pid_t pid;
	int out_fd, err_fd;
	int status; /* exit status, or 128 + the signal that ended it */
	char out[16384], err[16384];
};

/* Runs it with these arguments (words parted by blanks) to its end. */
void program_run(struct program *p, const char *arguments);

/* The same in two steps. */
void program_start(struct program *p, const char *arguments);
void program_finish(struct program *p);

/* Its descendants: generation 1 are its children, 2 theirs.  Waits until there are `want`.
 * -> how many were found, at most `size` */
size_t program_descendants(const struct program *p, int generation, size_t want, pid_t pids[],
			   size_t size);

/* Waits until it has a handler for the signal. */
void program_until_catches(const struct program *p, int signal);

#endif
