#include "tools/run/summary.h"

#include "tools/text.h"
#include "tools/units.h"
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static double seconds(duet_time t)
{
	return (double)t / 1e9;
}

static double wall_of(const struct summary *s)
{
	return seconds(s->meter->ended - s->meter->started);
}

static double used_of(const struct summary *s)
{
	double wall = wall_of(s) * s->workers;

	return s->has_pool && wall > 0 ? seconds(s->pool.run_time) / wall : 0;
}

/* --- words --- */

static void print_rows(const struct summary *s, FILE *to)
{
	const struct meter *m = s->meter;
	double wall = wall_of(s);
	char words[32];

	fprintf(to, "%llu rows in %s (%.1f/s): %llu ok", (unsigned long long)m->rows,
		units_say_time(words, m->ended - m->started),
		wall > 0 ? (double)m->rows / wall : 0.0, (unsigned long long)m->by_code[ROW_OK]);
	for (int i = 1; i < ROW_CODES; i++)
		if (m->by_code[i] > 0)
			fprintf(to, ", %llu %s", (unsigned long long)m->by_code[i],
				row_code_name((enum row_code)i));
	if (m->restored > 0)
		fprintf(to, "; %llu were done before", (unsigned long long)m->restored);
	fputs("\n", to);
}

static void print_spread(const char *name, const struct spread *s, FILE *to)
{
	char half[32], most[32];

	if (s->n > 0)
		fprintf(to, "%s: half within %s, 95 %% within %s\n", name,
			units_say_time(half, spread_percentile(s, 50)),
			units_say_time(most, spread_percentile(s, 95)));
}

static void print_server(const struct summary *s, FILE *to)
{
	const struct meter *m = s->meter;
	char in[32], out[32];

	if (m->tokens_in + m->tokens_out > 0)
		fprintf(to, "tokens: %s in, %s out", units_say_count(in, m->tokens_in),
			units_say_count(out, m->tokens_out));
	if (m->price_in + m->price_out > 0)
		fprintf(to, "; cost: %.4f USD", meter_cost(m));
	if (m->tokens_in + m->tokens_out > 0)
		fputs("\n", to);
	if (s->llm.retries > 0)
		fprintf(to, "retries: %llu (throttled %llu times); places at the end: %.0f\n",
			(unsigned long long)s->llm.retries, (unsigned long long)s->llm.throttled,
			s->llm.limit);
}

void summary_print(const struct summary *s, FILE *to)
{
	print_rows(s, to);
	print_spread("service", &s->meter->service, to);
	print_spread("queue", &s->meter->queue, to);
	print_server(s, to);
	if (s->has_pool)
		fprintf(to, "workers: %d, busy %.0f %%, replaced %llu\n", s->workers,
			100 * used_of(s), (unsigned long long)s->pool.restarts);
}

/* --- files --- */

static int write_text(int fd, const struct text *t)
{
	size_t at = 0;

	while (at < t->len) {
		ssize_t n = write(fd, t->data + at, t->len - at);

		if (n < 0 && errno != EINTR)
			return -errno;
		at += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

static int write_file(const char *path, struct text *t)
{
	int fd = t->is_short ? -1 : open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	int r;

	if (t->is_short)
		errno = ENOMEM;
	r = fd >= 0 ? write_text(fd, t) : -errno;
	if (fd >= 0 && close(fd) < 0 && r == 0)
		r = -errno;
	text_free(t);
	return r;
}

static void add_spread(struct text *t, const char *name, const struct spread *s)
{
	text_printf(t, "\"%s_s\":{\"p50\":%.6f,\"p95\":%.6f,\"p99\":%.6f,\"max\":%.6f},", name,
		    seconds(spread_percentile(s, 50)), seconds(spread_percentile(s, 95)),
		    seconds(spread_percentile(s, 99)), seconds(s->most));
}

int summary_write_json(const struct summary *s, const char *path)
{
	const struct meter *m = s->meter;
	struct text t = {0};

	text_printf(&t,
		    "{\"status\":%d,\"rows\":%llu,\"restored\":%llu,\"wall_s\":%.6f,\"codes\":{",
		    s->status, (unsigned long long)m->rows, (unsigned long long)m->restored,
		    wall_of(s));
	for (int i = 0, n = 0; i < ROW_CODES; i++)
		if (m->by_code[i] > 0)
			text_printf(&t, "%s\"%s\":%llu", n++ > 0 ? "," : "",
				    row_code_name((enum row_code)i),
				    (unsigned long long)m->by_code[i]);
	text_puts(&t, "},");
	add_spread(&t, "service", &m->service);
	add_spread(&t, "queue", &m->queue);
	add_spread(&t, "post", &m->post);
	text_printf(&t,
		    "\"attempts\":%llu,\"retries\":%llu,\"throttled\":%llu,\"limit\":%.0f,"
		    "\"prompt_tokens\":%.0f,\"completion_tokens\":%.0f,\"cost\":%.6f,"
		    "\"workers\":%d,\"worker_use\":%.4f,\"worker_restarts\":%llu,\"stopped\":",
		    (unsigned long long)m->attempts, (unsigned long long)s->llm.retries,
		    (unsigned long long)s->llm.throttled, s->llm.limit, m->tokens_in, m->tokens_out,
		    meter_cost(m), s->has_pool ? s->workers : 0, used_of(s),
		    (unsigned long long)(s->has_pool ? s->pool.restarts : 0));
	text_quote(&t, s->words, strlen(s->words));
	text_puts(&t, "}\n");
	return write_file(path, &t);
}

static void add_metric(struct text *t, const char *name, const char *type, const char *help,
		       double value)
{
	text_printf(t, "# HELP duet_%s %s\n# TYPE duet_%s %s\nduet_%s %.15g\n", name, help, name,
		    type, name, value);
}

static void add_quantiles(struct text *t, const char *name, const struct spread *s)
{
	static const double at[] = {50, 95, 99};

	text_printf(t, "# HELP duet_%s_seconds time of rows\n# TYPE duet_%s_seconds summary\n",
		    name, name);
	for (size_t i = 0; i < 3; i++)
		text_printf(t, "duet_%s_seconds{quantile=\"%.2f\"} %.6f\n", name, at[i] / 100,
			    seconds(spread_percentile(s, at[i])));
	text_printf(t, "duet_%s_seconds_count %llu\n", name, (unsigned long long)s->n);
}

int summary_write_metrics(const struct summary *s, const char *path)
{
	const struct meter *m = s->meter;
	struct text t = {0};

	text_puts(
		&t,
		"# HELP duet_rows_total rows by how they ended\n# TYPE duet_rows_total counter\n");
	for (int i = 0; i < ROW_CODES; i++)
		text_printf(&t, "duet_rows_total{code=\"%s\"} %llu\n",
			    row_code_name((enum row_code)i), (unsigned long long)m->by_code[i]);
	add_metric(&t, "wall_seconds", "gauge", "length of the run", wall_of(s));
	add_metric(&t, "retries_total", "counter", "attempts after the first",
		   (double)s->llm.retries);
	add_metric(&t, "throttled_total", "counter", "answers 429", (double)s->llm.throttled);
	add_metric(&t, "limit", "gauge", "requests at once at the end", s->llm.limit);
	add_metric(&t, "prompt_tokens_total", "counter", "as the server counts", m->tokens_in);
	add_metric(&t, "completion_tokens_total", "counter", "as the server counts", m->tokens_out);
	add_metric(&t, "exit_status", "gauge", "how the run ended", s->status);
	add_quantiles(&t, "service", &m->service);
	add_quantiles(&t, "queue", &m->queue);
	return write_file(path, &t);
}
