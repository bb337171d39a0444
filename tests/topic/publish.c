/* SPDX-License-Identifier: MIT
 *
 * What is published reaches the subscribers, from where they began.
 */
#include <sched.h>

#include "check.h"
#include "reader.h"

#define COUNT 20000u

/* Two readers of one publisher get all of it, however they wait. */
static void test_all(weft_wait wait, unsigned flags)
{
    weft_publisher_options options = WEFT_PUBLISHER_OPTIONS_INIT;
    weft_publisher_stats stats = {.size = sizeof(stats)};
    peer_process children[2];
    weft_publisher *publisher;
    struct reader reader;
    unsigned count = peer_rounds(COUNT);

    reader_init(&reader, 2);
    reader.wait = wait;
    reader.flags = flags;
    for (unsigned i = 0; i < 2; i++) {
        children[i] = reader_run(&reader, i);
    }
    options.ring_bytes = (size_t)16 << 10;
    publisher = reader_open(&options);
    reader_await(&reader, 2);
    CHECK_STATUS(reader_publish(publisher, 0, count, 0), WEFT_OK);
    CHECK_STATUS(weft_publisher_get_stats(publisher, &stats), WEFT_OK);
    CHECK(stats.messages == count && stats.subscribers == 2);
    CHECK(stats.reliable == (flags != 0 ? 2 : 0));
    weft_publisher_close(&publisher);
    for (unsigned i = 0; i < 2; i++) {
        struct reader_found *found = &reader.found[i];

        CHECK(peer_ended_well(&children[i]));
        CHECK_STATUS((weft_status)found->end, WEFT_ECLOSED);
        CHECK(found->messages + found->lost_in_all == count);
        CHECK((flags & WEFT_SUBSCRIBER_RELIABLE) == 0 ||
              found->lost_in_all == 0);
    }
    reader_deinit(&reader, 2);
}

/* Two that sleep for each message get each as it comes. */
static void test_single(void)
{
    weft_publisher *publisher;
    peer_process children[2];
    struct reader reader;

    reader_init(&reader, 2);
    reader.wait = WEFT_WAIT_BLOCK;
    for (unsigned i = 0; i < 2; i++) {
        children[i] = reader_run(&reader, i);
    }
    publisher = reader_open(NULL);
    reader_await(&reader, 2);
    for (uint64_t i = 0; i < peer_rounds(500); i++) {
        uint64_t soon = peer_soon();

        CHECK_STATUS(reader_publish(publisher, i, 1, 0), WEFT_OK);
        while (
            (reader.found[0].messages <= i || reader.found[1].messages <= i) &&
            weft_now_ns() < soon) {
            (void)sched_yield();
        }
        REQUIRE(weft_now_ns() < soon);
    }
    weft_publisher_close(&publisher);
    CHECK(peer_ended_well(&children[0]) && peer_ended_well(&children[1]));
    reader_deinit(&reader, 2);
}

/* One that comes when `before` messages are there already. */
static void test_late(unsigned flags, uint64_t before, uint64_t first_least,
                      uint64_t first_most)
{
    weft_publisher_options options = WEFT_PUBLISHER_OPTIONS_INIT;
    weft_publisher *publisher;
    struct reader reader;
    peer_process child;

    reader_init(&reader, 1);
    reader.is_late = true;
    reader.flags = flags;
    child = reader_run(&reader, 0);
    options.ring_bytes = (size_t)16 << 10;
    publisher = reader_open(&options);
    CHECK_STATUS(reader_publish(publisher, 0, before, 0), WEFT_OK);
    peer_gate_open(&reader.begin);
    reader_await(&reader, 1);
    CHECK_STATUS(reader_publish(publisher, before, 10, 0), WEFT_OK);
    weft_publisher_close(&publisher);
    CHECK(peer_ended_well(&child));
    CHECK(reader.found->first >= first_least &&
          reader.found->first <= first_most);
    CHECK(reader.found->next == before + 10);
    CHECK(reader.found->lost_in_all == 0);
    reader_deinit(&reader, 1);
}

