/* SPDX-License-Identifier: MIT
 *
 * grow.h - memory that grows, by calloc and free alone: those are what the
 * tests can make fail.
 */
#ifndef WEFTI_GROW_H
#define WEFTI_GROW_H

#include <stdlib.h>
#include <string.h>

/*
 * `bytes` bytes that begin with the `old_bytes` of `old`, which is freed. NULL:
 * no memory, and `old` is as it was.
 */
static inline void *wefti_grow(void *old, size_t old_bytes, size_t bytes)
{
    void *larger = calloc(1, bytes);

    if (larger != NULL && old_bytes > 0) {
        memcpy(larger, old, old_bytes);
    }
    if (larger != NULL) {
        free(old);
    }
    return larger;
}

#endif
