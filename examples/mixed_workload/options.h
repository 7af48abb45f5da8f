/* The command line of mixed_workload. */
#ifndef MIXED_WORKLOAD_OPTIONS_H
#define MIXED_WORKLOAD_OPTIONS_H

#include "kernel.h"

#include <duet/time.h>
#include <stdbool.h>
#include <stddef.h>

struct options {
	size_t n; /* 0: as many as the input has */
	size_t concurrency;
	size_t workers;
	enum dk_mode mode;
	const char *url;    /* NULL: the embedded server */
	duet_time latency;  /* of the embedded server    */
	const char *input;  /* NULL: numbered prompts    */
	const char *output; /* NULL: none                */
	const char *trace;  /* NULL: none                */
	bool json;
};

enum options_next { OPTIONS_RUN, OPTIONS_EXIT, OPTIONS_WRONG };

/* Fills *o from the command line.  -> OPTIONS_RUN, OPTIONS_EXIT (it was --help or --version, and
 * is answered), OPTIONS_WRONG (it has been said on stderr what is wrong) */
enum options_next options_parse(struct options *o, int argc, char *argv[]);

#endif
