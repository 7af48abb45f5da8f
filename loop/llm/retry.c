#include "loop/llm/retry.h"

#include <ctype.h>
#include <duet/error.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Digits with an optional fraction, in units.  -> where they end, or NULL */
static const char *parse_decimal(const char *p, duet_time unit, duet_time *out)
{
	double whole = 0, scale = 1;

	if (!is_digit(*p))
		return NULL;
	for (; is_digit(*p); p++)
		whole = whole * 10 + (*p - '0');
	if (*p == '.' && is_digit(p[1]))
		for (p++; is_digit(*p); p++)
			whole += (*p - '0') * (scale /= 10);
	whole *= (double)unit;
	*out = whole < (double)DUET__RETRY_MAX ? (duet_time)(whole + 0.5) : DUET__RETRY_MAX;
	return p;
}

static const char *skip_space(const char *p)
{
	while (*p == ' ' || *p == '\t')
		p++;
	return p;
}

static duet_time parse_lone_decimal(const char *value, duet_time unit)
{
	duet_time t;
	const char *end;

	if (value == NULL)
		return -1;
	end = parse_decimal(skip_space(value), unit, &t);
	return end != NULL && *skip_space(end) == '\0' ? t : -1;
}

static int month_of(const char *name)
{
	static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

	for (int i = 0; i < 12; i++)
		if (memcmp(names + (size_t)i * 3, name, 3) == 0)
			return i;
	return -1;
}

/* The three forms of RFC 9110. */
static bool parse_date(const char *value, int64_t *out)
{
	struct tm t = {0};
	char month[4] = "";
	int end = 0;

	if (sscanf(value, "%*3[A-Za-z], %2d %3[A-Za-z] %4d %2d:%2d:%2d GMT%n", &t.tm_mday, month,
		   &t.tm_year, &t.tm_hour, &t.tm_min, &t.tm_sec, &end) != 6 &&
	    sscanf(value, "%*9[A-Za-z], %2d-%3[A-Za-z]-%4d %2d:%2d:%2d GMT%n", &t.tm_mday, month,
		   &t.tm_year, &t.tm_hour, &t.tm_min, &t.tm_sec, &end) != 6 &&
	    sscanf(value, "%*3[A-Za-z] %3[A-Za-z] %2d %2d:%2d:%2d %4d%n", month, &t.tm_mday,
		   &t.tm_hour, &t.tm_min, &t.tm_sec, &t.tm_year, &end) != 6)
		return false;
	if (end == 0 || *skip_space(value + end) != '\0')
		return false;
	if (t.tm_year >= 0 && t.tm_year < 100)
		t.tm_year += t.tm_year < 70 ? 2000 : 1900;
	t.tm_mon = strlen(month) == 3 ? month_of(month) : -1;
	if (t.tm_mon < 0 || t.tm_mday < 1 || t.tm_mday > 31 || t.tm_hour < 0 || t.tm_hour > 23 ||
	    t.tm_min < 0 || t.tm_min > 59 || t.tm_sec < 0 || t.tm_sec > 60 || t.tm_year < 1900)
		return false;
	t.tm_year -= 1900;
	*out = (int64_t)timegm(&t);
	return true;
}

duet_time duet__retry_after(const char *value, int64_t now)
{
	duet_time t = parse_lone_decimal(value, DUET_S(1));
	int64_t date;

	if (t >= 0 || value == NULL || !parse_date(skip_space(value), &date))
		return t;
	if (date <= now)
		return 0;
	return date - now < DUET__RETRY_MAX / DUET_S(1) ? DUET_S(date - now) : DUET__RETRY_MAX;
}

duet_time duet__retry_after_ms(const char *value)
{
	return parse_lone_decimal(value, DUET_MS(1));
}

static const char *parse_unit(const char *p, duet_time *unit)
{
	static const struct {
		const char *name;
		duet_time unit;
	} units[] = {{"ms", DUET_MS(1)}, {"us", DUET_US(1)}, {"h", DUET_S(3600)},
		     {"m", DUET_S(60)},  {"s", DUET_S(1)},   {"d", DUET_S(86400)}};

	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
		size_t n = strlen(units[i].name);

		if (strncmp(p, units[i].name, n) == 0) {
			*unit = units[i].unit;
			return p + n;
		}
	}
	return NULL;
}

static const char *find_unit(const char *p)
{
	while (is_digit(*p) || *p == '.')
		p++;
	return p;
}

duet_time duet__retry_duration(const char *value)
{
	duet_time total = 0, part, unit;
	const char *p, *end;

	if (value == NULL)
		return -1;
	if ((part = parse_lone_decimal(value, DUET_S(1))) >= 0)
		return part;
	p = skip_space(value);
	do {
		end = parse_unit(find_unit(p), &unit);
		if (end == NULL || parse_decimal(p, unit, &part) != find_unit(p))
			return -1;
		total = part < DUET__RETRY_MAX - total ? total + part : DUET__RETRY_MAX;
		p = end;
	} while (*skip_space(p) != '\0');
	return total;
}

bool duet__retry_status(int status)
{
	return status == 408 || status == 409 || status == 429 || (status >= 500 && status < 600);
}

bool duet__retry_code(int code)
{
	switch (code) {
	case -ECONNREFUSED:
	case -ECONNRESET:
	case -ECONNABORTED:
	case -EPIPE:
	case -EHOSTUNREACH:
	case -ENETUNREACH:
	case -ENETDOWN:
	case -EADDRNOTAVAIL:
	case -EMFILE:
	case DUET_ETIMEDOUT:
	case DUET_EDNS:
	case DUET_EPROTO:
	case DUET_EHTTP:
		return true;
	default:
		return false;
	}
}

duet_time duet__retry_backoff(unsigned attempt, double random)
{
	duet_time most = attempt > 5 ? DUET_S(8) : DUET_MS(500) << (attempt > 0 ? attempt - 1 : 0);

	if (most > DUET_S(8))
		most = DUET_S(8);
	return (duet_time)((double)most * random);
}
