/* SPDX-License-Identifier: MIT
 *
 * A lossy subscriber that is ten times too slow: it counts what it lost to the
 * message, never sees one that is mixed up, and the publisher does not wait.
 *
 * $WEFT_LOSSY_S says for how many seconds the slow one reads, and then the one
 * that is lapped; make stress gives each half an hour.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "reader.h"

#define BYTES_MOST 2000
/* More than rings that a subscriber takes without a cause. */
#define WAKES 1200u
#define PACE_NS UINT64_C(5000)

static uint64_t run_ns(uint64_t instead_s)
{
    const char *text = getenv("WEFT_LOSSY_S");

    return (text != NULL ? strtoull(text, NULL, 10) : instead_s) * PEER_S;
}

/* What it took a publisher. */
struct pace {
    uint64_t count;
    uint64_t in_all_ns;
    uint64_t longest_ns;
};

/* Publishes at a pace, for a time. */
static struct pace publish_at_pace(weft_publisher *publisher, uint64_t pace_ns,
                                   uint64_t ns)
{
    uint64_t until = weft_after_ns(ns);
    uint64_t next_ns = weft_now_ns();
    struct pace pace = {0, 0, 0};

    while (weft_now_ns() < until) {
        unsigned char data[BYTES_MOST];
        size_t bytes = reader_bytes(pace.count, BYTES_MOST);
        uint64_t began;
        uint64_t took;

        peer_fill(data, bytes, pace.count);
        began = weft_now_ns();
        if (!CHECK_STATUS(weft_publisher_send(publisher, data, bytes, WEFT_NOW),
                          WEFT_OK)) {
            break;
        }
        took = weft_now_ns() - began;
        pace.in_all_ns += took;
        pace.longest_ns = took > pace.longest_ns ? took : pace.longest_ns;
        pace.count++;
        next_ns += pace_ns;
        while (weft_now_ns() < next_ns) {
        }
    }
    return pace;
}

static void report(const char *who, const struct pace *pace)
{
    uint64_t count = pace->count > 0 ? pace->count : 1;

    printf("# %s: %" PRIu64 " messages, %" PRIu64 " ns each, at most %" PRIu64
           " us\n",
           who, pace->count, pace->in_all_ns / count, pace->longest_ns / 1000);
}

/* What the same takes where nobody reads. */
static void publish_to_nobody(size_t ring_bytes, uint64_t pace_ns)
{
    weft_publisher_options options = WEFT_PUBLISHER_OPTIONS_INIT;
    weft_publisher *publisher;
    struct pace pace;

    options.ring_bytes = ring_bytes;
    publisher = reader_open(&options);
    pace = publish_at_pace(publisher, pace_ns, PEER_S / 2);
    weft_publisher_close(&publisher);
    report("to nobody", &pace);
}

static void test_slow(size_t ring_bytes, uint64_t pace_ns, uint64_t slow_ns,
                      uint64_t seconds)
{
    weft_publisher_options options = WEFT_PUBLISHER_OPTIONS_INIT;
    weft_publisher_stats stats = {.size = sizeof(stats)};
    weft_publisher *publisher;
    struct reader reader;
    peer_process child;
    struct pace pace;

    reader_init(&reader, 1);
    reader.slow_ns = slow_ns;
    reader.bytes_most = BYTES_MOST;
    child = reader_run(&reader, 0);
    options.ring_bytes = ring_bytes;
    publisher = reader_open(&options);
    reader_await(&reader, 1);
    pace = publish_at_pace(publisher, pace_ns, run_ns(seconds));
    CHECK_STATUS(weft_publisher_get_stats(publisher, &stats), WEFT_OK);
    CHECK(stats.messages == pace.count && stats.full == 0);
    weft_publisher_close(&publisher);
    CHECK(peer_ended_well(&child));
    report("to the reader", &pace);
    CHECK_STATUS((weft_status)reader.found->end, WEFT_ECLOSED);
    CHECK(reader.found->messages > 0);
    CHECK(slow_ns == 0 || reader.found->lost_in_all > pace.count / 2);
    CHECK(reader.found->messages + reader.found->lost_in_all == pace.count);
    reader_deinit(&reader, 1);
}

