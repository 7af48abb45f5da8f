#include "tools/mock/spec.h"

#include "tools/units.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool take_jitter(struct mock_spec *spec, const char *text)
{
	double ms;

	if (units_real(text, &ms) && ms < 1e9)
		spec->jitter = DUET_MS(ms);
	else if (!units_time(text, &spec->jitter))
		return false;
	return spec->jitter <= spec->latency;
}

bool mock_spec_latency(struct mock_spec *spec, const char *text)
{
	static const char *const marks[] = {"\xc2\xb1", "+-", "~"};
	char first[32];

	for (size_t i = 0; i < 3; i++) {
		const char *mark = strstr(text, marks[i]);

		if (mark == NULL)
			continue;
		if (mark - text >= (ptrdiff_t)sizeof first)
			return false;
		snprintf(first, sizeof first, "%.*s", (int)(mark - text), text);
		return units_time(first, &spec->latency) &&
		       take_jitter(spec, mark + strlen(marks[i]));
	}
	return units_time(text, &spec->latency);
}

static int kind_of(const char *name)
{
	static const struct {
		const char *name;
		int kind;
	} kinds[] = {{"reset", MOCK_RESET},
		     {"stall", MOCK_STALL},
		     {"badjson", MOCK_BADJSON},
		     {"cutsse", MOCK_CUTSSE},
		     {"quota", MOCK_QUOTA}};
	long status;

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (strcmp(name, kinds[i].name) == 0)
			return kinds[i].kind;
	if (units_count(name, &status) && status >= 400 && status <= 599)
		return (int)status;
	return MOCK_NONE;
}

static bool take_fault(struct mock_spec *spec, const char *word, size_t len)
{
	char name[64];
	char *colon;
	double chance;
	int kind;

	if (len >= sizeof name || spec->fault_count == MOCK_FAULTS_MAX)
		return false;
	snprintf(name, sizeof name, "%.*s", (int)len, word);
	colon = strchr(name, ':');
	if (colon == NULL)
		return false;
	*colon = '\0';
	kind = kind_of(name);
	if (kind == MOCK_NONE || !units_real(colon + 1, &chance) || chance > 1)
		return false;
	spec->faults[spec->fault_count].kind = kind;
	spec->faults[spec->fault_count++].chance = chance;
	return true;
}

bool mock_spec_faults(struct mock_spec *spec, const char *text)
{
	for (;;) {
		size_t n = strcspn(text, ",+");

		if (!take_fault(spec, text, n))
			return false;
		if (text[n] == '\0')
			return true;
		text += n + 1;
	}
}

static bool take_pair(struct mock_spec *spec, const char *name, const char *value)
{
	if (strcmp(name, "latency") == 0)
		return mock_spec_latency(spec, value);
	if (strcmp(name, "fail") == 0)
		return mock_spec_faults(spec, value);
	if (strcmp(name, "rpm") == 0)
		return units_real(value, &spec->rpm);
	if (strcmp(name, "tpm") == 0)
		return units_real(value, &spec->tpm);
	if (strcmp(name, "max-inflight") == 0)
		return units_count(value, &spec->max_inflight);
	if (strcmp(name, "token-delay") == 0)
		return units_time(value, &spec->token_delay);
	if (strcmp(name, "seed") == 0)
		return units_count(value, &spec->seed);
	return false;
}

const char *mock_spec_parse(struct mock_spec *spec, const char *text)
{
	while (*text != '\0') {
		size_t n = strcspn(text, ",");
		char pair[256];
		char *equals;

		if (n >= sizeof pair)
			return text;
		snprintf(pair, sizeof pair, "%.*s", (int)n, text);
		equals = strchr(pair, '=');
		if (equals == NULL)
			return text;
		*equals = '\0';
		if (!take_pair(spec, pair, equals + 1))
			return text;
		text += text[n] == '\0' ? n : n + 1;
	}
	return NULL;
}
