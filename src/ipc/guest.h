/* SPDX-License-Identifier: MIT
 *
 * guest.h - a client as its server sees it.
 *
 * Two threads may have to do with one: the server's own receives, and whoever
 * answers sends. What they share is under the service's lock.
 */
#ifndef WEFTI_GUEST_H
#define WEFTI_GUEST_H

#include <weft/service.h>

#include "calls.h"
#include "handshake.h"
#include "rx.h"
#include "tx.h"

/* A reply or an event for which there was no room. */
struct wefti_letter {
    struct wefti_letter *next;
    uint64_t sent; /* bytes that are in the ring already */
    weft_message message;
    unsigned char data[];
};

/* What one client may use; from the options. */
struct wefti_quota {
    unsigned calls_max;
    uint64_t queue_max_bytes;
    unsigned handles_max; /* of its open calls; 0: it may send none */
};

struct wefti_guest {
    uint64_t id;
    weft_channel *channel;
    weft_peer peer;
    const struct wefti_quota *quota;

    /* Of the server's thread. */
    struct wefti_guest *next; /* in the list of those that are polled */
    bool is_active;           /* in that list, and not armed */
    bool is_announced;        /* its coming was told */
    bool has_left;            /* it counts no more, but is still here */
    uint64_t lively_ns;       /* when it last had something, roughly */
    unsigned idle_rings;      /* in a row, of which nothing came */
    uint64_t progress;        /* as of the last ring */
    unsigned streak;          /* messages taken in this turn */
    weft_status gone;         /* WEFT_OK, or why it has gone or must go */
    uint64_t due_ns;          /* of the call that comes next */

    /* Under the service's lock. */
    struct wefti_calls calls; /* unanswered */
    struct wefti_letter *first;
    struct wefti_letter *last;
    uint64_t queued_bytes;
};

/* Takes the channel. NULL: no memory; the channel stays the caller's. */
struct wefti_guest *wefti_guest_create(weft_channel *channel,
                                       const struct wefti_quota *quota);
void wefti_guest_close(struct wefti_guest *guest);

/* ------------------------------------------------ under the lock: calls --- */

/* Notes a call. WEFT_ELIMIT: too many, or too many handles with them;
 * WEFT_EPROTO: it is open; WEFT_ENOMEM. */
weft_status wefti_guest_add_call(struct wefti_guest *guest, uint64_t call,
                                 unsigned handles);

/* ---------------------------------------------- under the lock: sending --- */

/*
 * Sends, or queues what there is no room for. WEFT_ELIMIT: the queue is full.
 * Otherwise as wefti_tx_send.
 */
weft_status wefti_guest_send(struct wefti_guest *guest,
                             const weft_message *message);

/* Sends what is queued, as far as there is room, and asks for a ring. */
void wefti_guest_flush(struct wefti_guest *guest);

/* ----------------------------------------------- of the server's thread --- */

/* Has it come to its end, though there may be something to take yet? */
static inline bool wefti_guest_has_ended(const struct wefti_guest *guest)
{
    return guest->gone != WEFT_OK ||
           wefti_channel_rx(guest->channel)->site.hung_up;
}

/* Is there something to take, or an end to be told? One or two loads. */
static inline bool wefti_guest_is_ready(const struct wefti_guest *guest)
{
    const struct wefti_rx *rx = wefti_channel_rx(guest->channel);

    return wefti_guest_has_ended(guest) || wefti_rx_word(rx) != 0 ||
           weftos_load_acquire(&rx->peer->closed_at) == rx->read;
}

/*
 * Something has happened at its socket or to its process. What it has sent
 * before its end is still to be taken.
 */
void wefti_guest_hear(struct wefti_guest *guest);

#endif
