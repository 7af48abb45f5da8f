#include "kernel.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 2000, DIM = 64, REF_LEN = 288, NEAREST = 32, GRAMS = 3 };

static const uint32_t FNV_START = 2166136261u;
static const uint32_t FNV_PRIME = 16777619u;

static struct {
	int8_t row[ROWS][DIM];
	double norm[ROWS];
	uint16_t reference[ROWS][REF_LEN];
	EVP_MD *sha256;
} fixed;

struct embedding {
	int32_t counter[DIM];
	uint16_t *ids; /* one for each word of the text */
	size_t words;
};

static uint32_t splitmix32(uint32_t *state)
{
	uint32_t z = *state += 0x9E3779B9u;

	z = (z ^ (z >> 16)) * 0x21F0AAADu;
	z = (z ^ (z >> 15)) * 0x735A2D97u;
	return z ^ (z >> 15);
}

static void fill_row(int r, uint32_t *state)
{
	int64_t squares = 0;

	for (int d = 0; d < DIM; d++) {
		int v = (int)(splitmix32(state) & 255) - 128;
		fixed.row[r][d] = (int8_t)v;
		squares += v * v;
	}
	fixed.norm[r] = sqrt((double)squares);
}

int dk_init(void)
{
	uint32_t state = 12345;

	if (fixed.sha256 != NULL)
		return 0;
	fixed.sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	if (fixed.sha256 == NULL)
		return -ENOMEM;
	for (int r = 0; r < ROWS; r++)
		fill_row(r, &state);
	for (int r = 0; r < ROWS; r++)
		for (int i = 0; i < REF_LEN; i++)
			fixed.reference[r][i] = splitmix32(&state) & 511;
	return 0;
}

static uint32_t fnv(uint32_t hash, unsigned char byte)
{
	return (hash ^ byte) * FNV_PRIME;
}

/* The byte in lower case if it is part of a word, else 0. */
static unsigned char word_byte(unsigned char c)
{
	if (c >= 'A' && c <= 'Z')
		return c | 0x20;
	if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
		return c;
	return 0;
}

static void count_gram(struct embedding *e, uint32_t hash)
{
	uint32_t x = hash ^ (hash >> 16);

	e->counter[x & (DIM - 1)] += hash >> 31 ? -1 : 1;
}

/* The word is over: every gram that ends in it is complete.  gram[n] becomes the hash of the n
 * words up to and including this one, ready to grow by the next. */
static void end_word(struct embedding *e, uint32_t gram[GRAMS + 1])
{
	size_t known = e->words + 1;

	for (size_t n = 1; n <= GRAMS && n <= known; n++)
		count_gram(e, gram[n]);
	e->ids[e->words++] = (gram[1] ^ (gram[1] >> 16)) & 511;
	for (int n = GRAMS; n > 1; n--)
		gram[n] = fnv(gram[n - 1], ' ');
	gram[1] = FNV_START;
}

/* One pass: the grams of 1, 2 and 3 words that end in the current word are hashed side by side.
 * Until enough words were seen, the longer ones hold nonsense that end_word leaves out. */
static void embed(struct embedding *e, const unsigned char *text, size_t len)
{
	uint32_t gram[GRAMS + 1] = {0, FNV_START, FNV_START, FNV_START};
	bool inside = false;

	for (size_t i = 0; i < len; i++) {
		unsigned char c = word_byte(text[i]);
		if (c != 0) {
			for (int n = 1; n <= GRAMS; n++)
				gram[n] = fnv(gram[n], c);
		} else if (inside) {
			end_word(e, gram);
		}
		inside = c != 0;
	}
	if (inside)
		end_word(e, gram);
}

static uint32_t hash_counters(const int32_t counter[DIM])
{
	uint32_t hash = FNV_START;

	for (int d = 0; d < DIM; d++)
		for (int shift = 0; shift < 32; shift += 8)
			hash = fnv(hash, (unsigned char)((uint32_t)counter[d] >> shift));
	return hash;
}

static double cosine(const int32_t counter[DIM], int r)
{
	int64_t dot = 0;

	for (int d = 0; d < DIM; d++)
		dot += (int64_t)counter[d] * fixed.row[r][d];
	return (double)dot / fixed.norm[r];
}

/* best[] gets the rows with the highest scores, best first, the lower row first among equals. */
static void find_nearest(const int32_t counter[DIM], int best[NEAREST])
{
	double score[NEAREST];
	int found = 0;

	for (int r = 0; r < ROWS; r++) {
		double s = cosine(counter, r);
		if (found == NEAREST && s <= score[NEAREST - 1])
			continue;
		int at = found < NEAREST ? found++ : NEAREST - 1;
		for (; at > 0 && score[at - 1] < s; at--) {
			score[at] = score[at - 1];
			best[at] = best[at - 1];
		}
		score[at] = s;
		best[at] = r;
	}
}

/* Longest common subsequence by plain dynamic programming, one row of the matrix at a time. */
static unsigned common_length(const struct embedding *e, const uint16_t reference[REF_LEN])
{
	unsigned line[REF_LEN] = {0};

	for (size_t i = 0; i < e->words; i++) {
		unsigned diagonal = 0, left = 0, id = e->ids[i];
		for (int j = 0; j < REF_LEN; j++) {
			unsigned up = line[j];
			unsigned here = diagonal + (reference[j] == id);
			here = here > up ? here : up;
			left = left > here ? left : here;
			diagonal = up;
			line[j] = left;
		}
	}
	return line[REF_LEN - 1];
}

static void rank(const struct embedding *e, int *row, unsigned *most, unsigned *sum)
{
	int nearest[NEAREST];

	find_nearest(e->counter, nearest);
	for (int i = 0; i < NEAREST; i++) {
		unsigned common = common_length(e, fixed.reference[nearest[i]]);
		*sum += common;
		if (common > *most) {
			*most = common;
			*row = nearest[i];
		}
	}
}

static int fingerprint(const void *text, size_t len, uint64_t *ret_fp)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	uint64_t fp = 0;

	if (EVP_Digest(text, len, digest, NULL, fixed.sha256, NULL) != 1)
		return -ENOMEM;
	for (int i = 0; i < 8; i++)
		fp = fp << 8 | digest[i];
	*ret_fp = fp;
	return 0;
}

int dk_process(const void *text, size_t len, enum dk_mode mode, char out[DK_RESULT_MAX])
{
	struct embedding e = {.ids = malloc((len / 2 + 1) * sizeof *e.ids)};
	unsigned most = 0, sum = 0;
	int row = -1;
	uint64_t fp;

	if (e.ids == NULL || fingerprint(text, len, &fp) < 0) {
		free(e.ids);
		return -ENOMEM;
	}
	embed(&e, text, len);
	if (mode == DK_HEAVY)
		rank(&e, &row, &most, &sum);
	free(e.ids);
	return snprintf(out, DK_RESULT_MAX, "%016" PRIx64 ":%08" PRIx32 ":%d:%u:%u", fp,
			hash_counters(e.counter), row, most, sum);
}
