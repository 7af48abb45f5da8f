/* The input file, or standard input: rows, one after the other.
 *
 * A regular file is looked through once before the first row is sent: rows are counted, and a
 * custom_id that stands twice is found with both its lines.  A pipe cannot be read twice: there the
 * second row of the same id gets a problem when it comes. */
#ifndef TOOLS_INPUT_INPUT_H
#define TOOLS_INPUT_INPUT_H

#include "tools/input/ids.h"
#include "tools/input/row.h"

struct input {
	const char *name; /* for messages */
	int fd;
	bool is_regular;
	struct lines lines;
	struct ids ids; /* of a pipe */
	uint64_t index; /* of the next row */
};

struct input_scan {
	uint64_t rows;
	size_t first, second; /* lines of a custom_id that stands twice; 0 = none            */
	char *id;             /* it, to be freed; NULL = none                                */
	size_t id_len;
};

/* path "-" is standard input.  -> 0, -errno, -EISDIR */
int input_open(struct input *in, const char *path);

/* Blank lines are passed over.  Reading from a pipe suspends.  -> 1 and a row to be freed, 0 = the
 * end, -ENOMEM, -errno, DUET_ECANCELED */
int input_next(struct input *in, const struct row_rules *rules, struct row **out);

/* Only for a regular file: begins, and ends, at its beginning.  most = rows to look at, 0 = all.
 * -> 0, -errno, -ENOMEM */
int input_scan(struct input *in, const struct row_rules *rules, uint64_t most,
	       struct input_scan *out);

void input_close(struct input *in);

#endif
