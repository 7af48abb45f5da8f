/* The door for other threads: a queue of calls that outlives the loop for as long as somebody
 * holds a reference, so that a thread may finish after the run that started it. */
#ifndef DUET_CORE_MAILBOX_H
#define DUET_CORE_MAILBOX_H

#include <duet/run.h>

typedef struct duet__mailbox duet__mailbox;

/* The loop's, with a reference that the caller gives back.  On the loop's thread. */
duet__mailbox *duet__mailbox_ref(duet_loop *loop);
void duet__mailbox_unref(duet__mailbox *m); /* any thread */

/* As duet_post: each message that was accepted is delivered exactly once.  Any thread.
 * -> 0, -ENOMEM, DUET_ECLOSED */
int duet__mailbox_post(duet__mailbox *m, void (*fn)(void *arg), void *arg);

/* A message whose memory the caller owns, so that posting cannot fail for want of memory: embedded
 * in something that lives until it was delivered.  -> 0, DUET_ECLOSED (it stays the caller's) */
typedef struct duet__letter {
	struct duet__letter *next;
	void (*fn)(void *arg);
	void *arg;
	int allocated; /* private: freed after delivery */
} duet__letter;

int duet__mailbox_post_letter(duet__mailbox *m, duet__letter *letter);

/* For the loop. */
duet__mailbox *duet__mailbox_new(void);       /* -> NULL: out of memory or descriptors */
int duet__mailbox_fd(const duet__mailbox *m); /* readable while a message waits */
bool duet__mailbox_has_post(duet__mailbox *m);
void duet__mailbox_deliver(duet__mailbox *m);

/* From now on posts are refused; letters, on which tasks may be waiting, still come in. */
void duet__mailbox_refuse_posts(duet__mailbox *m);
void duet__mailbox_close(
	duet__mailbox *m); /* delivers the rest; NULL is fine; drops the reference */

#endif
