#include "loop/core/trace.h"
#include "pool/job_impl.h"
#include "pool/pool_impl.h"

/* A worker tells how long a job took, not when it began: it ran its jobs in the order in which they
 * were handed out, one right after the other. */
void duet__pool_trace(duet__worker *w, const duet__call *call, duet_time took, int result)
{
	duet_time now, begin;

	if (!duet_trace_is_on())
		return;
	now = duet_now();
	begin = call->handed > w->traced ? call->handed : w->traced;
	w->traced = took < now - begin ? begin + took : now;
	duet__trace(&(duet_span){
		.kind = "job",
		.name = duet__job_name(call->job),
		.queued = call->queued,
		.begin = begin,
		.end = w->traced,
		.worker = w->pid,
		.result = result,
	});
}
