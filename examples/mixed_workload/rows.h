/* The rows of a run, in input order: prompt, state, result. */
#ifndef MIXED_WORKLOAD_ROWS_H
#define MIXED_WORKLOAD_ROWS_H

#include "failures.h"
#include "kernel.h"

#include <duet/bytes.h>

enum row_state { ROW_OPEN, ROW_DONE, ROW_FAILED };

struct row {
	char *prompt; /* NULL: "prompt number i" */
	enum row_state state;
	const char *reason; /* of a failed row, lent by failures */
	char result[DK_RESULT_MAX];
};

struct rows {
	struct row *row;
	size_t n, done, failed;
	struct failures failures;
};

/* n numbered prompts.  -> 0, -ENOMEM */
int rows_number(struct rows *rows, size_t n);

/* The prompts of a file, a line each, {"prompt": "..."} or "..."; the first `limit` of them if it
 * is not 0.  A broken line becomes a failed row, and is named on stderr.  -> 0, -errno */
int rows_read(struct rows *rows, const char *path, size_t limit);

/* The prompt of row i: lent by the row, or written to number. */
enum { ROW_NUMBER_MAX = 40 };
const char *rows_prompt(const struct rows *rows, size_t i, char number[ROW_NUMBER_MAX]);

void rows_finish(struct rows *rows, size_t i, duet_bytes result);
void rows_fail(struct rows *rows, size_t i, const char *reason);

/* First 16 hex digits of the SHA-256 of all results, joined by newline. */
void rows_digest(const struct rows *rows, char out[17]);

/* One line of JSON for each row that was done or failed.  -> 0, -errno */
int rows_write(const struct rows *rows, const char *path);

void rows_free(struct rows *rows);

#endif
