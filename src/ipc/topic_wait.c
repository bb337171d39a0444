/* SPDX-License-Identifier: MIT
 *
 * How a subscriber waits for its publishers: spins over their rings, then tells
 * each for what it sleeps, and sleeps at one place for all of them. topic.h has
 * the theory.
 */
#include <string.h>

#include "base/log.h"
#include "received.h"
#include "topic.h"

/* As in rx.c: a streaming reader that has caught up lets a batch build. */
#define STREAM_MESSAGES 32
#define LINGER_MOST_US 24
#define LINGER_RING_BYTES_PER_US 65536

/* Empty-handed looks with WEFT_NOW before the kernel is asked for news. */
#define EMPTY_LOOKS 64

/* Things that are heard at a time. */
#define HEAR_MOST 64

/* As in park.c: so many rings without a message are an attack or a defect. */
#define RINGS_IN_VAIN_MOST 1000

/* Somebody could not be told that we sleep: it is tried again so soon. */
#define AGAIN_NS 1000000

/* The hub's id of our own pokes; publishers have those from 1 on. */
#define POKE_ID 0

/* --------------------------------------------------------------- pokes --- */

weft_status wefti_topic_poke_hub(weft_subscriber *subscriber)
{
    weft_status status = WEFT_OK;

    if (!subscriber->is_exposed || subscriber->is_poked) {
        return WEFT_OK;
    }
    if (subscriber->pokes[0] == WEFTOS_NONE) {
        status = wefti_pokes_open(subscriber->hub, POKE_ID, subscriber->pokes,
                                  &subscriber->detail);
    }
    if (status == WEFT_OK) {
        status = weftos_socket_send(subscriber->pokes[1], "", 1, NULL, 0,
                                    &subscriber->detail);
    }
    subscriber->is_poked = status == WEFT_OK;
    return status;
}

void wefti_topic_close_pokes(weft_subscriber *subscriber, bool forked)
{
    if (subscriber->pokes[0] != WEFTOS_NONE && !forked) {
        weftos_endpoint_forget(subscriber->hub, POKE_ID, subscriber->pokes[0],
                               WEFTOS_NONE);
    }
    weftos_close(subscriber->pokes[0]);
    weftos_close(subscriber->pokes[1]);
}

static void hear_poke(weft_subscriber *subscriber)
{
    weftos_received received;

    if (weftos_socket_recv(subscriber->pokes[0], &received, NULL) == WEFT_OK) {
        wefti_received_drop(&received);
    }
    subscriber->is_poked = false;
}

/* -------------------------------------------------------------- hearing --- */

static bool has_died(const struct wefti_feed *feed)
{
    return feed->line.process != WEFTOS_NONE &&
           weftos_socket_wait(feed->line.socket, false, feed->line.process,
                              WEFT_NOW, false, NULL) == WEFT_EPEERDIED;
}

/* Nothing more will be heard of it. */
static void hang_up(struct wefti_feed *feed)
{
    feed->has_hung_up = true;
    weftos_endpoint_forget(feed->subscriber->hub, feed->id, feed->line.socket,
                           feed->line.process);
    feed->is_watched = false;
}

/* What a publisher may say to a subscriber. */
static weft_status take_rider(struct wefti_feed *feed,
                              const weftos_received *received)
{
    struct wefti_rider rider;

    if (received->bytes != sizeof(rider) || received->handle_count != 0) {
        return WEFT_EPROTO;
    }
    memcpy(&rider, received->data, sizeof(rider));
    if (rider.magic != WEFTI_MAGIC || rider.position != 0) {
        return WEFT_EPROTO;
    }
    feed->rings_in_vain++;
    switch (rider.type) {
    case WEFTI_RING:
        break;
    case WEFTI_JOIN:
        feed->subscriber->look_at_ns = WEFT_NOW;
        break;
    case WEFTI_CUT_OFF:
        feed->has_cut_off = true;
        break;
    default:
        return WEFT_EPROTO;
    }
    return feed->rings_in_vain < RINGS_IN_VAIN_MOST ? WEFT_OK : WEFT_EPROTO;
}

