/* Equal requests are sent once: whoever comes second waits for the first, or gets what it got.
 * Answers are remembered while they are few and small, so that memory does not grow with a run. */
#ifndef TOOLS_RUN_DEDUP_H
#define TOOLS_RUN_DEDUP_H

#include "tools/run/result.h"

#include <duet/event.h>

enum { DEDUP_SLOTS = 4096, DEDUP_ANSWER_MOST = 64 * 1024 };

struct dedup_entry {
	struct dedup_entry *next; /* of the same slot                              */
	uint64_t hash[2];
	duet_event *done;
	struct result result;
	unsigned users; /* tasks that wait for it, or read it            */
	bool is_done;
};

struct dedup {
	struct dedup_entry *slots[DEDUP_SLOTS];
};

/* -> the entry for this request: *is_first says that the caller is the one to ask and then to call
 * dedup_answer; others call dedup_wait.  NULL: no memory; ask without. */
struct dedup_entry *dedup_find(struct dedup *d, const struct row *row, bool *is_first);

/* What the first one got; result stays its own.  Wakes the others. */
void dedup_answer(struct dedup *d, struct dedup_entry *entry, const struct result *result);

/* Suspends until there is an answer, and copies it.  -> 0, DUET_ECANCELED, -ENOMEM */
int dedup_wait(struct dedup *d, struct dedup_entry *entry, struct result *result);

void dedup_fini(struct dedup *d);

#endif
