/* SPDX-License-Identifier: MIT
 *
 * calls.h - the numbers of the calls that are open, in no order: few enough to
 * look through.
 */
#ifndef WEFTI_CALLS_H
#define WEFTI_CALLS_H

#include <stdbool.h>
#include <stdint.h>

#include "grow.h"

/* The first room; each later one is twice as large. */
#define WEFTI_CALLS_FIRST 8

struct wefti_calls {
    uint64_t *numbers;
    size_t count;
    size_t room;
};

static inline size_t wefti_calls_find(const struct wefti_calls *calls,
                                      uint64_t number)
{
    size_t i = 0;

    while (i < calls->count && calls->numbers[i] != number) {
        i++;
    }
    return i;
}

static inline bool wefti_calls_have(const struct wefti_calls *calls,
                                    uint64_t number)
{
    return wefti_calls_find(calls, number) < calls->count;
}

/* False: no memory. */
static inline bool wefti_calls_add(struct wefti_calls *calls, uint64_t number)
{
    if (calls->count == calls->room) {
        size_t room = calls->room == 0 ? WEFTI_CALLS_FIRST : calls->room * 2;
        uint64_t *numbers =
            wefti_grow(calls->numbers, calls->count * sizeof(*numbers),
                       room * sizeof(*numbers));

        if (numbers == NULL) {
            return false;
        }
        calls->numbers = numbers;
        calls->room = room;
    }
    calls->numbers[calls->count++] = number;
    return true;
}

static inline void wefti_calls_end(struct wefti_calls *calls, uint64_t number)
{
    size_t i = wefti_calls_find(calls, number);

    if (i < calls->count) {
        calls->numbers[i] = calls->numbers[--calls->count];
    }
}

#endif
