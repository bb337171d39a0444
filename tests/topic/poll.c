/* SPDX-License-Identifier: MIT
 *
 * The handle of a subscriber for event loops: ready while there is something
 * to receive, and not after WEFT_EAGAIN.
 */
#include "channel/loop.h"
#include "check.h"
#include "reader.h"

static weft_subscriber *subscribers[2];
static weft_handle handles[2];

static weft_status try_recv(unsigned which)
{
    unsigned char room[READER_MOST];
    weft_publication publication = {.data = room, .bytes = sizeof(room)};

    return weft_subscriber_recv(subscribers[which], &publication, WEFT_NOW);
}

static void test_poll(weft_publisher *publisher)
{
    uint64_t sequence = 0;

    for (unsigned i = 0; i < 2; i++) {
        CHECK_STATUS(try_recv(i), WEFT_EAGAIN);
        CHECK(!loop_is_ready(handles[i], 0));
    }
    for (unsigned round = 0; round < 20; round++) {
        for (unsigned k = 0; k < 3; k++, sequence++) {
            CHECK_STATUS(reader_publish(publisher, sequence, 1, 0), WEFT_OK);
        }
        for (unsigned i = 0; i < 2; i++) {
            for (unsigned k = 0; k < 3; k++) {
                CHECK(loop_is_ready(handles[i], 5000));
                CHECK_STATUS(try_recv(i), WEFT_OK);
            }
            CHECK_STATUS(try_recv(i), WEFT_EAGAIN);
            CHECK(!loop_is_ready(handles[i], 0));
        }
    }
}

void test_main(void)
{
    weft_publisher *publisher;

    peer_names_begin();
    publisher = reader_open(NULL);
    for (unsigned i = 0; i < 2; i++) {
        REQUIRE(weft_subscriber_open(READER_TOPIC, NULL, peer_soon(),
                                     &subscribers[i], NULL) == WEFT_OK);
        REQUIRE(weft_subscriber_handle(subscribers[i], &handles[i]) == WEFT_OK);
    }
    loop_open(handles[0], handles[1]);
    check_case("a subscriber is ready when something was published");
    test_poll(publisher);
    check_case("it is ready when the publisher has closed");
    weft_publisher_close(&publisher);
    for (unsigned i = 0; i < 2; i++) {
        CHECK(loop_is_ready(handles[i], 5000));
        CHECK_STATUS(try_recv(i), WEFT_ECLOSED);
        CHECK(loop_is_ready(handles[i], 0));
    }
    loop_close();
    for (unsigned i = 0; i < 2; i++) {
        weft_subscriber_close(&subscribers[i]);
    }
    peer_names_end();
}
