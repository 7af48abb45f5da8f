#include "tools/run/report.h"

#include "tools/text.h"
#include "tools/units.h"
#include <errno.h>
#include <math.h>

enum { WIDTH = 960, LEFT = 56, CHART = 180, PLOT = WIDTH - LEFT - 8, TIMELINE_MOST = 480 };
enum { WORKERS_MOST = 256 };

static const char style[] =
	":root{color-scheme:light dark;--bg:#fff;--fg:#1b1f24;--dim:#68707a;--line:#d9dee4;"
	"--ok:#2b7a4b;--bad:#c0392b;--queue:#c9ced6;--request:#2f6fb7;--post:#d98b1f}"
	"@media(prefers-color-scheme:dark){:root{--bg:#14171a;--fg:#e4e7ea;--dim:#98a1ab;"
	"--line:#31373d;--ok:#4cb37a;--bad:#e5695b;--queue:#4a525b;--request:#5b9be0;--post:#"
	"e7a84a}}"
	"body{background:var(--bg);color:var(--fg);font:15px/1.5 system-ui,sans-serif;margin:2rem "
	"auto;"
	"max-width:62rem;padding:0 1rem}h1{font-size:1.5rem}h2{font-size:1.1rem;margin:2rem 0 "
	".4rem}"
	"p.dim,text{color:var(--dim);fill:var(--dim)}svg{width:100%;height:auto;display:block}"
	"text{font:11px system-ui,sans-serif}.tiles{display:flex;flex-wrap:wrap;gap:.8rem}"
	".tiles div{border:1px solid var(--line);border-radius:8px;padding:.5rem "
	".9rem;min-width:7rem}"
	".tiles b{display:block;font-size:1.3rem}.tiles span{color:var(--dim);font-size:.85rem}"
	"table{border-collapse:collapse}td,th{text-align:left;padding:.2rem 1.2rem .2rem 0;"
	"border-bottom:1px solid var(--line)}td.n{text-align:right}.ok{fill:var(--ok)}"
	".bad{fill:var(--bad)}.queue{fill:var(--queue)}.request{fill:var(--request)}"
	".post{fill:var(--post)}.axis{stroke:var(--line)}i{display:inline-block;width:.8em;height:."
	"8em;"
	"border-radius:2px;margin:0 .3em 0 .9em}";

/* Text for HTML. */
static void add_words(struct text *t, const char *words)
{
	for (; *words != '\0'; words++) {
		if (*words == '<')
			text_puts(t, "&lt;");
		else if (*words == '&')
			text_puts(t, "&amp;");
		else if (*words == '"')
			text_puts(t, "&quot;");
		else
			text_add(t, words, 1);
	}
}

static void add_tile(struct text *t, const char *value, const char *name)
{
	text_printf(t, "<div><b>%s</b><span>%s</span></div>", value, name);
}

static void add_tiles(struct text *t, const struct summary *s)
{
	const struct meter *m = s->meter;
	double wall = (double)(m->ended - m->started) / 1e9;
	char words[32];

	text_puts(t, "<div class=tiles>");
	add_tile(t, units_say_count(words, (double)m->rows), "rows");
	add_tile(t, units_say_count(words, (double)meter_failed(m)), "failed");
	add_tile(t, units_say_time(words, m->ended - m->started), "wall time");
	add_tile(t, units_say_count(words, wall > 0 ? (double)m->rows / wall : 0), "rows a second");
	add_tile(t, units_say_time(words, spread_percentile(&m->service, 50)), "service, median");
	add_tile(t, units_say_time(words, spread_percentile(&m->service, 95)), "service, 95 %");
	add_tile(t, units_say_count(words, m->tokens_in), "tokens in");
	add_tile(t, units_say_count(words, m->tokens_out), "tokens out");
	add_tile(t, units_say_count(words, (double)s->llm.retries), "retries");
	add_tile(t, units_say_count(words, s->llm.limit), "places at the end");
	if (m->price_in + m->price_out > 0) {
		snprintf(words, sizeof words, "%.2f USD", meter_cost(m));
		add_tile(t, words, "cost");
	}
	if (s->has_pool) {
		snprintf(words, sizeof words, "%.0f %%",
			 wall > 0 ? (double)s->pool.run_time / 1e7 / wall / s->workers : 0);
		add_tile(t, words, "workers busy");
	}
	text_puts(t, "</div>");
}

static void begin_chart(struct text *t, const char *title, const char *words, int height)
{
	text_printf(t,
		    "<h2>%s</h2><p class=dim>%s</p><svg viewBox=\"0 0 %d %d\" role=img "
		    "aria-label=\"%s\"><line class=axis x1=%d y1=%d x2=%d y2=%d />",
		    title, words, WIDTH, height + 20, title, LEFT, height, WIDTH - 8, height);
}

static void add_label(struct text *t, double x, double y, const char *anchor, const char *words)
{
	text_printf(t, "<text x=%.1f y=%.1f text-anchor=%s>%s</text>", x, y, anchor, words);
}

