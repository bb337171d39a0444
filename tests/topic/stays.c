/* SPDX-License-Identifier: MIT
 *
 * The handle of a subscriber that stays: ready when somebody begins to
 * publish, and quiet while nobody does, whatever else has the name.
 */
#include <pthread.h>
#include <stdio.h>

#include "channel/loop.h"
#include "check.h"
#include "reader.h"

/* Subscribers of one process, each of a name of its own. */
#define MANY 40u

/* Looks that a handle which is ready for nothing may cost. */
#define LOOKS_MOST 50u

static weft_subscriber *subscribers[2];
static weft_handle handles[2];

static weft_subscriber *subscribe(const char *name)
{
    weft_subscriber_options options = WEFT_SUBSCRIBER_OPTIONS_INIT;
    weft_subscriber *subscriber = NULL;

    options.flags = WEFT_SUBSCRIBER_STAYS;
    options.handshake_ns = 200 * PEER_MS * WEFT_TEST_TIME_SCALE;
    REQUIRE(weft_subscriber_open(name, &options, peer_soon(), &subscriber,
                                 NULL) == WEFT_OK);
    return subscriber;
}

static weft_publisher *publish(const char *name)
{
    weft_publisher_options options = WEFT_PUBLISHER_OPTIONS_INIT;
    weft_publisher *publisher = NULL;

    options.ring_bytes = (size_t)16 << 10;
    REQUIRE(weft_publisher_open(name, &options, &publisher, NULL) == WEFT_OK);
    CHECK_STATUS(reader_publish(publisher, 0, 1, 0), WEFT_OK);
    return publisher;
}

static weft_status try_recv(weft_subscriber *subscriber)
{
    unsigned char room[READER_MOST];
    weft_publication publication = {.data = room, .bytes = sizeof(room)};

    return weft_subscriber_recv(subscriber, &publication, WEFT_NOW);
}

/* As an event loop does: waits for a message, or an end. */
static weft_status await_news(unsigned which)
{
    for (unsigned looks = 0; looks < LOOKS_MOST; looks++) {
        weft_status status = try_recv(subscribers[which]);

        if (status != WEFT_EAGAIN) {
            return status;
        }
        if (!CHECK(loop_is_ready(handles[which], 20000))) {
            break;
        }
    }
    return WEFT_EAGAIN;
}

/* Does it have nothing to say, and say it only so often? */
static void check_one_quiet(unsigned which)
{
    unsigned looks = 0;

    do {
        CHECK_STATUS(try_recv(subscribers[which]), WEFT_EAGAIN);
    } while (loop_is_ready(handles[which], 50) && ++looks < LOOKS_MOST);
    CHECK(looks < LOOKS_MOST);
}

static void check_quiet(void)
{
    check_one_quiet(0);
    check_one_quiet(1);
}

static void test_publisher(void)
{
    weft_publisher *publisher = publish(READER_TOPIC);

    for (unsigned i = 0; i < 2; i++) {
        CHECK_STATUS(await_news(i), WEFT_OK);
    }
    check_quiet();
    CHECK_STATUS(reader_publish(publisher, 1, 1, 0), WEFT_OK);
    for (unsigned i = 0; i < 2; i++) {
        CHECK_STATUS(await_news(i), WEFT_OK);
    }
    weft_publisher_close(&publisher);
    check_quiet();
}

/* It greets nobody, or turns them away. */
static void test_taken(void)
{
    weft_listener *listener = NULL;
    weft_publisher *publisher;

    REQUIRE(weft_channel_listen(READER_TOPIC, NULL, &listener, NULL) ==
            WEFT_OK);
    /* There may be room for one in its queue, for which the other one tries. */
    check_one_quiet(0);
    weft_listener_close(&listener);
    publisher = publish(READER_TOPIC);
    for (unsigned i = 0; i < 2; i++) {
        CHECK_STATUS(await_news(i), WEFT_OK);
    }
    weft_publisher_close(&publisher);
    check_quiet();
}

struct serving {
    peer_gate open;
    peer_gate end;
};

static void serve(void *context)
{
    const struct serving *serving = context;
    weft_service *service = NULL;
    weft_poll *poll = NULL;
    weft_poll_item item;
    weft_request request;
    size_t count;

    REQUIRE(weft_poll_open(NULL, &poll, NULL) == WEFT_OK);
    REQUIRE(weft_service_open(READER_TOPIC, NULL, &service, NULL) == WEFT_OK);
    REQUIRE(weft_poll_add_service(poll, service, 0, NULL) == WEFT_OK);
    peer_gate_open(&serving->open);
    while (weft_poll_wait(poll, &item, 1, &count, weft_after_ns(PEER_S),
                          NULL) == WEFT_OK) {
        (void)weft_service_next(service, &request, WEFT_NOW, NULL);
    }
    weft_service_close(&service);
    weft_poll_close(&poll);
    peer_gate_open(&serving->end);
}

