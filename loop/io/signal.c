/* Signals reach tasks in three steps:
 *
 *   kernel ──▶ handler, any thread: a bit in `arrived` of each loop that wants the signal, and its
 *              eventfd ──▶ loop: on_arrived ──▶ wakes whoever waits, or keeps the signal
 *
 * The handler is there only while somebody waits.  Leaving, a task first puts back what was there
 * before and then looks at what has arrived: so a signal that our handler took is never lost, it
 * goes to another task or is kept for the next that asks.
 *
 * A forked child has none of the loops: there the fork itself puts back what was there before. */
#include <duet/signal.h>

#include "loop/core/fail.h"
#include "loop/core/loop.h"
#include "loop/core/park.h"
#include "loop/core/watch.h"
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { EARS = 16, SIGNAL_MOST = 64 };

/* What the handler knows of a loop. */
struct ear {
	atomic_int fd; /* eventfd, -1: the place is free */
	atomic_ullong wanted;
	atomic_ullong arrived;
};

static struct ear ears[EARS] = {[0 ... EARS - 1] = {.fd = -1}};
static atomic_int handlers_at_work;
static _Atomic pid_t owner; /* of the handler: a forked child is not to be heard here */
static pthread_once_t forks_watched = PTHREAD_ONCE_INIT;

/* Guards the places, and the two below. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int users[SIGNAL_MOST + 1];
static struct sigaction before[SIGNAL_MOST + 1];

struct wait {
	duet__list node; /* in listening.waits */
	duet__waiter waiter;
	unsigned long long mask;
	bool leaves;
};

/* Of the loop of this thread. */
static _Thread_local struct {
	struct ear *ear; /* NULL: it never listened */
	duet__watch *watch;
	duet__list waits;
	unsigned long long kept; /* arrived, and nobody had it yet */
	duet__attachment attachment;
} listening;

static unsigned long long bit_of(int signal)
{
	return 1ULL << (signal - 1);
}

/* --- the handler --- */

static void on_signal(int signal)
{
	int error = errno;

	if (getpid() !=
	    owner) { /* a child, before it could forget: as if this were not installed */
		sigaction(signal, &before[signal], NULL);
		raise(signal);
		errno = error;
		return;
	}
	atomic_fetch_add(&handlers_at_work, 1);
	for (int i = 0; i < EARS; i++) {
		int fd = atomic_load(&ears[i].fd);
		if (fd < 0 || (atomic_load(&ears[i].wanted) & bit_of(signal)) == 0)
			continue;
		atomic_fetch_or(&ears[i].arrived, bit_of(signal));
		while (write(fd, &(uint64_t){1}, sizeof(uint64_t)) < 0 && errno == EINTR)
			;
	}
	atomic_fetch_sub(&handlers_at_work, 1);
	errno = error;
}

static void forget_in_child(void)
{
	struct sigaction now;

	pthread_mutex_init(&lock, NULL); /* another thread may have held it */
	for (int signal = 1; signal <= SIGNAL_MOST; signal++) {
		if (users[signal] > 0 && sigaction(signal, NULL, &now) == 0 &&
		    now.sa_handler == on_signal)
			sigaction(signal, &before[signal], NULL);
		users[signal] = 0;
	}
	for (int i = 0; i < EARS; i++) {
		atomic_store(&ears[i].fd, -1);
		atomic_store(&ears[i].arrived, 0);
		atomic_store(&ears[i].wanted, 0);
	}
	atomic_store(&handlers_at_work, 0);
	listening.ear = NULL;
	listening.kept = 0;
}

static void watch_forks(void)
{
	pthread_atfork(NULL, NULL, forget_in_child);
}

static int install(int signal)
{
	struct sigaction ours = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
	int r = 0;

	pthread_once(&forks_watched, watch_forks);
	pthread_mutex_lock(&lock);
	owner = getpid();
	if (users[signal] == 0 && sigaction(signal, &ours, &before[signal]) != 0)
		r = -errno;
	else
		users[signal]++;
	pthread_mutex_unlock(&lock);
	return r;
}

/* Leaves alone what somebody else has installed meanwhile. */
static void uninstall(int signal)
{
	struct sigaction now;

	pthread_mutex_lock(&lock);
	if (--users[signal] == 0 && sigaction(signal, NULL, &now) == 0 &&
	    now.sa_handler == on_signal)
		sigaction(signal, &before[signal], NULL);
	pthread_mutex_unlock(&lock);
}

static void uninstall_all(unsigned long long mask)
{
	for (int signal = 1; signal <= SIGNAL_MOST; signal++)
		if (mask & bit_of(signal))
			uninstall(signal);
}

/* -> 0, or all is as before */
static int install_all(unsigned long long mask)
{
	for (int signal = 1; signal <= SIGNAL_MOST; signal++) {
		if ((mask & bit_of(signal)) == 0 || install(signal) == 0)
			continue;
		uninstall_all(mask & (bit_of(signal) - 1));
		return duet__failf(DUET_EINVAL, "signal %d cannot be caught", signal);
	}
	return 0;
}

/* --- the loop --- */

