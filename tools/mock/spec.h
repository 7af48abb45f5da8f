/* Pure: how the mock server is to behave. */
#ifndef TOOLS_MOCK_SPEC_H
#define TOOLS_MOCK_SPEC_H

#include <duet/time.h>

enum mock_fault {
	MOCK_NONE = 0, /* above: an HTTP status */
	MOCK_RESET = -1,
	MOCK_STALL = -2,
	MOCK_BADJSON = -3,
	MOCK_CUTSSE = -4,
	MOCK_QUOTA = -5,
};

enum { MOCK_FAULTS_MAX = 16 };

struct mock_spec {
	duet_time latency, jitter; /* latency ± jitter                                       */
	duet_time token_delay;     /* between the pieces of a stream                         */
	double rpm, tpm;           /* 0 = no limit                                           */
	long max_inflight;         /* 0 = no limit                                           */
	struct {
		int kind; /* enum mock_fault, or a status */
		double chance;
	} faults[MOCK_FAULTS_MAX];
	int fault_count;
	long seed;
};

/* "200ms", "200ms±50", "200ms+-50ms".  All: -> whether text is one. */
bool mock_spec_latency(struct mock_spec *spec, const char *text);
/* "429:0.05,500:0.02,reset:0.01" (',' or '+' between them) */
bool mock_spec_faults(struct mock_spec *spec, const char *text);
/* "latency=20ms,rpm=600,fail=429:0.05+reset:0.01,seed=7"; "" is fine.
 * -> NULL, or the part that is wrong, inside text */
const char *mock_spec_parse(struct mock_spec *spec, const char *text);

#endif
