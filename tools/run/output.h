/* The output of a run: lines in the order of the input (or as they come), whatever order they end
 * in.  A line that has to wait for its turn waits in the journal if there is one, else in memory;
 * never more than `window` of them.
 *
 * Nothing here suspends but output_flush. */
#ifndef TOOLS_RUN_OUTPUT_H
#define TOOLS_RUN_OUTPUT_H

#include "tools/run/journal.h"

/* A file that is written at its end. */
struct output_file {
	const char *name; /* for messages; NULL = there is none     */
	int fd;
	bool is_regular;
	uint64_t written; /* its length                             */
	struct text waiting;
};

struct output_slot {
	bool is_filled;
	struct journal_row row;
	struct text line; /* without a journal */
};

struct output {
	struct output_file lines, errors;
	struct journal *journal; /* or NULL */
	bool unordered;
	struct output_slot *slots; /* a ring: index % window */
	size_t window;
	uint64_t next;       /* the row whose turn it is (unordered: how many are out)          */
	size_t held;         /* rows that wait for their turn                                   */
	uint64_t ok, failed; /* lines written, or about to be                                */
	const char *failed_name; /* the file that a failure was about                        */
};

/* -> 0, -ENOMEM */
int output_init(struct output *o, size_t window, bool unordered, struct journal *journal);
void output_fini(struct output *o); /* closes the files too, without a look at errors */

/* A row has ended.  line is taken (and cleared); it may be empty if the journal has it.
 * -> 0, -errno */
int output_place(struct output *o, const struct journal_row *row, struct text *line);

/* Moves on what can be: until 1 MiB waits to be written.  -> 0, -errno */
int output_drain(struct output *o);

/* Writes what waits, and what then can be moved on.  Suspends where a reader is slow; one task at
 * a time.  -> 0, -errno (failed_name says of which file), DUET_ECANCELED */
int output_flush(struct output *o);

/* Rows that wait for their turn, for journal_compact: an array to be freed, with room for so many
 * more.  -> how many, -ENOMEM */
long output_held(struct output *o, size_t more, struct journal_row ***rows);

#endif
