/* SPDX-License-Identifier: MIT
 *
 * A subscriber reads to the end of a publisher that is about to close, and
 * looks for others before that one's name has gone: it does not join it again.
 */
#include <stdbool.h>

#include <weft/weft.h>

#include "check.h"
#include "os/fake/step.h"
#include "peer.h"

#define TOPIC "closing"
#define MESSAGES 3u

static weft_subscriber *subscriber;
static bool has_read;

static weft_status receive(void)
{
    unsigned char room[8];
    weft_publication publication = {.data = room, .bytes = sizeof(room)};

    return weft_subscriber_recv(subscriber, &publication, peer_soon());
}

/* The end is there to be seen, and the publisher's thread is not told yet. */
static void read_to_end(void)
{
    wefti_step_follow(NULL, NULL);
    for (unsigned i = 0; i < MESSAGES; i++) {
        CHECK_STATUS(receive(), WEFT_OK);
    }
    CHECK_STATUS(receive(), WEFT_ECLOSED);
    has_read = true;
}

void test_main(void)
{
    static struct wefti_steps steps = {.die_in = "closed"};
    weft_subscriber_stats stats = {.size = sizeof(stats)};
    weft_publisher *publisher;

    peer_names_begin();
    check_case("who has read to the end does not get it all again");
    REQUIRE(weft_publisher_open(TOPIC, NULL, &publisher, NULL) == WEFT_OK);
    REQUIRE(weft_subscriber_open(TOPIC, NULL, peer_soon(), &subscriber, NULL) ==
            WEFT_OK);
    for (unsigned i = 0; i < MESSAGES; i++) {
        CHECK_STATUS(weft_publisher_send(publisher, "one", 3, WEFT_NOW),
                     WEFT_OK);
    }
    wefti_step_follow(&steps, read_to_end);
    weft_publisher_close(&publisher);
    wefti_step_follow(NULL, NULL);
    CHECK(has_read);
    CHECK_STATUS(weft_subscriber_get_stats(subscriber, &stats), WEFT_OK);
    CHECK(stats.messages == MESSAGES && stats.lost == 0);
    weft_subscriber_close(&subscriber);
    peer_names_end();
}
