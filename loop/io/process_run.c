/* A program's three streams are fed and read at the same time: one after the other, both sides would
 * wait as soon as a pipe is full. */
#include <duet/process.h>

#include "loop/core/fail.h"
#include <duet/collect.h>

struct exchange {
	duet_process *process;
	duet_bytes in;
	duet_buf out, err;
};

/* What it does not care to read is no error. */
static int feed(void *arg)
{
	struct exchange *x = arg;
	duet_stream *in = duet_process_in(x->process);
	int r = in != NULL ? duet_stream_write(in, x->in.data, x->in.len) : 0;

	duet_process_close_in(x->process);
	return r == -EPIPE ? 0 : r;
}

static int read_out(void *arg)
{
	struct exchange *x = arg;
	duet_stream *out = duet_process_out(x->process);

	return out != NULL ? duet_stream_readall(out, 0, &x->out) : 0;
}

static int read_err(void *arg)
{
	struct exchange *x = arg;
	duet_stream *err = duet_process_err(x->process);

	return err != NULL ? duet_stream_readall(err, 0, &x->err) : 0;
}

static int exchange(struct exchange *x)
{
	duet_task *tasks[] = {duet_spawn(feed, x), duet_spawn(read_out, x),
			      duet_spawn(read_err, x)};
	int r = duet_gather(tasks, 3, NULL);

	return r < 0 ? r : duet_process_wait(x->process);
}

static void give(duet_buf *to, duet_buf *from)
{
	if (to != NULL)
		*to = *from;
	else
		duet_buf_free(from);
}

int duet_process_run(const duet_process_options *options, duet_bytes in, duet_buf *out,
		     duet_buf *err)
{
	duet_process_options o;
	struct exchange x = {.in = in};
	int r;

	if (options == NULL)
		return duet__failf(DUET_EINVAL, "no program to start");
	o = *options;
	if (in.len > 0)
		o.in = DUET_PROCESS_PIPE;
	if (out != NULL)
		o.out = DUET_PROCESS_PIPE;
	if (err != NULL)
		o.err = DUET_PROCESS_PIPE;
	x.process = duet_process_open(&o);
	if (x.process == NULL)
		return -errno;
	r = exchange(&x);
	duet_process_close(x.process);
	if (r >= 0) {
		give(out, &x.out);
		give(err, &x.err);
	} else {
		duet_buf_free(&x.out);
		duet_buf_free(&x.err);
	}
	return r;
}
