/* SPDX-License-Identifier: MIT
 *
 * How a subscriber joins its publishers: finds them, greets them, checks what
 * they bring, and leaves them again. Nothing here waits for a publisher but
 * wefti_topic_await(): one that has stopped keeps nobody from the others.
 */
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/log.h"
#include "grow.h"
#include "received.h"
#include "topic.h"

/* One that is too busy to be connected to now is tried again so soon. */
#define RETRY_NS 1000000

/* ------------------------------------------------------------- the list --- */

/* NULL: no memory. */
static struct wefti_feed *add_feed(weft_subscriber *subscriber, unsigned number)
{
    struct wefti_feed *feed;

    if (subscriber->feed_count == subscriber->feed_room) {
        size_t room =
            subscriber->feed_room == 0 ? 4 : subscriber->feed_room * 2;
        struct wefti_feed **feeds =
            wefti_grow(subscriber->feeds,
                       subscriber->feed_count * sizeof(struct wefti_feed *),
                       room * sizeof(struct wefti_feed *));

        if (feeds == NULL) {
            return NULL;
        }
        subscriber->feeds = feeds;
        subscriber->feed_room = room;
    }
    feed = calloc(1, sizeof(*feed));
    if (feed == NULL) {
        return NULL;
    }
    feed->subscriber = subscriber;
    feed->id = ++subscriber->last_id;
    feed->number = number;
    feed->is_late = subscriber->is_open;
    feed->line.socket = WEFTOS_NONE;
    feed->line.process = WEFTOS_NONE;
    feed->line.hear = WEFTOS_NONE;
    feed->line.bell.handle = WEFTOS_NONE;
    feed->offer.object = WEFTOS_NONE;
    feed->offer.hear = WEFTOS_NONE;
    feed->offer.ring = WEFTOS_NONE;
    subscriber->feeds[subscriber->feed_count++] = feed;
    return feed;
}

void wefti_topic_leave(weft_subscriber *subscriber, struct wefti_feed *feed,
                       bool forked)
{
    size_t i = 0;

    while (subscriber->feeds[i] != feed) {
        i++;
    }
    subscriber->feeds[i] = subscriber->feeds[--subscriber->feed_count];
    if (feed->is_watched && !forked) {
        weftos_endpoint_forget(subscriber->hub, feed->id, feed->line.socket,
                               feed->line.process);
    }
    wefti_offer_deinit(&feed->offer, forked);
    if (!forked) {
        weftos_shm_unmap(feed->segment, (size_t)feed->segment_bytes);
    }
    weftos_close(feed->line.process);
    weftos_close(feed->line.socket);
    free(feed);
}

/* -------------------------------------------------------------- welcome --- */

/* Is this what a publisher says of its segment, and can we use it? */
static weft_status check_welcome(const struct wefti_greeting *greeting,
                                 const weftos_received *received,
                                 const struct wefti_settings *settings,
                                 weft_detail *detail)
{
    uint64_t ring = greeting->ring_max_bytes;
    uint64_t head = greeting->home_bytes - ring;
    bool sound =
        greeting->status == 0 && greeting->capabilities == 0 &&
        greeting->topic_flags == 0 && received->handle_count == 1 &&
        wefti_is_power_of_two((size_t)ring) && ring >= WEFTI_TOPIC_RING_MIN &&
        head >= WEFTI_HOME_MIN && head <= WEFTI_HOME_MAX &&
        head % WEFTI_HOME_MIN == 0 && greeting->position % WEFTI_HEADER == 0 &&
        greeting->message_max_bytes == wefti_record_max(ring) - WEFTI_HEADER;

    if (!sound) {
        return wefti_fail(detail, WEFT_EPROTO, "check the publisher's ring");
    }
    return ring <= settings->peer_ring_max_bytes
               ? WEFT_OK
               : wefti_fail(detail, WEFT_EPROTO,
                            "accept the size of the publisher's ring");
}

