/* SPDX-License-Identifier: MIT
 *
 * See reader.h.
 */
#include <string.h>

#include "reader.h"

#include "check.h"
#include "guard.h"

size_t reader_bytes(uint64_t sequence, size_t most)
{
    return (size_t)((sequence * UINT64_C(0x9e3779b97f4a7c15) >> 33) %
                    (most != 0 ? most + 1 : 201));
}

weft_status reader_send(weft_publisher *publisher, uint64_t sequence,
                        size_t most, uint64_t deadline_ns)
{
    unsigned char data[READER_MOST];
    size_t bytes = reader_bytes(sequence, most);

    peer_fill(data, bytes, sequence);
    return weft_publisher_send(publisher, data, bytes, deadline_ns);
}

weft_status reader_publish(weft_publisher *publisher, uint64_t from,
                           uint64_t count, size_t most)
{
    weft_status status = WEFT_OK;

    for (uint64_t i = from; i < from + count && status == WEFT_OK; i++) {
        status = reader_send(publisher, i, most, peer_soon());
    }
    return status;
}

void reader_work(uint64_t ns)
{
    uint64_t until = weft_after_ns(ns);

    while (weft_now_ns() < until) {
    }
}

bool reader_is_sound(const weft_publication *publication, size_t most)
{
    return publication->bytes == reader_bytes(publication->sequence, most) &&
           peer_is_filled(publication->data, publication->bytes,
                          publication->sequence);
}

/* One of the two. */
struct ear {
    weft_subscriber *subscriber;
    weft_tap *tap;
};

static weft_tap *tap(const struct reader *reader)
{
    weft_tap_options options = WEFT_TAP_OPTIONS_INIT;
    weft_tap *tap = NULL;

    options.flags =
        WEFT_TAP_AWAIT_NAME |
        ((reader->flags & WEFT_SUBSCRIBER_HISTORY) != 0 ? WEFT_TAP_HISTORY : 0);
    REQUIRE(weft_tap_open(READER_TOPIC, &options, peer_soon(), &tap, NULL) ==
            WEFT_OK);
    return tap;
}

weft_status reader_await_tap(weft_tap *tap, weft_publication *publication)
{
    const weft_publication begin = *publication;
    uint64_t until = peer_soon();
    weft_status status;

    for (;;) {
        *publication = begin;
        status = weft_tap_next(tap, publication);
        if (status != WEFT_EAGAIN || weft_now_ns() >= until) {
            return status;
        }
        guard_nap_us(50);
    }
}

static weft_status hear_once(const struct ear *ear,
                             weft_publication *publication)
{
    return ear->tap != NULL ? reader_await_tap(ear->tap, publication)
                            : weft_subscriber_recv(ear->subscriber, publication,
                                                   peer_soon());
}

/*
 * The next message. A machine that stands still for longer than a reader waits
 * is taken for a publisher that does; it is asked once more.
 */
static weft_status hear(const struct ear *ear, weft_publication *publication)
{
    const weft_publication begin = *publication;
    weft_status status = hear_once(ear, publication);

    if (status == WEFT_ETIMEDOUT || status == WEFT_EAGAIN) {
        *publication = begin;
        status = hear_once(ear, publication);
    }
    return status;
}

static void get_figures(const struct ear *ear, uint64_t *messages,
                        uint64_t *lost)
{
    weft_subscriber_stats of_subscriber = {.size = sizeof(of_subscriber)};
    weft_tap_stats of_tap = {.size = sizeof(of_tap)};

    if (ear->tap != NULL) {
        CHECK_STATUS(weft_tap_get_stats(ear->tap, &of_tap), WEFT_OK);
        *messages = of_tap.messages;
        *lost = of_tap.lost;
    } else {
        CHECK_STATUS(weft_subscriber_get_stats(ear->subscriber, &of_subscriber),
                     WEFT_OK);
        *messages = of_subscriber.messages;
        *lost = of_subscriber.lost;
    }
}

static weft_subscriber *subscribe(const struct reader *reader)
{
    weft_subscriber_options options = WEFT_SUBSCRIBER_OPTIONS_INIT;
    weft_subscriber *subscriber = NULL;
    weft_detail detail = {WEFT_OK, 0, ""};
    weft_status status;

    options.flags = reader->flags | WEFT_SUBSCRIBER_AWAIT_NAME;
    options.wait = reader->wait;
    status = weft_subscriber_open(READER_TOPIC, &options, peer_soon(),
                                  &subscriber, &detail);
    CHECK_STATUS(status, WEFT_OK);
    REQUIRE(status == WEFT_OK);
    return subscriber;
}

static void note(struct reader_found *found,
                 const weft_publication *publication)
{
    uint64_t lost = publication->lost;

    if (found->messages == 0) {
        found->first = publication->sequence - lost;
        found->next = found->first;
    }
    CHECK(publication->sequence == found->next + lost);
    found->next = publication->sequence + 1;
    found->lost += lost;
    found->messages++;
}

static void read_all(void *context)
{
    const struct reader *reader = context;
    struct reader_found *found = reader->found;
    struct ear ear = {NULL, NULL};
    uint64_t messages;
    uint64_t lost;
    unsigned char data[READER_MOST];
    weft_status status;

    if (reader->is_late) {
        REQUIRE(peer_gate_pass(&reader->begin));
    }
    if (reader->taps) {
        ear.tap = tap(reader);
    } else {
        ear.subscriber = subscribe(reader);
    }
    peer_gate_open(&reader->in);
    for (;;) {
        weft_publication publication = {.data = data, .bytes = sizeof(data)};

        status = hear(&ear, &publication);
        if (status != WEFT_OK ||
            !CHECK(reader_is_sound(&publication, reader->bytes_most))) {
            break;
        }
        note(found, &publication);
        if (found->messages == reader->stop_after) {
            peer_await_kill();
        }
        if (reader->slow_ns != 0) {
            reader_work(reader->slow_ns);
        }
    }
    get_figures(&ear, &messages, &lost);
    CHECK(messages == found->messages && lost >= found->lost);
    found->lost_in_all = lost;
    found->end = status;
    weft_subscriber_close(&ear.subscriber);
    weft_tap_close(&ear.tap);
}

void reader_init(struct reader *reader, unsigned count)
{
    memset(reader, 0, sizeof(*reader));
    peer_gate_init(&reader->in);
    peer_gate_init(&reader->begin);
    reader->found = peer_shared(count * sizeof(*reader->found));
}

void reader_deinit(struct reader *reader, unsigned count)
{
    peer_gate_deinit(&reader->in);
    peer_gate_deinit(&reader->begin);
    peer_unshare(reader->found, count * sizeof(*reader->found));
}

peer_process reader_run(const struct reader *reader, unsigned nth)
{
    struct reader copy = *reader;

    copy.found += nth;
    return peer_run(read_all, &copy, sizeof(copy));
}

void reader_await(const struct reader *reader, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        REQUIRE(peer_gate_pass(&reader->in));
    }
}

weft_publisher *reader_open(const weft_publisher_options *options)
{
    weft_publisher *publisher = NULL;
    weft_status status =
        weft_publisher_open(READER_TOPIC, options, &publisher, NULL);

    CHECK_STATUS(status, WEFT_OK);
    REQUIRE(publisher != NULL);
    return publisher;
}
