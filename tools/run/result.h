/* What became of a row, and how it stands in the output.  Pure.
 *
 * Without --timings a line depends on the row and its answer only, so that a run which was
 * interrupted and resumed leaves the same bytes as one which was not. */
#ifndef TOOLS_RUN_RESULT_H
#define TOOLS_RUN_RESULT_H

#include "tools/input/row.h"
#include "tools/run/codes.h"
#include "tools/run/options.h"
#include "tools/text.h"

#include <duet/llm.h>

struct result {
	enum row_code code;
	char *message; /* why not ok, or NULL          */
	duet_completion answer;
	int attempts;     /* with those of --reask        */
	struct text post; /* JSON, or empty               */
	duet_time post_time;
};

/* Sets the code, and keeps the words if it is a failure. */
void result_set(struct result *r, enum row_code code, const char *message);
void result_free(struct result *r);

/* The output line, with its line end. */
void result_line(const struct run_options *o, const struct row *row, const struct result *r,
		 struct text *out);

#endif