static void enter_ring(struct wefti_feed *feed,
                       const struct wefti_greeting *greeting)
{
    uint64_t ring = greeting->ring_max_bytes;

    feed->head = feed->segment;
    feed->ring =
        (const unsigned char *)feed->segment + (greeting->home_bytes - ring);
    feed->ring_bytes = ring;
    feed->mask = ring - 1;
    feed->record_max = wefti_record_max(ring);
    feed->batch = wefti_batch(ring);
    feed->start = greeting->position;
    feed->read = greeting->position;
    feed->published = greeting->position;
    feed->expected = greeting->sequence;
    feed->missed = feed->is_late ? greeting->sequence : 0;
    feed->parked_for = WEFTI_NONE;
}

/* From here on the kernel tells of its process's end, too. */
static weft_status watch_process(struct wefti_feed *feed, weft_handle process,
                                 weft_detail *detail)
{
    weftos_endpoint *hub = feed->subscriber->hub;
    weft_handle socket = feed->line.socket;
    weft_status status;

    weftos_endpoint_forget(hub, feed->id, socket, WEFTOS_NONE);
    feed->is_watched = false;
    feed->line.process = process;
    status = weftos_endpoint_watch(hub, feed->id, socket, process, detail);
    feed->is_watched = status == WEFT_OK;
    return status;
}

/* From now on publishers tell of each other. */
static void await_no_name(weft_subscriber *subscriber)
{
    if (subscriber->is_awaiting) {
        weftos_endpoint_forget(subscriber->hub, WEFTI_AWAITED_ID, WEFTOS_NONE,
                               WEFTOS_NONE);
        subscriber->is_awaiting = false;
    }
}

/* Somebody has come indeed, of whom perhaps all others told. */
static void forgive(weft_subscriber *subscriber)
{
    for (size_t i = 0; i < subscriber->feed_count; i++) {
        subscriber->feeds[i]->rings_in_vain = 0;
    }
}

/* Takes what the publisher brings; what is left in `received` is dropped. */
static weft_status take_segment(struct wefti_feed *feed,
                                const struct wefti_greeting *greeting,
                                weftos_received *received, weft_detail *detail)
{
    const struct wefti_settings *settings = &feed->subscriber->settings;
    struct wefti_line *line = &feed->line;
    weft_handle process = received->process;
    weft_status status = check_welcome(greeting, received, settings, detail);

    if (status == WEFT_OK) {
        wefti_step("map ring");
        status = weftos_shm_attach(received->handles[0],
                                   (size_t)greeting->home_bytes, &feed->segment,
                                   detail);
    }
    if (status != WEFT_OK) {
        return status;
    }
    feed->segment_bytes = greeting->home_bytes;
    enter_ring(feed, greeting);
    if (feed->head->home.magic != WEFTI_MAGIC) {
        return wefti_fail(detail, WEFT_EPROTO, "recognise the peer's memory");
    }
    line->own = feed->offer.home;
    line->peer = &feed->head->home;
    line->wait = settings->wait;
    line->is_hub = true;
    line->hears_socket = true;
    received->process = WEFTOS_NONE;
    if (feed->subscriber->is_tap) {
        line->process = process;
    } else {
        status = watch_process(feed, process, detail);
    }
    if (status == WEFT_OK) {
        feed->has_welcomed = true;
        await_no_name(feed->subscriber);
        forgive(feed->subscriber);
        /*
         * From now on it tells us who begins. Who began after we had looked,
         * and greeted it before we did, is found by one more look.
         */
        feed->subscriber->look_at_ns = WEFT_NOW;
    }
    return status;
}

weft_status wefti_topic_take_welcome(struct wefti_feed *feed,
                                     weftos_received *received)
{
    weft_detail *detail = &feed->subscriber->detail;
    struct wefti_greeting greeting;
    weft_status status;

    wefti_step("received greeting");
    status = wefti_greeting_read(&greeting, received, WEFTI_WELCOME,
                                 &feed->subscriber->settings, detail);
    if (status == WEFT_OK) {
        status = take_segment(feed, &greeting, received, detail);
    }
    wefti_received_drop(received);
    return status;
}

