/* SPDX-License-Identifier: MIT
 *
 * Fails every call to the operating system that a topic makes, one at a time
 * and in each of its ways: those of the publisher, of its own thread, and of a
 * subscriber or a tap, all in this process, and of one that stays without a
 * publisher, in a poll set. Whatever fails: nobody hangs, somebody is told or
 * does without, all goes well when it is begun again, and nothing is kept. And
 * no call is made at all to publish to a tap.
 */
#include <string.h>

#include "check.h"
#include "guard.h"
#include "os/fake/fake.h"
#include "peer.h"
#include "sides.h"

#define NAME "fail"
#define BYTES 1000
/* What a wait that a failure has made hopeless may take. */
#define PATIENCE_NS (WEFT_TEST_TIME_SCALE * UINT64_C(500000000))

static weft_publisher *publisher;
static weft_subscriber *subscriber;
static weft_poll *poll;
static weft_tap *tap;
static uint64_t sent;
static uint64_t received;

static bool open_publisher(void)
{
    weft_publisher_options options = WEFT_PUBLISHER_OPTIONS_INIT;
    weft_detail detail = {WEFT_OK, 0, NULL};
    weft_status status;

    sent = 0;
    received = 0;
    options.ring_bytes = (size_t)16 << 10;
    status = weft_publisher_open(NAME, &options, &publisher, &detail);
    CHECK((publisher != NULL) == (status == WEFT_OK));
    CHECK(status == WEFT_OK || detail.status == status);
    return status == WEFT_OK;
}

static bool open_both(void)
{
    weft_subscriber_options of_subscriber = WEFT_SUBSCRIBER_OPTIONS_INIT;
    weft_detail detail = {WEFT_OK, 0, NULL};
    weft_status status;

    if (!open_publisher()) {
        return false;
    }
    of_subscriber.flags = WEFT_SUBSCRIBER_RELIABLE;
    of_subscriber.wait = WEFT_WAIT_BLOCK;
    status = weft_subscriber_open(
        NAME, &of_subscriber, weft_after_ns(PATIENCE_NS), &subscriber, &detail);
    CHECK((subscriber != NULL) == (status == WEFT_OK));
    CHECK(status == WEFT_OK || detail.status == status);
    return status == WEFT_OK;
}

static weft_status publish(uint64_t deadline_ns)
{
    unsigned char data[BYTES];
    weft_status status;

    sides_fill(data, sizeof(data), sent);
    status = weft_publisher_send(publisher, data, sizeof(data), deadline_ns);
    sent += status == WEFT_OK;
    return status;
}

static weft_status receive(uint64_t deadline_ns)
{
    unsigned char data[BYTES];
    weft_publication publication = {.data = data, .bytes = sizeof(data)};
    weft_status status =
        weft_subscriber_recv(subscriber, &publication, deadline_ns);

    if (status == WEFT_OK) {
        CHECK(publication.sequence == received && publication.lost == 0);
        CHECK(sides_matches(data, publication.bytes, received));
        received++;
    }
    return status;
}

/* Parks, is rung, and takes what has come. */
static bool exchange(void)
{
    for (unsigned i = 0; i < 3; i++) {
        if (receive(weft_after_ns(PEER_MS)) != WEFT_ETIMEDOUT ||
            publish(weft_after_ns(PATIENCE_NS)) != WEFT_OK ||
            receive(weft_after_ns(PATIENCE_NS)) != WEFT_OK) {
            return false;
        }
    }
    return true;
}

static bool fill_and_drain(void)
{
    weft_status status = WEFT_OK;

    /* Without its subscriber the ring is never full. */
    for (unsigned i = 0; i < 100 && status == WEFT_OK; i++) {
        status = publish(WEFT_NOW);
    }
    if (status != WEFT_EAGAIN ||
        publish(weft_after_ns(PEER_MS)) != WEFT_ETIMEDOUT) {
        return false;
    }
    while (received < sent) {
        if (receive(weft_after_ns(PATIENCE_NS)) != WEFT_OK) {
            return false;
        }
    }
    return publish(weft_after_ns(PATIENCE_NS)) == WEFT_OK;
}

static bool await_in_set(void)
{
    weft_poll_item item;
    size_t count;
    weft_status status;

    do {
        status = weft_poll_wait(poll, &item, 1, &count,
                                weft_after_ns(2 * PATIENCE_NS), NULL);
        if (status == WEFT_OK) {
            status = receive(WEFT_NOW);
        }
    } while (status == WEFT_EAGAIN);
    return status == WEFT_OK;
}

static bool open_stays(void)
{
    weft_subscriber_options options = WEFT_SUBSCRIBER_OPTIONS_INIT;

    sent = 0;
    received = 0;
    options.flags = WEFT_SUBSCRIBER_STAYS;
    return weft_subscriber_open(NAME, &options, WEFT_NOW, &subscriber, NULL) ==
               WEFT_OK &&
           weft_poll_open(NULL, &poll, NULL) == WEFT_OK &&
           weft_poll_add_subscriber(poll, subscriber, 0, NULL) == WEFT_OK &&
           receive(WEFT_NOW) == WEFT_EAGAIN;
}

