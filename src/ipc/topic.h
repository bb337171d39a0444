/* SPDX-License-Identifier: MIT
 *
 * topic.h - what the files of a topic share. topic_publisher.c writes records,
 * topic_room.c claims room for them, topic_control.c has the publisher's own
 * thread, topic_place.c finds it a place among those who share the name;
 * topic_subscriber.c subscribes, topic_join.c joins publishers, topic_wait.c
 * waits for them, topic_feed.c reads the records of one. topic_tap.c taps.
 *
 * Publishers. Each takes the first free place of the name, and greets those who
 * have the others; they tell their subscribers that somebody has begun. So no
 * daemon is needed, and nobody has to poll: a subscriber with one publisher
 * learns of all. It looks at the places itself when it begins, when one lets it
 * in, when it is told, and when one has left, whose place may be taken. One
 * that has a place above the first, and finds nobody in another, tries again:
 * so whoever waits for the first publisher need only wait for the first place.
 *
 * Waiting. A subscriber that wants to sleep says for which position, by a PARK
 * on the socket of each publisher, and waits for all the sockets. The control
 * thread keeps the sleepers, and the least of their positions in one word,
 * which the publishing thread compares with what it has just committed:
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
 *
 * Taps read as lossy subscribers do, and that is all: what a publisher tells
 * its subscribers they find out themselves, when they are called. Their part
 * that is a subscriber's has no hub, no home, and no sockets but those of
 * publishers that have not answered yet.
 */
#ifndef WEFTI_TOPIC_H
#define WEFTI_TOPIC_H

#include <weft/topic.h>

#include "board.h"
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
    uint64_t record_max;
    struct wefti_topic_head *head;
    struct wefti_board *board; /* the listener's */
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
    bool is_reserved;
    uint64_t reserved;      /* the bytes of the message to come */
    uint64_t reserved_from; /* where the one before it has ended */

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
    _Atomic uint32_t is_closing; /* before the end can be seen: no more come */
    weft_handle pokes[2];        /* the control thread hears the first */

    /* Of the control thread. */
    weftos_thread *thread;
    weft_listener *listener;
    weft_handle segment;
    struct wefti_reader *parked;
    unsigned last_place;
    bool is_sole;
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

/* Starts the control thread, on the listener, and ends both. */
weft_status wefti_topic_start(weft_publisher *publisher, weft_detail *detail);
void wefti_topic_stop(weft_publisher *publisher, bool forked);

/*
 * Takes a place of the name, starts the control thread there, and greets the
 * other publishers.
 */
weft_status wefti_topic_enter(weft_publisher *publisher, const char *name,
                              weft_detail *detail);

/* ----------------------------------------------------------- subscriber --- */

/*
 * One publisher, as a subscriber has it. Of `id` to `is_watched` the subscriber
 * takes care, of the rest the reading.
 */
struct wefti_feed {
    const unsigned char *ring;
    uint64_t mask;
    uint64_t ring_bytes;
    uint64_t read;     /* the position of the next record */
    uint64_t expected; /* its number */
    uint64_t record_max;
    const struct wefti_topic_head *head;
    uint64_t start;      /* the position that our cursor counts from */
    uint64_t published;  /* the position of our cursor */
    uint64_t batch;      /* of bytes, before it is published again */
    uint64_t parked_for; /* the last position that we sent a PARK for */
    uint64_t missed;     /* messages before the first one, not told yet */
    weft_subscriber *subscriber;

    uint64_t id;     /* of the hub, and for the caller */
    unsigned number; /* its place of the name */
    int64_t pid;
    bool is_late;      /* it began after the subscriber */
    bool has_welcomed; /* else all below is not there yet ... */
    uint64_t due_ns;   /* ... and this is when we give it up */
    bool has_hung_up;
    bool has_cut_off;
    bool is_watched;
    unsigned rings_in_vain;
    weft_status gone; /* WEFT_OK, or why nothing more comes */

    struct wefti_line line;
    struct wefti_offer offer;
    const void *segment;
    uint64_t segment_bytes;
};

struct weft_subscriber {
    struct wefti_feed **feeds;
    size_t feed_count;
    size_t feed_room;
    size_t turn;      /* whose message is the next */
    unsigned streak;  /* how many of his were taken in a row */
    unsigned unheard; /* messages since the hub was asked */
    bool is_reliable;
    bool is_tap;
    bool stays;
    bool is_open;
    weft_status failed; /* no publisher is left, and none is waited for */
    uint64_t token;

    uint64_t messages;
    uint64_t messages_when_empty;
    uint64_t bytes;
    uint64_t lost;
    uint64_t gaps;
    uint64_t parks;
    unsigned empties; /* empty-handed looks with WEFT_NOW, in a row */

    weftos_endpoint *hub; /* hears all of them */
    weft_handle handle;   /* the hub's */
    bool is_exposed;
    struct wefti_source *source; /* in a poll set, or NULL */
    weft_handle pokes[2];        /* have the hub ready; opened when needed */
    bool is_poked;
    bool is_awaiting;  /* nobody is in, and the hub tells when somebody comes */
    unsigned hang_ups; /* instead of a welcome, since somebody came */
    uint64_t last_id;

