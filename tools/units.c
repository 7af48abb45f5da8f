#include "tools/units.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_decimal(const char *text, const char **end)
{
	size_t n = strspn(text, "0123456789");
	size_t fraction = text[n] == '.' ? 1 + strspn(text + n + 1, "0123456789") : 0;

	*end = text + n + fraction;
	return n > 0 && fraction != 1;
}

bool units_real(const char *text, double *out)
{
	const char *end;
	double value;

	if (!is_decimal(text, &end) || *end != '\0')
		return false;
	value = strtod(text, NULL);
	if (!isfinite(value))
		return false;
	*out = value;
	return true;
}

bool units_count(const char *text, long *out)
{
	long value;

	if (*text == '\0' || text[strspn(text, "0123456789")] != '\0')
		return false;
	errno = 0;
	value = strtol(text, NULL, 10);
	if (errno != 0)
		return false;
	*out = value;
	return true;
}

static const char *unit_of(const char *text, double *seconds)
{
	static const struct {
		const char *name;
		double seconds;
	} units[] = {{"ms", 1e-3}, {"us", 1e-6}, {"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}};

	for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
		size_t n = strlen(units[i].name);

		if (strncmp(text, units[i].name, n) == 0) {
			*seconds = units[i].seconds;
			return text + n;
		}
	}
	return NULL;
}

bool units_time(const char *text, duet_time *out)
{
	double total = 0, seconds;
	const char *end;

	if (units_real(text, &total)) {
		end = "";
	} else {
		do {
			if (!is_decimal(text, &end))
				return false;
			double value = strtod(text, NULL);
			text = unit_of(end, &seconds);
			if (text == NULL)
				return false;
			total += value * seconds;
		} while (*text != '\0');
	}
	if (!(total < 100.0 * 365 * 86400))
		return false;
	*out = (duet_time)(total * 1e9 + 0.5);
	return true;
}

bool units_size(const char *text, long *out)
{
	static const char letters[] = "KMG";
	const char *end;
	double value;

	if (!is_decimal(text, &end))
		return false;
	value = strtod(text, NULL);
	if (*end != '\0') {
		const char *letter = strchr(letters, toupper((unsigned char)*end));
		if (letter == NULL || end[1] != '\0')
			return false;
		for (const char *p = letters; p <= letter; p++)
			value *= 1024;
	}
	if (!(value < 9e18))
		return false;
	*out = (long)value;
	return true;
}

const char *units_say_time(char words[32], duet_time t)
{
	double s = (double)t / 1e9;
	long whole = lround(s);

	if (s < 0.9995)
		snprintf(words, 32, "%.3g ms", s * 1e3);
	else if (s < 60)
		snprintf(words, 32, "%.3g s", s);
	else if (whole < 3600)
		snprintf(words, 32, "%ld m %02ld s", whole / 60, whole % 60);
	else
		snprintf(words, 32, "%ld h %02ld m", whole / 3600, whole / 60 % 60);
	return words;
}

const char *units_say_count(char words[32], double n)
{
	if (n < 1000)
		snprintf(words, 32, "%.3g", n);
	else if (n < 999500)
		snprintf(words, 32, "%.3gk", n / 1e3);
	else if (n < 999.5e6)
		snprintf(words, 32, "%.3gM", n / 1e6);
	else
		snprintf(words, 32, "%.3gG", n / 1e9);
	return words;
}