/* One control message; if there are more, the hub says so again. */
static void hear_feed(struct wefti_feed *feed)
{
    weftos_received received;
    weft_status status = weftos_socket_recv(feed->line.socket, &received, NULL);

    if (status == WEFT_EAGAIN) {
        if (has_died(feed)) {
            hang_up(feed);
        }
        return;
    }
    if (status == WEFT_ECLOSED) {
        hang_up(feed);
        return;
    }
    if (status == WEFT_OK && !feed->has_welcomed) {
        status = wefti_topic_take_welcome(feed, &received);
    } else if (status == WEFT_OK) {
        status = take_rider(feed, &received);
        wefti_received_drop(&received);
    }
    if (status != WEFT_OK) {
        (void)wefti_feed_fail(feed, status, "hear a publisher");
        hang_up(feed);
    }
}

static struct wefti_feed *find_feed(const weft_subscriber *subscriber,
                                    uint64_t id)
{
    for (size_t i = 0; i < subscriber->feed_count; i++) {
        if (subscriber->feeds[i]->id == id) {
            return subscriber->feeds[i];
        }
    }
    return NULL;
}

/* One thing that has happened, or happens before the deadline. */
static weft_status hear_one(weft_subscriber *subscriber, uint64_t deadline_ns)
{
    uint64_t id;
    struct wefti_feed *feed;
    weft_status status = weftos_endpoint_wait(
        subscriber->hub, deadline_ns, subscriber->settings.interruptible, &id,
        &subscriber->detail);

    if (status != WEFT_OK) {
        return status;
    }
    feed = find_feed(subscriber, id);
    if (feed != NULL) {
        hear_feed(feed);
    } else if (id == POKE_ID) {
        hear_poke(subscriber);
    } else if (id == WEFTI_AWAITED_ID) {
        subscriber->hang_ups = 0;
        subscriber->look_at_ns = WEFT_NOW;
    }
    return WEFT_OK;
}

weft_status wefti_topic_hear(weft_subscriber *subscriber)
{
    weft_status status = WEFT_OK;

    subscriber->unheard = 0;
    for (unsigned i = 0; i < HEAR_MOST && status == WEFT_OK; i++) {
        status = hear_one(subscriber, WEFT_NOW);
    }
    return status == WEFT_EAGAIN ? WEFT_OK : status;
}

/* -------------------------------------------------------------- looking --- */

bool wefti_topic_has_news(const weft_subscriber *subscriber)
{
    for (size_t i = 0; i < subscriber->feed_count; i++) {
        const struct wefti_feed *feed = subscriber->feeds[i];

        if (feed->gone != WEFT_OK ||
            (feed->has_welcomed && wefti_feed_is_ready(feed))) {
            return true;
        }
    }
    return false;
}

static bool is_ready(void *context)
{
    return wefti_topic_has_news(context);
}

bool wefti_topic_look_for_ends(weft_subscriber *subscriber)
{
    bool found = false;

    for (size_t i = 0; i < subscriber->feed_count; i++) {
        struct wefti_feed *feed = subscriber->feeds[i];

        if (feed->gone == WEFT_OK && feed->has_welcomed) {
            wefti_feed_look_for_end(feed);
        } else if (feed->gone == WEFT_OK && feed->has_hung_up) {
            (void)wefti_feed_fail(feed, WEFT_EPEERDIED,
                                  "wait for the greeting");
        } else if (feed->gone == WEFT_OK && weftos_now_ns() >= feed->due_ns) {
            (void)wefti_feed_fail(feed, WEFT_ETIMEDOUT,
                                  "wait for the greeting");
        }
        found = found || feed->gone != WEFT_OK;
    }
    return found;
}

/* When there is something to do that nobody rings for. */
static uint64_t find_due(const weft_subscriber *subscriber,
                         uint64_t deadline_ns)
{
    uint64_t due_ns = subscriber->look_at_ns < deadline_ns
                          ? subscriber->look_at_ns
                          : deadline_ns;

    for (size_t i = 0; i < subscriber->feed_count; i++) {
        const struct wefti_feed *feed = subscriber->feeds[i];

        if (!feed->has_welcomed && feed->due_ns < due_ns) {
            due_ns = feed->due_ns;
        }
    }
    return due_ns;
}

/* -------------------------------------------------------------- waiting --- */

/*
 * Tells a publisher that we sleep for the record at our position. What it has
 * heard once holds until that record is there. WEFT_EAGAIN: its thread is so
 * far behind that it can't be told now.
 */
