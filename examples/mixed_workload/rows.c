#include "rows.h"

#include <duet/duet.h>
#include <errno.h>
#include <openssl/evp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BROKEN_SHOWN = 20 };

int rows_number(struct rows *rows, size_t n)
{
	*rows = (struct rows){.n = n, .row = calloc(n, sizeof *rows->row)};
	return rows->row != NULL ? 0 : -ENOMEM;
}

/* -> NULL and the prompt on the heap, or what is wrong with the line */
static const char *read_prompt(duet_bytes line, char **ret_prompt)
{
	duet_bytes value = line;
	char *prompt;
	size_t len;

	if (duet_json_check(line) < 0)
		return duet_errmsg();
	if (*(const char *)line.data == '{' && duet_json_find(line, "prompt", &value) < 0)
		return "no \"prompt\" in it";
	if (duet_json_text(value, &prompt, &len) < 0)
		return "the prompt is not a string";
	if (strlen(prompt) != len) {
		free(prompt);
		return "the prompt holds a NUL";
	}
	*ret_prompt = prompt;
	return NULL;
}

static void read_row(struct rows *rows, size_t i, duet_bytes line, const char *path, size_t number)
{
	const char *trouble = read_prompt(line, &rows->row[i].prompt);

	if (trouble == NULL)
		return;
	if (rows->failed < BROKEN_SHOWN)
		fprintf(stderr, "%s:%zu: %s\n", path, number, trouble);
	else if (rows->failed == BROKEN_SHOWN)
		fprintf(stderr, "%s: and more lines like these\n", path);
	rows_fail(rows, i, "broken input line");
}

static int add_row(struct rows *rows, size_t *size)
{
	if (rows->n == *size) {
		size_t more = *size > 0 ? 2 * *size : 256;
		struct row *row = realloc(rows->row, more * sizeof *row);
		if (row == NULL)
			return -ENOMEM;
		rows->row = row;
		*size = more;
	}
	rows->row[rows->n++] = (struct row){0};
	return 0;
}

static int read_lines(struct rows *rows, FILE *from, const char *path, size_t limit)
{
	char *line = NULL;
	size_t line_size = 0, rows_size = 0;
	ssize_t len;
	int r = 0;

	errno = 0;
	for (size_t number = 1; r == 0 && (limit == 0 || rows->n < limit); number++) {
		if ((len = getline(&line, &line_size, from)) < 0)
			break;
		size_t indent = strspn(line, " \t\r\n");
		if (indent == (size_t)len)
			continue;
		r = add_row(rows, &rows_size);
		if (r == 0)
			read_row(rows, rows->n - 1, DUET_BYTES(line + indent, (size_t)len - indent),
				 path, number);
	}
	free(line);
	return r == 0 && ferror(from) ? -errno : r;
}

int rows_read(struct rows *rows, const char *path, size_t limit)
{
	FILE *from = fopen(path, "re");
	int r;

	*rows = (struct rows){0};
	if (from == NULL)
		return -errno;
	r = read_lines(rows, from, path, limit);
	fclose(from);
	return r;
}

const char *rows_prompt(const struct rows *rows, size_t i, char number[ROW_NUMBER_MAX])
{
	if (rows->row[i].prompt != NULL)
		return rows->row[i].prompt;
	snprintf(number, ROW_NUMBER_MAX, "prompt number %zu", i);
	return number;
}

void rows_finish(struct rows *rows, size_t i, duet_bytes result)
{
	struct row *row = &rows->row[i];

	snprintf(row->result, sizeof row->result, "%.*s", (int)result.len,
		 (const char *)result.data);
	row->state = ROW_DONE;
	rows->done++;
}

void rows_fail(struct rows *rows, size_t i, const char *reason)
{
	rows->row[i].state = ROW_FAILED;
	rows->row[i].reason = failures_add(&rows->failures, reason);
	rows->failed++;
}

void rows_digest(const struct rows *rows, char out[17])
{
	EVP_MD_CTX *sha = EVP_MD_CTX_new();
	unsigned char digest[EVP_MAX_MD_SIZE] = {0};
	const char *separator = "";

	if (sha != NULL && EVP_DigestInit_ex(sha, EVP_sha256(), NULL) == 1) {
		for (size_t i = 0; i < rows->n; i++) {
			if (rows->row[i].state != ROW_DONE)
				continue;
			EVP_DigestUpdate(sha, separator, strlen(separator));
			EVP_DigestUpdate(sha, rows->row[i].result, strlen(rows->row[i].result));
			separator = "\n";
		}
		EVP_DigestFinal_ex(sha, digest, NULL);
	}
	EVP_MD_CTX_free(sha);
	for (int i = 0; i < 8; i++)
		sprintf(out + 2 * i, "%02x", digest[i]);
}

static void write_string(FILE *to, const char *text)
{
	fputc('"', to);
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\')
			fputc('\\', to);
		if ((unsigned char)*text < 0x20)
			fprintf(to, "\\u%04x", (unsigned)*text);
		else
			fputc(*text, to);
	}
	fputc('"', to);
}

static void write_row(FILE *to, const struct row *row, size_t i)
{
	if (row->state == ROW_OPEN)
		return;
	fprintf(to, "{\"row\":%zu,\"%s\":", i, row->state == ROW_DONE ? "result" : "error");
	write_string(to, row->state == ROW_DONE ? row->result : row->reason);
	fputs("}\n", to);
}

int rows_write(const struct rows *rows, const char *path)
{
	FILE *to = fopen(path, "w");
	bool broken;

	if (to == NULL)
		return -errno;
	for (size_t i = 0; i < rows->n; i++)
		write_row(to, &rows->row[i], i);
	broken = ferror(to);
	if (fclose(to) != 0 || broken)
		return errno != 0 ? -errno : -EIO;
	return 0;
}

void rows_free(struct rows *rows)
{
	for (size_t i = 0; i < rows->n; i++)
		free(rows->row[i].prompt);
	free(rows->row);
	*rows = (struct rows){0};
}
