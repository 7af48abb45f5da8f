#include "rows.h"
#include "prompt.h"

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

static int read_stream(FILE *from, duet_buf *buf)
{
	size_t size = 0;

	do {
		if (buf->len + 1 >= size) {
			size = size < 32768 ? 65536 : 2 * size;
			void *data = realloc(buf->data, size);
			if (data == NULL)
				return -ENOMEM;
			buf->data = data;
		}
		buf->len += fread((char *)buf->data + buf->len, 1, size - 1 - buf->len, from);
	} while (!feof(from) && !ferror(from));
	return ferror(from) ? -errno : 0;
}

static int read_file(const char *path, duet_buf *buf)
{
	FILE *from = fopen(path, "r");
	int r;

	if (from == NULL)
		return -errno;
	r = read_stream(from, buf);
	fclose(from);
	return r;
}

/* Takes the next line off *rest.  -> false at the end */
static bool next_line(duet_bytes *rest, duet_bytes *ret_line)
{
	const char *start = rest->data;
	const char *eol = rest->len > 0 ? memchr(start, '\n', rest->len) : NULL;
	size_t len = eol != NULL ? (size_t)(eol - start) : rest->len;

	if (rest->len == 0)
		return false;
	*ret_line = DUET_BYTES(start, len);
	if (eol != NULL)
		len++;
	*rest = DUET_BYTES(start + len, rest->len - len);
	return true;
}

static bool is_blank(duet_bytes line)
{
	const char *text = line.data;

	for (size_t i = 0; i < line.len; i++)
		if (text[i] != ' ' && text[i] != '\t' && text[i] != '\r')
			return false;
	return true;
}

static size_t count_lines(duet_bytes rest)
{
	size_t n = 0;
	duet_bytes line;

	while (next_line(&rest, &line))
		n += !is_blank(line);
	return n;
}

static void read_row(struct rows *rows, size_t i, duet_bytes line, const char *path, size_t number)
{
	const char *trouble = prompt_find(line.data, line.len, &rows->row[i].prompt);

	if (trouble == NULL)
		return;
	if (rows->failed < BROKEN_SHOWN)
		fprintf(stderr, "%s:%zu: the line %s\n", path, number, trouble);
	else if (rows->failed == BROKEN_SHOWN)
		fprintf(stderr, "%s: and more lines like these\n", path);
	rows_fail(rows, i, "broken input line");
}

int rows_read(struct rows *rows, const char *path, size_t limit)
{
	duet_buf input = {0};
	duet_bytes rest, line;
	int r = read_file(path, &input);

	*rows = (struct rows){0};
	if (r == 0) {
		rest = DUET_BYTES(input.data, input.len);
		size_t n = count_lines(rest);
		r = rows_number(rows, limit > 0 && limit < n ? limit : n);
	}
	rows->input = input;
	for (size_t i = 0, number = 1; r == 0 && i < rows->n && next_line(&rest, &line); number++)
		if (!is_blank(line))
			read_row(rows, i++, line, path, number);
	return r;
}

size_t rows_prompt(const struct rows *rows, size_t i, char *out, size_t size)
{
	duet_bytes prompt = rows->row[i].prompt;

	if (prompt.data == NULL)
		return (size_t)snprintf(out, size, "\"prompt number %zu\"", i);
	if (prompt.len <= size)
		memcpy(out, prompt.data, prompt.len);
	return prompt.len;
}

void rows_finish(struct rows *rows, size_t i, duet_bytes result)
{
	struct row *row = &rows->row[i];

	snprintf(row->result, sizeof row->result, "%.*s", (int)result.len, (const char *)result.data);
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
	free(rows->row);
	duet_buf_free(&rows->input);
	*rows = (struct rows){0};
}
