#include "tools/mock/bucket.h"

void bucket_init(struct bucket *b, double per_minute, duet_time now)
{
	double a_second = per_minute / 60;

	*b = (struct bucket){.per_minute = per_minute, .burst = a_second < 1 ? 1 : a_second};
	b->level = b->burst;
	b->at = now;
}

double bucket_level(const struct bucket *b, duet_time now)
{
	double level = b->level + (double)(now - b->at) / 1e9 * b->per_minute / 60;

	return level < b->burst ? level : b->burst;
}

duet_time bucket_take(struct bucket *b, double n, duet_time now)
{
	double need = n < b->burst ? n : b->burst;

	if (b->per_minute == 0)
		return 0;
	b->level = bucket_level(b, now);
	b->at = now;
	if (b->level < need)
		return (duet_time)((need - b->level) / (b->per_minute / 60) * 1e9) + 1;
	b->level -= n;
	return 0;
}
