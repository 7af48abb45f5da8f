/* The loop, and the run around it.  One turn of the loop:
 *
 *   hooks ──▶ poll ──▶ timers ──▶ ready tasks ──▶ (again)
 *   batches   fds,     due ones,  until none is left, or the slice of time is used up
 *   go out    posts    late last
 *
 * Poll blocks only if nothing is ready and no hook is armed, and then until the first deadline.
 * If nothing outside can wake a task and there is no deadline either, that is a deadlock. */
#include "loop/core/loop_impl.h"

#include "loop/core/fail.h"
#include "loop/core/words.h"
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#define SLOW_DEFAULT DUET_MS(100)

bool duet__loop_is_virtual(const duet_loop *loop)
{
	return loop->options.clock == DUET_CLOCK_VIRTUAL;
}

duet_time duet__loop_now(const duet_loop *loop)
{
	return duet__loop_is_virtual(loop) ? loop->now : duet__clock_monotonic();
}

duet_time duet_now(void)
{
	duet_loop *loop = duet__current_loop;

	return loop != NULL ? duet__loop_now(loop) : duet__clock_monotonic();
}

duet_loop *duet__loop(void)
{
	return duet__current_loop;
}

duet_loop *duet_loop_current(void)
{
	if (duet__current_loop != NULL)
		duet__current_loop->lent = true;
	return duet__current_loop;
}

void duet__loop_hold(duet_loop *loop)
{
	loop->holds++;
}

void duet__loop_unhold(duet_loop *loop)
{
	loop->holds--;
}

/* Timers. */

int duet__timer_start(duet_loop *loop, duet__timer *t, duet_time delay)
{
	duet_time now;

	duet__timer_heap_remove(&loop->timers, t);
	if (delay == DUET_FOREVER)
		return 0;
	now = duet__loop_now(loop);
	if (delay < 0)
		delay = 0;
	t->deadline = delay < DUET_FOREVER - now ? now + delay : DUET_FOREVER - 1;
	t->order = loop->random != 0 ? duet__random(loop) : ++loop->timer_order;
	return duet__timer_heap_push(&loop->timers, t);
}

void duet__timer_stop(duet_loop *loop, duet__timer *t)
{
	duet__timer_heap_remove(&loop->timers, t);
}

static void fire_timers(duet_loop *loop)
{
	duet__timer *late = NULL, **last = &late;

	while (duet__timer_heap_next(&loop->timers) <= loop->now) {
		duet__timer *t = duet__timer_heap_first(&loop->timers);

		duet__timer_heap_remove(&loop->timers, t);
		duet__timer_heap_fetch_ahead(&loop->timers);
		if (t->flags & DUET__TIMER_LATE) {
			*last = t;
			last = &t->next;
			*last = NULL;
		} else {
			t->fire(t);
		}
	}
	for (duet__timer *t = late, *next; t != NULL; t = next) {
		next = t->next;
		t->fire(t);
	}
}

/* Hooks and attachments. */

void duet__hook_init(duet__hook *hook, void (*run)(duet__hook *hook))
{
	duet__list_init(&hook->node);
	hook->run = run;
}

void duet__hook_arm(duet_loop *loop, duet__hook *hook)
{
	if (duet__list_is_empty(&hook->node))
		duet__list_append(&loop->hooks, &hook->node);
}

void duet__hook_disarm(duet__hook *hook)
{
	duet__list_remove(&hook->node);
}

static void run_hooks(duet_loop *loop)
{
	duet__list armed = DUET__LIST_INIT(armed);

	/* One that arms itself again waits for the next turn. */
	while (!duet__list_is_empty(&loop->hooks)) {
		duet__list *node = duet__list_first(&loop->hooks);
		duet__list_remove(node);
		duet__list_append(&armed, node);
	}
	while (!duet__list_is_empty(&armed)) {
		duet__hook *hook = duet__container_of(duet__list_first(&armed), duet__hook, node);
		duet__list_remove(&hook->node);
		hook->run(hook);
	}
}

void duet__loop_attach(duet_loop *loop, duet__attachment *attachment)
{
	duet__list_append(&loop->attachments, &attachment->node);
}

void duet__loop_detach(duet__attachment *attachment)
{
	duet__list_remove(&attachment->node);
}

static void close_attachments(duet_loop *loop)
{
	duet__list *node;

	while ((node = duet__list_first(&loop->attachments)) != NULL) {
		duet__attachment *attachment = duet__container_of(node, duet__attachment, node);
		duet__list_remove(node);
		attachment->closing(attachment);
	}
}

/* A turn. */

static bool is_outside_waited_for(const duet_loop *loop)
{
	return loop->external > 0 || loop->holds > 0;
}

