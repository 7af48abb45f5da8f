/* What workers print, line by line, to the run's report callback. */
#include "ipc/descriptor.h"
#include "pool/pool_impl.h"

#include "loop/core/fail.h"
#include "pool/job_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 4096, READS_PER_TURN = 8, READS_AT_END = 256 };

int duet__output_open(duet__worker *w, int *write_end)
{
	int fds[2];
	if (!w->pool->plan.options.capture_output)
		return 0;
	if ((w->line = malloc(LINE_MAX_BYTES)) == NULL)
		return DUET_ENOMEM;
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	w->output = duet__fd_raise(fds[0]);
	*write_end = duet__fd_raise(fds[1]);
	fcntl(w->output, F_SETFL, O_NONBLOCK);
	return 0;
}

static void report_line(duet__worker *w, size_t len)
{
	char text[LINE_MAX_BYTES + 160];
	duet__call *call = duet__hand_first(&w->hand);
	snprintf(text, sizeof(text), "worker %d (process %d)%s%s: %.*s", w->number, (int)w->pid,
		 call != NULL ? ", job " : "", call != NULL ? duet__job_name(call->job) : "",
		 (int)len, w->line);
	duet__report(&(duet_report){.kind = DUET_REPORT_WORKER, .text = text});
}

/* Reports the whole lines, and one that fills the buffer, and keeps the rest. */
static void report_lines(duet__worker *w, bool all)
{
	char *end;
	while ((end = memchr(w->line, '\n', w->line_len)) != NULL) {
		size_t len = (size_t)(end - w->line);
		report_line(w, len);
		w->line_len -= len + 1;
		memmove(w->line, end + 1, w->line_len);
	}
	if (w->line_len == LINE_MAX_BYTES || (all && w->line_len > 0)) {
		report_line(w, w->line_len);
		w->line_len = 0;
	}
}

/* -> whether there may be more */
static bool read_some(duet__worker *w)
{
	ssize_t n = read(w->output, w->line + w->line_len, LINE_MAX_BYTES - w->line_len);
	if (n > 0)
		w->line_len += (size_t)n;
	report_lines(w, n == 0);
	if (n == 0 && w->output_watch != NULL)
		duet__watch_set(w->output_watch, 0);
	return n > 0;
}

void duet__output_read(duet__worker *w)
{
	for (int i = 0; w->output >= 0 && i < READS_PER_TURN && read_some(w); i++)
		;
}

static void on_output(void *context, int events)
{
	(void)events;
	duet__output_read(context);
}

int duet__output_watch(duet__worker *w)
{
	if (w->output < 0)
		return 0;
	w->output_watch = duet__watch_open(w->pool->loop, w->output, on_output, w);
	return w->output_watch != NULL ? duet__watch_set(w->output_watch, DUET__READ) : DUET_ENOMEM;
}

void duet__output_close(duet__worker *w)
{
	if (w->output >= 0) {
		for (int i = 0; i < READS_AT_END && read_some(w); i++)
			;
		report_lines(w, true);
		close(w->output);
	}
	free(w->line);
	w->line = NULL;
	w->output = -1;
}
