/* SPDX-License-Identifier: MIT
 *
 * A tap: reads the rings of publishers that know nothing of it.
 *
 * It greets each publisher once, gets its ring as a lossy subscriber does, and
 * hangs up. From then on it has memory that it reads, and, where the system has
 * that, the process whose end it looks for. The reading, and how publishers
 * take turns, come and leave, are the subscriber's; what is here stands for the
 * hub that a subscriber hears them at. All of it is done in calls that the
 * caller makes anyway, and none of it waits, but for weft_tap_open.
 *
 *      read the records       each call; tells an orderly end, too
 *      look for deaths        after TEND_NS, and so for answers
 *      look for publishers    after LOOK_NS, or when one has left or come
 *      forgive those that     after SHUN_NS
 *      did not let us in
 */
#include <stdlib.h>

#include "received.h"
#include "topic.h"

#define TEND_NS UINT64_C(10000000)
#define LOOK_NS UINT64_C(100000000)
#define SHUN_NS UINT64_C(1000000000)

/* Messages in a row before the clock is read. */
#define UNTENDED_MOST 256

/* Times that one call goes on at the tail. */
#define OVERTAKEN_MOST 64

struct weft_tap {
    weft_subscriber reader;
    weft_handle quiet[2]; /* a pair of sockets on which nothing is ever said */
    unsigned untended;    /* messages since the clock was read */
    uint64_t tend_at_ns;
    uint64_t look_by_ns;
    uint64_t probe_at_ns;
    uint64_t forgive_at_ns;
};

/* -------------------------------------------------------------- options --- */

static weft_status take_options(weft_subscriber *reader,
                                const weft_tap_options *options,
                                weft_detail *detail)
{
    const unsigned known = WEFT_TAP_HISTORY | WEFT_TAP_INTERRUPTIBLE |
                           WEFT_TAP_AWAIT_NAME | WEFT_TAP_STAYS;
    weft_tap_options copy = WEFT_TAP_OPTIONS_INIT;
    weft_channel_options of_channel = WEFT_CHANNEL_OPTIONS_INIT;
    struct wefti_settings *settings = &reader->settings;
    weft_status status;

    if (!wefti_copy_options(&copy, sizeof(copy), options,
                            offsetof(weft_tap_options, ring_max_bytes))) {
        return wefti_fail(detail, WEFT_EINVAL, "check the option size");
    }
    if ((copy.flags & ~known) != 0) {
        return wefti_fail(detail, WEFT_EINVAL, "check the option flags");
    }
    of_channel.peer_ring_max_bytes = copy.ring_max_bytes;
    of_channel.handshake_ns = copy.handshake_ns;
    of_channel.allow = copy.allow;
    of_channel.allow_context = copy.allow_context;
    status = wefti_settings_init(settings, &of_channel, detail);
    settings->pattern = WEFTI_TOPIC;
    settings->interruptible = (copy.flags & WEFT_TAP_INTERRUPTIBLE) != 0;
    settings->await_name = (copy.flags & WEFT_TAP_AWAIT_NAME) != 0;
    settings->topic_flags =
        (copy.flags & WEFT_TAP_HISTORY) != 0 ? WEFTI_TOPIC_HISTORY : 0;
    reader->stays = (copy.flags & WEFT_TAP_STAYS) != 0;
    return status;
}

/* ------------------------------------------------------ instead of a hub -- */

/* Has it answered by now? Then it hears that we hang up, and forgets us. */
static void hear(struct wefti_feed *feed)
{
    weftos_received received;
    weft_status status = weftos_socket_recv(feed->line.socket, &received, NULL);

    if (status == WEFT_EAGAIN) {
        return;
    }
    if (status == WEFT_ECLOSED) {
        feed->has_hung_up = true;
        return;
    }
    if (status == WEFT_OK) {
        status = wefti_topic_take_welcome(feed, &received);
    }
    if (status != WEFT_OK) {
        (void)wefti_feed_fail(feed, status, "hear a publisher");
        return;
    }
    weftos_close(feed->line.socket);
    feed->line.socket = WEFTOS_NONE;
}

static bool has_left(const struct wefti_feed *feed)
{
    char *place = wefti_topic_place(feed->subscriber->name, feed->number);
    bool is_gone = place != NULL && wefti_has_left(place, feed->pid);

    free(place);
    return is_gone;
}

static bool has_died(const weft_tap *tap, const struct wefti_feed *feed)
{
    return weftos_socket_wait(tap->quiet[0], false, feed->line.process,
                              WEFT_NOW, false, NULL) == WEFT_EPEERDIED;
}

static void look_after(const weft_tap *tap, struct wefti_feed *feed,
                       bool probes)
{
    if (feed->gone != WEFT_OK || feed->has_hung_up) {
        return;
    }
    if (!feed->has_welcomed) {
        hear(feed);
    } else if (feed->line.process != WEFTOS_NONE) {
        feed->has_hung_up = has_died(tap, feed);
    } else if (probes) {
        feed->has_hung_up = has_left(feed);
    }
}

/* Is it time? Then the next time is so much later. */
static bool is_due(uint64_t *at_ns, uint64_t now_ns, uint64_t period_ns)
{
    if (now_ns < *at_ns) {
        return false;
    }
    *at_ns = now_ns + period_ns;
    return true;
}

