/* SPDX-License-Identifier: MIT
 *
 * Ends: of a subscriber, of a publisher, in order and not.
 */
#include <string.h>

#include "check.h"
#include "reader.h"

#define COUNT 100u

/* What a publisher in another process is told. */
struct press {
    peer_gate ready;
    peer_gate go;
    bool closes;
};

static void publish(void *context)
{
    const struct press *press = context;
    weft_publisher *publisher = reader_open(NULL);

    peer_gate_open(&press->ready);
    REQUIRE(peer_gate_pass(&press->go));
    CHECK_STATUS(reader_publish(publisher, 0, COUNT, 0), WEFT_OK);
    if (!press->closes) {
        peer_die();
    }
    weft_publisher_close(&publisher);
}

static void test_publisher(bool closes, bool sleeps, unsigned flags)
{
    weft_subscriber_options options = WEFT_SUBSCRIBER_OPTIONS_INIT;
    weft_subscriber *subscriber = NULL;
    struct press press = {.closes = closes};
    unsigned char room[READER_MOST];
    weft_publication publication;
    peer_process child;

    peer_gate_init(&press.ready);
    peer_gate_init(&press.go);
    child = peer_run(publish, &press, sizeof(press));
    REQUIRE(peer_gate_pass(&press.ready));
    options.flags = flags;
    options.wait = sleeps ? WEFT_WAIT_BLOCK : WEFT_WAIT_DEFAULT;
    REQUIRE(weft_subscriber_open(READER_TOPIC, &options, peer_soon(),
                                 &subscriber, NULL) == WEFT_OK);
    peer_gate_open(&press.go);
    if (!sleeps) {
        CHECK(closes ? peer_ended_well(&child) : peer_was_killed(&child));
    }
    for (unsigned i = 0; i < COUNT; i++) {
        publication = (weft_publication){.data = room, .bytes = sizeof(room)};
        CHECK_STATUS(
            weft_subscriber_recv(subscriber, &publication, peer_soon()),
            WEFT_OK);
        CHECK(publication.sequence == i && reader_is_sound(&publication, 0));
    }
    for (unsigned i = 0; i < 2; i++) {
        CHECK_STATUS(
            weft_subscriber_recv(subscriber, &publication, peer_soon()),
            closes ? WEFT_ECLOSED : WEFT_EPEERDIED);
    }
    if (sleeps) {
        CHECK(closes ? peer_ended_well(&child) : peer_was_killed(&child));
    }
    weft_subscriber_close(&subscriber);
    peer_gate_deinit(&press.ready);
    peer_gate_deinit(&press.go);
}

static void await_subscribers(weft_publisher *publisher, unsigned count)
{
    weft_publisher_stats stats = {.size = sizeof(stats)};
    uint64_t soon = peer_soon();

    do {
        CHECK_STATUS(weft_publisher_get_stats(publisher, &stats), WEFT_OK);
    } while (stats.subscribers != count && weft_now_ns() < soon);
    CHECK(stats.subscribers == count);
}

/* Subscribers that die, one of them while the publisher waits for it. */
static void test_subscribers(unsigned flags)
{
    weft_publisher_options options = WEFT_PUBLISHER_OPTIONS_INIT;
    peer_process children[3];
    weft_publisher *publisher;
    struct reader reader;
    uint64_t count = 50;

    reader_init(&reader, 3);
    reader.flags = flags;
    children[0] = reader_run(&reader, 0);
    reader.stop_after = 1;
    children[1] = reader_run(&reader, 1);
    reader.stop_after = 20;
    children[2] = reader_run(&reader, 2);
    options.ring_bytes = (size_t)16 << 10;
    publisher = reader_open(&options);
    reader_await(&reader, 3);
    CHECK_STATUS(reader_publish(publisher, 0, count, 0), WEFT_OK);
    CHECK(peer_await_asleep(&children[2]));
    peer_kill(&children[2]);
    await_subscribers(publisher, 2);
    CHECK(peer_await_asleep(&children[1]));
    while (flags != 0 &&
           reader_send(publisher, count, 0, WEFT_NOW) == WEFT_OK) {
        count++;
    }
    CHECK(peer_strike(children[1].id));
    CHECK_STATUS(reader_publish(publisher, count, 1, 0), WEFT_OK);
    CHECK(peer_was_killed(&children[1]));
    await_subscribers(publisher, 1);
    peer_kill(&children[0]);
    await_subscribers(publisher, 0);
    CHECK_STATUS(reader_publish(publisher, 0, 1000, 0), WEFT_OK);
    weft_publisher_close(&publisher);
    reader_deinit(&reader, 3);
}

/*
 * Who comes before the last one's end was taken is joined, and has all his
 * messages taken; an end that was told stays.
 */
static void test_again(void)
{
    weft_publication publication = {.data = NULL};
    weft_subscriber *subscriber = NULL;
    weft_publisher *publisher = reader_open(NULL);

    REQUIRE(weft_subscriber_open(READER_TOPIC, NULL, peer_soon(), &subscriber,
                                 NULL) == WEFT_OK);
    weft_publisher_close(&publisher);
    publisher = reader_open(NULL);
    CHECK_STATUS(weft_publisher_send(publisher, "", 0, WEFT_NOW), WEFT_OK);
    CHECK_STATUS(weft_subscriber_recv(subscriber, &publication, peer_soon()),
                 WEFT_OK);
    CHECK(publication.sequence == 0 && publication.lost == 0);
    weft_publisher_close(&publisher);
    CHECK_STATUS(weft_subscriber_recv(subscriber, &publication, peer_soon()),
                 WEFT_ECLOSED);
    publisher = reader_open(NULL);
    CHECK_STATUS(weft_subscriber_recv(subscriber, &publication, WEFT_NOW),
                 WEFT_ECLOSED);
    weft_subscriber_close(&subscriber);
    weft_publisher_close(&publisher);
    CHECK_STATUS(
        weft_subscriber_open(READER_TOPIC, NULL, WEFT_NOW, &subscriber, NULL),
        WEFT_ENOENT);
}

void test_main(void)
{
    peer_names_begin();
    check_case("after the publisher has closed all is there, and then its end");
    test_publisher(true, false, 0);
    test_publisher(true, true, 0);
    test_publisher(true, true, WEFT_SUBSCRIBER_RELIABLE);
    check_case("after the publisher was killed, too");
    test_publisher(false, false, 0);
    test_publisher(false, true, 0);
    test_publisher(false, true, WEFT_SUBSCRIBER_RELIABLE);
    check_case("lossy subscribers that are killed are dropped");
    test_subscribers(0);
    check_case("reliable subscribers that are killed stand in nobody's way");
    test_subscribers(WEFT_SUBSCRIBER_RELIABLE);
    check_case("a topic is opened again, and is another one");
    test_again();
    peer_names_end();
}
