/* The promise is touched on the loop's thread only; another thread has a resolver, which carries
 * the answer in a letter of its own, so that posting it cannot fail for want of memory.
 *
 *     resolver --letter--> mailbox of the run --on_letter--> promise --wake--> awaiting tasks
 *
 * The memory of the promise goes with the last of its references: the owner's and one for each
 * resolver.  The letter finds a promise that was freed, or resolved by somebody else, still there,
 * and discards its value.  A mailbox that is closed says that the run is over; then the resolver's
 * own thread discards it. */
#include <duet/promise.h>

#include <stdatomic.h>
#include <stdlib.h>

#include "loop/core/loop.h"
#include "loop/core/mailbox.h"
#include "loop/sync/wait.h"

struct duet_promise {
	atomic_size_t references;
	bool resolved;
	bool given; /* an await has the value */
	bool freed; /* by its owner           */
	int result;
	void *value;
	void (*discard)(void *value);
	duet__list waiters;
};

struct duet_resolver {
	duet__letter letter;
	duet__mailbox *mailbox;
	duet_loop *loop;
	duet_promise *promise;
	bool dropped;
	int result;
	void *value;
};

struct awaiter {
	duet__waiter waiter;
	void **value; /* where to put it, or NULL */
};

duet_promise *duet_promise_new(void (*discard)(void *value))
{
	duet_promise *p = calloc(1, sizeof *p);

	if (p == NULL)
		return duet__fail_null(DUET_ENOMEM);
	atomic_init(&p->references, 1);
	p->discard = discard;
	duet__list_init(&p->waiters);
	return p;
}

static void unref(duet_promise *p)
{
	if (atomic_fetch_sub(&p->references, 1) == 1)
		free(p);
}

static void discard(const duet_promise *p, void *value)
{
	if (value != NULL && p->discard != NULL)
		p->discard(value);
}

static void give(duet_promise *p, void **to)
{
	if (to == NULL)
		return;
	*to = p->value;
	p->given = true;
}

int duet_promise_resolve(duet_promise *p, int result, void *value)
{
	duet__list *node;

	if (p == NULL)
		return duet__fail_no("promise");
	if (p->resolved)
		return duet__failf(DUET_EALREADY, "the promise was resolved before");
	p->resolved = true;
	p->result = result;
	p->value = value;
	while ((node = duet__list_first(&p->waiters)) != NULL) {
		struct awaiter *a = duet__container_of(node, struct awaiter, waiter.node);

		give(p, a->value);
		duet__wake(&a->waiter, result);
	}
	return 0;
}

int duet_promise_await(duet_promise *p, void **value)
{
	if (p == NULL)
		return duet__fail_no("promise");
	int r = duet__enter_here();
	if (r < 0)
		return r;
	if (p->resolved) {
		give(p, value);
		return p->result < 0 ? duet__fail(p->result) : p->result;
	}
	bool is_remote = atomic_load(&p->references) > 1;
	struct awaiter self = {.waiter = DUET__WAITER_(self.waiter, "promise", is_remote),
			       .value = value};
	duet__list_append(&p->waiters, &self.waiter.node);
	return duet__wait_parked(&self.waiter);
}

bool duet_promise_is_resolved(const duet_promise *p)
{
	return p != NULL && p->resolved;
}

void duet_promise_free(duet_promise *p)
{
	if (p == NULL)
		return;
	p->freed = true;
	duet__wake_all(&p->waiters, DUET_ECLOSED);
	if (p->resolved && !p->given)
		discard(p, p->value);
	unref(p);
}

/* On the loop's thread. */
static void on_letter(void *arg)
{
	duet_resolver *r = arg;
	duet_promise *p = r->promise;

	if (p->freed || p->resolved)
		discard(p, r->value);
	else
		duet_promise_resolve(p, r->dropped ? DUET_ECLOSED : r->result, r->value);
	duet__loop_unhold(r->loop);
	unref(p);
	free(r);
}

duet_resolver *duet_promise_resolver(duet_promise *p)
{
	duet_loop *loop = duet__loop();

	if (p == NULL || loop == NULL)
		return duet__failf_null(DUET_EINVAL, p == NULL ? "the promise is NULL"
							       : "no run to resolve a promise in");
	duet_resolver *r = calloc(1, sizeof *r);
	if (r == NULL)
		return duet__fail_null(DUET_ENOMEM);
	r->letter.fn = on_letter;
	r->letter.arg = r;
	r->mailbox = duet__mailbox_ref(loop);
	r->loop = loop;
	r->promise = p;
	atomic_fetch_add(&p->references, 1);
	duet__loop_hold(loop);
	return r;
}

/* Once the letter is accepted r belongs to the loop's thread, which may have freed it already. */
static int send_answer(duet_resolver *r)
{
	duet__mailbox *mailbox = r->mailbox;
	int rc = duet__mailbox_post_letter(mailbox, &r->letter);

	duet__mailbox_unref(mailbox);
	if (rc == 0)
		return 0;
	discard(r->promise, r->value);
	unref(r->promise);
	free(r);
	return duet__failf(DUET_ECLOSED, "the run that waited for this is over");
}

int duet_resolver_resolve(duet_resolver *r, int result, void *value)
{
	if (r == NULL)
		return duet__fail_no("resolver");
	r->result = result;
	r->value = value;
	return send_answer(r);
}

void duet_resolver_drop(duet_resolver *r)
{
	if (r == NULL)
		return;
	r->dropped = true;
	send_answer(r);
}
