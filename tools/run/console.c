#include "tools/run/console.h"

#include "tools/text.h"
#include "tools/units.h"
#include <stdarg.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { BAR_MOST = 30, BAR_LEAST = 6 };

void console_init(struct console *c, const struct run_options *o)
{
	bool is_terminal = isatty(STDERR_FILENO);
	const char *no_colour = getenv("NO_COLOR"), *term = getenv("TERM");

	*c = (struct console){.is_quiet = o->is_quiet,
			      .is_verbose = o->is_verbose,
			      .is_json = o->log_json,
			      .progress = (enum run_progress)o->progress};
	if (c->progress == PROGRESS_AUTO)
		c->progress = is_terminal && !o->is_quiet && !o->log_json &&
					      (term == NULL || strcmp(term, "dumb") != 0)
				      ? PROGRESS_BAR
				      : PROGRESS_NONE;
	c->has_colour = is_terminal && (no_colour == NULL || *no_colour == '\0');
}

void console_clear(struct console *c)
{
	if (c->has_bar)
		fputs("\r\033[K", stderr);
	c->has_bar = false;
}

static void say(struct console *c, const char *level, const char *format, va_list list)
{
	char words[2048];
	struct text t = {0};

	vsnprintf(words, sizeof words, format, list);
	if (c->is_json) {
		text_printf(&t, "{\"level\":\"%s\",\"message\":", level);
		text_quote(&t, words, strlen(words));
		text_puts(&t, "}");
	} else {
		text_puts(&t, "duet run: ");
		text_show(&t, words, strlen(words), sizeof words);
	}
	console_clear(c);
	if (!t.is_short)
		fprintf(stderr, "%s\n", t.data);
	text_free(&t);
}

void console_note(struct console *c, const char *format, ...)
{
	va_list list;

	if (c->is_quiet)
		return;
	va_start(list, format);
	say(c, "info", format, list);
	va_end(list);
}

void console_error(struct console *c, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	say(c, "error", format, list);
	va_end(list);
}

/* --- progress --- */

static void print_json(const struct meter *m, const duet_llm_stats_t *llm)
{
	duet_time left = meter_left(m);

	fprintf(stderr,
		"{\"done\":%llu,\"total\":%llu,\"failed\":%llu,\"rate\":%.1f,\"retries\":%llu,"
		"\"throttled\":%llu,\"in_flight\":%zu,\"limit\":%.0f,\"eta_s\":%.0f}\n",
		(unsigned long long)(m->rows + m->restored), (unsigned long long)m->total,
		(unsigned long long)meter_failed(m), m->rate, (unsigned long long)llm->retries,
		(unsigned long long)llm->throttled, llm->active, llm->limit,
		left < 0 ? -1.0 : (double)left / 1e9);
}

static void add_bar(struct text *t, double part, int width, bool has_colour)
{
	int filled = (int)(part * width);

	text_puts(t, has_colour ? "\033[32m" : "");
	for (int i = 0; i < width; i++)
		text_puts(t, i < filled ? "\xe2\x96\x88" : "\xe2\x96\x91");
	text_puts(t, has_colour ? "\033[0m " : " ");
}

/* What is wanted most comes first: a narrow terminal cuts the end off. */
static void add_numbers(struct text *t, const struct meter *m, const duet_llm_stats_t *llm)
{
	char done[32], total[32], rate[32], left[32];

	text_printf(t, "%s", units_say_count(done, (double)(m->rows + m->restored)));
	if (m->total > 0)
		text_printf(t, "/%s", units_say_count(total, (double)m->total));
	text_printf(t, "  %s/s", units_say_count(rate, m->rate));
	if (llm->cooldown > 0)
		text_printf(t, "  told to wait %s", units_say_time(left, llm->cooldown));
	else if (meter_left(m) >= 0)
		text_printf(t, "  %s left", units_say_time(left, meter_left(m)));
	if (meter_failed(m) > 0)
		text_printf(t, "  %llu failed", (unsigned long long)meter_failed(m));
	if (llm->retries > 0)
		text_printf(t, "  %llu retries", (unsigned long long)llm->retries);
	text_printf(t, "  %zu of %.0f at once", llm->active, llm->limit);
}

/* What does not fit into the terminal's width would scroll it: the bar takes what the numbers leave. */
static void print_bar(struct console *c, const struct meter *m, const duet_llm_stats_t *llm)
{
	struct winsize size = {0};
	struct text bar = {0}, numbers = {0};
	double part = m->total > 0 ? (double)(m->rows + m->restored) / (double)m->total : 0;
	int columns = 80, width;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		columns = size.ws_col;
	if (m->total > 0)
		text_printf(&numbers, "%3.0f %%  ", part < 1 ? part * 100 : 100);
	add_numbers(&numbers, m, llm);
	width = columns - 2 - (int)numbers.len;
	if (m->total > 0 && width >= BAR_LEAST)
		add_bar(&bar, part < 1 ? part : 1, width < BAR_MOST ? width : BAR_MOST,
			c->has_colour);
	if (!bar.is_short && !numbers.is_short && columns > 1)
		fprintf(stderr, "\r\033[K%s%.*s", bar.len > 0 ? bar.data : "", columns - 1,
			numbers.data);
	fflush(stderr);
	c->has_bar = true;
	text_free(&bar);
	text_free(&numbers);
}

void console_progress(struct console *c, const struct meter *m, const duet_llm_stats_t *llm)
{
	if (c->progress == PROGRESS_BAR)
		print_bar(c, m, llm);
	else if (c->progress == PROGRESS_JSON && m->rate_at - c->shown_at >= DUET_S(1)) {
		c->shown_at = m->rate_at;
		print_json(m, llm);
	}
}
