/* The tasks beside the rows. */
#include "tools/commands.h"
#include "tools/run/engine.h"
#include "tools/units.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

enum { SYNC_ROWS = 64 };

/* --- onto the disk --- */

/* One task at a time may write. */
static int flush(struct engine *e)
{
	int r = duet_mutex_lock(e->writing);

	if (r < 0)
		return r;
	r = output_flush(&e->files.output);
	duet_mutex_unlock(e->writing);
	return r;
}

static int write_output(void *arg)
{
	struct engine *e = arg;
	int r = 0;

	while (r == 0 && !e->is_broken) {
		if ((r = duet_event_wait(e->filled)) < 0)
			return 0;
		duet_event_clear(e->filled);
		/* A pipe's reader wants rows now; a file is better written in larger parts. */
		if (e->files.output.lines.is_regular && duet_sleep(DUET_MS(20)) < 0)
			return 0;
		r = flush(e);
		duet_event_set(e->moved);
	}
	if (r < 0 && r != DUET_ECANCELED)
		engine_break(e, r);
	return 0;
}

/* fsync on a helper thread; a pipe has none. */
static int sync_fd(void *arg)
{
	int fd = (int)(intptr_t)arg;

	return fsync(fd) < 0 && errno != EINVAL && errno != EROFS ? -errno : 0;
}

static int sync_file(struct output *o, const char *name, int fd)
{
	int r = fd < 0 ? 0 : duet_to_thread(sync_fd, (void *)(intptr_t)fd);

	if (r < 0)
		o->failed_name = name; /* now: rows have ended meanwhile */
	return r;
}

/* What is still to be read from it stays: rows that wait for their turn, and those of an earlier run
 * that the reader has not come to yet. */
static int compact(struct engine *e)
{
	struct journal_row **rows, *left;
	size_t more = resume_left(&e->files.resume, &left);
	long n = output_held(&e->files.output, more, &rows);
	int r;

	if (n < 0)
		return (int)n;
	for (size_t i = 0; i < more; i++)
		rows[n++] = &left[i];
	r = journal_compact(&e->files.journal, rows, (size_t)n);
	free(rows);
	return r;
}

static int compact_if_large(struct engine *e)
{
	const struct journal *j = &e->files.journal;

	if (j->end < (uint64_t)e->o->compact_from || j->live > j->end / 2)
		return 0;
	return compact(e);
}

static int about_journal(struct engine *e, int r)
{
	if (r < 0)
		e->files.output.failed_name = e->files.journal.path;
	return r;
}

/* Output first, then the mark that speaks of it, then the journal. */
static int sync_all(struct engine *e)
{
	struct output *o = &e->files.output;
	struct journal_mark mark;
	int r = 0;

	e->unsynced = 0;
	/* Rows that are noted but still wait to be written must not be marked. */
	if (o->lines.waiting.len == 0 && o->errors.waiting.len == 0 &&
	    journal_seal(&e->files.journal)) {
		mark = (struct journal_mark){o->lines.written, o->errors.written, o->ok, o->failed};
		if ((r = sync_file(o, o->lines.name, o->lines.fd)) == 0 &&
		    (r = sync_file(o, o->errors.name, o->errors.fd)) == 0)
			r = about_journal(e, journal_add_mark(&e->files.journal, &mark));
	}
	if (r == 0)
		r = sync_file(o, e->files.journal.path, e->files.journal.fd);
	return r == 0 ? about_journal(e, compact_if_large(e)) : r;
}

/* After 64 rows or a second, whichever comes first.  A sync that has begun is not cut short. */
static int sync_output(void *arg)
{
	struct engine *e = arg;
	int r = 0;

	while (r == 0 && !e->is_broken) {
		duet_scope scope;

		if (duet_event_wait(e->dirty) < 0)
			return 0;
		for (int i = 0; i < 50 && e->unsynced < SYNC_ROWS; i++)
			if (duet_sleep(DUET_MS(20)) < 0)
				return 0;
		duet_event_clear(e->dirty);
		if (duet_scope_shield(&scope, DUET_FOREVER) < 0)
			return 0;
		r = flush(e);
		if (r == 0)
			r = sync_all(e);
		duet_scope_exit(&scope);
	}
	if (r < 0)
		engine_break(e, r);
	return 0;
}

void engine_settle(struct engine *e)
{
	struct output *o = &e->files.output;
	int r = 0;

	if (e->is_broken)
		return;
	r = output_drain(o);
	if (r == 0)
		r = flush(e);
	if (r == 0 && e->files.has_journal)
		r = sync_all(e);
	if (r == 0 && e->files.has_journal)
		r = about_journal(e, compact(e)); /* what a later run needs is in the marks */
	if (r < 0)
		engine_break(e, r);
}

/* --- telling --- */

static int tick(void *arg)
{
	struct engine *e = arg;
	duet_llm_stats_t stats;
	int r = 0;

	while (r == 0) {
		meter_tick(&e->meter, duet_now());
		if (duet_llm_stats(e->llm, &stats) == 0)
			console_progress(&e->console, &e->meter, &stats);
		r = duet_sleep(DUET_MS(200));
	}
	return 0;
}

/* --- stopping --- */

static int wait_grace(void *arg)
{
	struct engine *e = arg;

	if (duet_sleep(e->o->grace) == 0 && e->rows != NULL)
		duet_group_cancel(e->rows);
	return 0;
}

static int wait_signal(void *arg)
{
	static const int signals[] = {SIGINT, SIGTERM};
	struct engine *e = arg;
	int signal = duet_signal_wait(signals, 2);
	char grace[32];

	if (signal < 0)
		return 0;
	console_note(&e->console,
		     "interrupted: waiting up to %s for %llu rows under way; once more "
		     "to stop at once",
		     units_say_time(grace, e->o->grace), (unsigned long long)e->under_way);
	engine_stop(e, STOP_DRAIN, EXIT_SIGNAL + signal, "interrupted");
	duet_task *grace_task = duet_spawn(wait_grace, e);
	if (duet_signal_wait(signals, 2) > 0)
		engine_stop(e, STOP_NOW, EXIT_SIGNAL + signal, "interrupted");
	duet_cancel_await(grace_task);
	return 0;
}

static int wait_deadline(void *arg)
{
	struct engine *e = arg;
	char limit[32];

	if (duet_sleep(e->o->deadline) == 0)
		engine_stop(e, STOP_NOW, EXIT_LIMIT, "the deadline of %s has passed",
			    units_say_time(limit, e->o->deadline));
	return 0;
}

int engine_watch(struct engine *e, duet_group *watchers)
{
	int r = duet_group_spawn(watchers, write_output, e);

	if (r == 0 && e->files.has_journal)
		r = duet_group_spawn(watchers, sync_output, e);
	if (r == 0)
		r = duet_group_spawn(watchers, tick, e);
	if (r == 0)
		r = duet_group_spawn(watchers, wait_signal, e);
	if (r == 0 && e->o->deadline > 0)
		r = duet_group_spawn(watchers, wait_deadline, e);
	return r;
}