/* Whether something may come, even if no task waits for it. */
static bool is_outside_involved(const duet_loop *loop)
{
	return is_outside_waited_for(loop) || loop->lent;
}

/* How long the loop may sleep; DUET_FOREVER: until the outside wakes it. */
static duet_time time_to_wait(duet_loop *loop)
{
	duet_time next = duet__timer_heap_next(&loop->timers);
	duet_time now;

	if (duet__ready_count(&loop->ready) > 0 || !duet__list_is_empty(&loop->hooks))
		return 0;
	if (next == DUET_FOREVER)
		return DUET_FOREVER;
	now = duet__loop_now(loop);
	return next > now ? next - now : 0;
}

/* While the outside is involved virtual time flows as real time does, up to the next deadline;
 * when all tasks wait on time alone it jumps there. */
static void advance_virtual(duet_loop *loop, duet_time wait)
{
	duet_time real = duet__clock_monotonic();
	duet_time next = duet__timer_heap_next(&loop->timers);
	duet_time flowed = loop->now + (real - loop->real);

	loop->real = real;
	if (wait == 0 || next == DUET_FOREVER)
		return;
	if (!is_outside_waited_for(loop) && duet__ready_count(&loop->ready) > 0)
		return; /* a post came first */
	if (!is_outside_waited_for(loop) || flowed > next)
		flowed = next;
	if (flowed > loop->now)
		loop->now = flowed;
}

static void poll_outside(duet_loop *loop, duet_time wait)
{
	bool jumps =
		duet__loop_is_virtual(loop) && !is_outside_waited_for(loop) && wait != DUET_FOREVER;

	if (jumps)
		loop->real = duet__clock_monotonic();
	if (jumps || wait == 0) {
		if (!duet__poll_is_idle(loop->poll) || duet__mailbox_has_post(loop->mailbox))
			duet__poll_once(loop->poll, 0);
	} else {
		duet__poll_once(loop->poll, wait);
	}
}

static bool is_stuck(duet_loop *loop, duet_time wait)
{
	return wait == DUET_FOREVER && !duet__mailbox_has_post(loop->mailbox) &&
	       (loop->doomed || !is_outside_involved(loop));
}

/* At first whoever joins a task still does, so that none outlives what its spawner lent it; only
 * tasks that wait for each other's end have to be torn apart. */
static void break_deadlock(duet_loop *loop)
{
	if (!loop->doomed)
		duet__report_deadlock(loop);
	loop->deadlocked = true;
	loop->hopeless = loop->doomed;
	loop->doomed = true;
	DUET__LIST_EACH (node, &loop->tasks) {
		duet__task_update_cancelled(duet__container_of(node, duet_task, all));
	}
}

static void turn(duet_loop *loop)
{
	duet_time wait;

	for (duet__stacks *s = &loop->stacks; s != NULL; s = s->next)
		duet__stacks_trim(s);
	run_hooks(loop);
	wait = time_to_wait(loop);
	if (is_stuck(loop, wait)) {
		break_deadlock(loop);
		wait = 0;
	}
	poll_outside(loop, wait);
	if (duet__loop_is_virtual(loop))
		advance_virtual(loop, wait);
	else
		loop->now = duet__clock_monotonic();
	fire_timers(loop);
	duet__run_ready(loop);
}

/* The run. */

static void mark_child(void)
{
	if (duet__current_loop == NULL)
		return;
	duet__current_loop->forked = true;
	duet__current_loop->switches = 0; /* no other task is to run in the child */
	duet__current_loop = NULL;
	duet__current = NULL;
	duet__in_forked_child = true;
}

static void watch_forks(void)
{
	pthread_atfork(NULL, NULL, mark_child);
}

duet__stacks *duet__loop_stacks(duet_loop *loop, size_t size)
{
	duet__stacks wanted, *s;

	if (size == 0)
		return &loop->stacks;
	duet__stacks_init(&wanted, size);
	for (s = &loop->stacks; s != NULL; s = s->next)
		if (s->size == wanted.size)
			return s;
	s = malloc(sizeof(*s));
	if (s == NULL)
		return NULL;
	duet__stacks_init(s, size);
	s->next = loop->stacks.next;
	loop->stacks.next = s;
	return s;
}

static void free_stacks(duet_loop *loop)
{
	for (duet__stacks *s = loop->stacks.next, *next; s != NULL; s = next) {
		next = s->next;
		duet__stacks_fini(s);
		free(s);
	}
	duet__stacks_fini(&loop->stacks);
}