static void add_bar(struct text *t, const char *kind, double x, double y, double width,
		    double height)
{
	text_printf(t, "<rect class=%s x=%.2f y=%.2f width=%.2f height=%.2f", kind, x, y,
		    width > 0.4 ? width : 0.4, height);
	text_puts(t, ">");
}

/* --- how fast --- */

static void add_rate(struct text *t, const struct record *r)
{
	double width = (double)r->bin_width / 1e9, most = 0;
	size_t last = 0;
	char words[32];

	for (size_t i = 0; i < RECORD_BINS; i++) {
		double n = r->bins[i].ok + r->bins[i].failed;

		most = n > most ? n : most;
		last = n > 0 ? i : last;
	}
	begin_chart(t, "Rows a second", "as they ended; failed rows in red", CHART);
	for (size_t i = 0; i <= last && most > 0; i++) {
		double x = LEFT + PLOT * (double)i / (double)(last + 1),
		       w = PLOT / (double)(last + 1);
		double ok = (CHART - 12) * r->bins[i].ok / most;
		double bad = (CHART - 12) * r->bins[i].failed / most;

		add_bar(t, "ok", x, CHART - ok, w - 0.8, ok);
		text_printf(t, "<title>%.3g s: %u ok, %u failed</title></rect>", (double)i * width,
			    r->bins[i].ok, r->bins[i].failed);
		if (bad > 0) {
			add_bar(t, "bad", x, CHART - ok - bad, w - 0.8, bad);
			text_puts(t, "</rect>");
		}
	}
	add_label(t, LEFT - 6, 16, "end", units_say_count(words, most / width));
	add_label(t, LEFT, CHART + 15, "start", "0");
	add_label(t, WIDTH - 8, CHART + 15, "end",
		  units_say_time(words, r->bin_width * (duet_time)(last + 1)));
	text_puts(t, "</svg>");
}

/* --- how long --- */

static void add_histogram(struct text *t, const struct spread *s)
{
	enum { JOIN = 2 };
	size_t first = SPREAD_BUCKETS, last = 0;
	uint64_t most = 1;
	char from[32], words[32];

	for (size_t i = 0; i < SPREAD_BUCKETS; i += JOIN) {
		uint64_t n = s->buckets[i] + s->buckets[i + 1];

		if (n == 0)
			continue;
		first = i < first ? i : first;
		last = i;
		most = n > most ? n : most;
	}
	begin_chart(t, "Service time", "of the last attempt of each row; the axis doubles", CHART);
	for (size_t i = first; i <= last && s->n > 0; i += JOIN) {
		double share = (double)(last - first + JOIN), w = PLOT * JOIN / share;
		double x = LEFT + PLOT * (double)(i - first) / share;
		double height =
			(CHART - 12) * (double)(s->buckets[i] + s->buckets[i + 1]) / (double)most;

		add_bar(t, "request", x, CHART - height, w - 0.8, height);
		text_printf(t, "<title>from %s: %llu rows</title></rect>",
			    units_say_time(from, (duet_time)(1000 * exp2((double)i / 16))),
			    (unsigned long long)(s->buckets[i] + s->buckets[i + 1]));
	}
	add_label(t, LEFT - 6, 16, "end", units_say_count(words, (double)most));
	if (s->n > 0) {
		duet_time begin = (duet_time)(1000 * exp2((double)first / 16));
		duet_time end = (duet_time)(1000 * exp2((double)(last + JOIN) / 16));

		add_label(t, LEFT, CHART + 15, "start", units_say_time(words, begin));
		add_label(t, WIDTH - 8, CHART + 15, "end", units_say_time(words, end));
	}
	text_puts(t, "</svg>");
}

/* --- where the time went --- */

static void add_part(struct text *t, const char *kind, double scale, const struct record_span *s,
		     duet_time from, duet_time until, double y, double height)
{
	char words[32];

	if (until <= from)
		return;
	add_bar(t, kind, LEFT + (double)from * scale, y, (double)(until - from) * scale, height);
	text_printf(t, "<title>row %llu, %s: %s</title></rect>", (unsigned long long)s->index, kind,
		    units_say_time(words, until - from));
}

static const char legend[] = "every row that was under way, one above the other"
			     "<i style=\"background:var(--queue)\"></i>queue"
			     "<i style=\"background:var(--request)\"></i>request"
			     "<i style=\"background:var(--post)\"></i>post"
			     "<i style=\"background:var(--bad)\"></i>failed";

