/* What a person sees: messages and the progress bar, on standard error.  Nothing that came from
 * outside reaches the terminal with its control bytes. */
#ifndef TOOLS_RUN_CONSOLE_H
#define TOOLS_RUN_CONSOLE_H

#include "tools/run/meter.h"
#include "tools/run/options.h"

#include <duet/llm.h>

struct console {
	bool is_quiet, is_verbose, is_json;
	enum run_progress progress; /* never AUTO */
	bool has_bar, has_colour;
	duet_time shown_at;
};

void console_init(struct console *c, const struct run_options *o);

/* A message of one line, "duet run: ..."; a note is left out when quiet. */
void console_note(struct console *c, const char *format, ...) DUET_PRINTF(2, 3);
void console_error(struct console *c, const char *format, ...) DUET_PRINTF(2, 3);

/* A few times a second. */
void console_progress(struct console *c, const struct meter *m, const duet_llm_stats_t *llm);
/* Takes the bar away. */
void console_clear(struct console *c);

#endif