/* It answers that it is something else. */
static void test_turned_away(void)
{
    struct serving serving;
    peer_process child;
    weft_publisher *publisher;

    peer_gate_init(&serving.open);
    peer_gate_init(&serving.end);
    child = peer_run(serve, &serving, sizeof(serving));
    REQUIRE(peer_gate_pass(&serving.open));
    check_quiet();
    REQUIRE(peer_gate_pass(&serving.end));
    CHECK(peer_ended_well(&child));
    check_quiet();
    publisher = publish(READER_TOPIC);
    for (unsigned i = 0; i < 2; i++) {
        CHECK_STATUS(await_news(i), WEFT_OK);
    }
    weft_publisher_close(&publisher);
    check_quiet();
    peer_gate_deinit(&serving.open);
    peer_gate_deinit(&serving.end);
}

static void publish_and_die(void *context)
{
    const peer_gate *told = context;

    (void)publish(READER_TOPIC);
    (void)peer_gate_pass(told);
    peer_die();
}

static void test_deaths(void)
{
    peer_gate told;

    peer_gate_init(&told);
    for (unsigned round = 0; round < 3; round++) {
        peer_process child = peer_run(publish_and_die, &told, sizeof(told));

        for (unsigned i = 0; i < 2; i++) {
            CHECK_STATUS(await_news(i), WEFT_OK);
        }
        peer_gate_open(&told);
        for (unsigned i = 0; i < 2; i++) {
            CHECK_STATUS(await_news(i), WEFT_EPEERDIED);
        }
        CHECK(peer_was_killed(&child));
        check_quiet();
    }
    peer_gate_deinit(&told);
}

/* ---------------------------------------------------------------- crowd --- */

static void name_nth(char name[32], unsigned nth)
{
    (void)snprintf(name, 32, "topic-%u", nth);
}

/* Many names, one process; each is told of its own. */
static void test_many(void)
{
    static weft_subscriber *many[MANY];
    weft_publisher *publisher;
    weft_poll *poll = NULL;
    weft_poll_item item;
    char name[32];
    size_t count;

    REQUIRE(weft_poll_open(NULL, &poll, NULL) == WEFT_OK);
    for (unsigned i = 0; i < MANY; i++) {
        name_nth(name, i);
        many[i] = subscribe(name);
        REQUIRE(weft_poll_add_subscriber(poll, many[i], i, NULL) == WEFT_OK);
    }
    for (unsigned i = 0; i < MANY; i++) {
        weft_status status = WEFT_EAGAIN;
        unsigned of_others = 0;

        /* At first all are looked at. */
        while (weft_poll_wait(poll, &item, 1, &count, WEFT_NOW, NULL) ==
               WEFT_OK) {
            CHECK_STATUS(try_recv(many[item.key]), WEFT_EAGAIN);
        }
        name_nth(name, i);
        publisher = publish(name);
        while (status == WEFT_EAGAIN && of_others < LOOKS_MOST &&
               CHECK_STATUS(
                   weft_poll_wait(poll, &item, 1, &count, peer_soon(), NULL),
                   WEFT_OK)) {
            status = try_recv(many[item.key]);
            of_others += item.key != i;
        }
        CHECK_STATUS(status, WEFT_OK);
        CHECK(item.key == i);
        weft_publisher_close(&publisher);
    }
    for (unsigned i = 0; i < MANY; i++) {
        weft_subscriber_close(&many[i]);
    }
    weft_poll_close(&poll);
}

static void *await_one(void *context)
{
    weft_subscriber *subscriber = context;
    unsigned char room[READER_MOST];
    weft_publication publication = {.data = room, .bytes = sizeof(room)};

    CHECK_STATUS(weft_subscriber_recv(subscriber, &publication, peer_soon()),
                 WEFT_OK);
    return NULL;
}

/* Threads that sleep share what is told of names. */
static void test_threads(void)
{
    weft_subscriber *sleepers[4];
    pthread_t threads[4];
    weft_publisher *publishers[4];
    char name[32];

    for (unsigned i = 0; i < 4; i++) {
        name_nth(name, i);
        sleepers[i] = subscribe(name);
        REQUIRE(pthread_create(&threads[i], NULL, await_one, sleepers[i]) == 0);
    }
    for (unsigned i = 0; i < 4; i++) {
        name_nth(name, i);
        publishers[i] = publish(name);
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
    for (unsigned i = 0; i < 4; i++) {
        weft_publisher_close(&publishers[i]);
        weft_subscriber_close(&sleepers[i]);
    }
}

void test_main(void)
{
    peer_names_begin();
    check_case("threads that wait for names are each told of their own");
    test_threads();
    for (unsigned i = 0; i < 2; i++) {
        subscribers[i] = subscribe(READER_TOPIC);
        REQUIRE(weft_subscriber_handle(subscribers[i], &handles[i]) == WEFT_OK);
    }
    loop_open(handles[0], handles[1]);
    check_case("one that stays is ready when the first publisher begins");
    check_quiet();
    test_publisher();
    check_case("and when the next one does");
    test_publisher();
    check_case("it is told of each death, and quiet then");
    test_deaths();
    check_case("what is no publisher, and says nothing, does not keep it busy");
    test_taken();
    check_case("nor does one that turns it away");
    test_turned_away();
    loop_close();
    for (unsigned i = 0; i < 2; i++) {
        weft_subscriber_close(&subscribers[i]);
    }
    check_case("many in one set are each told of their own name");
    test_many();
    peer_names_end();
}
