/* One nng PAIR per generation of a worker, over ipc:// in the pool's private directory.
 * PAIR version 1: version 0 of nng 1.5.2 never closes the descriptor that NNG_OPT_RECVFD gives.
 *
 * Who may connect is decided before the first byte is read: the peer has our uid, and the first
 * one is the only one (a PAIR has one peer).  Whether it is the worker is then a matter of its pid
 * and the token in its HELLO, which the pool checks.
 *
 * nng calls the pipe callbacks on threads of its own: they touch atomics only.  A message that was
 * handed to nng and not yet written dies with the process; see the ledger for what follows. */
#include "ipc/channel.h"
#include "ipc/frame.h"

#include <errno.h>
#include <nng/nng.h>
#include <nng/protocol/pair1/pair.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	WINDOW = 512, /* messages that may wait in each direction */
	HEADER = 4,   /* what PAIR version 1 puts before each message */
	CLOSE_SECONDS = 1,
};

struct pair {
	duet__channel base;
	nng_socket socket;
	int fd;
	_Atomic int64_t peer;
	_Atomic int gone;
};

static struct pair *pair_of(duet__channel *c)
{
	return (struct pair *)(void *)c;
}

static int errno_of(int nng_error)
{
	switch (nng_error) {
	case 0:
		return 0;
	case NNG_ENOMEM:
		return -ENOMEM;
	case NNG_EAGAIN:
		return -EAGAIN;
	case NNG_ECLOSED:
		return -EPIPE;
	case NNG_EADDRINUSE:
		return -EADDRINUSE;
	case NNG_EADDRINVAL:
		return -ENAMETOOLONG;
	case NNG_ENOFILES:
		return -EMFILE;
	case NNG_EPERM:
		return -EPERM;
	}
	return nng_error & NNG_ESYSERR ? -(nng_error & ~NNG_ESYSERR) : -EIO;
}

static void on_arrival(nng_pipe pipe, nng_pipe_ev event, void *arg)
{
	(void)event;
	struct pair *p = arg;
	uint64_t uid = UINT64_MAX, pid = 0;
	nng_pipe_get_uint64(pipe, NNG_OPT_IPC_PEER_UID, &uid);
	nng_pipe_get_uint64(pipe, NNG_OPT_IPC_PEER_PID, &pid);
	if (uid != (uint64_t)geteuid() || pid == 0)
		nng_pipe_close(pipe);
	else
		atomic_store(&p->peer, (int64_t)pid);
}

static void on_departure(nng_pipe pipe, nng_pipe_ev event, void *arg)
{
	(void)pipe, (void)event;
	struct pair *p = arg;
	atomic_store(&p->gone, 1);
}

static int configure(struct pair *p)
{
	int r = nng_socket_set_size(p->socket, NNG_OPT_RECVMAXSZ, DUET__MESSAGE_MAX + HEADER);
	if (r == 0)
		r = nng_socket_set_int(p->socket, NNG_OPT_SENDBUF, WINDOW);
	if (r == 0)
		r = nng_socket_set_int(p->socket, NNG_OPT_RECVBUF, WINDOW);
	if (r == 0)
		r = nng_pipe_notify(p->socket, NNG_PIPE_EV_REM_POST, on_departure, p);
	return errno_of(r);
}

static int pair_new(struct pair **ret)
{
	struct pair *p = calloc(1, sizeof(*p));
	if (p == NULL)
		return -ENOMEM;
	p->base.transport = &duet__transport_nng;
	p->fd = -1;
	int r = errno_of(nng_pair1_open(&p->socket));
	if (r < 0) {
		free(p);
		return r;
	}
	if ((r = configure(p)) < 0) {
		duet__channel_close(&p->base);
		return r;
	}
	*ret = p;
	return 0;
}

static int listen_at(struct pair *p, const char *address)
{
	int r = nng_pipe_notify(p->socket, NNG_PIPE_EV_ADD_PRE, on_arrival, p);
	if (r == 0)
		r = nng_listen(p->socket, address, NULL, 0);
	if (r == 0)
		r = nng_socket_get_int(p->socket, NNG_OPT_RECVFD, &p->fd);
	return errno_of(r);
}

