/* The files of a run: output, errors and journal, opened so that nothing is lost or mixed up. */
#ifndef TOOLS_RUN_FILES_H
#define TOOLS_RUN_FILES_H

#include "tools/run/options.h"
#include "tools/run/output.h"
#include "tools/run/resume.h"

struct files {
	struct output output;
	struct journal journal;
	bool has_journal; /* the output is a regular file */
	struct resume resume;
	int64_t again; /* --retry-failed: rows to be asked again                             */
	char why[400]; /* of a failure */
};

/* input_fd: the output must not be the same file.  -> 0, an exit status (why is set) */
int files_open(struct files *f, const struct run_options *o, int input_fd);
void files_close(struct files *f);

#endif
