/* SPDX-License-Identifier: MIT
 *
 * calls.h - the calls that are open, in no order: few enough to look through.
 */
#ifndef WEFTI_CALLS_H
#define WEFTI_CALLS_H

#include <stdbool.h>
#include <stdint.h>

#include "grow.h"

/* The first room; each later one is twice as large. */
#define WEFTI_CALLS_FIRST 8

struct wefti_open_call {
    uint64_t number;
    unsigned handles; /* that rode with it */
};

struct wefti_calls {
    struct wefti_open_call *open;
    size_t count;
    size_t room;
    uint64_t handles; /* of all of them */
};

static inline size_t wefti_calls_find(const struct wefti_calls *calls,
                                      uint64_t number)
{
    size_t i = 0;

    while (i < calls->count && calls->open[i].number != number) {
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
static inline bool wefti_calls_add(struct wefti_calls *calls, uint64_t number,
                                   unsigned handles)
{
    if (calls->count == calls->room) {
        size_t room = calls->room == 0 ? WEFTI_CALLS_FIRST : calls->room * 2;
        struct wefti_open_call *open = wefti_grow(
            calls->open, calls->count * sizeof(*open), room * sizeof(*open));

        if (open == NULL) {
            return false;
        }
        calls->open = open;
        calls->room = room;
    }
    calls->open[calls->count++] = (struct wefti_open_call){number, handles};
    calls->handles += handles;
    return true;
}

static inline void wefti_calls_end(struct wefti_calls *calls, uint64_t number)
{
    size_t i = wefti_calls_find(calls, number);

    if (i < calls->count) {
        calls->handles -= calls->open[i].handles;
        calls->open[i] = calls->open[--calls->count];
    }
}

#endif
