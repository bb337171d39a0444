/* SPDX-License-Identifier: MIT
 *
 * topic.h - what the files of a topic share. topic_publisher.c writes records,
 * topic_room.c claims room for them, topic_control.c has the publisher's own
 * thread; topic_subscriber.c subscribes, topic_read.c reads records.
 *
 * Waiting. A subscriber that wants to sleep says for which position, by a PARK
 * on its socket. The control thread keeps the sleepers, and the least of their
 * positions in one word, which the publishing thread compares with what it has
 * just committed:
 *
 *      control thread                 publishing thread
 *      store sleepers                 store record, tail
 *      FULL FENCE                     FULL FENCE
 *      load tail                      load sleepers
 *      ring those that it has passed  poke the control thread if the range
 *                                     that it committed holds that position
 *
 * It is as in park.h, within one process. The publishing thread never rings
 * anybody, and pokes once for each set of sleepers, however many they are: what
 * it commits before the control thread has run lies beyond that position.
 *
 * Waiting for room is the other way round. The publisher stores in its head
 * which position it needs the reliable ones to reach. Who passes it with its
 * cursor sends a RING; the control thread looks whether there is room now, and
 * if so wakes the publishing thread at a word of this process's own.
 */
#ifndef WEFTI_TOPIC_H
#define WEFTI_TOPIC_H

#include <weft/topic.h>

#include "handshake.h"
#include "listener.h"
#include "lock.h"

/* ------------------------------------------------------------ publisher --- */

/* A subscriber as its publisher sees it. */
struct wefti_reader {
    uint64_t place;
    weft_handle socket;
    struct wefti_answer answer;
    bool is_watched;
    bool is_reliable;

    /* Of the control thread. */
    bool is_parked;
    uint64_t parked_at;
    struct wefti_reader *next_parked;

    /* Under the lock. */
    uint64_t start;   /* the position that its cursor counts from */
    uint64_t cursor;  /* as last checked: a position */
    weft_status gone; /* WEFT_OK, or why it counts no more */
};

/* Where a record begins, and its number. */
struct wefti_anchor {
    uint64_t position;
    uint64_t sequence;
};

/* Two laps of the ring, one for each step of the claim. */
#define WEFTI_ANCHORS 32

struct weft_publisher {
    /* Of the publishing thread; what each message touches. */
    unsigned char *ring;
    uint64_t mask;
    uint64_t written;
    uint64_t stop; /* a record that ends here at most needs no more thought */
    uint64_t sequence;
    uint64_t bytes;
    uint64_t record_max;
    struct wefti_topic_head *head;
    uint64_t token;
    weft_status failed;

    /* The least position that anybody sleeps for; the control thread's. */
    alignas(WEFTI_APART) weftos_word sleepers;

    alignas(WEFTI_APART) struct wefti_settings settings;
    uint64_t ring_bytes;
    uint64_t segment_bytes;
    uint64_t cut_off_ns;
    unsigned readers_max;
    bool interruptible; /* waits of the publishing thread */
    uint64_t full;
    uint64_t wakes;
    uint64_t blocked_since_ns; /* 0: it is not */

    struct wefti_lock lock;
    /* Under the lock; the publishing thread, who writes it, may read it so. */
    uint64_t claim;
    /* Under the lock. */
    uint64_t least;  /* no reliable reader's cursor is before it */
    uint64_t wanted; /* the claim that is waited for; 0: none */
    struct wefti_reader **readers; /* by place; NULL: free */
    unsigned reader_room;
    unsigned reader_count;
    unsigned reliable_count;
    unsigned laggard; /* the place of the one that was last found behind */
    uint64_t cut_off;
    bool is_broken; /* the control thread, who sets it, can't hear any more */
    bool has_gone;  /* some readers have, and the control thread is to see */
    struct wefti_anchor anchors[WEFTI_ANCHORS];
    uint64_t anchor_count;

    /* Both threads. */
    _Atomic uint32_t room_events;
    _Atomic uint32_t stopping;
    weft_handle pokes[2]; /* the control thread hears the first */

    /* Of the control thread. */
    weftos_thread *thread;
    weft_listener *listener;
    weft_handle segment;
    struct wefti_reader *parked;
    unsigned last_place;
};

static inline struct wefti_header *
wefti_topic_header(const weft_publisher *publisher, uint64_t position)
{
    return (struct wefti_header *)(void *)(publisher->ring +
                                           (position & publisher->mask));
}

/*
 * Claims the ring up to `end`. WEFT_EAGAIN, WEFT_ETIMEDOUT: reliable readers
 * have not made room.
 */
weft_status wefti_topic_claim(weft_publisher *publisher, uint64_t end,
                              uint64_t deadline_ns);

/* Under the lock: could it be claimed up to `end` now? */
bool wefti_topic_has_room(weft_publisher *publisher, uint64_t end);

/* Under the lock: a reader counts no more. */
void wefti_topic_give_up(weft_publisher *publisher, struct wefti_reader *reader,
                         weft_status why);

/* Has the control thread look around; the publisher fails if it can't. */
void wefti_topic_poke(weft_publisher *publisher);

/* Starts the control thread, on the name, and ends it. */
weft_status wefti_topic_start(weft_publisher *publisher, const char *name,
                              weft_detail *detail);
void wefti_topic_stop(weft_publisher *publisher, bool forked);

/* ----------------------------------------------------------- subscriber --- */

struct weft_subscriber {
    const unsigned char *ring;
    uint64_t mask;
    uint64_t ring_bytes;
    uint64_t read;     /* the position of the next record */
    uint64_t expected; /* its number */
    uint64_t record_max;
    const struct wefti_topic_head *head;
    bool is_reliable;
    weft_status failed;

    uint64_t start;      /* the position that our cursor counts from */
    uint64_t published;  /* the position of our cursor */
    uint64_t batch;      /* of bytes, before it is published again */
    uint64_t parked_for; /* the last position that we sent a PARK for */
    uint64_t waited_at;  /* the position of the last wait */
    unsigned empties;    /* empty-handed looks with WEFT_NOW, in a row */
    uint64_t messages;
    uint64_t messages_when_empty;
    uint64_t bytes;
    uint64_t lost;
    uint64_t gaps;
    uint64_t token;

    struct wefti_line line;
    struct wefti_site site;
    struct wefti_settings settings;
    struct wefti_offer offer;
    const void *segment;
    uint64_t segment_bytes;
};

#endif
