#include "loop/core/trace.h"

#include "loop/core/loop_impl.h"
#include <stdlib.h>

enum { NAME = 64, SITE = 128, NOBODY = -1 };

/* --- tracks --- */

static bool grow(duet__tracks *tracks)
{
	size_t count = tracks->count == 0 ? 64 : 2 * tracks->count;
	duet_time *begun = realloc(tracks->begun, count * sizeof(*begun));

	if (begun == NULL)
		return false;
	for (size_t i = tracks->count; i < count; i++)
		begun[i] = NOBODY;
	tracks->begun = begun;
	tracks->count = count;
	return true;
}

uint32_t duet__track_take(duet__tracks *tracks, duet_time begun)
{
	while (tracks->lowest < tracks->count && tracks->begun[tracks->lowest] != NOBODY)
		tracks->lowest++;
	if (tracks->lowest == tracks->count && !grow(tracks))
		return 0;
	tracks->begun[tracks->lowest] = begun;
	return (uint32_t)++tracks->lowest;
}

duet_time duet__track_give(duet__tracks *tracks, uint32_t track)
{
	duet_time begun = tracks->begun[track - 1];

	tracks->begun[track - 1] = NOBODY;
	if (track - 1 < tracks->lowest)
		tracks->lowest = track - 1;
	return begun;
}

void duet__tracks_fini(duet__tracks *tracks)
{
	free(tracks->begun);
}

/* --- spans --- */

void duet__trace(const duet_span *span)
{
	duet_loop *loop = duet__current_loop;
	duet_task *self = duet__current;

	if (loop == NULL || loop->options.trace == NULL)
		return;
	duet__current = NULL; /* the hook is not to suspend whoever ended the span */
	loop->options.trace(loop->options.trace_context, span);
	duet__current = self;
}

uint32_t duet__trace_track(void)
{
	const duet_task *self = duet__current;

	return duet_trace_is_on() && self != NULL ? self->track : 0;
}

bool duet_trace_is_on(void)
{
	return duet__current_loop != NULL && duet__current_loop->options.trace != NULL;
}

void duet_trace_span(const duet_span *span)
{
	duet_span whole;

	if (span == NULL || !duet_trace_is_on())
		return;
	whole = *span;
	if (whole.kind == NULL)
		whole.kind = "span";
	if (whole.name == NULL)
		whole.name = whole.kind;
	if (whole.end == 0)
		whole.end = duet_now();
	if (whole.queued == 0)
		whole.queued = whole.begin;
	if (whole.track == 0 && whole.worker == 0)
		whole.track = duet__trace_track();
	duet__trace(&whole);
}

void duet__trace_task_begun(duet_task *t)
{
	t->track = duet__track_take(&t->loop->tracks, duet__loop_now(t->loop));
}

void duet__trace_task_ended(duet_task *t, int result)
{
	char name[NAME], site[SITE];
	uint32_t track = t->track;
	duet_time begin;

	if (track == 0)
		return;
	begin = duet__track_give(&t->loop->tracks, track);
	duet__task_describe(t, name, sizeof(name), site, sizeof(site));
	duet__trace(&(duet_span){
		.kind = "task",
		.name = name,
		.detail = site[0] != '\0' ? site : NULL,
		.queued = begin,
		.begin = begin,
		.end = duet__loop_now(t->loop),
		.track = track,
		.result = result,
	});
}