static void deliver(int signal)
{
	bool heard = false;

	DUET__LIST_EACH (node, &listening.waits) {
		struct wait *wait = duet__container_of(node, struct wait, node);
		if ((wait->mask & bit_of(signal)) == 0)
			continue;
		if (!wait->waiter.done && !wait->leaves)
			duet__wake(&wait->waiter, signal);
		if (wait->waiter.done && wait->waiter.result == signal)
			heard = true; /* twice in a turn is once */
	}
	if (!heard)
		listening.kept |= bit_of(signal);
}

static void collect(void)
{
	unsigned long long arrived = atomic_exchange(&listening.ear->arrived, 0);

	for (int signal = 1; signal <= SIGNAL_MOST; signal++)
		if (arrived & bit_of(signal))
			deliver(signal);
}

static void on_arrived(void *context, int events)
{
	eventfd_t ignored;

	(void)context, (void)events;
	eventfd_read(atomic_load(&listening.ear->fd), &ignored);
	collect();
}

static void close_ear(struct ear *ear)
{
	int fd = atomic_exchange(&ear->fd, -2);

	while (atomic_load(&handlers_at_work) > 0)
		sched_yield(); /* another thread's may still have seen the descriptor */
	close(fd);
	atomic_store(&ear->arrived, 0);
	atomic_store(&ear->wanted, 0);
	atomic_store(&ear->fd, -1);
}

static void on_run_ends(duet__attachment *attachment)
{
	(void)attachment;
	duet__watch_close(listening.watch);
	close_ear(listening.ear);
	listening.ear = NULL;
	listening.kept = 0;
}

/* -> a place for this loop, or NULL */
static struct ear *open_ear(int fd)
{
	struct ear *ear = NULL;

	pthread_mutex_lock(&lock);
	for (int i = 0; i < EARS && ear == NULL; i++)
		if (atomic_load(&ears[i].fd) == -1)
			ear = &ears[i];
	if (ear != NULL)
		atomic_store(&ear->fd, fd);
	pthread_mutex_unlock(&lock);
	return ear;
}

static int watch_ear(int fd)
{
	int r = DUET_ENOMEM;

	listening.watch = duet__watch_open(duet__loop(), fd, on_arrived, NULL);
	if (listening.watch != NULL)
		r = duet__watch_set(listening.watch, DUET__READ);
	if (r < 0)
		duet__fail(r);
	else if ((listening.ear = open_ear(fd)) == NULL)
		r = duet__failf(DUET_EBUSY, "%d loops of this process wait for signals", EARS);
	if (r < 0)
		duet__watch_close(listening.watch);
	return r;
}

static int listen_here(void)
{
	int fd, r;

	if (listening.ear != NULL)
		return 0;
	fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (fd < 0)
		return duet__fail(-errno);
	if ((r = watch_ear(fd)) < 0) {
		close(fd);
		return r;
	}
	duet__list_init(&listening.waits);
	listening.attachment.closing = on_run_ends;
	duet__loop_attach(duet__loop(), &listening.attachment);
	return 0;
}

/* --- waiting --- */

static int mask_of(const int signals[], size_t n, unsigned long long *mask)
{
	if (signals == NULL || n == 0)
		return duet__failf(DUET_EINVAL, "no signal to wait for");
	for (size_t i = 0; i < n; i++) {
		if (signals[i] <= 0 || signals[i] > SIGNAL_MOST)
			return duet__failf(DUET_EINVAL, "%d is no signal", signals[i]);
		*mask |= bit_of(signals[i]);
	}
	return 0;
}

/* -> a signal that nobody had yet, or 0 */
static int take_kept(unsigned long long mask)
{
	int signal = __builtin_ffsll((long long)(listening.kept & mask));

	if (signal > 0)
		listening.kept &= ~bit_of(signal);
	return signal;
}

static void want_what_waits_want(void)
{
	unsigned long long wanted = 0;

	DUET__LIST_EACH (node, &listening.waits) {
		wanted |= duet__container_of(node, struct wait, node)->mask;
	}
	atomic_store(&listening.ear->wanted, wanted);
}

static int wait_for(struct wait *wait)
{
	int r, signal;

	duet__list_append(&listening.waits, &wait->node);
	want_what_waits_want();
	r = install_all(wait->mask);
	if (r == 0) {
		r = duet__park(&wait->waiter);
		wait->leaves = true;
		uninstall_all(wait->mask);
		collect();
	}
	duet__list_remove(&wait->node);
	want_what_waits_want();
	if (r < 0 && (signal = take_kept(wait->mask)) > 0)
		return signal; /* it came in the same turn as the cancellation */
	return r;
}

int duet_signal_wait(const int signals[], size_t n)
{
	struct wait wait = {.waiter = DUET__WAITER_(wait.waiter, "a signal", true)};
	int r = duet__enter(), signal;

	if (r < 0 || (r = mask_of(signals, n, &wait.mask)) < 0 || (r = listen_here()) < 0)
		return r;
	signal = take_kept(wait.mask);
	return signal > 0 ? signal : wait_for(&wait);
}
