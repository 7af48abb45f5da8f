/* What a test left behind: descriptors, processes, files. */
#ifndef DUET_TEST_LEAKS_H
#define DUET_TEST_LEAKS_H

#include <stdbool.h>

enum { LEAKS_MAX_FD = 4096 };

struct leaks_fds {
	unsigned char open[LEAKS_MAX_FD];
};

/* A directory of the test's own, with two in it. */
struct leaks_dirs {
	char base[64];
	char tmp[80];     /* $TMPDIR: the test must leave it empty */
	char scratch[80]; /* removed with all that is in it        */
};

void leaks_fds_list(struct leaks_fds *fds);

/* Names each descriptor that is open now and was not before; up to `allowed` pipes, eventfds and
 * epolls are let pass.  Waits up to a second for threads of libraries that close theirs later, as
 * nng's do. -> how many are too many */
int leaks_fds_count(const struct leaks_fds *before, int allowed);

/* Whether this process has a child, alive or a zombie. */
bool leaks_children_any(void);

/* Gives every child of this process so many seconds to end, reaping them; then names, counts and
 * kills those that are left. */
int leaks_orphans_end(int seconds);

void leaks_dirs_open(struct leaks_dirs *dirs);
void leaks_dirs_close(struct leaks_dirs *dirs);
int leaks_dir_count(const char *path);

#endif