/* In one process, sizes from nothing to the most that goes. */
static void test_sizes(void)
{
    static unsigned char data[(size_t)1 << 20];
    static unsigned char room[(size_t)1 << 20];
    weft_publisher *publisher = reader_open(NULL);
    weft_subscriber *subscriber = NULL;
    size_t most = weft_publisher_message_max(publisher);
    const size_t sizes[] = {0,    1,    7,        8,    9,       16,
                            1000, most, most - 1, 4096, 400000u, most};
    unsigned count = sizeof(sizes) / sizeof(sizes[0]);

    REQUIRE(weft_subscriber_open(READER_TOPIC, NULL, peer_soon(), &subscriber,
                                 NULL) == WEFT_OK);
    CHECK(weft_subscriber_message_max(subscriber) == most);
    for (unsigned i = 0; i < count; i++) {
        weft_publication publication = {.data = room};

        peer_fill(data, sizes[i], i);
        CHECK_STATUS(weft_publisher_send(publisher, data, sizes[i], WEFT_NOW),
                     WEFT_OK);
        if (sizes[i] > 0) {
            publication.bytes = sizes[i] - 1;
            CHECK_STATUS(
                weft_subscriber_recv(subscriber, &publication, WEFT_NOW),
                WEFT_EMSGSIZE);
            CHECK(publication.bytes == sizes[i]);
        }
        CHECK_STATUS(weft_subscriber_recv(subscriber, &publication, WEFT_NOW),
                     WEFT_OK);
        CHECK(publication.bytes == sizes[i] && publication.sequence == i &&
              publication.lost == 0);
        CHECK(peer_is_filled(room, sizes[i], i));
    }
    CHECK_STATUS(weft_publisher_send(publisher, data, most + 1, WEFT_NOW),
                 WEFT_EMSGSIZE);
    weft_subscriber_close(&subscriber);
    weft_publisher_close(&publisher);
}

/* Publishes number `sequence` in place, out of room for some more. */
static weft_status publish_in_place(weft_publisher *publisher,
                                    uint64_t sequence, size_t more)
{
    size_t bytes = reader_bytes(sequence, 0);
    void *space = NULL;
    weft_status status =
        weft_publisher_reserve(publisher, bytes + more, &space, peer_soon());

    CHECK((space != NULL) == (status == WEFT_OK));
    if (status != WEFT_OK) {
        return status;
    }
    CHECK((uintptr_t)space % 16 == 0);
    peer_fill(space, bytes + more, ~sequence);
    peer_fill(space, bytes, sequence);
    return weft_publisher_commit(publisher, bytes);
}

/* Has a reservation, and lets nobody see what it writes there. */
static void reserve_in_vain(weft_publisher *publisher, uint64_t seed)
{
    size_t most = weft_publisher_message_max(publisher);
    size_t bytes = (size_t)(seed * 7919 % (most + 1));
    void *space;

    CHECK_STATUS(weft_publisher_reserve(publisher, bytes, &space, peer_soon()),
                 WEFT_OK);
    peer_fill(space, bytes, seed);
    weft_publisher_cancel(publisher);
}

/* In place, copied and given back in turn: the readers get all the same. */
static void test_reserve(unsigned flags)
{
    weft_publisher_options options = WEFT_PUBLISHER_OPTIONS_INIT;
    weft_publisher *publisher;
    peer_process children[3];
    struct reader reader;
    unsigned count = peer_rounds(COUNT);

    reader_init(&reader, 3);
    reader.flags = flags;
    for (unsigned i = 0; i < 3; i++) {
        reader.taps = i == 2;
        children[i] = reader_run(&reader, i);
    }
    options.ring_bytes = (size_t)16 << 10;
    publisher = reader_open(&options);
    reader_await(&reader, 3);
    for (uint64_t i = 0; i < count; i++) {
        if (i % 5 == 0) {
            reserve_in_vain(publisher, i);
        }
        CHECK_STATUS(i % 3 == 0
                         ? reader_send(publisher, i, 0, peer_soon())
                         : publish_in_place(publisher, i, (size_t)(i % 1000)),
                     WEFT_OK);
    }
    reserve_in_vain(publisher, 1);
    weft_publisher_close(&publisher);
    for (unsigned i = 0; i < 3; i++) {
        const struct reader_found *found = &reader.found[i];

        CHECK(peer_ended_well(&children[i]));
        CHECK_STATUS((weft_status)found->end, WEFT_ECLOSED);
        CHECK(found->messages + found->lost_in_all == count);
        CHECK(flags == 0 || i == 2 || found->lost_in_all == 0);
    }
    reader_deinit(&reader, 3);
}

