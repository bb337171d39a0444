/* SPDX-License-Identifier: MIT
 *
 * A subscriber: connects to a publisher, checks what that brings, and leaves
 * again. topic_read.c has the reading.
 */
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "received.h"
#include "topic.h"

/* -------------------------------------------------------------- options --- */

static weft_status take_options(weft_subscriber *subscriber,
                                const weft_subscriber_options *options,
                                weft_detail *detail)
{
    const unsigned known = WEFT_SUBSCRIBER_RELIABLE | WEFT_SUBSCRIBER_HISTORY |
                           WEFT_SUBSCRIBER_INTERRUPTIBLE |
                           WEFT_SUBSCRIBER_AWAIT_NAME;
    weft_subscriber_options copy = WEFT_SUBSCRIBER_OPTIONS_INIT;
    weft_channel_options of_channel = WEFT_CHANNEL_OPTIONS_INIT;
    struct wefti_settings *settings = &subscriber->settings;
    weft_status status;

    if (!wefti_copy_options(
            &copy, sizeof(copy), options,
            offsetof(weft_subscriber_options, ring_max_bytes))) {
        return wefti_fail(detail, WEFT_EINVAL, "check the option size");
    }
    if ((copy.flags & ~known) != 0) {
        return wefti_fail(detail, WEFT_EINVAL, "check the option flags");
    }
    of_channel.wait = copy.wait;
    of_channel.peer_ring_max_bytes = copy.ring_max_bytes;
    of_channel.handshake_ns = copy.handshake_ns;
    of_channel.allow = copy.allow;
    of_channel.allow_context = copy.allow_context;
    status = wefti_settings_init(settings, &of_channel, detail);
    if (status != WEFT_OK) {
        return status;
    }
    settings->pattern = WEFTI_TOPIC;
    settings->interruptible = (copy.flags & WEFT_SUBSCRIBER_INTERRUPTIBLE) != 0;
    settings->await_name = (copy.flags & WEFT_SUBSCRIBER_AWAIT_NAME) != 0;
    subscriber->is_reliable = (copy.flags & WEFT_SUBSCRIBER_RELIABLE) != 0;
    settings->topic_flags =
        (subscriber->is_reliable ? WEFTI_TOPIC_RELIABLE : 0) |
        ((copy.flags & WEFT_SUBSCRIBER_HISTORY) != 0 ? WEFTI_TOPIC_HISTORY : 0);
    return WEFT_OK;
}

/* ------------------------------------------------------------- greeting --- */

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

static void enter_ring(weft_subscriber *subscriber,
                       const struct wefti_greeting *greeting)
{
    uint64_t ring = greeting->ring_max_bytes;

    subscriber->head = subscriber->segment;
    subscriber->ring = (const unsigned char *)subscriber->segment +
                       (greeting->home_bytes - ring);
    subscriber->ring_bytes = ring;
    subscriber->mask = ring - 1;
    subscriber->record_max = wefti_record_max(ring);
    subscriber->batch = wefti_batch(ring);
    subscriber->start = greeting->position;
    subscriber->read = greeting->position;
    subscriber->published = greeting->position;
    subscriber->expected = greeting->sequence;
    subscriber->parked_for = WEFTI_NONE;
    subscriber->waited_at = WEFTI_NONE;
}

/* Takes what the publisher brings; what is left in `received` is dropped. */
static weft_status take_welcome(weft_subscriber *subscriber,
                                const struct wefti_greeting *greeting,
                                weftos_received *received, weft_detail *detail)
{
    struct wefti_line *line = &subscriber->line;
    weft_status status =
        check_welcome(greeting, received, &subscriber->settings, detail);

    if (status == WEFT_OK) {
        wefti_step("map ring");
        status = weftos_shm_attach(received->handles[0],
                                   (size_t)greeting->home_bytes,
                                   &subscriber->segment, detail);
    }
    if (status != WEFT_OK) {
        return status;
    }
    subscriber->segment_bytes = greeting->home_bytes;
    enter_ring(subscriber, greeting);
    if (subscriber->head->home.magic != WEFTI_MAGIC) {
        return wefti_fail(detail, WEFT_EPROTO, "recognise the peer's memory");
    }
    line->process = received->process;
    received->process = WEFTOS_NONE;
    line->own = subscriber->offer.home;
    line->peer = &subscriber->head->home;
    line->hear = subscriber->offer.hear;
    line->wait = subscriber->settings.wait;
    line->interruptible = subscriber->settings.interruptible;
    line->hears_socket = true;
    wefti_site_init(&subscriber->site, line, &line->own->parked_at, NULL);
    return WEFT_OK;
}

