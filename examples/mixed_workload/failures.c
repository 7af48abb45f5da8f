#include "failures.h"

#include <stdio.h>
#include <string.h>

static struct failure *find(struct failures *f, const char *reason)
{
	size_t i = 0;

	while (i < f->kinds && strncmp(f->kind[i].reason, reason, FAILURE_TEXT - 1) != 0)
		i++;
	if (i >= FAILURE_KINDS)
		return &f->kind[FAILURE_KINDS - 1];
	if (i == f->kinds) {
		f->kinds++;
		snprintf(f->kind[i].reason, FAILURE_TEXT, "%s",
			 f->kinds < FAILURE_KINDS ? reason : "other reasons");
	}
	return &f->kind[i];
}

const char *failures_add(struct failures *f, const char *reason)
{
	struct failure *kind = find(f, reason);

	kind->count++;
	return kind->reason;
}
