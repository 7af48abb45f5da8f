/* Kernel dk1: the post-processing step of the mixed workload, a stand-in for the work people do on
 * a model's reply: fingerprint it, embed it, find similar rows in a table, re-rank those.
 *
 *     dk_init();                                       // once in each process
 *     char out[DK_RESULT_MAX];
 *     dk_process(text, len, DK_HEAVY, out);            // "fp:emb:row:lcs:sum"
 *
 * fp   first 8 bytes of the text's SHA-256, in hex
 * emb  a hash of the text's embedding: its 1-, 2- and 3-grams of words hashed into 64 counters
 * row  the row, among the 32 of 2,000 nearest to the embedding by cosine, that has most in common
 *      with the text's words; lcs how much (longest common subsequence); sum the same for all 32
 *
 * Light mode stops after emb and says -1:0:0.  The result depends on text and mode alone. */
#ifndef MIXED_WORKLOAD_KERNEL_H
#define MIXED_WORKLOAD_KERNEL_H

#include <stddef.h>

enum dk_mode { DK_LIGHT, DK_HEAVY };
enum { DK_RESULT_MAX = 64 };

/* Builds the fixed table. -> 0, -ENOMEM (no SHA-256 to be had) */
int dk_init(void);

/* Any text, of any length.  Writes the result and a NUL to out. -> its length, -ENOMEM */
int dk_process(const void *text, size_t len, enum dk_mode mode, char out[DK_RESULT_MAX]);

#endif
