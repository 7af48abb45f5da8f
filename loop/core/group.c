#include <duet/group.h>

#include "loop/core/fail.h"
#include "loop/core/loop_impl.h"
#include "loop/core/words.h"
#include <stdlib.h>

#undef duet_group_spawn

struct duet_group {
	duet__taker taker;
	duet__list members; /* tasks, by their member node                         */
	size_t count;
	bool cancelled;
	int failure;                 /* the first that the group did not cause              */
	struct duet__words *words;   /* of that failure                                     */
	duet__waiter *closer;        /* of whoever closes it                                */
	duet__attachment attachment; /* for a group that nobody closed                      */
};

static void group_free(duet_group *g)
{
	duet__loop_detach(&g->attachment);
	free(g->words);
	free(g);
}

static void on_run_ends(duet__attachment *attachment)
{
	group_free(duet__container_of(attachment, duet_group, attachment));
}

void duet_group_cancel(duet_group *g)
{
	if (g == NULL || g->cancelled)
		return;
	g->cancelled = true;
	DUET__LIST_EACH (node, &g->members) {
		duet__task_cancel(duet__container_of(node, duet_task, member));
	}
}

static void on_ended(duet__taker *taker, duet_task *t)
{
	duet_group *g = duet__container_of(taker, duet_group, taker);

	duet__list_remove(&t->member);
	g->count--;
	if (t->result < 0 && g->failure == 0 && !(g->cancelled && t->result == DUET_ECANCELED)) {
		g->failure = t->result;
		if (t->words != NULL && t->words->code == t->result) {
			g->words = t->words;
			t->words = NULL;
		}
		duet_group_cancel(g);
	}
	duet__task_free(t);
	if (g->count == 0 && g->closer != NULL)
		duet__wake(g->closer, 0);
}

duet_group *duet_group_open(void)
{
	duet_loop *loop = duet__current_loop;
	duet_group *g;

	if (loop == NULL)
		return duet__failf_null(DUET_EINVAL, "no run to open a group in");
	g = calloc(1, sizeof(*g));
	if (g == NULL)
		return duet__fail_null(DUET_ENOMEM);
	g->taker.ended = on_ended;
	g->attachment.closing = on_run_ends;
	duet__list_init(&g->members);
	duet__loop_attach(loop, &g->attachment);
	return g;
}

int duet_group_spawn_at(const char *origin, duet_group *g, duet_fn *fn, void *arg)
{
	duet_task *t;

	if (g == NULL)
		return duet__failf(DUET_EINVAL, "no group");
	if (g->cancelled)
		return duet__failf(DUET_ECANCELED, "the group was cancelled");
	t = duet_spawn_at(origin, NULL, fn, arg);
	if (t == NULL)
		return -errno;
	t->taker = &g->taker;
	duet__list_append(&g->members, &t->member);
	g->count++;
	return 0;
}

int duet_group_spawn(duet_group *g, duet_fn *fn, void *arg)
{
	return duet_group_spawn_at(NULL, g, fn, arg);
}

size_t duet_group_count(const duet_group *g)
{
	return g != NULL ? g->count : 0;
}

static int join_members(duet_group *g)
{
	DUET__WAITER(w, "the tasks of its group");
	int r;

	if (g->count == 0)
		return 0;
	g->closer = &w;
	r = duet__park(&w);
	if (r < 0) {
		duet_group_cancel(g);
		duet__park_shielded(&w);
	}
	g->closer = NULL;
	return w.done ? r : DUET_EDEADLK;
}

static int tell_failure(duet_group *g)
{
	if (g->failure == 0)
		return 0;
	return g->words != NULL ? duet__failf(g->failure, "%s", g->words->text)
				: duet__fail(g->failure);
}

/* Two closers, or a member that closes its own group, would wait for what is gone. */
static int refuse_close(const duet_group *g)
{
	int r = duet__enter_shielded();

	if (r < 0)
		return r;
	if (duet__current->taker == &g->taker)
		return duet__failf(DUET_EDEADLK, "a task of the group cannot close it: it would "
						 "wait for itself");
	if (g->closer != NULL)
		return duet__failf(DUET_EBUSY, "another task closes the group already");
	return 0;
}

int duet_group_close(duet_group *g)
{
	int r;

	if (g == NULL)
		return 0;
	if ((r = refuse_close(g)) < 0)
		return r;
	r = join_members(g);
	if (r == DUET_EDEADLK)
		return duet__fail(DUET_ECANCELED); /* its tasks live on; the run's end frees all */
	if (g->failure != 0 || r == 0)
		r = tell_failure(g);
	group_free(g);
	return r;
}