/* What is given back may have moved the end of the ring on: who sleeps there
 * is woken for the next message all the same. */
static void test_cancel_wakes(void)
{
    weft_publisher_options options = WEFT_PUBLISHER_OPTIONS_INIT;
    weft_publisher *publisher;
    struct reader reader;
    peer_process child;

    reader_init(&reader, 1);
    reader.wait = WEFT_WAIT_BLOCK;
    child = reader_run(&reader, 0);
    options.ring_bytes = (size_t)16 << 10;
    publisher = reader_open(&options);
    reader_await(&reader, 1);
    for (uint64_t i = 0; i < peer_rounds(500); i++) {
        uint64_t soon = peer_soon();
        void *space;

        CHECK_STATUS(weft_publisher_reserve(publisher, 6000, &space, WEFT_NOW),
                     WEFT_OK);
        if (i % 3 != 0) {
            weft_publisher_cancel(publisher);
            CHECK_STATUS(reader_publish(publisher, i, 1, 0), WEFT_OK);
        } else {
            peer_fill(space, reader_bytes(i, 0), i);
            CHECK_STATUS(weft_publisher_commit(publisher, reader_bytes(i, 0)),
                         WEFT_OK);
        }
        while (reader.found->messages <= i && weft_now_ns() < soon) {
            (void)sched_yield();
        }
        REQUIRE(weft_now_ns() < soon);
    }
    weft_publisher_close(&publisher);
    CHECK(peer_ended_well(&child));
    CHECK(reader.found->lost_in_all == 0);
    reader_deinit(&reader, 1);
}

static void expect_nothing(weft_subscriber *subscriber, weft_tap *tap)
{
    unsigned char room[8];
    weft_publication publication = {.data = room, .bytes = sizeof(room)};

    CHECK_STATUS(weft_subscriber_recv(subscriber, &publication, WEFT_NOW),
                 WEFT_EAGAIN);
    CHECK_STATUS(weft_tap_next(tap, &publication), WEFT_EAGAIN);
}

