#include "ticker.h"

#include <stdlib.h>

static int note(struct ticker *t, duet_time late)
{
	if (t->n == t->size) {
		size_t size = t->size > 0 ? 2 * t->size : 1024;
		float *grown = realloc(t->late_ms, size * sizeof *grown);
		if (grown == NULL)
			return -ENOMEM;
		t->late_ms = grown;
		t->size = size;
	}
	t->late_ms[t->n++] = (float)late / 1e6f;
	return 0;
}

int ticker_run(void *arg)
{
	struct ticker *t = arg;
	int r = 0;

	while (r == 0) {
		duet_time start = duet_now();
		r = duet_sleep(DUET_MS(1));
		if (r == 0)
			r = note(t, duet_now() - start - DUET_MS(1));
	}
	return r;
}

static int compare(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return (x > y) - (x < y);
}

struct lag ticker_lag(struct ticker *t)
{
	if (t->n == 0)
		return (struct lag){0};
	qsort(t->late_ms, t->n, sizeof *t->late_ms, compare);
	return (struct lag){
		.p50_ms = t->late_ms[t->n / 2],
		.p99_ms = t->late_ms[t->n * 99 / 100],
		.max_ms = t->late_ms[t->n - 1],
	};
}

void ticker_free(struct ticker *t)
{
	free(t->late_ms);
	*t = (struct ticker){0};
}
