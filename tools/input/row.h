/* One row of the input: what is sent for it, and as whom.  Pure.
 *
 * Four forms of line are taken:
 *     {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": {...}}
 *     {"model": "m", "messages": [...], "metadata": ...}      a body; metadata comes back with it
 *     {"prompt": "...", ...}       or any object, with --prompt 'Summarise: {field}'
 *     words                        with --text
 * A line that is none of them becomes a row with a problem, never a crash. */
#ifndef TOOLS_INPUT_ROW_H
#define TOOLS_INPUT_ROW_H

#include "tools/input/lines.h"
#include <duet/bytes.h>

struct row {
	uint64_t index; /* among the rows, from 0                                             */
	size_t line;    /* in the input, from 1                                               */
	char *id;       /* custom_id, or "row-<line>"                                         */
	size_t id_len;
	bool has_id;      /* it was in the line                                                */
	const char *path; /* "/chat/completions"; static                                      */
	char *body;       /* what is posted, NUL-terminated; NULL with a problem                */
	size_t body_len;
	char *metadata;   /* JSON to be given back, or NULL                                    */
	char *problem;    /* why nothing can be sent, or NULL                                  */
	bool lacks_model; /* that is why                                                       */
	uint64_t key;     /* of id, path and body: what must not change between two runs       */
};

/* How to make rows.  Strings are lent. */
struct row_rules {
	const char *model; /* for rows that name none                                     */
	const char *system;
	const char *template; /* of the prompt, or NULL                                      */
	const char *const *members; /* further members of built bodies: "name=value"          */
	size_t member_count;
	long max_tokens; /* 0 = none said                                                 */
	bool is_text;    /* lines are words, not JSON                                     */
};

/* Whether a line holds nothing at all. */
bool row_is_blank(const struct line *line);

/* -> a row, to be freed; NULL = out of memory */
struct row *row_parse(const struct row_rules *rules, const struct line *line, uint64_t index);
void row_free(struct row *row);

/* Adds "name": value to a body; value is JSON if it is valid JSON, else a string. -> 0, -EINVAL */
int row_check_member(const char *member);

/* For a message: a row's own custom_id, or -ENOENT.  Allocates *id. */
int row_peek_id(const struct line *line, char **id, size_t *len);

#endif
