/* SPDX-License-Identifier: MIT
 *
 * Fails every call to the operating system that a poll set makes, one at a time
 * and in each of its ways, with all that can be in it: both ends of everything
 * are in this process. Whatever fails: nobody hangs, nothing that has come is
 * lost, all goes well when it is begun again, and nothing is kept.
 */
#include <string.h>

#include "check.h"
#include "os/fake/fake.h"
#include "peer.h"
#include "sides.h"

#define TOPIC "topic"
#define LISTENER "listener"
#define SERVICE "service"
/* What a wait that a failure has made hopeless may take. */
#define PATIENCE_NS (WEFT_TEST_TIME_SCALE * UINT64_C(500000000))

enum key {
    KEY_CHANNEL,
    KEY_SUBSCRIBER,
    KEY_SERVICE,
    KEY_LISTENER,
    KEY_EVENT,
    KEYS
};

static weft_poll *poll;
static weft_channel *first;
static weft_channel *second;
static weft_publisher *publisher;
static weft_subscriber *subscriber;
static weft_service *service;
static weft_listener *listener;
static weft_event event;

/* What a call must be: done, or refused with a reason. */
static bool went_well(weft_status status, const weft_detail *detail)
{
    CHECK(status == WEFT_OK || detail->status == status);
    return status == WEFT_OK;
}

static bool add_all(void)
{
    weft_detail detail = {WEFT_OK, 0, NULL};

    return went_well(weft_poll_add_channel(poll, second, KEY_CHANNEL, &detail),
                     &detail) &&
           went_well(weft_poll_add_subscriber(poll, subscriber, KEY_SUBSCRIBER,
                                              &detail),
                     &detail) &&
           went_well(weft_poll_add_service(poll, service, KEY_SERVICE, &detail),
                     &detail) &&
           went_well(weft_poll_add_handle(poll, weft_listener_handle(listener),
                                          WEFT_POLL_READ, KEY_LISTENER,
                                          &detail),
                     &detail) &&
           went_well(weft_poll_add_event(poll, &event, KEY_EVENT, &detail),
                     &detail);
}

static weft_status take(enum key key)
{
    weft_publication publication = {.data = NULL};
    char room[10];
    size_t bytes;

    if (key == KEY_EVENT) {
        return weft_event_wait_until(&event, WEFT_NOW);
    }
    return key == KEY_CHANNEL
               ? weft_channel_try_recv(second, room, sizeof(room), &bytes)
               : weft_subscriber_recv(subscriber, &publication, WEFT_NOW);
}

/* Waits until a key was told, and its message taken. */
static bool await(enum key key)
{
    uint64_t end = weft_after_ns(PATIENCE_NS);

    while (weft_now_ns() < end) {
        weft_detail detail = {WEFT_OK, 0, NULL};
        weft_poll_item items[KEYS];
        size_t count;
        weft_status status =
            weft_poll_wait(poll, items, KEYS, &count, end, &detail);

        CHECK(status == WEFT_OK || count == 0);
        if (!went_well(status, &detail)) {
            return false;
        }
        for (size_t i = 0; i < count; i++) {
            status = items[i].key == key ? take(key) : WEFT_EAGAIN;
            if (status != WEFT_EAGAIN) {
                return status == WEFT_OK;
            }
        }
    }
    CHECK_NOT_HERE("what has come is told");
    return false;
}

static bool is_silent(void)
{
    weft_poll_item items[KEYS];
    size_t count;

    return weft_poll_wait(poll, items, KEYS, &count, WEFT_NOW, NULL) ==
               WEFT_EAGAIN &&
           weft_poll_wait(poll, items, KEYS, &count, weft_after_ns(PEER_MS),
                          NULL) == WEFT_ETIMEDOUT;
}

static bool go_round(void)
{
    for (unsigned i = 0; i < 2; i++) {
        if (!is_silent() || weft_channel_try_send(first, "x", 1) != WEFT_OK ||
            !await(KEY_CHANNEL) ||
            weft_publisher_send(publisher, "", 0, WEFT_NOW) != WEFT_OK ||
            !await(KEY_SUBSCRIBER) || weft_event_set(&event) != WEFT_OK ||
            !await(KEY_EVENT)) {
            return false;
        }
    }
    return true;
}

/* What is not the set's is opened where nothing fails. */
static void open_all(void)
{
    peer_both_ends(NULL, NULL, &first, &second);
    REQUIRE(weft_publisher_open(TOPIC, NULL, &publisher, NULL) == WEFT_OK);
    REQUIRE(weft_subscriber_open(TOPIC, NULL, peer_soon(), &subscriber, NULL) ==
            WEFT_OK);
    REQUIRE(weft_service_open(SERVICE, NULL, &service, NULL) == WEFT_OK);
    REQUIRE(weft_channel_listen(LISTENER, NULL, &listener, NULL) == WEFT_OK);
    REQUIRE(weft_event_init(&event, WEFT_EVENT_AUTO_RESET) == WEFT_OK);
}

static void close_all(void)
{
    weft_listener_close(&listener);
    weft_service_close(&service);
    weft_subscriber_close(&subscriber);
    weft_publisher_close(&publisher);
    weft_channel_close(&first);
    weft_channel_close(&second);
}

/* False: something has failed. */
static bool go_through(void)
{
    weft_detail detail = {WEFT_OK, 0, NULL};
    bool is_through;

    is_through = went_well(weft_poll_open(NULL, &poll, &detail), &detail);
    CHECK((poll != NULL) == is_through);
    is_through = is_through && add_all() && go_round();
    weft_poll_close(&poll);
    return is_through;
}

/* Returns how many ways the failed call has; 0: the script has ended before. */
static unsigned fail(uint64_t number, unsigned variant)
{
    struct sides_holdings before = sides_hold();
    int64_t live = fake_live_allocations();
    unsigned variants;

    open_all();
    fake_fail_at(number, variant);
    if (!go_through()) {
        CHECK(fake_failed_operation() != NULL);
        close_all();
        open_all();
        CHECK(go_through());
    }
    variants = fake_failed_variants();
    fake_reset();
    close_all();
    CHECK(fake_live_allocations() == live);
    sides_check_holdings(&before);
    return variants;
}

void test_main(void)
{
    uint64_t number = 0;
    unsigned variants;

    check_case("each call of a poll set fails once");
    peer_names_begin();
    open_all();
    CHECK(go_through()); /* what is made once is kept */
    close_all();
    do {
        variants = fail(++number, 0);
        for (unsigned i = 1; i < variants; i++) {
            (void)fail(number, i);
        }
    } while (variants != 0);
    CHECK(number > 30);
    peer_names_end();
}
