/* The tree of tasks, for the dump and the deadlock report: each below the one that spawned it, in
 * the order of spawning.  A task whose spawner is gone stands at the left.
 *
 * The loop's list of tasks is in the order of spawning, so that spawners are found by bisection;
 * without memory for the tree, or with numbers that have wrapped around, the list is flat. */
#include "loop/core/loop_impl.h"

#include <stdlib.h>

enum { NAME = 64, SITE = 128, NONE = -1 };

struct branch {
	const duet_task *task;
	long spawner, first, next; /* indices; NONE */
};

struct tree {
	struct branch *branches;
	long n;
	long first; /* of those without a spawner */
};

static void print_wait(FILE *to, const duet_task *t, duet_time now)
{
	const duet__waiter *w = t->parked;
	char about[NAME];

	fprintf(to, ": waits for %s", w->what);
	if (w->about != NULL) {
		duet__task_describe(w->about, about, sizeof(about), NULL, 0);
		fprintf(to, " %s", about);
	}
	fprintf(to, ", for %.3f s", (double)(now - t->since) / 1e9);
}

static void print_task(FILE *to, const duet_task *t, int depth, duet_time now)
{
	char name[NAME], site[SITE];

	duet__task_describe(t, name, sizeof(name), site, sizeof(site));
	fprintf(to, "%s%*s%s", t == duet__current ? "* " : "  ", 2 * depth, "", name);
	if (site[0] != '\0')
		fprintf(to, " (%s)", site);
	if (t->state == DUET__TASK_DONE)
		fprintf(to, ": has ended with %d, not awaited", t->result);
	else if (t->parked != NULL)
		print_wait(to, t, now);
	else
		fprintf(to, t->state == DUET__TASK_NEW ? ": has not started" : ": is ready");
	if (t->stack != NULL)
		fprintf(to, ", stack %zu bytes", duet__stack_high_water(t->stack));
	if (t->cancel_requested)
		fprintf(to, ", cancelled");
	fputc('\n', to);
}

static int by_number(const void *key, const void *branch)
{
	uint32_t a = *(const uint32_t *)key, b = ((const struct branch *)branch)->task->number;

	return (a > b) - (a < b);
}

static long find_spawner(const struct tree *tree, const duet_task *t)
{
	const struct branch *found = bsearch(&t->spawner, tree->branches, (size_t)tree->n,
					     sizeof(*tree->branches), by_number);

	return found != NULL && found->task != t ? found - tree->branches : NONE;
}

/* From the last to the first, so that each list comes out in order. */
static void link_branches(struct tree *tree)
{
	tree->first = NONE;
	for (long i = tree->n - 1; i >= 0; i--) {
		struct branch *b = &tree->branches[i];
		long *list;

		b->spawner = find_spawner(tree, b->task);
		list = b->spawner != NONE ? &tree->branches[b->spawner].first : &tree->first;
		b->next = *list;
		*list = i;
	}
}

static void walk(FILE *to, const struct tree *tree, duet_time now)
{
	int depth = 0;

	for (long i = tree->first; i != NONE;) {
		const struct branch *b = &tree->branches[i];

		print_task(to, b->task, depth, now);
		if (b->first != NONE) {
			i = b->first;
			depth++;
			continue;
		}
		while (i != NONE && tree->branches[i].next == NONE) {
			i = tree->branches[i].spawner;
			depth--;
		}
		if (i != NONE)
			i = tree->branches[i].next;
	}
}

static void print_flat(FILE *to, duet_loop *loop, duet_time now)
{
	DUET__LIST_EACH (node, &loop->tasks)
		print_task(to, duet__container_of(node, duet_task, all), 0, now);
}

void duet__tree_print(FILE *to, duet_loop *loop)
{
	duet_time now = duet__loop_now(loop);
	struct tree tree = {.branches = calloc(loop->allocated + 1, sizeof(struct branch))};

	if (tree.branches == NULL || loop->spawned < loop->allocated) {
		print_flat(to, loop, now);
		free(tree.branches);
		return;
	}
	DUET__LIST_EACH (node, &loop->tasks) {
		tree.branches[tree.n++] = (struct branch){
			.task = duet__container_of(node, duet_task, all), .first = NONE};
	}
	link_branches(&tree);
	walk(to, &tree, now);
	free(tree.branches);
}
