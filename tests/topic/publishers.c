/* SPDX-License-Identifier: MIT
 *
 * Publishers that share a topic, and come and go.
 */
#include <string.h>

#include "check.h"
#include "reader.h"

#define PRESSES 8u
#define COUNT 2000u

/* What a publisher in a process of its own is told. Its ring holds all. */
struct press {
    peer_gate open; /* opened when it has its place */
    peer_gate go;   /* passed before it publishes */
    peer_gate end;  /* passed before it ends */
    bool dies;
};

static void init_press(struct press *press)
{
    memset(press, 0, sizeof(*press));
    peer_gate_init(&press->open);
    peer_gate_init(&press->go);
    peer_gate_init(&press->end);
}

static void deinit_press(struct press *press)
{
    peer_gate_deinit(&press->open);
    peer_gate_deinit(&press->go);
    peer_gate_deinit(&press->end);
}

static void publish(void *context)
{
    const struct press *press = context;
    weft_publisher *publisher = reader_open(NULL);

    peer_gate_open(&press->open);
    REQUIRE(peer_gate_pass(&press->go));
    CHECK_STATUS(reader_publish(publisher, 0, peer_rounds(COUNT), 0), WEFT_OK);
    REQUIRE(peer_gate_pass(&press->end));
    if (press->dies) {
        peer_die();
    }
    weft_publisher_close(&publisher);
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

/* The number of publishers that a subscriber has. */
static unsigned count_publishers(const weft_subscriber *subscriber)
{
    weft_subscriber_stats stats = {.size = sizeof(stats)};

    CHECK_STATUS(weft_subscriber_get_stats(subscriber, &stats), WEFT_OK);
    return stats.publishers;
}

/* Has the subscriber look for them until it has so many. */
static void await_publishers(weft_subscriber *subscriber, unsigned count)
{
    weft_publication nothing = {.data = NULL};
    uint64_t soon = peer_soon();

    while (count_publishers(subscriber) < count && weft_now_ns() < soon) {
        CHECK_STATUS(
            weft_subscriber_recv(subscriber, &nothing, weft_after_ns(PEER_MS)),
            WEFT_ETIMEDOUT);
    }
    CHECK(count_publishers(subscriber) == count);
}

/* Receives one, sound, of anybody. */
static weft_status recv_one(weft_subscriber *subscriber,
                            weft_publication *publication)
{
    static unsigned char room[READER_MOST];
    weft_status status;

    *publication = (weft_publication){.data = room, .bytes = sizeof(room)};
    status = weft_subscriber_recv(subscriber, publication, peer_soon());
    CHECK(status != WEFT_OK || reader_is_sound(publication, 0));
    return status;
}

/*
 * Takes all of so many publishers, each in its order, until none is left.
 * Returns how many deaths were told.
 */
static unsigned take_all(weft_subscriber *subscriber, unsigned presses)
{
    uint64_t publishers[PRESSES] = {0};
    uint64_t next[PRESSES] = {0};
    unsigned found = 0;
    unsigned deaths = 0;
    weft_publication publication;
    weft_status status;

    for (;;) {
        unsigned i = 0;

        status = recv_one(subscriber, &publication);
        if (status == WEFT_EPEERDIED && deaths < PRESSES) {
            deaths++;
            continue;
        }
        if (status != WEFT_OK) {
            break;
        }
        while (i < found && publishers[i] != publication.publisher) {
            i++;
        }
        if (i == found && CHECK(found < presses)) {
            publishers[found++] = publication.publisher;
        }
        if (i < PRESSES) {
            CHECK(publication.sequence == next[i] && publication.lost == 0);
            next[i] = publication.sequence + 1;
        }
    }
    CHECK_STATUS(status, deaths == presses ? WEFT_EPEERDIED : WEFT_ECLOSED);
    CHECK(found == presses);
    for (unsigned i = 0; i < found; i++) {
        CHECK(next[i] == peer_rounds(COUNT));
    }
    return deaths;
}

static void test_many(unsigned flags, bool comes_first)
{
    peer_process children[PRESSES];
    weft_subscriber *subscriber = NULL;
    struct press press;

    init_press(&press);
    for (unsigned i = 0; i < PRESSES; i++) {
        children[i] = peer_run(publish, &press, sizeof(press));
        REQUIRE(peer_gate_pass(&press.open));
        if (comes_first && i == 0) {
            subscriber = subscribe(flags);
        }
    }
    if (subscriber == NULL) {
        subscriber = subscribe(flags);
        CHECK(count_publishers(subscriber) == PRESSES);
    } else {
        await_publishers(subscriber, PRESSES);
    }
    for (unsigned i = 0; i < PRESSES; i++) {
        peer_gate_open(&press.go);
        peer_gate_open(&press.end);
    }
    CHECK(take_all(subscriber, PRESSES) == 0);
    for (unsigned i = 0; i < PRESSES; i++) {
        CHECK(peer_ended_well(&children[i]));
    }
    weft_subscriber_close(&subscriber);
    deinit_press(&press);
}

/* One comes while the subscriber sleeps, and has all that it says heard. */
static void test_late(void)
{
    peer_process child;
    weft_publication publication;
    weft_subscriber *subscriber;
    weft_publisher *publisher;
    struct press press;
    uint64_t first;

    init_press(&press);
    peer_gate_open(&press.go);
    publisher = reader_open(NULL);
    subscriber = subscribe(0);
    CHECK_STATUS(reader_publish(publisher, 0, 1, 0), WEFT_OK);
    CHECK_STATUS(recv_one(subscriber, &publication), WEFT_OK);
    first = publication.publisher;
    child = peer_run(publish, &press, sizeof(press));
    for (unsigned i = 0; i < peer_rounds(COUNT); i++) {
        if (!CHECK_STATUS(recv_one(subscriber, &publication), WEFT_OK)) {
            break;
        }
        CHECK(publication.publisher != first && publication.sequence == i &&
              publication.lost == 0);
    }
    peer_gate_open(&press.end);
    CHECK(peer_ended_well(&child));
    CHECK_STATUS(reader_publish(publisher, 1, 1, 0), WEFT_OK);
    CHECK_STATUS(recv_one(subscriber, &publication), WEFT_OK);
    CHECK(publication.publisher == first && publication.sequence == 1);
    weft_publisher_close(&publisher);
    CHECK_STATUS(recv_one(subscriber, &publication), WEFT_ECLOSED);
    weft_subscriber_close(&subscriber);
    deinit_press(&press);
}

/* Deaths are told one by one, and what was said before is taken. */
static void test_deaths(void)
{
    peer_process children[PRESSES];
    weft_subscriber *subscriber;
    struct press press;

    init_press(&press);
    press.dies = true;
    for (unsigned i = 0; i < PRESSES; i++) {
        children[i] = peer_run(publish, &press, sizeof(press));
        REQUIRE(peer_gate_pass(&press.open));
    }
    subscriber = subscribe(WEFT_SUBSCRIBER_RELIABLE);
    for (unsigned i = 0; i < PRESSES; i++) {
        peer_gate_open(&press.go);
        peer_gate_open(&press.end);
    }
    CHECK(take_all(subscriber, PRESSES) == PRESSES);
    for (unsigned i = 0; i < PRESSES; i++) {
        CHECK(peer_was_killed(&children[i]));
    }
    weft_subscriber_close(&subscriber);
    deinit_press(&press);
}

/* Places that become free are taken again, and found. */
static void test_places(void)
{
    weft_publisher *publishers[3];
    weft_subscriber *subscriber;
    weft_publication publication;

    for (unsigned i = 0; i < 3; i++) {
        publishers[i] = reader_open(NULL);
    }
    subscriber = subscribe(0);
    CHECK(count_publishers(subscriber) == 3);
    for (unsigned i = 0; i < 3; i++) {
        weft_publisher_close(&publishers[i]);
        publishers[i] = reader_open(NULL);
        CHECK_STATUS(reader_publish(publishers[i], 0, 1, 0), WEFT_OK);
        CHECK_STATUS(recv_one(subscriber, &publication), WEFT_OK);
        CHECK(publication.publisher > 3 && publication.sequence == 0);
    }
    CHECK(count_publishers(subscriber) == 3);
    /* The first place is free, and found out to be the only one. */
    for (unsigned i = 0; i < 3; i++) {
        weft_publisher_close(&publishers[i]);
    }
    CHECK_STATUS(recv_one(subscriber, &publication), WEFT_ECLOSED);
    weft_subscriber_close(&subscriber);
}

/* One who stays has no end. */
static void test_stays(void)
{
    weft_subscriber *subscriber = subscribe(WEFT_SUBSCRIBER_STAYS);
    weft_publication publication = {.data = NULL};

    CHECK(weft_subscriber_message_max(subscriber) == 0);
    CHECK_STATUS(weft_subscriber_recv(subscriber, &publication, WEFT_NOW),
                 WEFT_EAGAIN);
    CHECK_STATUS(
        weft_subscriber_recv(subscriber, &publication, weft_after_ns(PEER_MS)),
        WEFT_ETIMEDOUT);
    for (unsigned i = 0; i < 3; i++) {
        weft_publisher *publisher = reader_open(NULL);

        CHECK_STATUS(reader_publish(publisher, 0, 2, 0), WEFT_OK);
        for (unsigned k = 0; k < 2; k++) {
            CHECK_STATUS(recv_one(subscriber, &publication), WEFT_OK);
            CHECK(publication.sequence == k && publication.lost == 0);
        }
        weft_publisher_close(&publisher);
        CHECK_STATUS(weft_subscriber_recv(subscriber, &publication, WEFT_NOW),
                     WEFT_EAGAIN);
    }
    weft_subscriber_close(&subscriber);
}

/* A message for which there is no room stays the next one. */
static void test_large(void)
{
    weft_publisher *publishers[2];
    weft_subscriber *subscriber;
    unsigned char room[100];
    weft_publication publication = {.data = room, .bytes = 10};

    publishers[0] = reader_open(NULL);
    publishers[1] = reader_open(NULL);
    subscriber = subscribe(0);
    memset(room, 0, sizeof(room));
    for (unsigned i = 0; i < 2; i++) {
        CHECK_STATUS(weft_publisher_send(publishers[i], room, 50 + i, WEFT_NOW),
                     WEFT_OK);
    }
    for (unsigned i = 0; i < 2; i++) {
        size_t bytes;

        publication.bytes = 10;
        for (unsigned k = 0; k < 2; k++) {
            CHECK_STATUS(
                weft_subscriber_recv(subscriber, &publication, WEFT_NOW),
                WEFT_EMSGSIZE);
            bytes = publication.bytes;
            publication.bytes = 49;
        }
        publication.bytes = sizeof(room);
        CHECK_STATUS(weft_subscriber_recv(subscriber, &publication, WEFT_NOW),
                     WEFT_OK);
        CHECK(publication.bytes == bytes);
    }
    weft_subscriber_close(&subscriber);
    for (unsigned i = 0; i < 2; i++) {
        weft_publisher_close(&publishers[i]);
    }
}

/* Opens one in vain. */
static void refuse(const char *name, unsigned flags, weft_status expected)
{
    weft_publisher_options options = WEFT_PUBLISHER_OPTIONS_INIT;
    weft_publisher *publisher = NULL;
    weft_detail detail = {WEFT_OK, 0, ""};

    options.flags = flags;
    options.ring_bytes = (size_t)16 << 10;
    options.handshake_ns = 100 * PEER_MS;
    CHECK_STATUS(weft_publisher_open(name, &options, &publisher, &detail),
                 expected);
    CHECK(publisher == NULL && detail.status == expected);
}

static void test_sole(void)
{
    weft_publisher_options options = WEFT_PUBLISHER_OPTIONS_INIT;
    weft_publisher *publisher;
    weft_publisher *second;
    weft_subscriber *subscriber;
    weft_publication publication;

    options.flags = WEFT_PUBLISHER_SOLE;
    publisher = reader_open(&options);
    subscriber = subscribe(0);
    refuse(READER_TOPIC, WEFT_PUBLISHER_SOLE, WEFT_EINUSE);
    refuse(READER_TOPIC, 0, WEFT_EINUSE);
    CHECK_STATUS(reader_publish(publisher, 0, 1, 0), WEFT_OK);
    CHECK_STATUS(recv_one(subscriber, &publication), WEFT_OK);
    CHECK(count_publishers(subscriber) == 1);
    weft_subscriber_close(&subscriber);
    weft_publisher_close(&publisher);
    publisher = reader_open(NULL);
    second = reader_open(NULL);
    refuse(READER_TOPIC, WEFT_PUBLISHER_SOLE, WEFT_EINUSE);
    weft_publisher_close(&publisher);
    refuse(READER_TOPIC, WEFT_PUBLISHER_SOLE, WEFT_EINUSE);
    weft_publisher_close(&second);
}

static void test_names(void)
{
    weft_publisher_options options = WEFT_PUBLISHER_OPTIONS_INIT;
    weft_publisher *publishers[64];
    weft_listener *listener = NULL;
    weft_subscriber *subscriber = NULL;

    refuse("numbered+1", 0, WEFT_ENAME);
    CHECK_STATUS(
        weft_subscriber_open("numbered+1", NULL, WEFT_NOW, &subscriber, NULL),
        WEFT_ENAME);
    CHECK_STATUS(weft_channel_listen("numbered+1", NULL, &listener, NULL),
                 WEFT_ENAME);
    REQUIRE(weft_channel_listen("taken", NULL, &listener, NULL) == WEFT_OK);
    refuse("taken", 0, WEFT_ETIMEDOUT);
    weft_listener_close(&listener);
    if (peer_cost > 1) {
        return; /* each of them greets all the others */
    }
    options.ring_bytes = (size_t)16 << 10;
    for (unsigned i = 0; i < 64; i++) {
        publishers[i] = reader_open(&options);
    }
    refuse(READER_TOPIC, 0, WEFT_ELIMIT);
    subscriber = subscribe(0);
    CHECK(count_publishers(subscriber) == 64);
    weft_subscriber_close(&subscriber);
    for (unsigned i = 0; i < 64; i++) {
        weft_publisher_close(&publishers[i]);
    }
}

void test_main(void)
{
    peer_names_begin();
    check_case("who subscribes gets all of all publishers");
    test_many(0, false);
    test_many(WEFT_SUBSCRIBER_RELIABLE, false);
    check_case("and of those who come later");
    test_many(WEFT_SUBSCRIBER_RELIABLE, true);
    check_case("one who comes while a subscriber sleeps is heard");
    test_late();
    check_case("each death is told once");
    test_deaths();
    check_case("places are taken again");
    test_places();
    check_case("who stays waits for the next publisher");
    test_stays();
    check_case("a message that is too large for its room stays the next one");
    test_large();
    check_case("a publisher that shares with nobody");
    test_sole();
    check_case("names that can't be shared");
    test_names();
    peer_names_end();
}
