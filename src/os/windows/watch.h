/* SPDX-License-Identifier: MIT
 *
 * What an endpoint watches, besides its name.
 */
#ifndef WEFTOS_WATCH_H
#define WEFTOS_WATCH_H

#include "link.h"

/* All that is watched, in no order; watch.c has the theory. */
struct weftos_watched {
    HANDLE ready; /* manual-reset: the endpoint's */
    struct weftos_watch **all;
    size_t count;
    size_t room;
    struct weftos_watch *free; /* room for others, a list */
    struct weftos_watch_chunk *chunks;
    size_t turn; /* where the next look begins, to be fair */
    /*
     * Something was begun, which has reset `ready`: what ended before that is
     * not told by it any more.
     */
    bool has_begun;
};

/*
 * Watches a control socket, and a process unless it is INVALID_HANDLE_VALUE.
 * Sets `ready`: whoever waits is to look.
 */
weft_status weftos_watch_add(struct weftos_watched *watched, uint64_t id,
                             HANDLE pipe, HANDLE process, weft_detail *detail);
void weftos_watch_remove(struct weftos_watched *watched, HANDLE pipe);

/* Forgets all. */
void weftos_watch_close(struct weftos_watched *watched);

/*
 * Looks at those from place `first` on and before `end`, until there is one
 * that has something to say. True: `*id` is its own, and `turn` is behind it.
 */
bool weftos_watch_look(struct weftos_watched *watched, size_t first, size_t end,
                       uint64_t *id);

#endif
