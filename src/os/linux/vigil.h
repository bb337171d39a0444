/* SPDX-License-Identifier: MIT
 *
 * vigil.h - how a name is waited for.
 */
#ifndef WEFTOS_VIGIL_H
#define WEFTOS_VIGIL_H

#include "../posix/place.h"
#include "linux.h"

/* All of it is vigil.c's. */
struct weftos_vigil {
    int watch;    /* of inotify, or -1 */
    int marks[2]; /* what it watches; -1: no more */
    int door;     /* the keeper's, or a connection to it; -1: neither */
    bool keeps;   /* this one keeps the door */
    bool stands;  /* or waits to keep it next, though it has a watch */
    bool is_over; /* it is to end: it has heard, or would hear no more */
    struct sockaddr_un address; /* the door's */
    socklen_t address_bytes;    /* 0: there can't be one */
    char file[sizeof(((struct sockaddr_un *)0)->sun_path)]; /* the name's */
};

/*
 * From here on nothing is missed that happens to the name. `stands`: it is
 * waited with weftos_vigil_wait, soon and all the time. WEFT_ELIMIT: there is
 * no watch left, and nobody who has one for the same directory.
 */
weft_status weftos_vigil_begin(struct weftos_vigil *vigil,
                               const struct weftos_place *place, bool stands,
                               weft_detail *detail);

/*
 * Waits until the name is to be tried; if `is_over`, by then the vigil is to
 * end: its end may take the kernel long, and a listener has few places for
 * those who have connected and say nothing.
 */
weft_status weftos_vigil_wait(struct weftos_vigil *vigil,
                              const struct weftos_place *place,
                              uint64_t deadline_ns, bool interruptible,
                              weft_detail *detail);

/*
 * For one that does not stand: the descriptor that is ready when it is to be
 * looked at, always the same one.
 */
int weftos_vigil_handle(const struct weftos_vigil *vigil);

/*
 * Tells which entries of the directory have changed; NULL: any may have. True:
 * nothing that comes next would be heard of.
 */
typedef void weftos_vigil_tell(void *context, const char *file);
bool weftos_vigil_look(struct weftos_vigil *vigil, weftos_vigil_tell *tell,
                       void *context);

/* In a forked child, which has a copy of its descriptors: only closes them. */
void weftos_vigil_end(struct weftos_vigil *vigil, bool forked);

/*
 * Ends it, and gives back what is to be closed later: to close a watch takes
 * the kernel 7 ms and more, unless what it watched was removed long before.
 */
int weftos_vigil_end_soon(struct weftos_vigil *vigil);

#endif
