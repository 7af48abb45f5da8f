/* Pure: 'Summarise: {text}' filled in from a row's fields.  {{ and }} stand for the braces. */
#ifndef TOOLS_INPUT_TEMPLATE_H
#define TOOLS_INPUT_TEMPLATE_H

#include "tools/text.h"

/* -> NULL, or why it is no template */
const char *template_check(const char *template);

/* A field is a member of the JSON object row (a path such as user.name goes deeper); strings come
 * out as they are, other values as JSON.  A row that is no JSON has one field, `text`.
 * -> 0, -ENOENT (missing[] names the field) */
int template_fill(const char *template, duet_bytes row, bool is_json, struct text *out,
		  char missing[64]);

#endif
