/* SPDX-License-Identifier: MIT
 *
 * A subscriber: the public calls, and how it deals with its publishers. Each is
 * read in turn; one that leaves is told of, unless it has only closed while
 * there are others.
 */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "poll.h"
#include "topic.h"

/* Messages of one publisher before it is the next one's turn. */
#define STREAK_MOST 64

/* After so many messages in a row the kernel is asked for news. */
#define UNHEARD_MOST 256

/* Times that one which hangs up on us is tried again. */
#define HANG_UPS_MOST 3

/* Times that weft_subscriber_open looks again for others. */
#define LOOKS_MOST 4

/* Times that a look with WEFT_NOW goes on at the tail. */
#define OVERTAKEN_MOST 64

/* -------------------------------------------------------------- options --- */

static weft_status take_options(weft_subscriber *subscriber,
                                const weft_subscriber_options *options,
                                weft_detail *detail)
{
    const unsigned known = WEFT_SUBSCRIBER_RELIABLE | WEFT_SUBSCRIBER_HISTORY |
                           WEFT_SUBSCRIBER_INTERRUPTIBLE |
                           WEFT_SUBSCRIBER_AWAIT_NAME | WEFT_SUBSCRIBER_STAYS;
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
    settings->is_hub = true;
    settings->interruptible = (copy.flags & WEFT_SUBSCRIBER_INTERRUPTIBLE) != 0;
    settings->await_name = (copy.flags & WEFT_SUBSCRIBER_AWAIT_NAME) != 0;
    subscriber->is_reliable = (copy.flags & WEFT_SUBSCRIBER_RELIABLE) != 0;
    subscriber->stays = (copy.flags & WEFT_SUBSCRIBER_STAYS) != 0;
    settings->topic_flags =
        (subscriber->is_reliable ? WEFTI_TOPIC_RELIABLE : 0) |
        ((copy.flags & WEFT_SUBSCRIBER_HISTORY) != 0 ? WEFTI_TOPIC_HISTORY : 0);
    return WEFT_OK;
}

/* ---------------------------------------------------------- open, close --- */

/* Waits for the answers, and lets go of those that turn us away. */
static weft_status settle(weft_subscriber *subscriber, uint64_t deadline_ns)
{
    weft_status status =
        subscriber->is_tap
            ? wefti_tap_await_welcomes(subscriber, deadline_ns)
            : wefti_topic_await_welcomes(subscriber, deadline_ns);
    weft_status found = WEFT_ENOENT;
    bool is_welcome = false;

    for (size_t i = subscriber->feed_count; i-- > 0;) {
        struct wefti_feed *feed = subscriber->feeds[i];

        is_welcome = is_welcome || feed->has_welcomed;
        if (feed->gone != WEFT_OK && !feed->has_welcomed) {
            found = feed->gone;
            wefti_topic_leave(subscriber, feed, false);
        }
    }
    if (is_welcome) {
        return WEFT_OK;
    }
    return status != WEFT_OK ? status : found;
}

/* Joins those that are found first, or waits for one. */
static weft_status enter_first(weft_subscriber *subscriber,
                               uint64_t deadline_ns)
{
    weft_status status = wefti_topic_look(subscriber, deadline_ns);

    if (status == WEFT_ENOENT && subscriber->settings.await_name) {
        status = wefti_topic_await(subscriber, deadline_ns);
    }
    return status == WEFT_OK ? settle(subscriber, deadline_ns) : status;
}

weft_status wefti_topic_join_all(weft_subscriber *subscriber,
                                 uint64_t deadline_ns)
{
    weft_status status = WEFT_EPEERDIED;

    /* The last one that had the name may not be quite gone: see channel.c. */
    for (unsigned i = 0; i < WEFTI_HANG_UPS_MOST && status == WEFT_EPEERDIED;
         i++) {
        status = enter_first(subscriber, deadline_ns);
        if (!subscriber->settings.await_name) {
            break;
        }
    }
    /* Each welcome asks for another look; if they don't end, later calls do. */
    for (unsigned i = 0; i < LOOKS_MOST && status == WEFT_OK &&
                         subscriber->look_at_ns == WEFT_NOW;
         i++) {
        (void)wefti_topic_look(subscriber, deadline_ns);
        status = settle(subscriber, deadline_ns);
    }
    subscriber->is_open = true;
    return status == WEFT_ENOENT && subscriber->stays ? WEFT_OK : status;
}

