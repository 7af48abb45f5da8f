#include "loop/http/request.h"

#include <ctype.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

enum { METHOD_MAX = 32, HEADER_MAX = 65536 };

/* RFC 9110, tchar. */
static bool is_token_byte(unsigned char c)
{
	return isalnum(c) || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

const char *duet__request_method(const duet_http_request *request)
{
	if (request->method != NULL)
		return request->method;
	return request->body.len > 0 ? "POST" : "GET";
}

const char *duet__request_check_method(const char *method)
{
	size_t n = 0;

	while (is_token_byte((unsigned char)method[n]))
		if (++n > METHOD_MAX)
			return "the method is longer than 32 bytes";
	if (n == 0 || method[n] != '\0')
		return "the method holds a byte that no method has";
	if (strcasecmp(method, "CONNECT") == 0)
		return "the method CONNECT is for proxies";
	return NULL;
}

static bool is_named(const char *line, size_t name_len, const char *name)
{
	return strlen(name) == name_len && strncasecmp(line, name, name_len) == 0;
}

const char *duet__request_check_header(const char *line)
{
	size_t name = 0;

	while (is_token_byte((unsigned char)line[name]))
		name++;
	if (name == 0 || line[name] != ':')
		return "a header is not of the form \"Name: value\"";
	if (is_named(line, name, "Content-Length") || is_named(line, name, "Transfer-Encoding"))
		return "Content-Length and Transfer-Encoding are set by the client itself";
	for (size_t i = name; line[i] != '\0'; i++) {
		unsigned char c = (unsigned char)line[i];

		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return "a header holds a control byte, such as a line end";
		if (i > HEADER_MAX)
			return "a header is longer than 64 KiB";
	}
	return NULL;
}
