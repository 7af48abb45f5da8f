#include <duet/event.h>

#include <stdlib.h>

#include "loop/sync/wait.h"

struct duet_event {
	bool set;
	duet__list waiters;
};

duet_event *duet_event_new(void)
{
	duet_event *e = calloc(1, sizeof *e);

	if (e == NULL)
		return duet__fail_null(DUET_ENOMEM);
	duet__list_init(&e->waiters);
	return e;
}

void duet_event_set(duet_event *e)
{
	if (e == NULL)
		return;
	e->set = true;
	duet__wake_all(&e->waiters, 0);
}

void duet_event_clear(duet_event *e)
{
	if (e != NULL)
		e->set = false;
}

bool duet_event_is_set(const duet_event *e)
{
	return e != NULL && e->set;
}

int duet_event_wait(duet_event *e)
{
	if (e == NULL)
		return duet__fail_no("event");
	int r = duet__enter_here();
	if (r < 0)
		return r;
	if (e->set)
		return 0;
	return duet__wait_in(&e->waiters, "event");
}

void duet_event_free(duet_event *e)
{
	if (e == NULL)
		return;
	duet__wake_all(&e->waiters, DUET_ECLOSED);
	free(e);
}
