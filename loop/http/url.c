#include "loop/http/url.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

enum { URL_MAX = 65536 };

static const char *check_bytes(const char *text)
{
	size_t n = strnlen(text, URL_MAX + 1);

	if (n > URL_MAX)
		return "it is longer than 64 KiB";
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c < 0x20 || c == 0x7f)
			return "it holds a control byte";
		if (c == ' ' || c == '\\')
			return "it holds a space or a backslash (percent-encode them)";
	}
	return NULL;
}

static const char *parse_scheme(const char *text, duet__url *out, const char **rest)
{
	if (strncasecmp(text, "http://", 7) == 0) {
		out->tls = false;
		*rest = text + 7;
	} else if (strncasecmp(text, "https://", 8) == 0) {
		out->tls = true;
		*rest = text + 8;
	} else {
		return "it does not begin with http:// or https://";
	}
	return NULL;
}

static bool is_host_byte(unsigned char c)
{
	return isalnum(c) || c == '-' || c == '.' || c == '_';
}

static const char *parse_ipv6(const char *at, const char *end, duet__url *out, const char **rest)
{
	const char *close = memchr(at, ']', (size_t)(end - at));

	if (close == NULL || close == at + 1)
		return "its [host] is not closed";
	for (const char *p = at + 1; p < close; p++)
		if (!isxdigit((unsigned char)*p) && *p != ':' && *p != '.')
			return "its [host] is no IPv6 address";
	out->is_ipv6 = true;
	out->host = at + 1;
	out->host_len = (size_t)(close - at - 1);
	*rest = close + 1;
	return NULL;
}

static const char *parse_host(const char *at, const char *end, duet__url *out, const char **rest)
{
	const char *p = at;

	if (at < end && *at == '[')
		return parse_ipv6(at, end, out, rest);
	while (p < end && is_host_byte((unsigned char)*p))
		p++;
	if (p == at)
		return "it names no host";
	if (p - at > 253)
		return "its host name is too long";
	out->is_ipv6 = false;
	out->host = at;
	out->host_len = (size_t)(p - at);
	*rest = p;
	return NULL;
}

static const char *parse_port(const char *at, const char *end, duet__url *out)
{
	unsigned port = 0;

	out->port = out->tls ? 443 : 80;
	if (at == end)
		return NULL;
	if (*at != ':')
		return "its host holds a byte that no host name has";
	if (++at == end || end - at > 5)
		return "its port is not 1 to 65535";
	for (; at < end; at++) {
		if (!isdigit((unsigned char)*at))
			return "its port is not 1 to 65535";
		port = port * 10 + (unsigned)(*at - '0');
	}
	if (port == 0 || port > 65535)
		return "its port is not 1 to 65535";
	out->port = port;
	return NULL;
}

const char *duet__url_parse(const char *text, duet__url *out)
{
	duet__url u = {0};
	const char *why, *at, *end;

	if ((why = check_bytes(text)) != NULL || (why = parse_scheme(text, &u, &at)) != NULL)
		return why;
	end = at + strcspn(at, "/?#");
	if (memchr(at, '@', (size_t)(end - at)) != NULL)
		return "it holds a user or password (send an Authorization header instead)";
	u.path = end;
	if ((why = parse_host(at, end, &u, &at)) != NULL || (why = parse_port(at, end, &u)) != NULL)
		return why;
	*out = u;
	return NULL;
}

/* Exactly four decimal numbers of at most 255, the first of them 127. */
static bool is_loopback_ipv4(const char *s, size_t n)
{
	unsigned parts = 1, value = 0, digits = 0;

	if (n < 4 || memcmp(s, "127.", 4) != 0)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (s[i] == '.') {
			if (digits == 0)
				return false;
			parts++;
			value = digits = 0;
		} else if (!isdigit((unsigned char)s[i]) || ++digits > 3 ||
			   (value = value * 10 + (unsigned)(s[i] - '0')) > 255) {
			return false;
		}
	}
	return parts == 4 && digits > 0;
}

bool duet__url_is_loopback(const duet__url *u)
{
	if (u->is_ipv6)
		return u->host_len == 3 && memcmp(u->host, "::1", 3) == 0;
	if (u->host_len == 9 && strncasecmp(u->host, "localhost", 9) == 0)
		return true;
	return is_loopback_ipv4(u->host, u->host_len);
}
