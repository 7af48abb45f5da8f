/* The journal of a run: what is needed to go on after any end of the process, at any moment.
 *
 * Happy path.  A row that has ended is appended whole (its output line with it) before anything
 * else is done with it.  When it is its turn it is written to the output.  Now and then, once the
 * output has reached the disk, a mark says how far: these rows, up to these lengths of the files.
 *
 * After a crash the output is cut to the last mark, and the rows behind it are written again from
 * their records.  So each row stands in the output exactly once, and only rows that were on their
 * way to the server are asked again.
 *
 * Format: records of | length u32 | crc32 u32 | kind u8 | payload |, little endian; the crc covers
 * kind and payload.  The first is the head: the settings of the run, "name=value\n" each.  Whatever
 * follows the first record that is torn or damaged does not count.
 *
 * Invariants: a mark only covers rows whose records stand before it; bytes of a mark's rows are on
 * the disk before the mark is written; one process at a time has the file (flock). */
#ifndef TOOLS_RUN_JOURNAL_H
#define TOOLS_RUN_JOURNAL_H

#include "tools/text.h"

/* What a row that has ended left. */
struct journal_row {
	uint64_t index, key;
	uint32_t ok;     /* 1 = it succeeded                                               */
	uint64_t offset; /* of its line in the journal                                     */
	uint32_t len;    /* of its line                                                    */
};

struct journal {
	int fd;
	char *path;
	uint64_t end;  /* where the next record goes                                     */
	uint64_t live; /* bytes that were needed when it was last made compact, and marks since */
	struct journal_rows {
		struct journal_row *rows;
		size_t n, room;
	} noted,        /* since the last seal          */
		sealed; /* for the mark that comes next */
};

struct journal_mark {
	uint64_t output, errors; /* lengths of the files */
	uint64_t ok, failed;     /* rows so far          */
};

/* Hears what stands in a journal, in order. */
struct journal_reader {
	void *context;
	int (*row)(void *context, const struct journal_row *row);
	/* Rows whose lines are in the output, in the order in which they stand there. */
	int (*marked)(void *context, uint64_t index, uint64_t key, bool ok);
	int (*mark)(void *context, const struct journal_mark *mark);
};

/* Opens or creates it, and locks it.  -> 0, -EBUSY (another process has it), -errno */
int journal_open(struct journal *j, const char *path);

/* Reads it.  *head is set to the settings, to be freed; empty = the journal is new, or so torn that
 * it says nothing.  What is damaged at its end is cut off.  -> 0, -errno, -EPROTO (this is some
 * other kind of file), or what a callback said */
int journal_read(struct journal *j, const struct journal_reader *reader, struct text *head);

/* Begins anew with these settings; nothing of the old is left.  -> 0, -errno */
int journal_start(struct journal *j, duet_bytes head);

/* Appends a row that has ended, and says where its line is.  A failure leaves the file as it was,
 * as far as the disk allows.  -> 0, -errno */
int journal_add(struct journal *j, struct journal_row *row, duet_bytes line);
/* The line of a row.  -> 0, -errno */
int journal_line(const struct journal *j, const struct journal_row *row, struct text *out);

/* Notes that a row's line is now in the output. */
int journal_note(struct journal *j, const struct journal_row *row);
/* What was noted so far is what the next mark covers: then sync the output, then add the mark.
 * -> whether there is anything to mark */
bool journal_seal(struct journal *j);
int journal_add_mark(struct journal *j, const struct journal_mark *mark);

/* Replaces the file with one that holds only the marks, these rows, and those that were noted and
 * not marked yet; durable when it returns.  Then the rows' offsets are new: any row that is still to
 * be read has to be among them.  -> 0, -errno */
int journal_compact(struct journal *j, struct journal_row *const rows[], size_t n);

/* A file that was made or renamed has its name for good only once its folder is on the disk: start
 * and compact see to it, whoever renames calls this.  -> 0, -errno */
int journal_sync_name(const struct journal *j);

void journal_close(struct journal *j);

#endif
