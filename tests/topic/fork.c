/* SPDX-License-Identifier: MIT
 *
 * A forked child has a publisher, a subscriber and a tap in name only: it can
 * close them, and the parent's go on.
 */
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "reader.h"

static weft_publisher *publisher;
static weft_subscriber *subscriber;
static weft_tap *tap;
static weft_subscriber *stays; /* of a name that nobody has yet */

static void open_stays(void)
{
    weft_subscriber_options options = WEFT_SUBSCRIBER_OPTIONS_INIT;
    weft_publication publication = {.data = NULL};

    options.flags = WEFT_SUBSCRIBER_STAYS;
    REQUIRE(weft_subscriber_open("stays", &options, WEFT_NOW, &stays, NULL) ==
            WEFT_OK);
    CHECK_STATUS(weft_subscriber_recv(stays, &publication, WEFT_NOW),
                 WEFT_EAGAIN);
}

/* The parent's is told of a publisher after the child has closed its copy. */
static void check_stays(void)
{
    weft_publication publication = {.data = NULL};
    weft_publisher *late = NULL;

    REQUIRE(weft_publisher_open("stays", NULL, &late, NULL) == WEFT_OK);
    CHECK_STATUS(weft_publisher_send(late, NULL, 0, WEFT_NOW), WEFT_OK);
    CHECK_STATUS(weft_subscriber_recv(stays, &publication, peer_soon()),
                 WEFT_OK);
    weft_publisher_close(&late);
    weft_subscriber_close(&stays);
}

static void look_in_child(void)
{
    weft_publisher_stats of_publisher = {.size = sizeof(of_publisher)};
    weft_subscriber_stats of_subscriber = {.size = sizeof(of_subscriber)};
    weft_tap_stats of_tap = {.size = sizeof(of_tap)};
    weft_publication publication = {.data = NULL};
    weft_handle handle;
    void *space;

    CHECK_STATUS(weft_publisher_send(publisher, "", 0, WEFT_NOW), WEFT_EFORKED);
    CHECK_STATUS(weft_publisher_get_stats(publisher, &of_publisher),
                 WEFT_EFORKED);
    CHECK_STATUS(weft_subscriber_recv(subscriber, &publication, WEFT_NOW),
                 WEFT_EFORKED);
    CHECK_STATUS(weft_subscriber_get_stats(subscriber, &of_subscriber),
                 WEFT_EFORKED);
    CHECK_STATUS(weft_subscriber_handle(subscriber, &handle), WEFT_EFORKED);
    CHECK_STATUS(weft_publisher_reserve(publisher, 1, &space, WEFT_NOW),
                 WEFT_EFORKED);
    CHECK_STATUS(weft_publisher_commit(publisher, 0), WEFT_EFORKED);
    weft_publisher_cancel(publisher);
    CHECK_STATUS(weft_tap_next(tap, &publication), WEFT_EFORKED);
    CHECK_STATUS(weft_tap_get_stats(tap, &of_tap), WEFT_EFORKED);
    weft_tap_close(&tap);
    weft_subscriber_close(&subscriber);
    weft_publisher_close(&publisher);
    CHECK_STATUS(weft_subscriber_recv(stays, &publication, WEFT_NOW),
                 WEFT_EFORKED);
    weft_subscriber_close(&stays);
    /* Its own watch of names takes nothing from the parent's. */
    open_stays();
    weft_subscriber_close(&stays);
}

static void exchange(uint64_t from)
{
    unsigned char room[READER_MOST];

    CHECK_STATUS(reader_publish(publisher, from, 10, 0), WEFT_OK);
    for (uint64_t i = from; i < from + 10; i++) {
        weft_publication publication = {.data = room, .bytes = sizeof(room)};

        CHECK_STATUS(
            weft_subscriber_recv(subscriber, &publication, peer_soon()),
            WEFT_OK);
        CHECK(publication.sequence == i && reader_is_sound(&publication, 0));
        publication.bytes = sizeof(room);
        CHECK_STATUS(weft_tap_next(tap, &publication), WEFT_OK);
        CHECK(publication.sequence == i && reader_is_sound(&publication, 0));
    }
}

void test_main(void)
{
    pid_t child;
    int status = 0;

    peer_names_begin();
    check_case("a child's copies do nothing, and are closed");
    publisher = reader_open(NULL);
    REQUIRE(weft_subscriber_open(READER_TOPIC, NULL, peer_soon(), &subscriber,
                                 NULL) == WEFT_OK);
    REQUIRE(weft_tap_open(READER_TOPIC, NULL, peer_soon(), &tap, NULL) ==
            WEFT_OK);
    exchange(0);
    open_stays();
    child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        look_in_child();
        check_exit_child();
    }
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    check_case("the parent's go on");
    exchange(10);
    check_stays();
    weft_tap_close(&tap);
    weft_subscriber_close(&subscriber);
    weft_publisher_close(&publisher);
    publisher = reader_open(NULL);
    weft_publisher_close(&publisher);
    peer_names_end();
}
