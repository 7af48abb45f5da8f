/* What the tests of the client share: a run with a client in it. */
#ifndef DUET_TESTS_HTTP_CLIENT_H
#define DUET_TESTS_HTTP_CLIENT_H

#include "tests/lib/http_server.h"
#include "tests/lib/test.h"
#include <duet/duet.h>

/* Runs body(http) as the main task, with a client opened with o and closed behind. */
void with_client(const duet_http_options *o, void (*body)(duet_http *http));

/* One GET; the response is the caller's. */
int get(duet_http *http, const char *url, duet_http_response *out);

/* One GET that must fail with this code, in words that hold these. */
void get_fails(duet_http *http, const char *url, int code, const char *words);

#endif
