/* Kernel dk1 against the known answers of its definition.  ctest-libs: crypto m */
#include "examples/mixed_workload/kernel.c"
#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *process(const char *text, size_t len, enum dk_mode mode)
{
	static char out[DK_RESULT_MAX];

	CHECK_EQ(dk_init(), 0);
	CHECK_GE(dk_process(text, len, mode, out), 0);
	return out;
}

static void check(const char *text, const char *heavy, const char *light)
{
	CHECK_STR(process(text, strlen(text), DK_HEAVY), heavy);
	CHECK_STR(process(text, strlen(text), DK_LIGHT), light);
}

/* A text without a word has an empty embedding and no row in common with anything. */
TEST(kernel_no_words_gives_the_empty_embedding)
{
	check("", "e3b0c44298fc1c14:e6a1d1c5:-1:0:0", "e3b0c44298fc1c14:e6a1d1c5:-1:0:0");
	check(" .,;\n\t!", "2e74679f7c7f1d66:e6a1d1c5:-1:0:0", "2e74679f7c7f1d66:e6a1d1c5:-1:0:0");
}

/* Texts with fewer words than the longest gram, with and without an end of the last word. */
TEST(kernel_short_texts_match_the_reference)
{
	check("a", "ca978112ca1bbdca:c98db2a1:401:1:15", "ca978112ca1bbdca:c98db2a1:-1:0:0");
	check("two words", "a03f1d611645eb53:01b5ebcc:1140:2:22",
	      "a03f1d611645eb53:01b5ebcc:-1:0:0");
}

/* Case is folded, and every byte outside A-Z, a-z and 0-9 parts words, UTF-8 included. */
TEST(kernel_mixed_text_matches_the_reference)
{
	check("Hello, World! hello again -- 42 times.", "a1d5cc99501c99db:aeab7f91:223:4:57",
	      "a1d5cc99501c99db:aeab7f91:-1:0:0");
	check("h\xc3\xa9llo w\xc3\xb6rld na\xc3\xafve caf\xc3\xa9",
	      "8ae0f5e8fb1f5be9:55b1fe38:698:4:67", "8ae0f5e8fb1f5be9:55b1fe38:-1:0:0");
}

/* A text far longer than a reply, of 8,000 words. */
TEST(kernel_long_text_matches_the_reference)
{
	size_t size = 64 * 1024, len = 0;
	char *text = malloc(size);

	CHECK(text != NULL);
	for (int i = 0; i < 2000; i++)
		len += (size_t)snprintf(text + len, size - len, "%sWord%d is number %d.",
					i ? " " : "", i % 700, i * i % 1013);
	CHECK_STR(process(text, len, DK_HEAVY), "dd350f63ab7dac24:bcc4db09:528:89:2647");
	CHECK_STR(process(text, len, DK_LIGHT), "dd350f63ab7dac24:bcc4db09:-1:0:0");
	free(text);
}

/* One word of 50,000 letters. */
TEST(kernel_long_word_matches_the_reference)
{
	size_t len = 50000;
	char *text = malloc(len);

	CHECK(text != NULL);
	memset(text, 'x', len);
	CHECK_STR(process(text, len, DK_HEAVY), "9483d1c3ad73c1fc:9a433c24:833:1:13");
	free(text);
}
