/* What an earlier run left, read from its journal: which rows are done, and where its output ends.
 *
 * Life: read -> (retry_failed) -> ask about each row in the order of the input -> fini. */
#ifndef TOOLS_RUN_RESUME_H
#define TOOLS_RUN_RESUME_H

#include "tools/run/output.h"

struct resume {
	/* Of rows that are in the output, by index; 0 = not there. */
	uint64_t *keys;
	uint64_t size;   /* of keys */
	uint64_t marked; /* rows in the output */
	uint64_t last;   /* the highest index done, plus one */
	struct journal_mark mark;
	/* Rows whose lines are in the journal alone, by index. */
	struct journal_row *rows;
	size_t n, room, at;
	/* In the order of the output, for retry_failed: index, and top bit = failed. */
	uint64_t *order;
	uint64_t ordered;
	bool keep_order;
};

enum resume_state { RESUME_NEW, RESUME_WRITTEN, RESUME_JOURNALLED, RESUME_DIFFERS };

/* Reads the journal.  *head as journal_read says.  -> 0, -errno, -EPROTO */
int resume_read(struct resume *r, struct journal *j, bool keep_order, struct text *head);

/* Makes a journal in which only the rows that went well are done, all of them to be written anew,
 * and puts it in the place of the old.  -> how many rows failed, -errno, -EPROTO (output and
 * journal do not belong together) */
int64_t resume_retry_failed(struct resume *r, struct journal *j, struct output_file *output);

/* What is to be done about this row; indices never go down.  *row is set if its line is in the
 * journal. */
enum resume_state resume_look(struct resume *r, uint64_t index, uint64_t key,
			      struct journal_row **row);

/* Those rows of the journal that were not asked about yet: they are still to be read from it.
 * -> how many, from *rows on */
size_t resume_left(const struct resume *r, struct journal_row **rows);

void resume_fini(struct resume *r);

#endif
