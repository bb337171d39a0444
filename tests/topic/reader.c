/* SPDX-License-Identifier: MIT
 *
 * See reader.h.
 */
#include <string.h>

#include "reader.h"

#include "check.h"

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

/*
 * The next message. A machine that stands still for longer than a reader waits
 * is taken for a publisher that does; it is asked once more.
 */
static weft_status receive(weft_subscriber *subscriber,
                           weft_publication *publication)
{
    weft_status status =
        weft_subscriber_recv(subscriber, publication, peer_soon());

    return status == WEFT_ETIMEDOUT
               ? weft_subscriber_recv(subscriber, publication, peer_soon())
               : status;
}

static void read_all(void *context)
{
    const struct reader *reader = context;
    struct reader_found *found = reader->found;
    weft_subscriber *subscriber;
    weft_subscriber_stats stats = {.size = sizeof(stats)};
    unsigned char data[READER_MOST];
    weft_status status;

    if (reader->is_late) {
        REQUIRE(peer_gate_pass(&reader->begin));
    }
    subscriber = subscribe(reader);
    peer_gate_open(&reader->in);
    for (;;) {
        weft_publication publication = {.data = data, .bytes = sizeof(data)};

        status = receive(subscriber, &publication);
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
    CHECK_STATUS(weft_subscriber_get_stats(subscriber, &stats), WEFT_OK);
    CHECK(stats.messages == found->messages && stats.lost >= found->lost);
    found->lost_in_all = stats.lost;
    found->end = status;
    weft_subscriber_close(&subscriber);
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