/* ---------------------------------------------------------------- greet --- */

/* A tap's greeting. */
static weft_status send_bare(weft_handle socket,
                             const struct wefti_settings *settings,
                             weft_detail *detail)
{
    struct wefti_greeting greeting = wefti_greeting(WEFTI_HELLO, WEFTI_TOPIC);
    weft_status status;

    greeting.topic_flags = WEFTI_TOPIC_TAP | settings->topic_flags;
    wefti_step("send greeting");
    status = weftos_socket_send(socket, &greeting, sizeof(greeting), NULL, 0,
                                detail);
    return status == WEFT_ECLOSED ? WEFT_EPEERDIED : status;
}

/* One that began after us has published nothing that is not for us. */
static weft_status send_hello(struct wefti_feed *feed, weft_detail *detail)
{
    struct wefti_settings settings = feed->subscriber->settings;
    weft_status status;

    if (feed->is_late) {
        settings.topic_flags |= WEFTI_TOPIC_HISTORY;
    }
    status = feed->subscriber->is_tap
                 ? send_bare(feed->line.socket, &settings, detail)
                 : wefti_offer_send(&feed->offer, feed->line.socket,
                                    WEFTI_HELLO, &settings, detail);
    /* Who turned us away before this still left its answer. */
    return status == WEFT_EPEERDIED ? WEFT_OK : status;
}

/* A subscriber has a home to show, and is told what happens. */
static weft_status settle_in(struct wefti_feed *feed, weft_detail *detail)
{
    weft_status status = wefti_offer_init(&feed->offer, true, detail);

    if (status == WEFT_OK) {
        status = weftos_endpoint_watch(feed->subscriber->hub, feed->id,
                                       feed->line.socket, WEFTOS_NONE, detail);
        feed->is_watched = status == WEFT_OK;
    }
    return status;
}

static weft_status greet(struct wefti_feed *feed, const weftos_peer *peer,
                         weft_detail *detail)
{
    weft_subscriber *subscriber = feed->subscriber;
    weft_status status = wefti_check_peer(&subscriber->settings, peer, detail);

    if (status == WEFT_OK && !subscriber->is_tap) {
        status = settle_in(feed, detail);
    }
    feed->due_ns = weft_after_ns(subscriber->settings.handshake_ns);
    return status == WEFT_OK ? send_hello(feed, detail) : status;
}

void wefti_topic_shun(weft_subscriber *subscriber, unsigned number,
                      weft_status why)
{
    /* Of these nobody, or somebody else, may be there the next time. */
    if (why != WEFT_OK && why != WEFT_ENOENT && why != WEFT_EAGAIN &&
        why != WEFT_EPEERDIED) {
        subscriber->shunned |= UINT64_C(1) << number;
    }
}

/* Who has failed us once would do so again. */
static bool is_banned(const weft_subscriber *subscriber, unsigned number,
                      const weftos_peer *peer)
{
    return subscriber->banned[number] != 0 &&
           subscriber->banned[number] == peer->who.pid;
}

static weft_status connect(struct wefti_feed *feed, const char *place,
                           bool await, uint64_t deadline_ns)
{
    weft_subscriber *subscriber = feed->subscriber;
    weft_detail *detail = &subscriber->detail;
    weftos_peer peer;
    weft_status status = weftos_endpoint_connect(
        place, await, deadline_ns, subscriber->settings.interruptible,
        &feed->line.socket, &peer, detail);

    if (status != WEFT_OK) {
        feed->line.socket = WEFTOS_NONE;
        return status;
    }
    if (is_banned(subscriber, feed->number, &peer)) {
        wefti_topic_shun(subscriber, feed->number, WEFT_EACCES);
        return wefti_fail(detail, WEFT_ENOENT, "find another publisher");
    }
    feed->pid = peer.who.pid;
    return greet(feed, &peer, detail);
}

