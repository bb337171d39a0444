/* SPDX-License-Identifier: MIT
 *
 * Where a message is wrong: the slow way, once it is known that it is.
 */
#include "bench_pattern.h"

size_t bench_find_wrong(const void *data, size_t bytes, uint64_t seed)
{
    const unsigned char *at = data;

    for (size_t i = 0; i < bytes; i++) {
        uint64_t word = seed + i / BENCH_WORD;
        unsigned char expected[BENCH_WORD];

        memcpy(expected, &word, BENCH_WORD);
        if (at[i] != expected[i % BENCH_WORD]) {
            return i;
        }
    }
    return bytes;
}