static void test_reservation_rules(void)
{
    weft_publisher *publisher = reader_open(NULL);
    size_t most = weft_publisher_message_max(publisher);
    weft_subscriber *subscriber = NULL;
    weft_tap *tap = NULL;
    unsigned char room[8];
    weft_publication publication = {.data = room, .bytes = sizeof(room)};
    void *space;
    void *other;

    REQUIRE(weft_subscriber_open(READER_TOPIC, NULL, peer_soon(), &subscriber,
                                 NULL) == WEFT_OK);
    REQUIRE(weft_tap_open(READER_TOPIC, NULL, peer_soon(), &tap, NULL) ==
            WEFT_OK);
    weft_publisher_cancel(NULL);
    weft_publisher_cancel(publisher);
    CHECK_STATUS(weft_publisher_reserve(NULL, 1, &space, WEFT_NOW),
                 WEFT_EINVAL);
    CHECK_STATUS(weft_publisher_reserve(publisher, 1, NULL, WEFT_NOW),
                 WEFT_EINVAL);
    CHECK_STATUS(weft_publisher_reserve(publisher, most + 1, &space, WEFT_NOW),
                 WEFT_EMSGSIZE);
    CHECK(space == NULL);
    CHECK_STATUS(weft_publisher_commit(NULL, 0), WEFT_EINVAL);
    CHECK_STATUS(weft_publisher_commit(publisher, 0), WEFT_EINVAL);

    CHECK_STATUS(weft_publisher_reserve(publisher, 8, &space, WEFT_NOW),
                 WEFT_OK);
    peer_fill(space, 8, 1);
    expect_nothing(subscriber, tap);
    CHECK_STATUS(weft_publisher_send(publisher, "x", 1, WEFT_NOW), WEFT_EBUSY);
    CHECK_STATUS(weft_publisher_reserve(publisher, 1, &other, WEFT_NOW),
                 WEFT_EBUSY);
    CHECK(other == NULL);
    CHECK_STATUS(weft_publisher_commit(publisher, 9), WEFT_EINVAL);
    expect_nothing(subscriber, tap);
    CHECK_STATUS(weft_publisher_commit(publisher, 8), WEFT_OK);
    CHECK_STATUS(weft_publisher_commit(publisher, 8), WEFT_EINVAL);
    CHECK_STATUS(weft_subscriber_recv(subscriber, &publication, WEFT_NOW),
                 WEFT_OK);
    CHECK(publication.bytes == 8 && peer_is_filled(room, 8, 1));
    CHECK_STATUS(weft_tap_next(tap, &publication), WEFT_OK);
    CHECK(publication.bytes == 8 && peer_is_filled(room, 8, 1));

    CHECK_STATUS(weft_publisher_reserve(publisher, most, &space, WEFT_NOW),
                 WEFT_OK);
    weft_publisher_cancel(publisher);
    expect_nothing(subscriber, tap);
    CHECK_STATUS(weft_publisher_reserve(publisher, 0, &space, WEFT_NOW),
                 WEFT_OK);
    CHECK_STATUS(weft_publisher_commit(publisher, 0), WEFT_OK);
    publication.bytes = sizeof(room);
    CHECK_STATUS(weft_subscriber_recv(subscriber, &publication, WEFT_NOW),
                 WEFT_OK);
    CHECK(publication.bytes == 0 && publication.sequence == 1 &&
          publication.lost == 0);
    CHECK_STATUS(weft_publisher_reserve(publisher, 8, &space, WEFT_NOW),
                 WEFT_OK);
    weft_publisher_close(&publisher);
    CHECK_STATUS(weft_subscriber_recv(subscriber, &publication, peer_soon()),
                 WEFT_ECLOSED);
    weft_subscriber_close(&subscriber);
    weft_tap_close(&tap);
}

void test_main(void)
{
    peer_names_begin();
    check_case("two lossy subscribers get all, or are told what they lost");
    test_all(WEFT_WAIT_ADAPTIVE, 0);
    check_case("two reliable subscribers get all");
    test_all(WEFT_WAIT_ADAPTIVE, WEFT_SUBSCRIBER_RELIABLE);
    check_case("the same, of two that never spin");
    test_all(WEFT_WAIT_BLOCK, WEFT_SUBSCRIBER_RELIABLE);
    check_case("the same, of two that never sleep");
    test_all(WEFT_WAIT_SPIN, WEFT_SUBSCRIBER_RELIABLE);
    check_case("two that sleep are woken for each message");
    test_single();
    check_case("a late subscriber begins with the next message");
    test_late(0, 5, 5, 5);
    test_late(0, 12345, 12345, 12345);
    test_late(WEFT_SUBSCRIBER_RELIABLE, 12345, 12345, 12345);
    check_case("a late subscriber gets the history that is there");
    test_late(WEFT_SUBSCRIBER_HISTORY, 20, 0, 0);
    test_late(WEFT_SUBSCRIBER_HISTORY | WEFT_SUBSCRIBER_RELIABLE, 20, 0, 0);
    test_late(WEFT_SUBSCRIBER_HISTORY | WEFT_SUBSCRIBER_RELIABLE, 12345,
              12345 - 16384 / 110, 12345 - 50);
    check_case("a message of any size that fits arrives whole");
    test_sizes();
    check_case("what is published in place arrives, and nothing else");
    test_reserve(0);
    test_reserve(WEFT_SUBSCRIBER_RELIABLE);
    check_case("who sleeps is woken past a reservation that was given back");
    test_cancel_wakes();
    check_case("one reservation at a time, seen by nobody before its commit");
    test_reservation_rules();
    peer_names_end();
}
