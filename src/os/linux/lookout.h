/* SPDX-License-Identifier: MIT
 *
 * lookout.h - how an endpoint is told that a name may have appeared.
 *
 * A user has 128 instances of inotify, and a process may await hundreds of
 * names. So all endpoints of this process that await a name in the same
 * directory share one vigil: each has its descriptor among its own, and whoever
 * wakes first reads it, and tells those that are concerned by a descriptor of
 * their own. That is done under a lock, the telling after the reading: so while
 * something is untold, one of the two is ready.
 */
#ifndef WEFTOS_LOOKOUT_H
#define WEFTOS_LOOKOUT_H

#include "vigil.h"

/* What an endpoint awaits. All of it is lookout.c's. */
struct weftos_awaited {
    struct weftos_lookout *lookout; /* NULL: none, or it is over */
    struct weftos_awaited *next;    /* of the same lookout */
    int epoll;                      /* the endpoint's */
    int told;                       /* ready: the name may have appeared */
    bool is_open;                   /* `told` is */
    int old;                        /* a watch to be closed; -1: none */
    uint64_t close_at_ns;           /* then */
    char file[sizeof(((struct sockaddr_un *)0)->sun_path)]; /* the name's */
};

#define WEFTOS_AWAITED_NONE                                                    \
    {                                                                          \
        .told = -1, .old = -1                                                  \
    }

/*
 * From here on the epoll has `data` ready when the name may have appeared. To
 * be called again after that has been heard; nothing is missed between.
 */
weft_status weftos_await_begin(struct weftos_awaited *awaited, int epoll,
                               uint64_t data, const struct weftos_place *place,
                               weft_detail *detail);

/* What has made `data` ready. False: nothing that concerns the name. */
bool weftos_await_hear(struct weftos_awaited *awaited);

/* What is to be closed late is left to weftos_await_tidy(). */
void weftos_await_end(struct weftos_awaited *awaited);

/* Closes what can be closed by now: cheap, to be called often. */
void weftos_await_tidy(struct weftos_awaited *awaited);

/* In a forked child: only frees. */
void weftos_await_close(struct weftos_awaited *awaited, bool forked);

#endif