static weft_status greet(weft_subscriber *subscriber, uint64_t deadline_ns,
                         weft_detail *detail)
{
    const struct wefti_settings *settings = &subscriber->settings;
    weft_handle socket = subscriber->line.socket;
    struct wefti_greeting greeting;
    weftos_received received;
    weft_status status = wefti_offer_send(&subscriber->offer, socket,
                                          WEFTI_HELLO, settings, detail);

    /* Who turned us away before this still left its answer. */
    if (status != WEFT_OK && status != WEFT_EPEERDIED) {
        return status;
    }
    status = wefti_greeting_await(
        socket, settings->interruptible,
        wefti_within(deadline_ns, settings->handshake_ns), &received, detail);
    if (status != WEFT_OK) {
        return status;
    }
    wefti_step("received greeting");
    status = wefti_greeting_read(&greeting, &received, WEFTI_WELCOME, settings,
                                 detail);
    if (status == WEFT_OK) {
        status = take_welcome(subscriber, &greeting, &received, detail);
    }
    wefti_received_drop(&received);
    return status;
}

static weft_status connect(weft_subscriber *subscriber, const char *name,
                           uint64_t deadline_ns, weft_detail *detail)
{
    const struct wefti_settings *settings = &subscriber->settings;
    weftos_peer peer;
    weft_status status = weftos_endpoint_connect(
        name, settings->await_name, deadline_ns, settings->interruptible,
        &subscriber->line.socket, &peer, detail);

    if (status != WEFT_OK) {
        subscriber->line.socket = WEFTOS_NONE;
        return status;
    }
    status = wefti_check_peer(settings, &peer, detail);
    return status == WEFT_OK ? greet(subscriber, deadline_ns, detail) : status;
}

/* ---------------------------------------------------------- open, close --- */

weft_status weft_subscriber_open(const char *name,
                                 const weft_subscriber_options *options,
                                 uint64_t deadline_ns, weft_subscriber **out,
                                 weft_detail *detail)
{
    weft_subscriber *subscriber;
    weft_status status;

    if (out == NULL || name == NULL) {
        return wefti_fail(detail, WEFT_EINVAL, "check the arguments");
    }
    *out = NULL;
    subscriber = calloc(1, sizeof(*subscriber));
    if (subscriber == NULL) {
        return wefti_fail(detail, WEFT_ENOMEM, "allocate a subscriber");
    }
    subscriber->line.socket = WEFTOS_NONE;
    subscriber->line.process = WEFTOS_NONE;
    subscriber->line.bell.handle = WEFTOS_NONE;
    status = take_options(subscriber, options, detail);
    if (status == WEFT_OK) {
        status = wefti_offer_init(&subscriber->offer, false, detail);
    }
    if (status != WEFT_OK) {
        free(subscriber);
        return status;
    }
    subscriber->token = weftos_process_token();
    status = connect(subscriber, name, deadline_ns, detail);
    if (status != WEFT_OK) {
        weft_subscriber_close(&subscriber);
    }
    *out = subscriber;
    return status;
}

void weft_subscriber_close(weft_subscriber **subscriber_)
{
    weft_subscriber *subscriber;
    bool forked;

    if (subscriber_ == NULL || *subscriber_ == NULL) {
        return;
    }
    subscriber = *subscriber_;
    *subscriber_ = NULL;
    forked = weftos_process_token() != subscriber->token;
    wefti_site_deinit(&subscriber->site);
    wefti_offer_deinit(&subscriber->offer, forked);
    if (!forked) {
        weftos_shm_unmap(subscriber->segment,
                         (size_t)subscriber->segment_bytes);
    }
    weftos_close(subscriber->line.process);
    weftos_close(subscriber->line.socket);
    free(subscriber);
}

/* ----------------------------------------------------------- inspection --- */

size_t weft_subscriber_message_max(const weft_subscriber *subscriber)
{
    return subscriber != NULL ? (size_t)(subscriber->record_max - WEFTI_HEADER)
                              : 0;
}

weft_status weft_subscriber_handle(weft_subscriber *subscriber,
                                   weft_handle *handle)
{
    if (handle != NULL) {
        *handle = WEFT_HANDLE_NONE;
    }
    if (subscriber == NULL || handle == NULL) {
        return WEFT_EINVAL;
    }
    return weftos_process_token() == subscriber->token
               ? wefti_site_expose(&subscriber->site, handle)
               : WEFT_EFORKED;
}

weft_status weft_subscriber_get_stats(const weft_subscriber *subscriber,
                                      weft_subscriber_stats *stats)
{
    if (subscriber == NULL || stats == NULL || stats->size != sizeof(*stats)) {
        return WEFT_EINVAL;
    }
    if (weftos_process_token() != subscriber->token) {
        return WEFT_EFORKED;
    }
    stats->messages = subscriber->messages;
    stats->bytes = subscriber->bytes;
    stats->lost = subscriber->lost;
    stats->gaps = subscriber->gaps;
    stats->parks = subscriber->site.parks;
    return WEFT_OK;
}

void weft_subscriber_detail(const weft_subscriber *subscriber,
                            weft_detail *detail)
{
    if (subscriber != NULL && detail != NULL) {
        *detail = subscriber->site.detail;
    }
}
