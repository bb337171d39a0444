/* SPDX-License-Identifier: MIT
 *
 * A publisher begins when a subscriber has looked who is there, and before it
 * has greeted the first: so the first one can't tell it, and it is found all
 * the same.
 */
#include <string.h>

#include <weft/weft.h>

#include "check.h"
#include "os/fake/fake.h"
#include "peer.h"

#define TOPIC "unseen"

static weft_publisher *late;

static void begin_late(const char *name)
{
    if (strcmp(name, "endpoint_connect") == 0) {
        fake_before_each(NULL);
        REQUIRE(weft_publisher_open(TOPIC, NULL, &late, NULL) == WEFT_OK);
    }
}

void test_main(void)
{
    unsigned char room[8];
    weft_publication publication = {.data = room, .bytes = sizeof(room)};
    weft_publisher *first;
    weft_subscriber *subscriber;

    peer_names_begin();
    check_case("who begins while a subscriber looks is found");
    REQUIRE(weft_publisher_open(TOPIC, NULL, &first, NULL) == WEFT_OK);
    fake_before_each(begin_late);
    CHECK_STATUS(
        weft_subscriber_open(TOPIC, NULL, peer_soon(), &subscriber, NULL),
        WEFT_OK);
    fake_before_each(NULL);
    REQUIRE(late != NULL && subscriber != NULL);
    CHECK_STATUS(weft_publisher_send(late, "late", 4, WEFT_NOW), WEFT_OK);
    CHECK_STATUS(weft_subscriber_recv(subscriber, &publication, peer_soon()),
                 WEFT_OK);
    CHECK(publication.bytes == 4 && memcmp(room, "late", 4) == 0);
    weft_subscriber_close(&subscriber);
    weft_publisher_close(&first);
    weft_publisher_close(&late);
    peer_names_end();
}