weft_status wefti_topic_begin(weft_subscriber *subscriber, const char *name,
                              weft_detail *detail)
{
    weft_status status = wefti_check_name(name, detail);

    if (status == WEFT_OK) {
        status = weftos_process_mark(NULL, NULL, detail);
    }
    if (status != WEFT_OK) {
        return status;
    }
    subscriber->token = weftos_process_token();
    return wefti_copy_name(name, &subscriber->name, detail);
}

static weft_status init(weft_subscriber *subscriber, const char *name,
                        const weft_subscriber_options *options,
                        weft_detail *detail)
{
    weft_status status = take_options(subscriber, options, detail);

    if (status == WEFT_OK) {
        status = wefti_topic_begin(subscriber, name, detail);
    }
    return status == WEFT_OK ? weftos_endpoint_open(NULL, 0, &subscriber->hub,
                                                    &subscriber->handle, detail)
                             : status;
}

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
    subscriber->pokes[0] = WEFTOS_NONE;
    subscriber->pokes[1] = WEFTOS_NONE;
    subscriber->look_at_ns = WEFT_FOREVER;
    wefti_site_init(&subscriber->site, NULL, NULL, NULL);
    status = init(subscriber, name, options, detail);
    if (status == WEFT_OK) {
        status = wefti_topic_join_all(subscriber, deadline_ns);
        (void)wefti_pass(detail, status, &subscriber->detail);
    }
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
    if (!forked) {
        wefti_source_leave(subscriber->source);
    }
    while (subscriber->feed_count > 0) {
        wefti_topic_leave(subscriber, subscriber->feeds[0], forked);
    }
    wefti_topic_close_pokes(subscriber, forked);
    weftos_endpoint_close(subscriber->hub, forked);
    free(subscriber->feeds);
    free(subscriber->name);
    free(subscriber);
}

/* -------------------------------------------------------------- receive --- */

/*
 * The only one has not let us in. It may have had a lack of something: one that
 * hangs up is tried again, but not without end.
 */
static weft_status end_alone(weft_subscriber *subscriber, weft_status why)
{
    bool hung_up = why == WEFT_EPEERDIED;

    if (wefti_topic_lacks(why) ||
        (hung_up && subscriber->hang_ups < HANG_UPS_MOST)) {
        subscriber->look_at_ns = WEFT_NOW;
    }
    subscriber->hang_ups += hung_up;
    return wefti_topic_lacks(why) || why == WEFT_ELIMIT ? why : WEFT_OK;
}

/*
 * A publisher has left, or never let us in. WEFT_OK: there are others, or will
 * be, and nothing was lost.
 */
static weft_status end_feed(weft_subscriber *subscriber,
                            struct wefti_feed *feed)
{
    weft_status why = feed->gone;
    bool was_in = feed->has_welcomed;

    if (was_in) {
        subscriber->last_end = why;
        if (why != WEFT_ECLOSED && why != WEFT_EPEERDIED) {
            subscriber->banned[feed->number] = feed->pid;
        }
    } else {
        /* One that hangs up was about to close. */
        wefti_log(why == WEFT_EPEERDIED ? WEFT_LOG_INFO : WEFT_LOG_WARNING,
                  "could not join a publisher of %s: %s", subscriber->name,
                  weft_status_text(why));
        wefti_topic_shun(subscriber, feed->number, why);
    }
    wefti_topic_leave(subscriber, feed, false);
    if (was_in) {
        /* Whoever comes next may have taken its place, unseen. */
        (void)wefti_topic_look(subscriber, WEFT_NOW);
    }
    if (subscriber->feed_count == 0 && !subscriber->stays) {
        subscriber->failed = subscriber->last_end;
        (void)wefti_topic_poke_hub(subscriber);
        return subscriber->failed;
    }
    if (!was_in && subscriber->feed_count == 0) {
        return end_alone(subscriber, why);
    }
    return was_in && why != WEFT_ECLOSED ? why : WEFT_OK;
}

/* Asks the kernel for news now and then, and looks for publishers in time. */
static weft_status keep_up(weft_subscriber *subscriber)
{
    weft_status status = WEFT_OK;

    if (++subscriber->unheard >= UNHEARD_MOST) {
        status = wefti_topic_hear(subscriber);
        if (status == WEFT_OK) {
            status = wefti_topic_poke_hub(subscriber);
        }
    }
    if (subscriber->look_at_ns != WEFT_FOREVER &&
        weftos_now_ns() >= subscriber->look_at_ns) {
        (void)wefti_topic_look(subscriber, WEFT_NOW);
    }
    return status;
}

