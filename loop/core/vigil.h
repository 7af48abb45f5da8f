/* To wait awake for what should come within microseconds: going to sleep and being woken up costs
 * more, most of all on a virtual machine.  What was waited for in vain makes the next waits sleep at
 * once, more of them each time: where nothing comes soon, or the core is needed by what should come,
 * being awake costs next to nothing. */
#ifndef DUET_CORE_VIGIL_H
#define DUET_CORE_VIGIL_H

#include <stdbool.h>

typedef struct duet__vigil {
	unsigned char
		doubt; /* after it was in vain so often, so many waits sleep: 0, 1, 3, ... 63 */
	unsigned char rest; /* of them                                                        */
} duet__vigil;

static inline bool duet__vigil_is_worth(duet__vigil *v)
{
	if (v->rest == 0)
		return true;
	v->rest--;
	return false;
}

static inline void duet__vigil_end(duet__vigil *v, bool came)
{
	v->doubt = came ? 0 : v->doubt < 63 ? (unsigned char)(2 * v->doubt + 1) : 63;
	v->rest = v->doubt;
}

#endif
