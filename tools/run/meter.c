#include "tools/run/meter.h"

#include <math.h>

/* 16 buckets to a doubling. */
static size_t bucket_of(duet_time t)
{
	double doublings = t > 1000 ? log2((double)t / 1000) : 0;
	size_t i = (size_t)(doublings * 16);

	return i < SPREAD_BUCKETS ? i : SPREAD_BUCKETS - 1;
}

void spread_add(struct spread *s, duet_time t)
{
	s->n++;
	s->buckets[bucket_of(t)]++;
	if (t > s->most)
		s->most = t;
}

duet_time spread_percentile(const struct spread *s, double percent)
{
	uint64_t want = (uint64_t)ceil((double)s->n * percent / 100), seen = 0;

	for (size_t i = 0; i < SPREAD_BUCKETS && s->n > 0; i++) {
		seen += s->buckets[i];
		if (seen >= want && seen > 0) {
			duet_time t = (duet_time)(1000 * exp2(((double)i + 0.5) / 16));
			return t < s->most ? t : s->most;
		}
	}
	return 0;
}

uint64_t meter_failed(const struct meter *m)
{
	return m->rows - m->by_code[ROW_OK];
}

double meter_cost(const struct meter *m)
{
	return (m->tokens_in * m->price_in + m->tokens_out * m->price_out) / 1e6;
}

void meter_tick(struct meter *m, duet_time now)
{
	double seconds = (double)(now - m->rate_at) / 1e9;
	double rate, weight;

	if (m->rate_at == 0 || seconds <= 0) {
		m->rate_at = now;
		m->rate_rows = m->rows;
		return;
	}
	rate = (double)(m->rows - m->rate_rows) / seconds;
	weight = m->rate == 0 ? 1 : 1 - exp(-seconds / 5); /* forgets within some 5 s */
	m->rate += (rate - m->rate) * weight;
	m->rate_at = now;
	m->rate_rows = m->rows;
}

duet_time meter_left(const struct meter *m)
{
	uint64_t done = m->rows + m->restored;

	if (m->total == 0 || m->rate < 1e-6)
		return -1;
	return done >= m->total ? 0 : (duet_time)((double)(m->total - done) / m->rate * 1e9);
}
