/* Pure: the post steps that the program brings: a reply's text in, JSON out. */
#ifndef TOOLS_RUN_BUILTIN_H
#define TOOLS_RUN_BUILTIN_H

#include "tools/text.h"

#include <duet/time.h>

enum builtin_kind {
	BUILTIN_JSON,    /* the JSON that the text is, or that its first code block holds     */
	BUILTIN_CODE,    /* [{"lang", "code"}] of its code blocks                             */
	BUILTIN_TOKENS,  /* {"tokens", "words", "chars"}: tokens are an estimate              */
	BUILTIN_SIMHASH, /* 64 bits that are alike for texts that are alike                  */
	BUILTIN_BUSY,    /* burns the CPU for so long: for demonstrations                     */
	BUILTIN_KINDS,
};

struct builtin {
	enum builtin_kind kind;
	duet_time busy;
};

/* "json", "code-extract", "tokens", "simhash", "busy=MS".  -> whether name is one */
bool builtin_find(const char *name, struct builtin *out);

/* -> NULL, or why it cannot be done */
const char *builtin_run(const struct builtin *b, duet_bytes words, struct text *out);

#endif
