#include "pool/job_impl.h"
#include "pool/pool_impl.h"

static void describe_worker(const duet__worker *w, duet_time now, FILE *to)
{
	static const char *const states[] = {
		[DUET__WORKER_STARTING] = "is starting",
		[DUET__WORKER_UP] = "is idle",
		[DUET__WORKER_RETIRING] = "is retiring",
		[DUET__WORKER_DOOMED] = "is being killed",
	};
	const duet__call *call = duet__hand_first(&w->hand);

	fprintf(to, "  worker %d (pid %d): ", w->number, (int)w->pid);
	if (call == NULL || w->state != DUET__WORKER_UP)
		fputs(states[w->state], to);
	if (call != NULL)
		fprintf(to, "%sjob %s for %.3f s, %zu behind it",
			w->state == DUET__WORKER_UP ? "" : ", ", duet__job_name(call->job),
			(double)(now - w->first_since) / 1e9, w->hand.count - 1);
	fputc('\n', to);
}

void duet__pool_describe(duet__attachment *attachment, FILE *to)
{
	duet_pool *p = duet__container_of(attachment, duet_pool, attachment);
	duet_time now = duet_now();
	duet_pool_stats_t s;

	if (duet_pool_stats(p, &s) < 0)
		return;
	fprintf(to, "pool: %zu workers, %zu calls waiting, %zu running, %llu done, %llu failed%s\n",
		s.workers, s.queued, s.running, (unsigned long long)s.done,
		(unsigned long long)s.failed, p->failed ? ", given up" : "");
	DUET__WORKERS_EACH (w, p)
		describe_worker(w, now, to);
}