static void add_timeline(struct text *t, const struct record *r)
{
	duet_time last = 1;
	unsigned lanes = 1;
	double scale, step;
	char words[32];

	for (size_t i = 0; i < r->n; i++) {
		last = r->spans[i].ended > last ? r->spans[i].ended : last;
		lanes = r->spans[i].lane + 1u > lanes ? r->spans[i].lane + 1u : lanes;
	}
	step = lanes * 8 > TIMELINE_MOST ? (double)TIMELINE_MOST / lanes : 8;
	scale = PLOT / (double)last;
	begin_chart(t, "Timeline", legend, (int)(step * lanes) + 4);
	for (size_t i = 0; i < r->n; i++) {
		const struct record_span *s = &r->spans[i];
		double y = step * s->lane + 2, height = step > 2 ? step - 1 : step;

		add_part(t, "queue", scale, s, s->began, s->sent, y, height);
		add_part(t, s->code == ROW_OK ? "request" : "bad", scale, s, s->sent, s->answered,
			 y, height);
		add_part(t, "post", scale, s, s->answered, s->ended, y, height);
	}
	add_label(t, LEFT, step * lanes + 18, "start", "0");
	add_label(t, WIDTH - 8, step * lanes + 18, "end", units_say_time(words, last));
	text_puts(t, "</svg>");
	if (r->stride > 1)
		text_printf(t, "<p class=dim>One row in %llu is shown.</p>",
			    (unsigned long long)r->stride);
}

/* --- the workers --- */

/* The place of a worker among those seen so far; at most `most` of them are told apart. */
static size_t worker_lane(pid_t *workers, size_t *n, size_t most, pid_t worker)
{
	size_t lane = 0;

	while (lane < *n && workers[lane] != worker)
		lane++;
	if (lane == *n && *n < most)
		workers[(*n)++] = worker;
	return lane;
}

static void add_job(struct text *t, const struct record_job *job, double scale, double y,
		    double height)
{
	char words[32];

	add_bar(t, job->is_ok ? "post" : "bad", LEFT + (double)job->began * scale, y,
		(double)(job->ended - job->began) * scale, height);
	text_printf(t, "<title>worker %d: %s</title></rect>", (int)job->worker,
		    units_say_time(words, job->ended - job->began));
}

static void add_workers(struct text *t, const struct record *r)
{
	pid_t workers[WORKERS_MOST];
	double step, scale;
	duet_time last = 1;
	char words[32];
	size_t n = 0;

	for (size_t i = 0; i < r->job_count; i++) {
		worker_lane(workers, &n, WORKERS_MOST, r->jobs[i].worker);
		last = r->jobs[i].ended > last ? r->jobs[i].ended : last;
	}
	if (n == 0)
		return;
	step = n * 16 > TIMELINE_MOST ? (double)TIMELINE_MOST / (double)n : 16;
	scale = PLOT / (double)last;
	begin_chart(t, "Workers", "each with its jobs; where it is empty, it waited for one",
		    (int)(step * (double)n) + 4);
	for (size_t i = 0; i < r->job_count; i++) {
		size_t lane = worker_lane(workers, &n, n, r->jobs[i].worker);
		if (lane < n)
			add_job(t, &r->jobs[i], scale, step * (double)lane + 2,
				step > 3 ? step - 2 : step);
	}
	for (size_t i = 0; i < n && step >= 12; i++) {
		snprintf(words, sizeof words, "%d", (int)workers[i]);
		add_label(t, LEFT - 6, step * (double)i + step * 0.75, "end", words);
	}
	add_label(t, LEFT, step * (double)n + 18, "start", "0");
	add_label(t, WIDTH - 8, step * (double)n + 18, "end", units_say_time(words, last));
	text_puts(t, "</svg>");
	if (r->job_stride > 1)
		text_printf(t, "<p class=dim>One job in %llu is shown.</p>",
			    (unsigned long long)r->job_stride);
}

static void add_codes(struct text *t, const struct meter *m)
{
	text_puts(t, "<h2>How rows ended</h2><table><tr><th>code<th>rows</tr>");
	for (int i = 0; i < ROW_CODES; i++)
		if (m->by_code[i] > 0)
			text_printf(t, "<tr><td>%s<td class=n>%llu</tr>",
				    row_code_name((enum row_code)i),
				    (unsigned long long)m->by_code[i]);
	text_puts(t, "</table>");
}

int report_write(const struct record *record, const struct summary *summary, const char *path)
{
	struct text t = {0};
	FILE *to;
	int r = 0;

	text_puts(&t, "<!doctype html><html lang=en><meta charset=utf-8>"
		      "<meta name=viewport content=\"width=device-width\"><title>duet "
		      "run</title><style>");
	text_puts(&t, style);
	text_puts(&t, "</style><h1>duet run</h1>");
	if (summary->words[0] != '\0') {
		text_puts(&t, "<p>Stopped: ");
		add_words(&t, summary->words);
		text_puts(&t, "</p>");
	}
	add_tiles(&t, summary);
	add_rate(&t, record);
	add_histogram(&t, &summary->meter->service);
	add_timeline(&t, record);
	add_workers(&t, record);
	add_codes(&t, summary->meter);
	text_puts(&t, "</html>\n");
	to = t.is_short ? NULL : fopen(path, "we");
	if (to == NULL)
		r = t.is_short ? -ENOMEM : -errno;
	else if (fwrite(t.data, 1, t.len, to) < t.len)
		r = -errno;
	if (to != NULL && fclose(to) != 0 && r == 0)
		r = -errno;
	text_free(&t);
	return r;
}