/* Two publishers, one after the other, of one that stays. */
static bool stay(void)
{
    weft_publisher_options options = WEFT_PUBLISHER_OPTIONS_INIT;
    bool is_through = open_stays();

    options.ring_bytes = (size_t)16 << 10;
    for (unsigned i = 0; i < 2 && is_through; i++) {
        sent = 0;
        received = 0;
        is_through =
            weft_publisher_open(NAME, &options, &publisher, NULL) == WEFT_OK &&
            publish(WEFT_NOW) == WEFT_OK && await_in_set();
        weft_publisher_close(&publisher);
    }
    weft_subscriber_close(&subscriber);
    weft_poll_close(&poll);
    return is_through;
}

/* False: something has failed. */
static bool follow(void)
{
    bool is_through = open_both() && exchange() && fill_and_drain();

    weft_publisher_close(&publisher);
    if (is_through) {
        is_through = receive(weft_after_ns(PATIENCE_NS)) == WEFT_OK;
    }
    if (is_through) {
        is_through = receive(weft_after_ns(PATIENCE_NS)) == WEFT_ECLOSED;
    }
    weft_subscriber_close(&subscriber);
    return is_through;
}

/* ------------------------------------------------------------------ tap - */

static bool open_tap(void)
{
    weft_detail detail = {WEFT_OK, 0, NULL};
    weft_status status =
        open_publisher() ? weft_tap_open(NAME, NULL, weft_after_ns(PATIENCE_NS),
                                         &tap, &detail)
                         : WEFT_ENOENT;

    CHECK((tap != NULL) == (status == WEFT_OK));
    CHECK(publisher == NULL || status == WEFT_OK || detail.status == status);
    return status == WEFT_OK;
}

static weft_status look(void)
{
    uint64_t until = weft_after_ns(PATIENCE_NS);
    unsigned char data[BYTES];
    weft_publication publication;
    weft_status status;

    for (;;) {
        publication = (weft_publication){.data = data, .bytes = sizeof(data)};
        status = weft_tap_next(tap, &publication);
        if (status != WEFT_EAGAIN || weft_now_ns() >= until) {
            break;
        }
        guard_nap_us(100);
    }
    if (status == WEFT_OK) {
        CHECK(publication.sequence == received && publication.lost == 0);
        CHECK(sides_matches(data, publication.bytes, received));
        received++;
    }
    return status;
}

/* Its death is looked for meanwhile, and others are. */
static void let_time_pass(void)
{
    unsigned char data[1];
    weft_publication publication = {.data = data, .bytes = sizeof(data)};
    uint64_t until = weft_after_ns(25 * PEER_MS);

    while (weft_now_ns() < until &&
           weft_tap_next(tap, &publication) == WEFT_EAGAIN) {
        guard_nap_us(1000);
    }
}

static bool tap_through(void)
{
    bool is_through = open_tap();

    for (unsigned i = 0; i < 3 && is_through; i++) {
        is_through =
            publish(weft_after_ns(PATIENCE_NS)) == WEFT_OK && look() == WEFT_OK;
    }
    if (is_through) {
        let_time_pass();
    }
    weft_publisher_close(&publisher);
    is_through = is_through && look() == WEFT_ECLOSED;
    weft_tap_close(&tap);
    return is_through;
}

/* ------------------------------------------------------------- the test - */

static _Atomic int watched;
static _Atomic unsigned calls;

static void note_call(const char *name)
{
    (void)name;
    calls += peer_thread() == watched;
}

/* Several laps of the ring, and the tap reads now and then. */
static void publish_in_peace(void)
{
    CHECK(open_tap());
    fake_before_each(note_call);
    for (unsigned i = 0; i < 200; i++) {
        watched = peer_thread();
        CHECK_STATUS(publish(WEFT_NOW), WEFT_OK);
        watched = 0;
        CHECK_STATUS(look(), WEFT_OK);
    }
    fake_before_each(NULL);
    CHECK(calls == 0);
    weft_publisher_close(&publisher);
    weft_tap_close(&tap);
}

/* Returns how many ways the failed call has; 0: the script has ended before. */
static unsigned fail(bool (*go)(void), uint64_t number, unsigned variant)
{
    struct sides_holdings before = sides_hold();
    int64_t live = fake_live_allocations();
    unsigned variants;

    fake_fail_at(number, variant);
    if (!go()) {
        CHECK(fake_failed_operation() != NULL);
        CHECK(go());
    }
    variants = fake_failed_variants();
    fake_reset();
    CHECK(fake_live_allocations() == live);
    sides_check_holdings(&before);
    return variants;
}

static void fail_each(bool (*go)(void))
{
    uint64_t number = 0;
    unsigned variants;

    CHECK(go()); /* what is made once is kept */
    do {
        variants = fail(go, ++number, 0);
        for (unsigned i = 1; i < variants; i++) {
            (void)fail(go, number, i);
        }
    } while (variants != 0);
    CHECK(number > 30);
}

void test_main(void)
{
    peer_names_begin();
    check_case("each call of a topic fails once");
    fail_each(follow);
    check_case("each call of one that stays fails once");
    fail_each(stay);
    check_case("each call of a tap and its publisher fails once");
    fail_each(tap_through);
    check_case("no call is made to publish to a tap");
    publish_in_peace();
    peer_names_end();
}
