/* SPDX-License-Identifier: MIT
 *
 * service.h - a server, and those of its functions that its files share:
 * service.c opens and closes it, lets clients in and sends to them;
 * service_next.c hears them, takes what they have, and waits for it.
 */
#ifndef WEFTI_SERVICE_H
#define WEFTI_SERVICE_H

#include "board.h"
#include "guest.h"
#include "listener.h"
#include "lock.h"
#include "poll.h"

/* So many at a time are woken together. */
#define WEFTI_OWED_MOST 32

struct weft_service {
    uint64_t token;
    weft_listener *listener;
    struct wefti_board *board; /* the listener's */
    struct wefti_settings settings;
    struct wefti_quota quota;
    unsigned clients_max;
    bool gathers_wakes;

    /* Guards what guest.h says, and `guests` against the repliers. */
    struct wefti_lock lock;
    struct wefti_guest **guests; /* by place; NULL: free */
    unsigned guest_count;
    unsigned left_count; /* of them, those that have come to their end */
    unsigned guest_room;
    unsigned last_place;
    uint64_t serial; /* of the client that came last */

    struct wefti_guest **active; /* those that are polled */
    unsigned active_count;
    unsigned turn;
    uint64_t heard_ns; /* when the endpoint was last asked */
    bool has_more;     /* it had something then, and may have more */
    /*
     * Who is asleep and has an answer, while others have something for us: a
     * wake can take the CPU from us, so all are woken when there is nothing
     * else to do.
     */
    struct wefti_guest *owed[WEFTI_OWED_MOST];
    unsigned owed_count;
    _Atomic uintptr_t thread; /* the one that waits for requests */
    uint32_t spin_us;
    struct wefti_yields yields;

    struct wefti_source *source; /* in a poll set, or NULL */

    void *room; /* where requests are received */
    size_t room_bytes;
};

/*
 * Gives a new client a place. Takes the channel whatever happens.
 */
weft_status wefti_service_admit(weft_service *service, weft_channel *channel,
                                weft_detail *detail);
void wefti_service_remove(weft_service *service, struct wefti_guest *guest);

/* A client that has come to its end is one less, though it is still here. */
void wefti_service_note_end(weft_service *service, struct wefti_guest *guest);

/* Under the lock: what is counted of a client before and after a sending. */
struct wefti_tally {
    uint64_t messages;
    uint64_t bytes;
    uint64_t wakes;
    uint64_t queued_bytes;
    uint64_t ring_bytes; /* beyond the home's */
};

struct wefti_tally wefti_service_tally(const struct wefti_guest *guest);
void wefti_service_count(const weft_service *service,
                         const struct wefti_guest *guest,
                         const struct wefti_tally *before);

/* Wakes those who are owed a ring. */
void wefti_service_ring_owed(weft_service *service);

/* A number that only this thread has. */
uintptr_t wefti_service_this_thread(void);

/* Does one of the clients that are polled have something? */
bool wefti_service_is_any_ready(const weft_service *service);

/*
 * For a poll set: is there a client to take something from? And has all of them
 * ring: with WEFT_EAGAIN the handle will be ready when one has something.
 */
bool wefti_service_is_ready(const weft_service *service);
weft_status wefti_service_arm(weft_service *service);

/* Puts a client among those that are polled, or takes one out by its index. */
void wefti_service_activate(weft_service *service, struct wefti_guest *guest);
void wefti_service_deactivate(weft_service *service, unsigned index);

#endif
