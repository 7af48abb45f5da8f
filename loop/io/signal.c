#include <duet/signal.h>

#include "loop/core/fail.h"
#include "loop/core/loop.h"
#include "loop/core/park.h"
#include "loop/core/watch.h"
#include <signal.h>
#include <stdlib.h>

static void on_signal(void *context, int signal)
{
	duet__wake(context, signal);
}

static int refuse(const int signals[], size_t n)
{
	if (signals == NULL || n == 0)
		return duet__failf(DUET_EINVAL, "no signal to wait for");
	for (size_t i = 0; i < n; i++)
		if (signals[i] <= 0 || signals[i] >= NSIG || signals[i] == SIGKILL ||
		    signals[i] == SIGSTOP)
			return duet__failf(DUET_EINVAL, "signal %d cannot be caught", signals[i]);
	return 0;
}

int duet_signal_wait(const int signals[], size_t n)
{
	DUET__WAITER_EXTERNAL(w, "a signal");
	duet__watch **watches;
	size_t opened = 0;
	int r = duet__enter();

	if (r < 0 || (r = refuse(signals, n)) < 0)
		return r;
	watches = calloc(n, sizeof(*watches));
	if (watches == NULL)
		return duet__fail(DUET_ENOMEM);
	while (opened < n) {
		watches[opened] = duet__watch_signal(duet__loop(), signals[opened], on_signal, &w);
		if (watches[opened] == NULL)
			break;
		opened++;
	}
	r = opened == n ? duet__park(&w) : duet__fail(DUET_ENOMEM);
	while (opened > 0)
		duet__watch_close(watches[--opened]);
	free(watches);
	return r;
}