static int pair_open(const char *directory, const char *name, duet__channel **channel,
		     duet__offer *offer)
{
	duet__offer o = {.fd = -1};
	int n = snprintf(o.address, sizeof(o.address), "ipc://%s/%s", directory, name);
	if (n < 0 || (size_t)n >= sizeof(o.address))
		return -ENAMETOOLONG;
	struct pair *p;
	int r = pair_new(&p);
	if (r < 0)
		return r;
	if ((r = listen_at(p, o.address)) < 0) {
		duet__channel_close(&p->base);
		return r;
	}
	*channel = &p->base;
	*offer = o;
	return 0;
}

static int pair_dial(const duet__offer *offer, duet__channel **channel)
{
	struct pair *p;
	int r = pair_new(&p);
	if (r < 0)
		return r;
	if ((r = errno_of(nng_dial(p->socket, offer->address, NULL, 0))) < 0) {
		duet__channel_close(&p->base);
		return r;
	}
	*channel = &p->base;
	return 0;
}

static int pair_send(duet__channel *c, const void *bytes, size_t len)
{
	struct pair *p = pair_of(c);
	if (atomic_load(&p->gone))
		return -EPIPE;
	nng_msg *m;
	int r = nng_msg_alloc(&m, len);
	if (r != 0)
		return errno_of(r);
	memcpy(nng_msg_body(m), bytes, len);
	r = nng_sendmsg(p->socket, m, NNG_FLAG_NONBLOCK);
	if (r != 0)
		nng_msg_free(m);
	return errno_of(r);
}

/* A worker whose parent has gone must not wait for ever; the parent's end never blocks. */
static int receive(struct pair *p, nng_msg **m, bool wait)
{
	int r = nng_recvmsg(p->socket, m, NNG_FLAG_NONBLOCK);
	if (r != NNG_EAGAIN)
		return errno_of(r);
	if (!wait)
		return atomic_load(&p->gone) ? -EPIPE : -EAGAIN;
	do {
		nng_socket_set_ms(p->socket, NNG_OPT_RECVTIMEO, 500);
		r = nng_recvmsg(p->socket, m, 0);
	} while (r == NNG_ETIMEDOUT && !atomic_load(&p->gone));
	return r == NNG_ETIMEDOUT ? -EPIPE : errno_of(r);
}

static ssize_t pair_recv(duet__channel *c, void *buf, size_t size, bool wait)
{
	nng_msg *m;
	int r = receive(pair_of(c), &m, wait);
	if (r < 0)
		return r;
	size_t len = nng_msg_len(m);
	if (len <= size)
		memcpy(buf, nng_msg_body(m), len);
	nng_msg_free(m);
	return len <= size ? (ssize_t)len : -EMSGSIZE;
}

static int pair_fd(duet__channel *c)
{
	return pair_of(c)->fd;
}

static pid_t pair_peer(duet__channel *c)
{
	return (pid_t)atomic_load(&pair_of(c)->peer);
}

static void *close_pair(void *pair)
{
	struct pair *p = pair;
	nng_close(p->socket);
	free(p);
	return NULL;
}

/* The program's signals are not for the thread. */
static int start_closer(pthread_t *closer, struct pair *p)
{
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int error = pthread_create(closer, NULL, close_pair, p);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return error;
}

/* Once in many thousand deaths of a peer the thread of nng that nng_close waits for is stuck, for
 * good, in every version before 1.8 (nng issues 1543 and 1813).  That must not hold the loop: from
 * then on nobody waits, and sockets stay open. */
static void pair_close(duet__channel *c)
{
	static atomic_bool is_stuck;
	struct timespec until;
	pthread_t closer;
	if (start_closer(&closer, pair_of(c)) != 0) {
		close_pair(c);
		return;
	}
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += CLOSE_SECONDS;
	if (atomic_load(&is_stuck) || pthread_timedjoin_np(closer, NULL, &until) != 0) {
		atomic_store(&is_stuck, true);
		pthread_detach(closer);
	}
}

const duet__transport duet__transport_nng = {
	.name = "nng",
	.open = pair_open,
	.needs_directory = true,
	.starts_threads = true,
	.dial = pair_dial,
	.send = pair_send,
	.recv = pair_recv,
	.fd = pair_fd,
	.peer = pair_peer,
	.close = pair_close,
};
