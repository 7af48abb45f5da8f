/* A proxy that harms what passes through it, byte by byte: between any client and any server of
 * this machine.  What goes up passes unharmed; what comes down is dealt with as the plan says. */
#ifndef DUET_TESTS_FLAKY_H
#define DUET_TESTS_FLAKY_H

#include "tests/lib/http_server.h"

/* Bytes down are counted from 1; 0 = never. */
struct flaky {
	int port;           /* of the server behind                                       */
	int delay_ms;       /* before the first byte                                      */
	int dribble_ms;     /* one byte at a time, so long apart                          */
	long cut_at;        /* the connection ends before this byte                       */
	int resets;         /* with RST instead of FIN                                    */
	long corrupt_at;    /* this byte comes inverted                                   */
	long black_hole_at; /* from this byte on nothing comes any more                   */
	int healthy_from;   /* connections from this one on (the first is 0) are left alone */
};

/* The script of a server; arg is the plan. */
void flaky_relay(int fd, int nth, void *plan);

#endif
