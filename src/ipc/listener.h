/* SPDX-License-Identifier: MIT
 *
 * listener.h - letting peers in, for the patterns that also hear those who are
 * in already at the same place.
 */
#ifndef WEFTI_LISTENER_H
#define WEFTI_LISTENER_H

#include "handshake.h"

/* The endpoint's ids from here on are for those who are in. */
#define WEFTI_PENDING_MOST 64

weft_status wefti_listener_open(const char *name,
                                const struct wefti_settings *settings,
                                weft_listener **out, weft_detail *detail);

/* Refuses those who come, with WEFT_ELIMIT, or lets them in again. */
void wefti_listener_set_full(weft_listener *listener, bool is_full);

/*
 * A pair of sockets by which a thread of this process has an endpoint be ready:
 * it hears the first, under an id. On failure both are WEFTOS_NONE.
 */
weft_status wefti_pokes_open(weftos_endpoint *endpoint, uint64_t id,
                             weft_handle pokes[2], weft_detail *detail);

/* What the listener tells inspectors, for who makes more of it. */
struct wefti_board *wefti_listener_board(const weft_listener *listener);

/* Where the listener waits. */
weftos_endpoint *wefti_listener_endpoint(const weft_listener *listener);

/*
 * Lets in the next peer, as `*out`; or tells, with NULL, that something has
 * happened at `*id`, WEFTI_PENDING_MOST or more.
 */
weft_status wefti_listener_next(weft_listener *listener, uint64_t deadline_ns,
                                weft_channel **out, uint64_t *id,
                                weft_detail *detail);

/* A peer that has greeted, and waits for the answer. */
struct wefti_newcomer {
    weft_handle socket;
    struct wefti_answer answer;
};

/*
 * The same for who makes something else than a channel of those who come: takes
 * the greeting of the next one, whose `*id` is WEFTOS_NEW_CONNECTION.
 */
weft_status wefti_listener_next_newcomer(weft_listener *listener,
                                         uint64_t deadline_ns,
                                         struct wefti_newcomer *newcomer,
                                         uint64_t *id, weft_detail *detail);

/*
 * Takes the socket of a newcomer back that was answered, and has to hang up
 * itself, because handles may be lost with our end: it is kept among the
 * pending handshakes, and as long as one of those, at most.
 */
void wefti_listener_linger(weft_listener *listener, weft_handle socket);

#endif