/* Connects to a place of the name, and greets whoever has it. */
static weft_status join(weft_subscriber *subscriber, unsigned number,
                        bool await, uint64_t deadline_ns)
{
    char *place = wefti_topic_place(subscriber->name, number);
    struct wefti_feed *feed =
        place != NULL ? add_feed(subscriber, number) : NULL;
    weft_status status;

    if (feed == NULL) {
        free(place);
        return wefti_fail(&subscriber->detail, WEFT_ENOMEM, "list a publisher");
    }
    status = connect(feed, place, await, deadline_ns);
    if (status != WEFT_OK) {
        wefti_topic_leave(subscriber, feed, false);
    }
    free(place);
    return status;
}

weft_status wefti_topic_await(weft_subscriber *subscriber, uint64_t deadline_ns)
{
    return join(subscriber, 0, true, deadline_ns);
}

/* ----------------------------------------------------------------- look --- */

static bool has_joined(const weft_subscriber *subscriber, unsigned number)
{
    for (size_t i = 0; i < subscriber->feed_count; i++) {
        const struct wefti_feed *feed = subscriber->feeds[i];

        if (feed->number == number && !feed->has_hung_up) {
            return true;
        }
    }
    return false;
}

static bool is_shunned(const weft_subscriber *subscriber, unsigned number)
{
    return subscriber->is_tap && (subscriber->shunned >> number & 1) != 0;
}

static weft_status look_at(weft_subscriber *subscriber, uint64_t numbers,
                           uint64_t deadline_ns)
{
    weft_status found = WEFT_ENOENT;

    for (unsigned i = 0; i < WEFTOS_NUMBERS; i++) {
        weft_status status;

        if ((numbers >> i & 1) == 0 || has_joined(subscriber, i) ||
            is_shunned(subscriber, i)) {
            continue;
        }
        status = join(subscriber, i, false, deadline_ns);
        if (status == WEFT_EAGAIN) {
            subscriber->look_at_ns = weft_after_ns(RETRY_NS);
        } else if (status != WEFT_OK && status != WEFT_ENOENT) {
            wefti_log(WEFT_LOG_WARNING, "can't join a publisher of %s: %s",
                      subscriber->name, weft_status_text(status));
        }
        if (status != WEFT_ENOENT) {
            found = status;
        }
        wefti_topic_shun(subscriber, i, status);
    }
    return found;
}

/* Which places are taken; with nobody in, has the hub tell of the next one. */
static weft_status look_around(weft_subscriber *subscriber, uint64_t *numbers)
{
    bool awaits = subscriber->stays && subscriber->is_open &&
                  !subscriber->is_tap &&
                  (subscriber->is_awaiting || subscriber->feed_count == 0);
    weft_status status = weftos_endpoint_numbers(
        subscriber->name, awaits ? subscriber->hub : NULL, WEFTI_AWAITED_ID,
        numbers, &subscriber->detail);

    subscriber->is_awaiting = awaits && status == WEFT_OK;
    return status;
}

weft_status wefti_topic_look(weft_subscriber *subscriber, uint64_t deadline_ns)
{
    weft_status status = WEFT_ENOENT;

    subscriber->look_at_ns = WEFT_FOREVER;
    /* Twice: the one who was there may have left as the next one came. */
    for (unsigned i = 0; i < 2 && status == WEFT_ENOENT; i++) {
        uint64_t numbers;

        status = look_around(subscriber, &numbers);
        if (status == WEFT_OK) {
            status = numbers != 0 ? look_at(subscriber, numbers, deadline_ns)
                                  : WEFT_ENOENT;
        }
        if (subscriber->feed_count > 0) {
            return WEFT_OK;
        }
    }
    if (subscriber->is_open &&
        (wefti_topic_lacks(status) || status == WEFT_ELIMIT)) {
        subscriber->look_at_ns = WEFT_NOW;
    }
    return status == WEFT_ENOENT ? wefti_fail(&subscriber->detail, status,
                                              "find a publisher of the name")
                                 : status;
}
