#include "loop/core/mailbox.h"

#include "loop/core/fail.h"
#include "loop/core/loop_impl.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct duet__mailbox {
	atomic_int references;
	pthread_mutex_t lock; /* guards all below, and writes to fd */
	duet__letter *first;
	duet__letter **last;
	bool closing; /* only letters come in */
	bool closed;
	int fd;
};

duet__mailbox *duet__mailbox_new(void)
{
	duet__mailbox *m = calloc(1, sizeof(*m));

	if (m == NULL)
		return NULL;
	m->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (m->fd < 0) {
		free(m);
		return NULL;
	}
	pthread_mutex_init(&m->lock, NULL);
	atomic_init(&m->references, 1);
	m->last = &m->first;
	return m;
}

duet__mailbox *duet__mailbox_ref(duet_loop *loop)
{
	atomic_fetch_add(&loop->mailbox->references, 1);
	return loop->mailbox;
}

void duet__mailbox_unref(duet__mailbox *m)
{
	if (m == NULL || atomic_fetch_sub(&m->references, 1) != 1)
		return;
	pthread_mutex_destroy(&m->lock);
	free(m);
}

int duet__mailbox_fd(const duet__mailbox *m)
{
	return m->fd;
}

/* Without this the loop would never look. */
static void ring(const duet__mailbox *m)
{
	while (eventfd_write(m->fd, 1) != 0 && errno == EINTR)
		;
}

int duet__mailbox_post_letter(duet__mailbox *m, duet__letter *letter)
{
	bool closed;

	letter->next = NULL;
	pthread_mutex_lock(&m->lock);
	closed = m->closed || (m->closing && letter->allocated);
	if (!closed) {
		if (m->first == NULL)
			ring(m);
		__atomic_store_n(m->last, letter, __ATOMIC_RELAXED);
		m->last = &letter->next;
	}
	pthread_mutex_unlock(&m->lock);
	return closed ? DUET_ECLOSED : 0;
}

int duet__mailbox_post(duet__mailbox *m, void (*fn)(void *arg), void *arg)
{
	duet__letter *letter = malloc(sizeof(*letter));
	int r;

	if (letter == NULL)
		return -ENOMEM;
	*letter = (duet__letter){.fn = fn, .arg = arg, .allocated = 1};
	r = duet__mailbox_post_letter(m, letter);
	if (r < 0)
		free(letter);
	return r;
}

bool duet__mailbox_has_post(duet__mailbox *m)
{
	return __atomic_load_n(&m->first, __ATOMIC_RELAXED) != NULL;
}

static duet__letter *take_all(duet__mailbox *m)
{
	duet__letter *first;
	eventfd_t ignored;

	pthread_mutex_lock(&m->lock);
	first = m->first;
	__atomic_store_n(&m->first, NULL, __ATOMIC_RELAXED);
	m->last = &m->first;
	eventfd_read(m->fd, &ignored);
	pthread_mutex_unlock(&m->lock);
	return first;
}

static void deliver(duet__letter *letter)
{
	for (duet__letter *next; letter != NULL; letter = next) {
		void (*fn)(void *arg) = letter->fn;
		void *arg = letter->arg;

		next = letter->next;
		if (letter->allocated)
			free(letter);
		fn(arg);
	}
}

void duet__mailbox_deliver(duet__mailbox *m)
{
	deliver(take_all(m));
}

void duet__mailbox_refuse_posts(duet__mailbox *m)
{
	pthread_mutex_lock(&m->lock);
	m->closing = true;
	pthread_mutex_unlock(&m->lock);
}

void duet__mailbox_close(duet__mailbox *m)
{
	duet__letter *rest;

	if (m == NULL)
		return;
	pthread_mutex_lock(&m->lock);
	m->closed = true;
	rest = m->first;
	__atomic_store_n(&m->first, NULL, __ATOMIC_RELAXED);
	close(m->fd);
	m->fd = -1;
	pthread_mutex_unlock(&m->lock);
	deliver(rest);
	duet__mailbox_unref(m);
}

int duet_post(duet_loop *loop, void (*fn)(void *arg), void *arg)
{
	if (loop == NULL || fn == NULL)
		return duet__failf(DUET_EINVAL,
				   loop == NULL ? "no loop to post to" : "no function to post");
	if (loop->forked)
		return duet__fail(DUET_EFORKED);
	int r = duet__mailbox_post(loop->mailbox, fn, arg);
	if (r == DUET_ECLOSED)
		return duet__failf(r, "the run is ending: its loop takes no more posts");
	return r < 0 ? duet__fail(r) : 0;
}
