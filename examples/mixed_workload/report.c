#include "report.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { BAR_MIN = 10, BAR_MAX = 40, COLUMNS = 80 };

static double seconds(duet_time t)
{
	return (double)t / 1e9;
}

static double rate(size_t n, duet_time t)
{
	return t > 0 ? (double)n / seconds(t) : 0;
}

static int terminal_width(void)
{
	struct winsize size;

	return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col
									       : COLUMNS;
}

static void format_eta(char *out, size_t size, size_t left, double per_second)
{
	double eta = per_second > 0 ? (double)left / per_second : 0;

	if (left == 0 || per_second <= 0)
		snprintf(out, size, "ETA --:--");
	else
		snprintf(out, size, "ETA %02.0f:%02d", eta < 5940 ? (double)((int)eta / 60) : 99,
			 (int)eta % 60);
}

static void draw_bar(const struct report *r)
{
	static const char full[] = "########################################";
	const struct rows *rows = r->rows;
	size_t over = rows->done + rows->failed;
	double per_second = rate(over, duet_now() - r->started);
	char tail[128], eta[16];

	format_eta(eta, sizeof eta, rows->n - over, per_second);
	int used = snprintf(tail, sizeof tail, "%zu/%zu  %.0f/s  %zu failed  %s", over, rows->n,
			    per_second, rows->failed, eta);
	int width = terminal_width() - used - 5;
	width = width < BAR_MIN ? BAR_MIN : width > BAR_MAX ? BAR_MAX : width;
	int filled = rows->n > 0 ? (int)((double)over / (double)rows->n * width) : 0;
	fprintf(stderr, "\r[%.*s%*s]  %s\033[K", filled, full, width - filled, "", tail);
	fflush(stderr);
}

int report_progress(void *arg)
{
	const struct report *r = arg;
	int slept = 0;

	while (slept == 0) {
		draw_bar(r);
		slept = duet_sleep(DUET_MS(100));
	}
	fputs("\r\033[K", stderr);
	return slept;
}

static void print_failures(const struct failures *f)
{
	for (size_t i = 0; i < f->kinds; i++)
		printf("  %9zu failed: %s\n", f->kind[i].count, f->kind[i].reason);
}

void report_summary(const struct report *r)
{
	const struct rows *rows = r->rows;
	char digest[17];

	rows_digest(rows, digest);
	printf("%s: %zu of %zu rows in %.2f s, %.0f rows/s\n",
	       r->interrupted ? "Interrupted, partial result" : "Done", rows->done, rows->n,
	       seconds(r->wall), rate(rows->done, r->wall));
	print_failures(&rows->failures);
	printf("  workers  %zu, %llu restarted\n", (size_t)r->pool.workers,
	       (unsigned long long)r->pool.restarts);
	printf("  loop lag %.2f ms median, %.2f ms p99, %.2f ms at most\n", r->lag.p50_ms,
	       r->lag.p99_ms, r->lag.max_ms);
	printf("  memory   %.1f MiB at most, in %d processes\n", (double)r->memory.peak_kib / 1024,
	       r->memory.processes);
	printf("  digest   %s\n", digest);
}

void report_json(const struct report *r)
{
	const struct rows *rows = r->rows;
	char digest[17];

	rows_digest(rows, digest);
	printf("{\"n\": %zu, \"wall_s\": %.3f, \"items_per_s\": %.1f, \"lag_p50_ms\": %.3f, "
	       "\"lag_p99_ms\": %.3f, \"lag_max_ms\": %.3f, \"peak_rss_mib\": %.1f, "
	       "\"digest\": \"%s\"",
	       rows->n, seconds(r->wall), rate(rows->done, r->wall), r->lag.p50_ms, r->lag.p99_ms,
	       r->lag.max_ms, (double)r->memory.peak_kib / 1024, digest);
	if (rows->done < rows->n)
		printf(", \"done\": %zu, \"failed\": %zu, \"partial\": %s", rows->done,
		       rows->failed, r->interrupted ? "true" : "false");
	puts("}");
}