/* In one process: what was lost last, with no message after it, counts too. */
static void test_last_lost(void)
{
    weft_publisher_options options = WEFT_PUBLISHER_OPTIONS_INIT;
    weft_subscriber_stats stats = {.size = sizeof(stats)};
    weft_publication publication;
    unsigned char room[256];
    weft_publisher *publisher;
    weft_subscriber *subscriber = NULL;

    options.ring_bytes = (size_t)16 << 10;
    publisher = reader_open(&options);
    REQUIRE(weft_subscriber_open(READER_TOPIC, NULL, peer_soon(), &subscriber,
                                 NULL) == WEFT_OK);
    publication = (weft_publication){.data = room, .bytes = sizeof(room)};
    CHECK_STATUS(reader_publish(publisher, 0, 1000, 0), WEFT_OK);
    CHECK_STATUS(weft_subscriber_recv(subscriber, &publication, WEFT_NOW),
                 WEFT_EAGAIN);
    CHECK_STATUS(reader_publish(publisher, 1000, 1, 0), WEFT_OK);
    CHECK_STATUS(weft_subscriber_recv(subscriber, &publication, WEFT_NOW),
                 WEFT_OK);
    CHECK(publication.sequence == 1000 && publication.lost == 1000);
    CHECK(reader_is_sound(&publication, 0));
    CHECK_STATUS(reader_publish(publisher, 1001, 500, 0), WEFT_OK);
    weft_publisher_close(&publisher);
    CHECK_STATUS(weft_subscriber_recv(subscriber, &publication, peer_soon()),
                 WEFT_ECLOSED);
    CHECK_STATUS(weft_subscriber_get_stats(subscriber, &stats), WEFT_OK);
    CHECK(stats.messages == 1 && stats.lost == 1500 && stats.gaps == 2);
    weft_subscriber_close(&subscriber);
}

/*
 * One that is lapped while it sleeps, each time: it is woken for messages that
 * are gone when it looks, which is no fault of the publisher's.
 */
static void test_woken_late(void)
{
    weft_publisher_options options = WEFT_PUBLISHER_OPTIONS_INIT;
    weft_subscriber_stats stats = {.size = sizeof(stats)};
    unsigned char room[1024] = {0};
    weft_publication publication = {.data = room, .bytes = sizeof(room)};
    weft_publisher *publisher;
    weft_subscriber *subscriber = NULL;
    uint64_t sent = 0;

    options.ring_bytes = (size_t)16 << 10;
    publisher = reader_open(&options);
    REQUIRE(weft_subscriber_open(READER_TOPIC, NULL, peer_soon(), &subscriber,
                                 NULL) == WEFT_OK);
    for (unsigned i = 0; i < WAKES; i++) {
        publication.bytes = sizeof(room);
        if (!CHECK_STATUS(weft_subscriber_recv(subscriber, &publication,
                                               weft_after_ns(200000)),
                          WEFT_ETIMEDOUT)) {
            break;
        }
        for (unsigned k = 0; k < 20; k++) {
            sent += weft_publisher_send(publisher, room, sizeof(room),
                                        WEFT_NOW) == WEFT_OK;
        }
    }
    CHECK_STATUS(weft_subscriber_get_stats(subscriber, &stats), WEFT_OK);
    CHECK(stats.messages == 0);
    weft_subscriber_close(&subscriber);
    weft_publisher_close(&publisher);
    CHECK(sent == (uint64_t)WAKES * 20);
}

void test_main(void)
{
    peer_names_begin();
    check_case("what was lost is counted, at the end too");
    test_last_lost();
    check_case("who is woken for what is gone by then goes on");
    test_woken_late();
    check_case("a subscriber ten times too slow counts what it lost");
    test_slow((size_t)64 << 10, PACE_NS, 10 * PACE_NS, 10);
    publish_to_nobody((size_t)64 << 10, PACE_NS);
    check_case("a publisher at full speed laps its readers, who see no mix");
    test_slow((size_t)16 << 10, 0, 0, 3);
    peer_names_end();
}
