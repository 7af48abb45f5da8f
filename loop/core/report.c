/* What the loop tells beyond results: slow tasks, errors nobody read, deadlocks, and the dump. */
#include "loop/core/loop_impl.h"

#include "loop/core/fail.h"
#include "loop/core/words.h"
#include <stdlib.h>
#include <string.h>

enum { UNREAD_MOST = 64, NAME = 64, SITE = 128 };

struct duet__unread {
	int result;
	char name[NAME];
	char site[SITE];
	char words[DUET__WORDS_MOST];
};

bool duet__is_debugging(void)
{
	const char *debug = getenv("DUET_DEBUG");

	return debug != NULL && debug[0] != '\0' && strcmp(debug, "0") != 0;
}

void duet__report(const duet_report *report)
{
	duet_loop *loop = duet__current_loop;
	duet_task *self = duet__current;

	if (loop != NULL && loop->options.report != NULL) {
		duet__current = NULL; /* the callback is not to suspend whoever reports */
		loop->options.report(loop->options.report_context, report);
		duet__current = self;
	} else if (duet__is_debugging()) {
		fprintf(stderr, "duet: %s\n", report->text);
	}
}

/* Behind a quoted string or character that begins at text. */
static const char *skip_quoted(const char *text)
{
	char quote = *text++;

	while (*text != '\0' && *text != quote)
		text += text[0] == '\\' && text[1] != '\0' ? 2 : 1;
	return *text != '\0' ? text + 1 : text;
}

/* The last argument but one of a call, "g, fetch, &page" or "fetch, (struct at){1, 2}": whatever
 * else a spawning call is given, that is the function. */
static const char *find_function(const char *call, size_t *length)
{
	const char *begin = call, *next = call, *c = call;
	int depth = 0;

	*length = strcspn(call, ",");
	while (*c != '\0') {
		if (*c == '"' || *c == '\'') {
			c = skip_quoted(c);
			continue;
		}
		depth += strchr("([{", *c) != NULL;
		depth -= strchr(")]}", *c) != NULL;
		if (*c == ',' && depth == 0) {
			begin = next;
			*length = (size_t)(c - begin);
			next = c + 1 + strspn(c + 1, " ");
		}
		c++;
	}
	return begin;
}

/* An origin reads "file.c:42 fetch, &page": the site, then the words of the call. */
void duet__task_describe(const duet_task *t, char *name, size_t size, char *site, size_t site_size)
{
	const char *call = t->origin != NULL ? strchr(t->origin, ' ') : NULL;
	const char *first = t == t->loop->main ? "main" : "task";
	size_t site_length = call != NULL ? (size_t)(call - t->origin) : 0;
	size_t length = strlen(first);

	if (t->name != NULL) {
		first = t->name;
		length = strlen(first);
	} else if (call != NULL) {
		first = find_function(call + 1, &length);
	}
	if (first[0] == '&' && t->name == NULL)
		first++, length--;
	snprintf(name, size, "%.*s", (int)length, first);
	if (site != NULL)
		snprintf(site, site_size, "%.*s", (int)site_length,
			 t->origin != NULL ? t->origin : "");
}

void duet__report_slow(duet_task *t, duet_time held)
{
	char name[NAME], site[SITE], text[NAME + SITE + 64];

	duet__task_describe(t, name, sizeof(name), site, sizeof(site));
	snprintf(text, sizeof(text), "task %s (%s) held the loop for %.0f ms", name, site,
		 (double)held / 1e6);
	duet__report(&(duet_report){.kind = DUET_REPORT_SLOW,
				    .text = text,
				    .task = name,
				    .site = site[0] != '\0' ? site : NULL,
				    .duration = held});
}

void duet__unread_add(duet_loop *loop, const duet_task *t)
{
	struct duet__unread *u;

	if (t->state != DUET__TASK_DONE || t->result >= 0 || t->result == DUET_ECANCELED)
		return;
	if (loop->unread == NULL)
		loop->unread = calloc(UNREAD_MOST, sizeof(*u));
	if (loop->unread != NULL && loop->unread_count < UNREAD_MOST) {
		u = &loop->unread[loop->unread_count];
		u->result = t->result;
		duet__task_describe(t, u->name, sizeof(u->name), u->site, sizeof(u->site));
		if (t->words != NULL && t->words->code == t->result)
			memcpy(u->words, t->words->text, sizeof(u->words));
	}
	loop->unread_count++;
}

void duet__unread_report(duet_loop *loop)
{
	char text[NAME + SITE + DUET__WORDS_MOST + 64];
	size_t kept = loop->unread_count < UNREAD_MOST ? loop->unread_count : UNREAD_MOST;

	for (size_t i = 0; loop->unread != NULL && i < kept; i++) {
		struct duet__unread *u = &loop->unread[i];
		snprintf(text, sizeof(text), "nobody read the error of task %s (%s): %s: %s",
			 u->name, u->site, duet_err_name(u->result),
			 u->words[0] != '\0' ? u->words : duet_strerror(u->result));
		duet__report(&(duet_report){.kind = DUET_REPORT_UNREAD,
					    .text = text,
					    .task = u->name,
					    .site = u->site[0] != '\0' ? u->site : NULL,
					    .result = u->result});
	}
	if (loop->unread_count > kept) {
		snprintf(text, sizeof(text), "nobody read the errors of %zu more tasks",
			 loop->unread_count - kept);
		duet__report(&(duet_report){.kind = DUET_REPORT_UNREAD, .text = text});
	}
	free(loop->unread);
	loop->unread = NULL;
}

void duet_dump(FILE *to)
{
	duet_loop *loop = duet__current_loop;

	if (to == NULL)
		return;
	if (loop == NULL) {
		fprintf(to, "duet: no loop runs on this thread\n");
		return;
	}
	fprintf(to, "duet: %zu tasks alive, %zu timers\n", loop->alive, loop->timers.count);
	duet__tree_print(to, loop);
	DUET__LIST_EACH (node, &loop->attachments) {
		duet__attachment *a = duet__container_of(node, duet__attachment, node);
		if (a->describe != NULL)
			a->describe(a, to);
	}
}

void duet__report_deadlock(duet_loop *loop)
{
	char *text = NULL;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	if (to != NULL) {
		fprintf(to, "deadlock: every task waits and nothing can wake one\n");
		duet__tree_print(to, loop);
		fclose(to);
		if (size > 0 && text[size - 1] == '\n')
			text[size - 1] = '\0';
	}
	duet__failf(DUET_EDEADLK, "%s", text != NULL ? text : "deadlock");
	duet__report(&(duet_report){.kind = DUET_REPORT_DEADLOCK,
				    .text = text != NULL ? text : "deadlock",
				    .result = DUET_EDEADLK});
	free(text);
}
