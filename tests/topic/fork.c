/* SPDX-License-Identifier: MIT
 *
 * A forked child has a publisher and a subscriber in name only: it can close
 * them, and the parent's go on.
 */
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "reader.h"

static weft_publisher *publisher;
static weft_subscriber *subscriber;

static void look_in_child(void)
{
    weft_publisher_stats of_publisher = {.size = sizeof(of_publisher)};
    weft_subscriber_stats of_subscriber = {.size = sizeof(of_subscriber)};
    weft_publication publication = {.data = NULL};
    weft_handle handle;

    CHECK_STATUS(weft_publisher_send(publisher, "", 0, WEFT_NOW), WEFT_EFORKED);
    CHECK_STATUS(weft_publisher_get_stats(publisher, &of_publisher),
                 WEFT_EFORKED);
    CHECK_STATUS(weft_subscriber_recv(subscriber, &publication, WEFT_NOW),
                 WEFT_EFORKED);
    CHECK_STATUS(weft_subscriber_get_stats(subscriber, &of_subscriber),
                 WEFT_EFORKED);
    CHECK_STATUS(weft_subscriber_handle(subscriber, &handle), WEFT_EFORKED);
    weft_subscriber_close(&subscriber);
    weft_publisher_close(&publisher);
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
    exchange(0);
    child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        look_in_child();
        check_exit_child();
    }
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    check_case("the parent's go on");
    exchange(10);
    weft_subscriber_close(&subscriber);
    weft_publisher_close(&publisher);
    publisher = reader_open(NULL);
    weft_publisher_close(&publisher);
    peer_names_end();
}
