/* The rows of a run, in input order: prompt, state, result. */
#ifndef EXAMPLES_MIXED_ROWS_H
#define EXAMPLES_MIXED_ROWS_H

#include "failures.h"
#include "kernel.h"

#include <duet/bytes.h>

enum row_state { ROW_OPEN, ROW_DONE, ROW_FAILED };

struct row {
	duet_bytes prompt; /* in JSON, lent by the input; data is NULL: "prompt number i" */
	enum row_state state;
	const char *reason; /* of a failed row, lent by failures */
	char result[DK_RESULT_MAX];
};

struct rows {
	struct row *row;
	size_t n, done, failed;
	struct failures failures;
	duet_buf input;
};

/* n numbered prompts.  -> 0, -ENOMEM */
int rows_number(struct rows *rows, size_t n);

/* The prompts of a file, a line each; the first `limit` of them if it is not 0.  A broken line
 * becomes a failed row, and is named on stderr.  -> 0, -errno */
int rows_read(struct rows *rows, const char *path, size_t limit);

/* Writes the prompt of row i to out, as JSON with its quotes, unless it is longer than size.
 * -> its length */
size_t rows_prompt(const struct rows *rows, size_t i, char *out, size_t size);

void rows_finish(struct rows *rows, size_t i, duet_bytes result);
void rows_fail(struct rows *rows, size_t i, const char *reason);

/* First 16 hex digits of the SHA-256 of all results, joined by newline. */
void rows_digest(const struct rows *rows, char out[17]);

/* One line of JSON for each row that was done or failed.  -> 0, -errno */
int rows_write(const struct rows *rows, const char *path);

void rows_free(struct rows *rows);

#endif