/*
 * Takes what one publisher has. WEFT_OK, and not done: that was no message, so
 * the caller is to look again.
 */
static weft_status take_of(weft_subscriber *subscriber, struct wefti_feed *feed,
                           weft_publication *publication, bool *done)
{
    weft_status status = WEFT_EAGAIN;

    if (feed->has_welcomed && feed->gone == WEFT_OK) {
        status = wefti_feed_take(feed, publication, done);
    }
    return feed->gone != WEFT_OK ? end_feed(subscriber, feed) : status;
}

weft_status wefti_topic_take_next(weft_subscriber *subscriber,
                                  weft_publication *publication, bool *done)
{
    for (size_t left = subscriber->feed_count; left > 0; left--) {
        weft_status status;

        if (subscriber->turn >= subscriber->feed_count) {
            subscriber->turn = 0;
        }
        status = take_of(subscriber, subscriber->feeds[subscriber->turn],
                         publication, done);
        if (status == WEFT_OK && *done && ++subscriber->streak < STREAK_MOST) {
            return WEFT_OK;
        }
        if (status != WEFT_OK && status != WEFT_EAGAIN) {
            return status;
        }
        if (status == WEFT_EAGAIN || *done) {
            subscriber->streak = 0;
            subscriber->turn++;
        }
        if (status == WEFT_OK) {
            return WEFT_OK;
        }
    }
    return WEFT_EAGAIN;
}

/* It is overtaken again and again, or what it reads does not end. */
static bool is_too_late(unsigned looks, uint64_t deadline_ns)
{
    if (looks == 0 || deadline_ns == WEFT_FOREVER) {
        return false;
    }
    return deadline_ns == WEFT_NOW ? looks >= OVERTAKEN_MOST
                                   : weftos_now_ns() >= deadline_ns;
}

weft_status weft_subscriber_recv(weft_subscriber *subscriber,
                                 weft_publication *publication,
                                 uint64_t deadline_ns)
{
    bool done = false;

    if (subscriber == NULL || publication == NULL ||
        (publication->data == NULL && publication->bytes > 0)) {
        return WEFT_EINVAL;
    }
    if (weftos_process_token() != subscriber->token) {
        return WEFT_EFORKED;
    }
    if (subscriber->failed != WEFT_OK) {
        return subscriber->failed;
    }
    for (unsigned looks = 0;; looks++) {
        weft_status status = keep_up(subscriber);

        if (status == WEFT_OK) {
            status = wefti_topic_take_next(subscriber, publication, &done);
        }
        if (status == WEFT_EAGAIN) {
            status = wefti_topic_wait(subscriber, deadline_ns);
        }
        if (status != WEFT_OK || done) {
            return status;
        }
        if (is_too_late(looks, deadline_ns)) {
            return deadline_ns == WEFT_NOW ? WEFT_EAGAIN : WEFT_ETIMEDOUT;
        }
    }
}

/* ----------------------------------------------------------- inspection --- */

size_t weft_subscriber_message_max(const weft_subscriber *subscriber)
{
    uint64_t most = 0;

    for (size_t i = 0; subscriber != NULL && i < subscriber->feed_count; i++) {
        const struct wefti_feed *feed = subscriber->feeds[i];

        if (feed->has_welcomed && feed->record_max - WEFTI_HEADER > most) {
            most = feed->record_max - WEFTI_HEADER;
        }
    }
    return (size_t)most;
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
    if (weftos_process_token() != subscriber->token) {
        return WEFT_EFORKED;
    }
    *handle = subscriber->handle;
    if (subscriber->is_exposed) {
        return WEFT_OK;
    }
    /* Whoever has looked already did so without having itself rung. */
    subscriber->is_exposed = true;
    return wefti_topic_poke_hub(subscriber);
}

unsigned wefti_topic_publishers(const weft_subscriber *subscriber)
{
    unsigned count = 0;

    for (size_t i = 0; i < subscriber->feed_count; i++) {
        count += subscriber->feeds[i]->has_welcomed;
    }
    return count;
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
    stats->parks = subscriber->parks;
    stats->publishers = wefti_topic_publishers(subscriber);
    return WEFT_OK;
}

void weft_subscriber_detail(const weft_subscriber *subscriber,
                            weft_detail *detail)
{
    if (subscriber != NULL && detail != NULL) {
        *detail = subscriber->detail;
    }
}
