#include "tools/run/dedup.h"

#include <duet/error.h>
#include <stdlib.h>

static void free_entry(struct dedup_entry *entry)
{
	result_free(&entry->result);
	duet_event_free(entry->done);
	free(entry);
}

static struct dedup_entry **slot_of(struct dedup *d, const uint64_t hash[2])
{
	return &d->slots[hash[0] % DEDUP_SLOTS];
}

static void unlink_entry(struct dedup *d, struct dedup_entry *entry)
{
	struct dedup_entry **p = slot_of(d, entry->hash);

	while (*p != NULL && *p != entry)
		p = &(*p)->next;
	if (*p == entry)
		*p = entry->next;
}

/* A slot remembers one answer; those under way, or being read, it must keep. */
static void forget_others(struct dedup *d, struct dedup_entry *entry)
{
	struct dedup_entry **p = slot_of(d, entry->hash);

	while (*p != NULL) {
		struct dedup_entry *other = *p;

		if (other == entry || !other->is_done || other->users > 0) {
			p = &other->next;
			continue;
		}
		*p = other->next;
		free_entry(other);
	}
}

struct dedup_entry *dedup_find(struct dedup *d, const struct row *row, bool *is_first)
{
	uint64_t hash[2];
	struct dedup_entry *entry;

	for (uint64_t i = 0; i < 2; i++)
		hash[i] = text_hash(text_hash(i, row->path, strlen(row->path)), row->body,
				    row->body_len);
	for (entry = *slot_of(d, hash); entry != NULL; entry = entry->next)
		if (entry->hash[0] == hash[0] && entry->hash[1] == hash[1])
			break;
	*is_first = entry == NULL;
	if (entry == NULL) {
		entry = calloc(1, sizeof *entry);
		if (entry == NULL || (entry->done = duet_event_new()) == NULL) {
			free(entry);
			return NULL;
		}
		memcpy(entry->hash, hash, sizeof hash);
		entry->next = *slot_of(d, hash);
		*slot_of(d, hash) = entry;
	}
	entry->users++;
	return entry;
}

static int copy_bytes(duet_buf *to, const duet_buf *from)
{
	return from->data != NULL ? duet_buf_copy(to, from->data, from->len) : 0;
}

/* The copy was no request: it has no attempts, no times, and costs no tokens. */
static int copy_result(struct result *to, const struct result *from)
{
	duet_completion *answer = &to->answer;

	duet_completion_free(answer);
	*answer = from->answer;
	answer->text = NULL;
	answer->raw = (duet_buf){0};
	answer->attempts = 0;
	answer->queue_time = answer->service_time = 0;
	if (from->answer.text != NULL) {
		answer->text = malloc(from->answer.text_len + 1);
		if (answer->text == NULL)
			return -ENOMEM;
		memcpy(answer->text, from->answer.text, from->answer.text_len + 1);
	}
	result_set(to, from->code, from->message);
	return copy_bytes(&answer->raw, &from->answer.raw);
}

static void leave(struct dedup *d, struct dedup_entry *entry)
{
	bool is_worth =
		entry->result.code == ROW_OK && entry->result.answer.raw.len <= DEDUP_ANSWER_MOST;

	if (--entry->users > 0 || is_worth)
		return;
	unlink_entry(d, entry);
	free_entry(entry);
}

void dedup_answer(struct dedup *d, struct dedup_entry *entry, const struct result *result)
{
	if (copy_result(&entry->result, result) < 0)
		result_set(&entry->result, ROW_CANCELLED, "no memory");
	entry->is_done = true;
	duet_event_set(entry->done);
	forget_others(d, entry);
	leave(d, entry);
}

int dedup_wait(struct dedup *d, struct dedup_entry *entry, struct result *result)
{
	int r = duet_event_wait(entry->done);

	if (r == 0)
		r = copy_result(result, &entry->result);
	if (entry->is_done)
		leave(d, entry);
	else
		entry->users--;
	return r;
}

void dedup_fini(struct dedup *d)
{
	for (size_t i = 0; i < DEDUP_SLOTS; i++)
		while (d->slots[i] != NULL) {
			struct dedup_entry *entry = d->slots[i];

			d->slots[i] = entry->next;
			free_entry(entry);
		}
}
