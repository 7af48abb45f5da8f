#include "tests/lib/run.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static duet_time began;
static char entries[16384], taken[16384];

struct start {
	duet_fn *fn;
	void *arg;
};

static int begin(void *arg)
{
	struct start *s = arg;

	began = duet_now();
	return s->fn(s->arg);
}

int run_seeded(uint64_t seed, duet_fn *fn, void *arg)
{
	duet_run_options options = {.clock = DUET_CLOCK_VIRTUAL, .seed = seed};

	return duet_run_with(&options, begin, &(struct start){fn, arg});
}

int run_virtual(duet_fn *fn, void *arg)
{
	return run_seeded(0, fn, arg);
}

duet_time ns(void)
{
	return duet_now() - began;
}

int ms(void)
{
	return (int)(ns() / 1000000);
}

void note(const char *format, ...)
{
	size_t used = strlen(entries);
	va_list args;

	if (used > 0)
		used += (size_t)snprintf(entries + used, sizeof entries - used, ", ");
	va_start(args, format);
	vsnprintf(entries + used, sizeof entries - used, format, args);
	va_end(args);
}

const char *notes(void)
{
	memcpy(taken, entries, sizeof taken);
	entries[0] = '\0';
	return taken;
}
