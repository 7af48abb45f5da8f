#include "loop/core/task_impl.h"

#include "loop/core/fail.h"
#include "loop/core/schedule.h"
#include "loop/core/words.h"
#include <stdlib.h>
#include <string.h>

#undef duet_spawn
#undef duet_spawn_with

enum { RECORDS_PER_CHUNK = 32 };

/* A free record is used again, so that AddressSanitizer would not notice who still uses it. */
static inline void poison(duet_task *t)
{
#if defined(DUET__ASAN)
	__asan_poison_memory_region(t, sizeof(*t));
#else
	(void)t;
#endif
}

static inline void unpoison(duet_task *t)
{
#if defined(DUET__ASAN)
	__asan_unpoison_memory_region(t, sizeof(*t));
#else
	(void)t;
#endif
}

/* Records of tasks come in chunks, which the loop frees at its end. */
static bool allocate_records(duet_loop *loop)
{
	struct duet__chunk *chunk = aligned_alloc(
		DUET__CACHE_LINE, sizeof(*chunk) + RECORDS_PER_CHUNK * sizeof(duet_task));

	if (chunk == NULL)
		return false;
	chunk->next = loop->chunks;
	loop->chunks = chunk;
	for (int i = RECORDS_PER_CHUNK - 1; i >= 0; i--) {
		duet_task *t = &chunk->records[i];
		t->arg = loop->free_tasks;
		loop->free_tasks = t;
		poison(t);
	}
	return true;
}

static duet_task *record_new(duet_loop *loop)
{
	duet_task *t;

	if (loop->free_tasks == NULL && !allocate_records(loop))
		return NULL;
	t = loop->free_tasks;
	unpoison(t);
	loop->free_tasks = t->arg;
	return t;
}

static void record_free(duet_task *t)
{
	duet_loop *loop = t->loop;

	t->arg = loop->free_tasks;
	loop->free_tasks = t;
	poison(t);
}

duet_task *duet__task_new(duet_loop *loop, const char *origin, const duet_task_options *options,
			  duet_fn *fn, void *arg)
{
	size_t stack_size = options != NULL ? options->stack_size : 0;
	duet__stacks *stacks = duet__loop_stacks(loop, stack_size);
	char *name = NULL;
	duet_task *t;

	if (stacks == NULL || !duet__ready_reserve(&loop->ready, loop->allocated + 1))
		return NULL;
	if (options != NULL && options->name != NULL && (name = strdup(options->name)) == NULL)
		return NULL;
	t = record_new(loop);
	if (t == NULL) {
		free(name);
		return NULL;
	}
	*t = (duet_task){
		.loop = loop,
		.stacks = stacks,
		.fn = fn,
		.arg = arg,
		.origin = origin,
		.name = name,
		.locals = duet__current != NULL ? duet__locals_ref(duet__current->locals) : NULL,
		.number = ++loop->spawned,
		.spawner = duet__current != NULL ? duet__current->number : 0,
		.cancelled = loop->closing || loop->doomed,
		.cancel_requested = loop->closing,
	};
	duet__list_init(&t->observers);
	duet__list_init(&t->member);
	duet__list_append(&loop->tasks, &t->all);
	loop->allocated++;
	loop->alive++;
	duet__make_ready(t);
	return t;
}

void duet__task_free(duet_task *t)
{
	if (t == t->loop->main) /* whoever else has taken its result: its run has yet to read it */
		return;
	duet__list_remove(&t->all);
	t->loop->allocated--;
	free(t->name);
	free(t->words);
	record_free(t);
}

/* Scopes that the function left open lie on a stack that is used again. */
static void drop_open_scopes(duet_task *t)
{
	if (t->scope == NULL || t->stack == NULL)
		return;
	duet__timer_heap_forget(&t->loop->timers, t->stack->low, t->stack);
	t->scope = NULL;
}

static void tell_observers(duet_task *t)
{
	duet__list *node;

	while ((node = duet__list_first(&t->observers)) != NULL) {
		duet__observer *o = duet__container_of(node, duet__observer, node);
		duet__list_remove(node);
		o->ended(o, t);
	}
}

void duet__task_end(duet_task *t, int result)
{
	duet_loop *loop = t->loop;

	drop_open_scopes(t);
	duet__locals_unref(t->locals);
	t->locals = NULL;
	if (loop->options.trace != NULL)
		duet__trace_task_ended(t, result);
	t->result = result;
	t->state = DUET__TASK_DONE;
	t->stack = NULL;
	t->ended_as = ++loop->ended;
	loop->alive--;
	tell_observers(t);
	if (t->taker != NULL) {
		t->taker->ended(t->taker, t);
	} else if (t->detached) {
		duet__unread_add(loop, t);
		duet__task_free(t);
	}
}

duet_task *duet_spawn_at(const char *origin, const duet_task_options *options, duet_fn *fn,
			 void *arg)
{
	duet_loop *loop = duet__current_loop;
	duet_task *t;

	if (loop == NULL || fn == NULL)
		return duet__failf_null(DUET_EINVAL, loop == NULL ? "no run to spawn a task in"
								  : "no function to run");
	if (options != NULL && options->stack_size > DUET__STACK_MOST)
		return duet__failf_null(DUET_EINVAL, "a stack has at most %d bytes, not %zu",
					DUET__STACK_MOST, options->stack_size);
	t = duet__task_new(loop, origin, options, fn, arg);
	if (t == NULL)
		return duet__fail_null(DUET_ENOMEM);
	if (options != NULL && options->eager)
		duet__run_now(t);
	return t;
}

