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
    int door;     /* the keeper's, or a connection to it; -1: neither */
    bool keeps;   /* this one keeps the door */
    bool is_over; /* what comes next it would not hear of */
    struct sockaddr_un address; /* the door's */
    socklen_t address_bytes;    /* 0: there can't be one */
};

/*
 * From here on nothing is missed that happens to the name. WEFT_ELIMIT: there
 * is no watch left, and nobody who has one for the same directory.
 */
weft_status weftos_vigil_begin(struct weftos_vigil *vigil,
                               const struct weftos_place *place,
                               weft_detail *detail);

/* Waits until something may have happened to it; see `is_over` then. */
weft_status weftos_vigil_wait(struct weftos_vigil *vigil, uint64_t deadline_ns,
                              bool interruptible, weft_detail *detail);

void weftos_vigil_end(struct weftos_vigil *vigil);

#endif
