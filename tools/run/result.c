#include "tools/run/result.h"

#include <duet/json.h>
#include <stdlib.h>

void result_set(struct result *r, enum row_code code, const char *message)
{
	free(r->message);
	r->code = code;
	r->message = message != NULL && code != ROW_OK ? strdup(message) : NULL;
}

void result_free(struct result *r)
{
	free(r->message);
	duet_completion_free(&r->answer);
	text_free(&r->post);
	*r = (struct result){0};
}

static void add_string(struct text *t, const char *name, const char *value, size_t len)
{
	text_printf(t, "\"%s\":", name);
	text_quote(t, value, len);
}

static void add_body(struct text *t, duet_bytes body)
{
	duet_bytes value;

	if (duet_json_check(body) == 0 && duet_json_find(body, "", &value) == 0)
		text_json(t, value);
	else
		text_quote(t, body.data, body.len);
}

static void add_response(struct text *t, const struct result *r)
{
	if (r->answer.status == 0) {
		text_puts(t, "null");
		return;
	}
	text_printf(t, "{\"status_code\":%d,", r->answer.status);
	add_string(t, "request_id", r->answer.request_id, strlen(r->answer.request_id));
	text_puts(t, ",\"body\":");
	add_body(t, DUET_BYTES(r->answer.raw.data, r->answer.raw.len));
	text_puts(t, "}");
}

static void add_message(struct text *t, const struct result *r)
{
	const char *message = r->message != NULL ? r->message : row_code_name(r->code);

	add_string(t, "message", message, strlen(message));
}

static void add_timings(struct text *t, const struct result *r)
{
	text_printf(t, ",\"attempts\":%d,\"queue_s\":%.6f,\"service_s\":%.6f,\"post_s\":%.6f",
		    r->attempts, (double)r->answer.queue_time / 1e9,
		    (double)r->answer.service_time / 1e9, (double)r->post_time / 1e9);
}

/* What is ours beside the answer. */
static void add_extras(struct text *t, const struct run_options *o, const struct row *row,
		       const struct result *r)
{
	if (o->timings)
		add_timings(t, r);
	if (row->metadata != NULL)
		text_printf(t, ",\"metadata\":%s", row->metadata);
	if (r->post.len > 0) {
		text_puts(t, ",\"post\":");
		text_add(t, r->post.data, r->post.len);
	}
}

static void add_batch_line(struct text *t, const struct run_options *o, const struct row *row,
			   const struct result *r)
{
	text_printf(t, "{\"id\":\"duet-%016llx\",", (unsigned long long)row->key);
	add_string(t, "custom_id", row->id, row->id_len);
	text_puts(t, ",\"response\":");
	add_response(t, r);
	text_puts(t, ",\"error\":");
	if (r->answer.status == 0) {
		text_printf(t, "{\"code\":\"%s\",", row_code_name(r->code));
		add_message(t, r);
		text_puts(t, "}");
	} else {
		text_puts(t, "null");
	}
	text_printf(t, ",\"duet\":{\"index\":%llu,\"code\":\"%s\"", (unsigned long long)row->index,
		    row_code_name(r->code));
	if (r->code != ROW_OK && r->answer.status != 0) {
		text_puts(t, ",");
		add_message(t, r);
	}
	add_extras(t, o, row, r);
	text_puts(t, "}}\n");
}

static void add_jsonl_line(struct text *t, const struct run_options *o, const struct row *row,
			   const struct result *r)
{
	text_puts(t, "{");
	add_string(t, "custom_id", row->id, row->id_len);
	text_printf(t, ",\"code\":\"%s\"", row_code_name(r->code));
	if (r->code != ROW_OK) {
		text_puts(t, ",");
		add_message(t, r);
	}
	if (r->answer.text != NULL && strcmp(row->path, "/chat/completions") == 0) {
		text_puts(t, ",");
		add_string(t, "text", r->answer.text, r->answer.text_len);
	} else if (r->answer.raw.len > 0) {
		text_puts(t, ",\"body\":");
		add_body(t, DUET_BYTES(r->answer.raw.data, r->answer.raw.len));
	}
	add_extras(t, o, row, r);
	text_puts(t, "}\n");
}

/* A line for each row: what came out of the post step, or the reply with its line ends escaped as in
 * JSON.  A failed row is an empty line. */
static void add_text_line(struct text *t, const struct result *r)
{
	const char *p = r->answer.text;
	size_t len = p != NULL && r->code == ROW_OK ? r->answer.text_len : 0;

	if (r->post.len > 0 && r->code == ROW_OK) {
		text_add(t, r->post.data, r->post.len);
		len = 0;
	}
	for (size_t i = 0; i < len; i++) {
		if (p[i] == '\n')
			text_puts(t, "\\n");
		else if (p[i] == '\r')
			text_puts(t, "\\r");
		else if (p[i] == '\\')
			text_puts(t, "\\\\");
		else
			text_add(t, p + i, 1);
	}
	text_puts(t, "\n");
}

void result_line(const struct run_options *o, const struct row *row, const struct result *r,
		 struct text *out)
{
	if (o->format == FORMAT_BATCH)
		add_batch_line(out, o, row, r);
	else if (o->format == FORMAT_JSONL)
		add_jsonl_line(out, o, row, r);
	else
		add_text_line(out, r);
}