duet_task *duet_spawn(duet_fn *fn, void *arg)
{
	return duet_spawn_at(NULL, NULL, fn, arg);
}

duet_task *duet_spawn_with(const duet_task_options *options, duet_fn *fn, void *arg)
{
	return duet_spawn_at(NULL, options, fn, arg);
}

bool duet_done(const duet_task *t)
{
	return t == NULL || t->state == DUET__TASK_DONE;
}

int duet_result(const duet_task *t)
{
	if (t == NULL)
		return duet__fail(DUET_ENOMEM);
	return t->state == DUET__TASK_DONE
		       ? t->result
		       : duet__failf(DUET_EBUSY, "the task has not ended: await it, or wait first");
}

void duet__task_cancel(duet_task *t)
{
	if (t->state == DUET__TASK_DONE || t->cancel_requested)
		return;
	t->cancel_requested = true;
	duet__task_update_cancelled(t);
}

void duet_cancel(duet_task *t)
{
	if (t != NULL)
		duet__task_cancel(t);
}

void duet_detach(duet_task *t)
{
	if (t == NULL || t->taker != NULL || t->detached)
		return;
	if (t->state == DUET__TASK_DONE) {
		duet__unread_add(t->loop, t);
		duet__task_free(t);
		return;
	}
	t->detached = true;
}

int duet_task_set_name(duet_task *t, const char *name)
{
	char *copy;

	if (t == NULL || name == NULL)
		return duet__fail(DUET_EINVAL);
	copy = strdup(name);
	if (copy == NULL)
		return duet__fail(DUET_ENOMEM);
	free(t->name);
	t->name = copy;
	return 0;
}

const char *duet_task_name(const duet_task *t)
{
	char name[64];

	if (t == NULL)
		return "no task";
	if (t->name == NULL) {
		duet__task_describe(t, name, sizeof(name), NULL, 0);
		if (duet_task_set_name((duet_task *)t, name) < 0)
			return "task";
	}
	return t->name;
}

duet_task *duet_self(void)
{
	return duet__current;
}

struct join {
	duet__taker taker;
	duet__waiter waiter;
};

static void on_joined(duet__taker *taker, duet_task *t)
{
	(void)t;
	duet__wake(&duet__container_of(taker, struct join, taker)->waiter, 0);
}

int duet__task_join(duet_task *t)
{
	struct join j = {.taker.ended = on_joined,
			 .waiter = DUET__WAITER_(j.waiter, "task", false)};
	int r;

	t->taker = &j.taker;
	j.waiter.about = t;
	r = duet__park(&j.waiter);
	if (r == 0)
		return 0;
	duet__task_cancel(t);
	duet__park_shielded(&j.waiter);
	if (!j.waiter.done) {
		t->taker = NULL; /* a deadlock: the run's end frees it */
		t->detached = true;
		return DUET_EDEADLK;
	}
	return DUET_ECANCELED;
}

static int refuse_await(const duet_task *t)
{
	if (t == NULL)
		return duet__fail(DUET_ENOMEM);
	if (t == duet__current)
		return duet__failf(DUET_EDEADLK, "a task cannot await itself");
	if (t->taker != NULL || t->detached)
		return duet__failf(DUET_EINVAL, "the task already belongs to somebody else");
	return 0;
}

static int take_result(duet_task *t)
{
	int result = t->result;

	if (result < 0)
		duet__words_pass(t);
	duet__task_free(t);
	return result;
}

int duet_await(duet_task *t)
{
	int r = refuse_await(t);

	if (r < 0)
		return r;
	if (t->state == DUET__TASK_DONE)
		return take_result(t);
	if ((r = duet__enter_shielded()) < 0)
		return r;
	r = duet__task_join(t);
	if (r == 0)
		return take_result(t);
	if (r != DUET_EDEADLK)
		duet__task_free(t);
	return duet__fail(DUET_ECANCELED);
}

int duet_cancel_await(duet_task *t)
{
	duet_scope shield;
	int r;

	if (t == NULL)
		return duet__fail(DUET_ENOMEM);
	duet_cancel(t);
	if ((r = duet_scope_shield(&shield, DUET_FOREVER)) < 0)
		return r;
	r = duet_await(t);
	duet_scope_exit(&shield);
	return r;
}

struct sleeper {
	duet__timer timer;
	duet__waiter waiter;
};

static void on_time(void *timer)
{
	duet__wake(&duet__container_of(timer, struct sleeper, timer)->waiter, 0);
}

int duet_sleep(duet_time t)
{
	struct sleeper s = {.timer.fire = on_time,
			    .waiter = DUET__WAITER_(s.waiter, "sleep", false)};
	int r;

	if (t <= 0)
		return duet_yield();
	if ((r = duet__enter()) < 0)
		return r;
	if ((r = duet__timer_start(duet__current->loop, &s.timer, t)) < 0)
		return duet__fail(r);
	r = duet__park(&s.waiter);
	duet__timer_stop(duet__current_loop, &s.timer);
	return r;
}

int duet_yield(void)
{
	duet_task *self = duet__current;

	if (self == NULL || self->cancelled)
		return duet__enter();
	duet__make_ready(self);
	duet__switch_away(self);
	return 0;
}
