/* Pure: a URL taken apart, strictly.  What passes here means the same to curl; what two parsers
 * might read differently is refused. */
#ifndef DUET_HTTP_URL_H
#define DUET_HTTP_URL_H

#include <stdbool.h>
#include <stddef.h>

typedef struct duet__url {
	bool tls;
	bool is_ipv6; /* host stands in brackets, which are not part of it */
	const char *host;
	size_t host_len;
	unsigned port;
	const char *path; /* what follows the authority: "/...", "?...", or "" */
} duet__url;

/* out points into text.  -> NULL, or what is wrong with it (static words) */
const char *duet__url_parse(const char *text, duet__url *out);

/* Whether the host is this machine by its very name: localhost, 127.x.x.x, ::1. */
bool duet__url_is_loopback(const duet__url *u);

#endif
