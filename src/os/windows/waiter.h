/* SPDX-License-Identifier: MIT
 *
 * The inside of a waiter; wait.c has the theory, expose.c what applications
 * wait for.
 */
#ifndef WEFTOS_WAITER_H
#define WEFTOS_WAITER_H

#include "win.h"

struct weftos_exposure;

struct weftos_waiter {
    HANDLE bell;
    HANDLE pipe;
    HANDLE process; /* NULL: none */
    /* Auto-reset: a twin has heard the bell, and passes it on. */
    HANDLE nudge;
    /* Auto-reset: the hearing of the pipe has ended. */
    HANDLE pipe_event;
    struct weftos_hearing hearing;
    bool hears; /* the hearing is pending, or its end was not yet looked at */
    unsigned told; /* of so many messages that have arrived */
    HANDLE timer;
    struct weftos_waiter *next;       /* in its bucket of all waiters */
    struct weftos_exposure *exposure; /* NULL until somebody polls */
};

/* The bell was heard: passes it on to the others that hear it. */
void weftos_waiter_pass_on(const weftos_waiter *waiter);

/* Looks at the pipe after its event, or before a wait. */
unsigned weftos_waiter_hear_pipe(weftos_waiter *waiter);

/*
 * Waits for one of the objects. WEFT_OK, and `*index` is `count`, when the
 * deadline has passed.
 */
weft_status weftos_waiter_sleep(weftos_waiter *waiter, const HANDLE *objects,
                                DWORD count, uint64_t deadline_ns, DWORD *index,
                                weft_detail *detail);

/* The wait of a waiter that has been exposed, and its end. */
weft_status weftos_exposure_wait(weftos_waiter *waiter, uint64_t deadline_ns,
                                 unsigned *events, weft_detail *detail);
void weftos_exposure_close(weftos_waiter *waiter);

#endif
