/* Where spans come from (<duet/trace.h>).  While nobody traces, each of these is one test. */
#ifndef DUET_CORE_TRACE_H
#define DUET_CORE_TRACE_H

#include <duet/trace.h>

/* The running task's track; 0: there is none, or nobody traces. */
uint32_t duet__trace_track(void);

/* Hands a span that is complete to the run's hook, if there is one. */
void duet__trace(const duet_span *span);

#endif
