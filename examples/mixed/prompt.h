/* A line of an --input file: {"prompt": "..."}, with other members if need be, or "...". */
#ifndef EXAMPLES_MIXED_PROMPT_H
#define EXAMPLES_MIXED_PROMPT_H

#include <duet/bytes.h>

/* Finds the prompt in a line.  *ret_prompt is lent from it: the prompt as JSON, with its quotes,
 * ready to stand in a request.  -> NULL, or what is wrong with the line */
const char *prompt_find(const char *line, size_t len, duet_bytes *ret_prompt);

#endif
