/* SPDX-License-Identifier: MIT
 *
 * Reliable subscribers: the publisher waits for them, or cuts them off.
 */
#include <string.h>

#include "check.h"
#include "reader.h"

#define COUNT 3000u

static weft_publisher_options small_ring(void)
{
    weft_publisher_options options = WEFT_PUBLISHER_OPTIONS_INIT;

    options.ring_bytes = (size_t)16 << 10;
    return options;
}

static weft_subscriber *subscribe(unsigned flags)
{
    weft_subscriber_options options = WEFT_SUBSCRIBER_OPTIONS_INIT;
    weft_subscriber *subscriber = NULL;

    options.flags = flags;
    REQUIRE(weft_subscriber_open(READER_TOPIC, &options, peer_soon(),
                                 &subscriber, NULL) == WEFT_OK);
    return subscriber;
}

/* One slow reader and a fast one: both get all, at the pace of the slow one. */
static void test_slow(weft_wait wait)
{
    weft_publisher_options options = small_ring();
    weft_publisher_stats stats = {.size = sizeof(stats)};
    peer_process children[2];
    weft_publisher *publisher;
    struct reader reader;
    unsigned count = peer_rounds(COUNT);

    reader_init(&reader, 2);
    reader.flags = WEFT_SUBSCRIBER_RELIABLE;
    reader.wait = wait;
    children[0] = reader_run(&reader, 0);
    reader.slow_ns = 100000;
    children[1] = reader_run(&reader, 1);
    options.wait = wait;
    publisher = reader_open(&options);
    reader_await(&reader, 2);
    CHECK_STATUS(reader_publish(publisher, 0, count, 0), WEFT_OK);
    CHECK_STATUS(weft_publisher_get_stats(publisher, &stats), WEFT_OK);
    CHECK(stats.full > 0 && stats.cut_off == 0);
    /* No more can be ahead of it than the ring holds of the least records. */
    CHECK(reader.found[1].messages + options.ring_bytes / 32 >= count);
    weft_publisher_close(&publisher);
    for (unsigned i = 0; i < 2; i++) {
        CHECK(peer_ended_well(&children[i]));
        CHECK(reader.found[i].messages == count);
        CHECK(reader.found[i].lost_in_all == 0);
    }
    reader_deinit(&reader, 2);
}

/* Fills the ring until there is no room; says how many messages that took. */
static uint64_t fill(weft_publisher *publisher)
{
    weft_status status;
    uint64_t i = 0;

    do {
        status = reader_send(publisher, i, 0, WEFT_NOW);
        i += status == WEFT_OK;
    } while (status == WEFT_OK);
    CHECK_STATUS(status, WEFT_EAGAIN);
    return i;
}

static void test_deadline(void)
{
    weft_publisher_options options = small_ring();
    weft_publisher *publisher = reader_open(&options);
    weft_subscriber *subscriber = subscribe(WEFT_SUBSCRIBER_RELIABLE);
    unsigned char room[READER_MOST];
    uint64_t count = fill(publisher);
    uint64_t began = weft_now_ns();

    CHECK_STATUS(
        weft_publisher_send(publisher, room, 200, weft_after_ns(50 * PEER_MS)),
        WEFT_ETIMEDOUT);
    CHECK(weft_now_ns() - began >= 50 * PEER_MS);
    for (uint64_t i = 0; i < count; i++) {
        weft_publication publication = {.data = room, .bytes = sizeof(room)};

        CHECK_STATUS(weft_subscriber_recv(subscriber, &publication, WEFT_NOW),
                     WEFT_OK);
        CHECK(publication.sequence == i && reader_is_sound(&publication, 0));
    }
    CHECK_STATUS(weft_publisher_send(publisher, room, 200, WEFT_NOW), WEFT_OK);
    weft_subscriber_close(&subscriber);
    CHECK_STATUS(reader_publish(publisher, count, COUNT, 0), WEFT_OK);
    weft_publisher_close(&publisher);
}

/* One that has stopped is cut off; one that has not gets all. */
static void test_cut_off(bool sleeps)
{
    weft_publisher_options options = small_ring();
    weft_publisher_stats stats = {.size = sizeof(stats)};
    weft_publication publication;
    unsigned char data[READER_MOST];
    weft_subscriber *stopped;
    weft_publisher *publisher;
    struct reader reader;
    peer_process child;
    weft_status status;
    uint64_t began;

    reader_init(&reader, 1);
    reader.flags = WEFT_SUBSCRIBER_RELIABLE;
    child = reader_run(&reader, 0);
    options.cut_off_ns = 50 * PEER_MS;
    publisher = reader_open(&options);
    reader_await(&reader, 1);
    stopped = subscribe(WEFT_SUBSCRIBER_RELIABLE);
    publication = (weft_publication){.data = data, .bytes = sizeof(data)};
    began = weft_now_ns();
    CHECK_STATUS(reader_publish(publisher, 0, sleeps ? 115 : COUNT, 0),
                 WEFT_OK);
    if (sleeps) { /* a little more than the ring holds */
        while (weft_publisher_get_stats(publisher, &stats) == WEFT_OK &&
               stats.cut_off == 0 && weft_now_ns() < peer_soon()) {
            CHECK_STATUS(reader_publish(publisher, stats.messages, 1, 0),
                         WEFT_OK);
        }
    }
    CHECK(weft_now_ns() - began >= 50 * PEER_MS);
    CHECK_STATUS(weft_publisher_get_stats(publisher, &stats), WEFT_OK);
    CHECK(stats.cut_off == 1 && stats.reliable == 1);
    do {
        status = weft_subscriber_recv(stopped, &publication, peer_soon());
    } while (status == WEFT_OK && CHECK(reader_is_sound(&publication, 0)));
    CHECK_STATUS(status, WEFT_ELIMIT);
    CHECK_STATUS(weft_subscriber_recv(stopped, &publication, WEFT_NOW),
                 WEFT_ELIMIT);
    weft_subscriber_close(&stopped);
    weft_publisher_close(&publisher);
    CHECK(peer_ended_well(&child));
    CHECK(reader.found->messages == stats.messages);
    reader_deinit(&reader, 1);
}

void test_main(void)
{
    peer_names_begin();
    check_case("the publisher waits for a slow reliable subscriber");
    test_slow(WEFT_WAIT_ADAPTIVE);
    check_case("the same, where nobody spins");
    test_slow(WEFT_WAIT_BLOCK);
    check_case("a full ring is told in time, and nothing in it is lost");
    test_deadline();
    check_case("a subscriber that has stopped is cut off, and told");
    test_cut_off(false);
    check_case("the same, when it has hardly missed anything");
    test_cut_off(true);
    peer_names_end();
}
