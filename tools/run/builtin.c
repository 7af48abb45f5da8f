#include "tools/run/builtin.h"

#include "tools/units.h"
#include <ctype.h>
#include <duet/json.h>
#include <time.h>

bool builtin_find(const char *name, struct builtin *out)
{
	static const char *const names[BUILTIN_KINDS] = {"json", "code-extract", "tokens",
							 "simhash", "busy"};
	double ms;

	*out = (struct builtin){0};
	for (int i = 0; i < BUILTIN_BUSY; i++) {
		out->kind = (enum builtin_kind)i;
		if (strcmp(name, names[i]) == 0)
			return true;
	}
	out->kind = BUILTIN_BUSY;
	if (strncmp(name, "busy=", 5) != 0 || !units_real(name + 5, &ms) || ms > 1e7)
		return false;
	out->busy = DUET_MS(ms);
	return true;
}

/* --- code blocks --- */

/* The next block between lines of ```.  -> whether there is one; *at moves behind it */
static bool next_block(duet_bytes words, size_t *at, duet_bytes *lang, duet_bytes *code)
{
	const char *begin = words.data, *end = begin + words.len, *p, *start, *close;

	if (*at >= words.len || (p = memmem(begin + *at, words.len - *at, "```", 3)) == NULL)
		return false;
	p += 3;
	start = memchr(p, '\n', (size_t)(end - p));
	if (start == NULL)
		return false;
	*lang = DUET_BYTES(p, (size_t)(start - p));
	while (lang->len > 0 && isspace((unsigned char)p[lang->len - 1]))
		lang->len--;
	start++;
	close = memmem(start, (size_t)(end - start), "```", 3);
	*code = DUET_BYTES(start, (size_t)((close != NULL ? close : end) - start));
	*at = close != NULL ? (size_t)(close + 3 - begin) : words.len;
	return true;
}

static const char *extract_code(duet_bytes words, struct text *out)
{
	duet_bytes lang, code;
	size_t at = 0, n = 0;

	text_puts(out, "[");
	while (next_block(words, &at, &lang, &code)) {
		text_puts(out, n++ > 0 ? ",{\"lang\":" : "{\"lang\":");
		text_quote(out, lang.data, lang.len);
		text_puts(out, ",\"code\":");
		text_quote(out, code.data, code.len);
		text_puts(out, "}");
	}
	text_puts(out, "]");
	return NULL;
}

static const char *take_json(duet_bytes words, struct text *out)
{
	duet_bytes lang, code, value;
	size_t at = 0;

	if (duet_json_check(words) < 0) {
		if (!next_block(words, &at, &lang, &code) || duet_json_check(code) < 0)
			return "the reply is not JSON";
		words = code;
	}
	duet_json_find(words, "", &value);
	text_json(out, value);
	return NULL;
}

/* --- counting --- */

static bool is_letter(unsigned char c)
{
	return isalnum(c) || c >= 0x80;
}

/* Words of a common vocabulary are a token each, longer ones one for every four letters or so, and
 * marks one each: close enough for budgets. */
static const char *count_tokens(duet_bytes words, struct text *out)
{
	const unsigned char *p = words.data;
	unsigned long tokens = 0, count = 0, chars = 0;

	for (size_t i = 0, n; i < words.len; i += n) {
		n = 1;
		if (is_letter(p[i])) {
			while (i + n < words.len && is_letter(p[i + n]))
				n++;
			tokens += n <= 6 ? 1 : (n + 3) / 4;
			count++;
		} else if (!isspace(p[i])) {
			tokens++;
		}
	}
	for (size_t i = 0; i < words.len; i++)
		chars += (p[i] & 0xc0) != 0x80;
	text_printf(out, "{\"tokens\":%lu,\"words\":%lu,\"chars\":%lu}", tokens, count, chars);
	return NULL;
}

static size_t next_word(duet_bytes words, size_t at, uint64_t *hash)
{
	const unsigned char *p = words.data;
	uint64_t h = 0;

	while (at < words.len && !is_letter(p[at]))
		at++;
	for (; at < words.len && is_letter(p[at]); at++)
		h = text_mix(h ^ (unsigned char)tolower(p[at]));
	*hash = h;
	return at;
}

/* Votes of all shingles of three words. */
static const char *make_simhash(duet_bytes words, struct text *out)
{
	uint64_t last[3] = {0}, hash = 0, word;
	long votes[64] = {0};
	size_t at = 0;

	while ((at = next_word(words, at, &word)), word != 0) {
		last[0] = last[1];
		last[1] = last[2];
		last[2] = word;
		uint64_t shingle = text_mix(last[0] + text_mix(last[1] + text_mix(last[2])));
		for (int i = 0; i < 64; i++)
			votes[i] += shingle >> i & 1 ? 1 : -1;
	}
	for (int i = 0; i < 64; i++)
		hash |= (uint64_t)(votes[i] > 0) << i;
	text_printf(out, "\"%016llx\"", (unsigned long long)hash);
	return NULL;
}

static duet_time cpu_time(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return DUET_S(t.tv_sec) + t.tv_nsec;
}

static const char *be_busy(duet_time busy, duet_bytes words, struct text *out)
{
	duet_time until = cpu_time() + busy;

	while (cpu_time() < until)
		continue;
	text_printf(out, "\"%016llx\"", (unsigned long long)text_hash(0, words.data, words.len));
	return NULL;
}

const char *builtin_run(const struct builtin *b, duet_bytes words, struct text *out)
{
	switch (b->kind) {
	case BUILTIN_JSON:
		return take_json(words, out);
	case BUILTIN_CODE:
		return extract_code(words, out);
	case BUILTIN_TOKENS:
		return count_tokens(words, out);
	case BUILTIN_SIMHASH:
		return make_simhash(words, out);
	default:
		return be_busy(b->busy, words, out);
	}
}