static void tend(weft_tap *tap)
{
    weft_subscriber *reader = &tap->reader;
    uint64_t now_ns = weftos_now_ns();
    bool probes;

    tap->untended = 0;
    if (!is_due(&tap->tend_at_ns, now_ns, TEND_NS)) {
        return;
    }
    probes = is_due(&tap->probe_at_ns, now_ns, WEFTI_PROBE_NS);
    for (size_t i = 0; i < reader->feed_count; i++) {
        look_after(tap, reader->feeds[i], probes);
    }
    if (is_due(&tap->forgive_at_ns, now_ns, SHUN_NS)) {
        reader->shunned = 0;
    }
    if (reader->look_at_ns <= now_ns) {
        tap->look_by_ns = now_ns;
    }
    if (is_due(&tap->look_by_ns, now_ns, LOOK_NS)) {
        (void)wefti_topic_look(reader, WEFT_NOW);
    }
}

weft_status wefti_tap_await_welcomes(weft_subscriber *subscriber,
                                     uint64_t deadline_ns)
{
    for (size_t i = 0; i < subscriber->feed_count; i++) {
        struct wefti_feed *feed = subscriber->feeds[i];
        weft_status status = WEFT_OK;

        while (!feed->has_welcomed && feed->gone == WEFT_OK) {
            uint64_t due_ns =
                feed->due_ns < deadline_ns ? feed->due_ns : deadline_ns;

            hear(feed);
            (void)wefti_topic_look_for_ends(subscriber);
            if (feed->has_welcomed || feed->gone != WEFT_OK) {
                break;
            }
            status = weftos_socket_wait(
                feed->line.socket, false, WEFTOS_NONE, due_ns,
                subscriber->settings.interruptible, &subscriber->detail);
            if (status != WEFT_OK &&
                (status != WEFT_ETIMEDOUT || due_ns != feed->due_ns)) {
                return status;
            }
        }
    }
    return WEFT_OK;
}

/* ---------------------------------------------------------- open, close --- */

static weft_status init(weft_tap *tap, const char *name,
                        const weft_tap_options *options, weft_detail *detail)
{
    weft_status status = take_options(&tap->reader, options, detail);

    if (status == WEFT_OK) {
        status = wefti_topic_begin(&tap->reader, name, detail);
    }
    return status == WEFT_OK ? weftos_socket_pair(tap->quiet, detail) : status;
}

weft_status weft_tap_open(const char *name, const weft_tap_options *options,
                          uint64_t deadline_ns, weft_tap **out,
                          weft_detail *detail)
{
    weft_tap *tap;
    weft_status status;

    if (out == NULL || name == NULL) {
        return wefti_fail(detail, WEFT_EINVAL, "check the arguments");
    }
    *out = NULL;
    tap = calloc(1, sizeof(*tap));
    if (tap == NULL) {
        return wefti_fail(detail, WEFT_ENOMEM, "allocate a tap");
    }
    tap->quiet[0] = WEFTOS_NONE;
    tap->quiet[1] = WEFTOS_NONE;
    tap->reader.is_tap = true;
    tap->reader.look_at_ns = WEFT_FOREVER;
    status = init(tap, name, options, detail);
    if (status == WEFT_OK) {
        status = wefti_topic_join_all(&tap->reader, deadline_ns);
        (void)wefti_pass(detail, status, &tap->reader.detail);
    }
    if (status != WEFT_OK) {
        weft_tap_close(&tap);
    }
    *out = tap;
    return status;
}

void weft_tap_close(weft_tap **tap_)
{
    weft_tap *tap;
    bool forked;

    if (tap_ == NULL || *tap_ == NULL) {
        return;
    }
    tap = *tap_;
    *tap_ = NULL;
    forked = weftos_process_token() != tap->reader.token;
    while (tap->reader.feed_count > 0) {
        wefti_topic_leave(&tap->reader, tap->reader.feeds[0], forked);
    }
    weftos_close(tap->quiet[0]);
    weftos_close(tap->quiet[1]);
    free(tap->reader.feeds);
    free(tap->reader.name);
    free(tap);
}

/* -------------------------------------------------------------- reading --- */

/* Nothing was found: has something come, or ended? */
static bool has_news(weft_tap *tap)
{
    tend(tap);
    return wefti_topic_look_for_ends(&tap->reader) ||
           wefti_topic_has_news(&tap->reader);
}

weft_status weft_tap_next(weft_tap *tap, weft_publication *publication)
{
    bool done = false;

    if (tap == NULL || publication == NULL ||
        (publication->data == NULL && publication->bytes > 0)) {
        return WEFT_EINVAL;
    }
    if (weftos_process_token() != tap->reader.token) {
        return WEFT_EFORKED;
    }
    if (tap->reader.failed != WEFT_OK) {
        return tap->reader.failed;
    }
    if (++tap->untended >= UNTENDED_MOST) {
        tend(tap);
    }
    for (unsigned looks = 0; looks < OVERTAKEN_MOST; looks++) {
        weft_status status =
            wefti_topic_take_next(&tap->reader, publication, &done);

        if (status == WEFT_EAGAIN && has_news(tap)) {
            continue;
        }
        if (status != WEFT_OK || done) {
            return status;
        }
    }
    return WEFT_EAGAIN;
}

/* ----------------------------------------------------------- inspection --- */

weft_status weft_tap_get_stats(const weft_tap *tap, weft_tap_stats *stats)
{
    if (tap == NULL || stats == NULL || stats->size != sizeof(*stats)) {
        return WEFT_EINVAL;
    }
    if (weftos_process_token() != tap->reader.token) {
        return WEFT_EFORKED;
    }
    stats->messages = tap->reader.messages;
    stats->bytes = tap->reader.bytes;
    stats->lost = tap->reader.lost;
    stats->gaps = tap->reader.gaps;
    stats->publishers = wefti_topic_publishers(&tap->reader);
    return WEFT_OK;
}

void weft_tap_detail(const weft_tap *tap, weft_detail *detail)
{
    if (tap != NULL && detail != NULL) {
        *detail = tap->reader.detail;
    }
}
