/* Tracks: small numbers for the tasks of a traced run, so that those which overlap stand one above
 * the other.  The lowest that is free is taken. */
#ifndef DUET_CORE_TRACK_H
#define DUET_CORE_TRACK_H

#include <duet/time.h>
#include <stddef.h>
#include <stdint.h>

typedef struct duet__tracks {
	duet_time *begun; /* by track; FREE: nobody has it */
	size_t count;
	size_t lowest; /* none below this one is free */
} duet__tracks;

/* -> a track from 1, or 0: out of memory */
uint32_t duet__track_take(duet__tracks *tracks, duet_time begun);

/* -> when it was taken */
duet_time duet__track_give(duet__tracks *tracks, uint32_t track);

void duet__tracks_fini(duet__tracks *tracks);

#endif