static void free_tasks(duet_loop *loop)
{
	const duet_task *main = loop->main;

	loop->main = NULL;
	DUET__LIST_EACH (node, &loop->tasks) {
		duet_task *t = duet__container_of(node, duet_task, all);
		if (t != main)
			duet__unread_add(loop, t);
		duet__task_free(t);
	}
	for (struct duet__chunk *c = loop->chunks, *next; c != NULL; c = next) {
		next = c->next;
		free(c);
	}
}

static void loop_free(duet_loop *loop)
{
	duet__poll_close(loop->poll);
	duet__mailbox_close(loop->mailbox);
	free_stacks(loop);
	duet__ready_fini(&loop->ready);
	duet__timer_heap_fini(&loop->timers);
	duet__tracks_fini(&loop->tracks);
	duet__context_fini_running(&loop->context);
	free(loop);
}

/* -> NULL, with errno */
static duet_loop *loop_new(const duet_run_options *options)
{
	duet_loop *loop = calloc(1, sizeof(*loop));
	int error;

	if (loop == NULL)
		return NULL;
	if (options != NULL)
		loop->options = *options;
	if (loop->options.slow <= 0)
		loop->options.slow = SLOW_DEFAULT;
	duet__context_init_running(&loop->context);
	duet__stacks_init(&loop->stacks, loop->options.stack_size != 0 ? loop->options.stack_size
								       : DUET__STACK_DEFAULT);
	duet__list_init(&loop->tasks);
	duet__list_init(&loop->hooks);
	duet__list_init(&loop->attachments);
	loop->random = loop->options.seed;
	loop->real = duet__clock_monotonic();
	loop->now = duet__loop_is_virtual(loop) ? 0 : loop->real;
	loop->mailbox = duet__mailbox_new();
	if (loop->mailbox != NULL)
		loop->poll = duet__poll_open(loop);
	if (loop->poll == NULL) {
		error = errno;
		loop_free(loop);
		errno = error;
		return NULL;
	}
	return loop;
}

static void join_all(duet_loop *loop)
{
	while (loop->alive > 0 && !loop->forked)
		turn(loop);
}

/* Posts that were accepted in the last turn happen while there is still a loop for what they
 * spawn. */
static void take_last_posts(duet_loop *loop)
{
	if (loop->forked)
		return;
	duet__mailbox_refuse_posts(loop->mailbox);
	duet__mailbox_deliver(loop->mailbox);
	join_all(loop);
}

static void run_until_done(duet_loop *loop)
{
	while (loop->main->state != DUET__TASK_DONE && !loop->forked)
		turn(loop);
	loop->closing = true;
	DUET__LIST_EACH (node, &loop->tasks) {
		duet__task_cancel(duet__container_of(node, duet_task, all));
	}
	join_all(loop);
	take_last_posts(loop);
}

static int finish(duet_loop *loop)
{
	int result = loop->main->result;

	close_attachments(loop);
	if (loop->deadlocked)
		result = DUET_EDEADLK; /* the words are the thread's already */
	else if (result < 0)
		duet__words_pass(loop->main);
	free_tasks(loop);
	duet__unread_report(loop);
	return result;
}

static int fail_to_start(int error)
{
	return duet__failf(-error, "the loop cannot start: %s", duet_strerror(-error));
}

int duet_run_with(const duet_run_options *options, duet_fn *fn, void *arg)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	duet_loop *loop;
	int result;

	if (fn == NULL)
		return duet__failf(DUET_EINVAL, "no function to run");
	if (options != NULL && options->stack_size > DUET__STACK_MOST)
		return duet__failf(DUET_EINVAL, "a stack has at most %d bytes, not %zu",
				   DUET__STACK_MOST, options->stack_size);
	if (duet__current_loop != NULL)
		return duet__failf(DUET_EALREADY, "this thread runs a loop already");
	if (duet__in_forked_child)
		return duet__fail(DUET_EFORKED);
	pthread_once(&once, watch_forks);
	loop = loop_new(options);
	if (loop == NULL)
		return fail_to_start(errno);
	duet__current_loop = loop;
	loop->main = duet__task_new(loop, "main", NULL, fn, arg);
	if (loop->main == NULL) {
		duet__current_loop = NULL;
		loop_free(loop);
		return duet__fail(DUET_ENOMEM);
	}
	duet__overflow_begin();
	run_until_done(loop);
	duet__overflow_end();
	if (loop->forked) {
		/* The parent owns what the two share, epoll above all: touch nothing. */
		duet__in_forked_child = false;
		return duet__fail(DUET_EFORKED);
	}
	result = finish(loop);
	loop_free(loop);
	duet__current_loop = NULL;
	return result;
}

int duet_run(duet_fn *fn, void *arg)
{
	return duet_run_with(NULL, fn, arg);
}