    /* Others may have begun: at this time they are looked for; or never. */
    uint64_t look_at_ns;
    /* By place: the process of one that has failed us; 0: none. */
    int64_t banned[WEFTOS_NUMBERS];
    /* Of a tap: places, a bit each, that are not looked at for now. */
    uint64_t shunned;

    struct wefti_site site; /* for spinning only */
    struct wefti_settings settings;
    char *name;
    weft_status last_end; /* of the one that left last */
    weft_detail detail;
};

/* The hub's id of the name that a subscriber awaits. */
#define WEFTI_AWAITED_ID (WEFTOS_NEW_CONNECTION / 2)

/* ---- topic_feed.c: reading one publisher's ring */

/* Is there a record, or a gap? */
bool wefti_feed_is_ready(const struct wefti_feed *feed);

/*
 * Takes what is at our position. WEFT_EAGAIN: nothing. WEFT_OK, and not done:
 * that was no message; look again. Other failures but WEFT_EMSGSIZE are the
 * feed's end, and are in `gone`.
 */
weft_status wefti_feed_take(struct wefti_feed *feed,
                            weft_publication *publication, bool *done);

/*
 * Nothing to read, and the publisher has closed or gone? The caller found
 * nothing *before* it learnt that, so it is looked at once more. Sets `gone`.
 */
void wefti_feed_look_for_end(struct wefti_feed *feed);

/* Ends it, with the cause in the subscriber's detail. */
weft_status wefti_feed_fail(struct wefti_feed *feed, weft_status status,
                            const char *operation);

/* ---- topic_join.c: the publishers of a subscriber */

/*
 * Looks for publishers that are not joined yet, and greets them; waits for
 * none of their answers, and until the deadline at most for a place in their
 * queues. If none is joined or greeted then: the failure of the last one, or
 * WEFT_ENOENT.
 */
weft_status wefti_topic_look(weft_subscriber *subscriber, uint64_t deadline_ns);

/* Waits for one to begin, with no other wait, and greets it. */
weft_status wefti_topic_await(weft_subscriber *subscriber,
                              uint64_t deadline_ns);

/* Was it for a lack that may be over the next time? */
static inline bool wefti_topic_lacks(weft_status status)
{
    return status == WEFT_ENOMEM || status == WEFT_EOS;
}

/*
 * A tap looks again and again, because nobody tells it when to: a place whose
 * publisher did not let it in is left in peace for a while.
 */
void wefti_topic_shun(weft_subscriber *subscriber, unsigned number,
                      weft_status why);

/* The publisher's answer, in what was received. */
weft_status wefti_topic_take_welcome(struct wefti_feed *feed,
                                     weftos_received *received);

/* Leaves a publisher. */
void wefti_topic_leave(weft_subscriber *subscriber, struct wefti_feed *feed,
                       bool forked);

/* ---- topic_wait.c */

/* What has happened so far; never waits. */
weft_status wefti_topic_hear(weft_subscriber *subscriber);

/*
 * Something is there, perhaps; with no publisher in, one to be greeted.
 * WEFT_EAGAIN, WEFT_ETIMEDOUT: no.
 */
weft_status wefti_topic_wait(weft_subscriber *subscriber, uint64_t deadline_ns);

/* Waits until all that were greeted have answered. */
weft_status wefti_topic_await_welcomes(weft_subscriber *subscriber,
                                       uint64_t deadline_ns);

/*
 * For a poll set: has the next receive something to tell, or to look for? And a
 * look that takes nothing: with WEFT_EAGAIN the handle will be ready when it
 * has.
 */
bool wefti_subscriber_is_ready(const weft_subscriber *subscriber);
weft_status wefti_subscriber_arm(weft_subscriber *subscriber);

/* Has the hub be ready, if anybody waits for its handle. */
weft_status wefti_topic_poke_hub(weft_subscriber *subscriber);
void wefti_topic_close_pokes(weft_subscriber *subscriber, bool forked);

/* Is there something to take, or has one ended? */
bool wefti_topic_has_news(const weft_subscriber *subscriber);

/* Has one ended, or does it not answer? True: the caller is to take note. */
bool wefti_topic_look_for_ends(weft_subscriber *subscriber);

/* ---- topic_subscriber.c: what a tap does, too */

/* Checks and keeps the name; who this process is. */
weft_status wefti_topic_begin(weft_subscriber *subscriber, const char *name,
                              weft_detail *detail);

/* Joins the publishers that there are. */
weft_status wefti_topic_join_all(weft_subscriber *subscriber,
                                 uint64_t deadline_ns);

/*
 * Goes once around. WEFT_EAGAIN: nobody has anything. WEFT_OK, and not done:
 * look again.
 */
weft_status wefti_topic_take_next(weft_subscriber *subscriber,
                                  weft_publication *publication, bool *done);

/* How many are in. */
unsigned wefti_topic_publishers(const weft_subscriber *subscriber);

/* ---- topic_tap.c */

/* As wefti_topic_await_welcomes. */
weft_status wefti_tap_await_welcomes(weft_subscriber *subscriber,
                                     uint64_t deadline_ns);

/* ---- topic_place.c: places of a name */

/* `name` for 0, else `name+number`. NULL: no memory. For free(). */
char *wefti_topic_place(const char *name, unsigned number);

#endif
