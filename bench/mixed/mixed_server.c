/* The mock server of the mixed workload, alone: prints its URL, and serves until standard input
 * ends.  usage: mixed_server LATENCY_MS */
#include "mock_llm.h"

#include <stdio.h>
#include <stdlib.h>

int main(int argc, char *argv[])
{
	struct mock_llm server;
	double latency_ms = argc > 1 ? atof(argv[1]) : 50;
	int r = mock_llm_start(&server, (duet_time)(latency_ms * 1e6));

	if (r < 0) {
		fprintf(stderr, "mixed_server: %s\n", duet_strerror(r));
		return EXIT_FAILURE;
	}
	puts(server.url);
	fflush(stdout);
	while (getchar() != EOF)
		continue;
	mock_llm_stop(&server);
	return EXIT_SUCCESS;
}