static weft_status arm(struct wefti_feed *feed)
{
    const struct wefti_rider rider = {WEFTI_MAGIC, WEFTI_PARK, feed->read};
    weft_status status;

    if (feed->parked_for == feed->read) {
        return WEFT_OK;
    }
    wefti_step("park");
    status = weftos_socket_send(feed->line.socket, &rider, sizeof(rider), NULL,
                                0, &feed->subscriber->detail);
    if (status == WEFT_OK) {
        feed->parked_for = feed->read;
    }
    if (status == WEFT_ECLOSED) {
        hang_up(feed);
        status = WEFT_OK;
    }
    return status;
}

/* Tells all; *is_armed is false if one could not be told. */
static weft_status arm_all(weft_subscriber *subscriber, bool *is_armed)
{
    *is_armed = true;
    for (size_t i = 0; i < subscriber->feed_count; i++) {
        struct wefti_feed *feed = subscriber->feeds[i];
        weft_status status = WEFT_OK;

        if (feed->has_welcomed && !feed->has_hung_up) {
            status = arm(feed);
        }
        if (status == WEFT_EAGAIN) {
            *is_armed = false;
        } else if (status != WEFT_OK) {
            return status;
        }
    }
    return WEFT_OK;
}

/* One sleep, unless something has come meanwhile. */
static weft_status sleep(weft_subscriber *subscriber, uint64_t deadline_ns)
{
    uint64_t due_ns;
    bool is_armed;
    weft_status status = arm_all(subscriber, &is_armed);

    if (status != WEFT_OK) {
        return status;
    }
    wefti_step("armed");
    if (is_ready(subscriber) || wefti_topic_look_for_ends(subscriber)) {
        return WEFT_OK;
    }
    due_ns = find_due(subscriber, deadline_ns);
    if (!is_armed && weft_after_ns(AGAIN_NS) < due_ns) {
        due_ns = weft_after_ns(AGAIN_NS);
    }
    subscriber->parks++;
    status = hear_one(subscriber, due_ns);
    if (status == WEFT_OK) {
        status = wefti_topic_hear(subscriber);
    }
    return status == WEFT_ETIMEDOUT && due_ns < deadline_ns ? WEFT_OK : status;
}

/* With WEFT_NOW: has us rung if somebody polls for records. */
static weft_status look(weft_subscriber *subscriber)
{
    bool is_armed = true;
    weft_status status = WEFT_OK;

    if (subscriber->is_exposed || ++subscriber->empties % EMPTY_LOOKS == 0) {
        status = wefti_topic_hear(subscriber);
    }
    if (status == WEFT_OK && subscriber->is_exposed) {
        status = arm_all(subscriber, &is_armed);
    }
    if (status != WEFT_OK) {
        return status;
    }
    if (is_ready(subscriber) || wefti_topic_look_for_ends(subscriber)) {
        return WEFT_OK;
    }
    if (!is_armed || subscriber->look_at_ns != WEFT_FOREVER) {
        status = wefti_topic_poke_hub(subscriber);
    }
    return status == WEFT_OK ? WEFT_EAGAIN : status;
}

/* Of the one whose turn it is: in a flood there is no other. */
static void linger(weft_subscriber *subscriber, const struct wefti_feed *feed)
{
    uint64_t us = feed->ring_bytes / LINGER_RING_BYTES_PER_US;
    uint64_t pauses = (us < LINGER_MOST_US ? us : LINGER_MOST_US) *
                      weftos_get_facts()->pauses_per_us;

    if (subscriber->messages - subscriber->messages_when_empty >=
        STREAM_MESSAGES) {
        while (pauses-- > 0) {
            weftos_pause();
        }
    }
    subscriber->messages_when_empty = subscriber->messages;
}

static bool spin(weft_subscriber *subscriber)
{
    struct wefti_feed *feed = NULL;
    uint64_t us;

    for (size_t i = 0; i < subscriber->feed_count && feed == NULL; i++) {
        feed =
            subscriber->feeds[(subscriber->turn + i) % subscriber->feed_count];
        feed = feed->has_welcomed ? feed : NULL;
    }
    if (feed == NULL) {
        return false;
    }
    linger(subscriber, feed);
    subscriber->site.line = &feed->line;
    us = wefti_site_spin_us(&subscriber->site);
    if (us == 0) {
        return is_ready(subscriber);
    }
    return wefti_spin_eagerly(is_ready, subscriber) ||
           wefti_site_spin(&subscriber->site, us, is_ready, subscriber);
}

