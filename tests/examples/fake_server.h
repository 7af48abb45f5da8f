/* Fixture: a server for chat completions that is not as it should be, in a process of its own. */
#ifndef TESTS_EXAMPLES_FAKE_SERVER_H
#define TESTS_EXAMPLES_FAKE_SERVER_H

#include <sys/types.h>

enum fake_kind {
	FAKE_TENTH_FAILS, /* status 500 for each prompt whose number ends in 0 */
	FAKE_GARBAGE,     /* bytes that are not HTTP                           */
	FAKE_NOT_JSON,    /* status 200 and a body that is no completion       */
	FAKE_SILENT,      /* takes requests and never answers                  */
};

struct fake_server {
	pid_t pid;
	int port;
};

void fake_server_start(struct fake_server *s, enum fake_kind kind);
void fake_server_stop(struct fake_server *s);

#endif
