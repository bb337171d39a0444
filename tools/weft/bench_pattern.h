/* SPDX-License-Identifier: MIT
 *
 * The bytes that benchmark messages are made of, and their check.
 *
 * Word i of a message is seed + i, and the seed is different for each message
 * and each direction. So a lost, repeated, shifted or stale piece of any
 * message is found, by reading all of it once. The code is inlined and the
 * same in every transport. It has to be faster than the fastest of them, and
 * compilers differ by a factor of four in what they make of a plain loop, so
 * a line is written and read as four pairs of words (vectors of 16 bytes,
 * which every 64-bit CPU has) where the compiler knows such things.
 */
#ifndef BENCH_PATTERN_H
#define BENCH_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define BENCH_WORD sizeof(uint64_t)
#define BENCH_LINE ((size_t)64)
#define BENCH_LINE_WORDS 8

/* Which way a message goes: a ping or a stream is 0, an echo is 1. */
static inline uint64_t bench_seed(uint64_t sequence, unsigned direction)
{
    /* 2^64 divided by the golden ratio: odd, and far from small numbers. */
    return (sequence * 2 + direction) * UINT64_C(0x9e3779b97f4a7c15);
}

/*
 * A bench_pair holds the first words of a line, from which the others follow;
 * a bench_wrong the bits that are wrong in what was read.
 */
#if defined(__GNUC__)

typedef uint64_t bench_pair __attribute__((vector_size(16)));
typedef bench_pair bench_wrong;

static inline bench_pair bench_pair_begin(uint64_t seed)
{
    return (bench_pair){seed, seed + 1};
}

static inline bench_pair bench_pair_plus(bench_pair pair, uint64_t words)
{
    return pair + (bench_pair){words, words};
}

static inline void bench_fill_line(unsigned char *data, bench_pair pair)
{
    for (unsigned i = 0; i < BENCH_LINE_WORDS; i += 2) {
        bench_pair next = bench_pair_plus(pair, i);

        memcpy(data + i * BENCH_WORD, &next, sizeof(next));
    }
}

static inline bench_wrong bench_check_pair(const unsigned char *data,
                                           bench_pair pair, unsigned word)
{
    bench_pair there;

    memcpy(&there, data + word * BENCH_WORD, sizeof(there));
    return there ^ bench_pair_plus(pair, word);
}

static inline bench_wrong bench_check_line(const unsigned char *data,
                                           bench_pair pair)
{
    return (bench_check_pair(data, pair, 0) | bench_check_pair(data, pair, 2)) |
           (bench_check_pair(data, pair, 4) | bench_check_pair(data, pair, 6));
}

static inline bench_wrong bench_nothing_wrong(void)
{
    return (bench_wrong){0, 0};
}

static inline uint64_t bench_wrong_bits(bench_wrong wrong)
{
    return wrong[0] | wrong[1];
}

#else

typedef uint64_t bench_pair;
typedef uint64_t bench_wrong;

static inline bench_pair bench_pair_begin(uint64_t seed)
{
    return seed;
}

static inline bench_pair bench_pair_plus(bench_pair pair, uint64_t words)
{
    return pair + words;
}

static inline void bench_fill_line(unsigned char *data, bench_pair pair)
{
    for (unsigned i = 0; i < BENCH_LINE_WORDS; i++) {
        uint64_t next = pair + i;

        memcpy(data + i * BENCH_WORD, &next, BENCH_WORD);
    }
}

static inline bench_wrong bench_check_line(const unsigned char *data,
                                           bench_pair pair)
{
    uint64_t wrong = 0;

    for (unsigned i = 0; i < BENCH_LINE_WORDS; i++) {
        uint64_t there;

        memcpy(&there, data + i * BENCH_WORD, BENCH_WORD);
        wrong |= there ^ (pair + i);
    }
    return wrong;
}

static inline bench_wrong bench_nothing_wrong(void)
{
    return 0;
}

static inline uint64_t bench_wrong_bits(bench_wrong wrong)
{
    return wrong;
}

#endif

/* Writes the last bytes, fewer than a line. */
static inline void bench_fill_rest(unsigned char *data, size_t bytes,
                                   uint64_t seed)
{
    for (; bytes >= BENCH_WORD; bytes -= BENCH_WORD) {
        memcpy(data, &seed, BENCH_WORD);
        data += BENCH_WORD;
        seed++;
    }
    if (bytes > 0) {
        memcpy(data, &seed, bytes);
    }
}

/* Writes all of a message, or a piece that begins with the word `seed`. */
static inline void bench_fill(void *data, size_t bytes, uint64_t seed)
{
    bench_pair pair = bench_pair_begin(seed);
    unsigned char *at = data;
    size_t rest = bytes % BENCH_LINE;

    for (unsigned char *end = at + (bytes - rest); at != end;
         at += BENCH_LINE) {
        bench_fill_line(at, pair);
        pair = bench_pair_plus(pair, BENCH_LINE_WORDS);
    }
    if (rest > 0) {
        bench_fill_rest(at, rest, seed + (bytes - rest) / BENCH_WORD);
    }
}

/* The bits that are wrong in the last bytes, fewer than a line. */
static inline uint64_t bench_check_rest(const unsigned char *data, size_t bytes,
                                        uint64_t seed)
{
    uint64_t wrong = 0;
    uint64_t word;

    for (; bytes >= BENCH_WORD; bytes -= BENCH_WORD) {
        memcpy(&word, data, BENCH_WORD);
        wrong |= word ^ seed;
        data += BENCH_WORD;
        seed++;
    }
    if (bytes > 0) {
        word = seed;
        memcpy(&word, data, bytes);
        wrong |= word ^ seed;
    }
    return wrong;
}

/* Reads all of what bench_fill wrote with these arguments: is it the same? */
static inline bool bench_verify(const void *data, size_t bytes, uint64_t seed)
{
    bench_pair pair = bench_pair_begin(seed);
    bench_wrong wrong = bench_nothing_wrong();
    const unsigned char *at = data;
    size_t rest = bytes % BENCH_LINE;
    uint64_t bits;

    for (const unsigned char *end = at + (bytes - rest); at != end;
         at += BENCH_LINE) {
        wrong |= bench_check_line(at, pair);
        pair = bench_pair_plus(pair, BENCH_LINE_WORDS);
    }
    bits = bench_wrong_bits(wrong);
    if (rest > 0) {
        bits |= bench_check_rest(at, rest, seed + (bytes - rest) / BENCH_WORD);
    }
    return bits == 0;
}

/* Where the first wrong byte is, after bench_verify has said no. */
size_t bench_find_wrong(const void *data, size_t bytes, uint64_t seed);

#endif