/* Spun in vain: sleeps, or only looks whether there is an end to it. */
static weft_status sleep_or_look(weft_subscriber *subscriber,
                                 uint64_t deadline_ns)
{
    weft_status status;
    uint64_t began;

    if (subscriber->settings.wait == WEFT_WAIT_SPIN) {
        status = wefti_topic_hear(subscriber);
        if (status == WEFT_OK) {
            (void)wefti_topic_look_for_ends(subscriber);
        }
    } else {
        began = weftos_now_ns();
        status = sleep(subscriber, deadline_ns);
        wefti_spin_learn(&subscriber->site.spin_us,
                         weftos_now_ns() - began < WEFTI_SHORT_SLEEP_NS);
    }
    if (status == WEFT_OK && deadline_ns != WEFT_FOREVER &&
        !is_ready(subscriber) && weftos_now_ns() >= deadline_ns) {
        return WEFT_ETIMEDOUT;
    }
    return status;
}

/* ------------------------------------------------------------- awaiting --- */

/*
 * Nobody is in: waits until somebody may have begun. To look has the hub tell
 * of the next one.
 */
static weft_status await_first(weft_subscriber *subscriber,
                               uint64_t deadline_ns)
{
    weft_status status = WEFT_OK;
    uint64_t due_ns;

    if (!subscriber->is_awaiting || weftos_now_ns() >= subscriber->look_at_ns) {
        status = wefti_topic_look(subscriber, WEFT_NOW);
        if (status == WEFT_ELIMIT && !subscriber->is_awaiting &&
            deadline_ns != WEFT_NOW) {
            return wefti_topic_await(subscriber, deadline_ns);
        }
        if (status != WEFT_ENOENT && status != WEFT_EAGAIN) {
            return status;
        }
    }
    due_ns = find_due(subscriber, deadline_ns);
    status = hear_one(subscriber, due_ns);
    return status == WEFT_ETIMEDOUT && due_ns < deadline_ns ? WEFT_OK : status;
}

static weft_status await_by(weft_subscriber *subscriber, uint64_t deadline_ns)
{
    weft_status status = await_first(subscriber, deadline_ns);
    weft_status poked = WEFT_OK;

    if (subscriber->look_at_ns != WEFT_FOREVER) {
        poked = wefti_topic_poke_hub(subscriber);
    }
    return status == WEFT_OK || status == WEFT_EAGAIN
               ? (poked != WEFT_OK ? poked : status)
               : status;
}

weft_status wefti_topic_wait(weft_subscriber *subscriber, uint64_t deadline_ns)
{
    weft_status status = WEFT_OK;

    if (subscriber->feed_count == 0) {
        return await_by(subscriber, deadline_ns);
    }
    if (deadline_ns == WEFT_NOW) {
        return look(subscriber);
    }
    if (!spin(subscriber)) {
        status = sleep_or_look(subscriber, deadline_ns);
    }
    /* Its rings were heard, and yet it may be what a loop waits for. */
    return status == WEFT_OK ? wefti_topic_poke_hub(subscriber) : status;
}

bool wefti_subscriber_is_ready(const weft_subscriber *subscriber)
{
    return subscriber->failed != WEFT_OK ||
           (subscriber->feed_count == 0 && !subscriber->is_awaiting) ||
           subscriber->look_at_ns != WEFT_FOREVER ||
           wefti_topic_has_news(subscriber);
}

weft_status wefti_subscriber_arm(weft_subscriber *subscriber)
{
    return wefti_subscriber_is_ready(subscriber)
               ? WEFT_OK
               : wefti_topic_wait(subscriber, WEFT_NOW);
}

weft_status wefti_topic_await_welcomes(weft_subscriber *subscriber,
                                       uint64_t deadline_ns)
{
    (void)wefti_topic_look_for_ends(subscriber);
    for (size_t i = 0; i < subscriber->feed_count; i++) {
        const struct wefti_feed *feed = subscriber->feeds[i];

        while (!feed->has_welcomed && feed->gone == WEFT_OK) {
            uint64_t due_ns =
                feed->due_ns < deadline_ns ? feed->due_ns : deadline_ns;
            weft_status status = hear_one(subscriber, due_ns);

            if (status == WEFT_ETIMEDOUT && due_ns == feed->due_ns) {
                status = WEFT_OK;
            }
            if (status != WEFT_OK) {
                return status;
            }
            (void)wefti_topic_look_for_ends(subscriber);
        }
    }
    return WEFT_OK;
}
