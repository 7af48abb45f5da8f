#include "loop/io/shortage.h"

#include "loop/core/fail.h"
#include "loop/core/loop.h"
#include "loop/core/park.h"
#include "loop/core/timer.h"
#include <sys/resource.h>

#define LOOK_AGAIN DUET_MS(20)
#define PATIENCE   DUET_S(3)

enum { RESERVE = 16, LINES = 2 };

struct place {
	duet__timer timer;
	duet__waiter waiter;
	duet__list *line;
	duet_time since, patience;
};

/* Of the loop of this thread. */
static _Thread_local duet__list lines[LINES];
static _Thread_local duet_loop *loop_of_lines; /* a forked child has another, and nobody waits */
static _Thread_local duet_time last_over;

bool duet__is_shortage(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

static bool is_patient(const struct place *p)
{
	duet_time start = last_over > p->since ? last_over : p->since;

	return duet_now() - start < p->patience;
}

/* Only the first in line tries again, however many wait. */
static void look_again(void *timer)
{
	struct place *p = duet__container_of(timer, struct place, timer);

	if (duet__list_first(p->line) == &p->waiter.node || !is_patient(p) ||
	    duet__timer_start(duet__loop(), &p->timer, LOOK_AGAIN) < 0)
		duet__wake(&p->waiter, 0);
}

static duet__list *line(int i)
{
	if (loop_of_lines != duet__loop() || lines[i].next == NULL) {
		loop_of_lines = duet__loop();
		for (int k = 0; k < LINES; k++)
			duet__list_init(&lines[k]);
	}
	return &lines[i];
}

static int stand_in_line(struct place *p, bool at_the_end)
{
	int r;

	if (!is_patient(p))
		return DUET_ETIMEDOUT;
	r = duet__timer_start(duet__loop(), &p->timer, LOOK_AGAIN);
	if (r < 0)
		return duet__fail(r);
	duet__list_append(at_the_end ? p->line : p->line->next, &p->waiter.node);
	r = duet__park(&p->waiter);
	duet__timer_stop(duet__loop(), &p->timer);
	return r;
}

int duet__shortage_wait(enum duet__shortage what, duet_time *since)
{
	bool is_first_time = *since == 0;
	struct place p = {
		.timer.fire = look_again,
		.waiter = DUET__WAITER_(p.waiter, "a file descriptor to come free", true),
		.line = line(what),
		.patience = what == DUET__TO_CONNECT ? PATIENCE : DUET_FOREVER,
	};

	if (is_first_time)
		*since = duet_now();
	p.since = *since;
	return stand_in_line(&p, is_first_time);
}

void duet__shortage_over(void)
{
	for (int i = 0; i < LINES; i++)
		if (duet__wake_first(line(i), 0))
			last_over = duet_now();
}

void duet__shortage_recheck(void)
{
	for (int i = 0; i < LINES; i++)
		duet__wake_all(line(i), 0);
}

bool duet__is_reserve(int fd)
{
	struct rlimit r;
	rlim_t reserve;

	if (getrlimit(RLIMIT_NOFILE, &r) != 0 || r.rlim_cur == RLIM_INFINITY)
		return false;
	reserve = r.rlim_cur / 4 < RESERVE ? r.rlim_cur / 4 : RESERVE;
	return (rlim_t)fd >= r.rlim_cur - reserve;
}
