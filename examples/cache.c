/* SPDX-License-Identifier: MIT
 *
 * A program with a cache, which gives that back when memory gets scarce: run
 * it, and "weft memory ask" beside it. It ends with its standard input.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weft/weft.h>

#define BLOCK_BYTES ((size_t)1 << 20)
#define BLOCKS 32

/* The callback runs in a thread of weft's: each block is taken by one thread.
 */
struct cache {
    _Atomic(char *) blocks[BLOCKS];
};

static void fill(struct cache *cache)
{
    for (size_t i = 0; i < BLOCKS; i++) {
        char *block = malloc(BLOCK_BYTES);

        if (block != NULL) {
            memset(block, 'x', BLOCK_BYTES);
        }
        atomic_store(&cache->blocks[i], block);
    }
}

/* Whole blocks, and none of them is looked at. */
static size_t drop(struct cache *cache, size_t count)
{
    size_t bytes = 0;

    for (size_t i = 0; i < count; i++) {
        char *block = atomic_exchange(&cache->blocks[i], NULL);

        bytes += block != NULL ? BLOCK_BYTES : 0;
        free(block);
    }
    return bytes;
}

static uint64_t give(void *context, const weft_memory_demand *demand)
{
    switch (demand->level) {
    case WEFT_TRIM_MILD:
        return drop(context, BLOCKS / 4);
    case WEFT_TRIM_MODERATE:
        return drop(context, BLOCKS / 2);
    default:
        return drop(context, BLOCKS);
    }
}

int main(void)
{
    static struct cache cache;
    weft_memory_listener_stats stats = {.size = sizeof(stats)};
    weft_memory_listener *listener;
    weft_detail detail;

    fill(&cache);
    if (weft_memory_on_pressure(NULL, give, &cache, &listener, &detail) !=
        WEFT_OK) {
        char text[256];

        weft_detail_text(&detail, text, sizeof(text));
        fprintf(stderr, "cache: %s\n", text);
        return 1;
    }
    while (getchar() != EOF) {
    }
    (void)weft_memory_listener_get_stats(listener, &stats);
    weft_memory_listener_close(&listener);
    printf("asked %llu times, gave %llu bytes\n",
           (unsigned long long)stats.demands,
           (unsigned long long)stats.claimed_bytes);
    (void)drop(&cache, BLOCKS);
    return 0;
}
