/* SPDX-License-Identifier: MIT
 *
 * More processes stay without a publisher than the system has watches for a
 * user (of inotify: 128 by default), and some of those that have one are
 * killed: the others' handles are all ready when somebody begins to publish.
 */
#include "check.h"
#include "reader.h"

#define CLIENTS 200u

struct plan {
    peer_gate quiet; /* opened by each before it waits */
};

static void stay(void *context)
{
    const struct plan *plan = context;
    weft_subscriber_options options = WEFT_SUBSCRIBER_OPTIONS_INIT;
    weft_subscriber *subscriber = NULL;
    unsigned char room[READER_MOST];
    weft_publication publication = {.data = room, .bytes = sizeof(room)};
    weft_poll *poll = NULL;
    weft_poll_item item;
    weft_status status;
    size_t count;

    options.flags = WEFT_SUBSCRIBER_STAYS;
    REQUIRE(weft_poll_open(NULL, &poll, NULL) == WEFT_OK);
    REQUIRE(weft_subscriber_open(READER_TOPIC, &options, peer_soon(),
                                 &subscriber, NULL) == WEFT_OK);
    REQUIRE(weft_poll_add_subscriber(poll, subscriber, 0, NULL) == WEFT_OK);
    status = weft_subscriber_recv(subscriber, &publication, WEFT_NOW);
    peer_gate_open(&plan->quiet);
    while (
        status == WEFT_EAGAIN &&
        CHECK_STATUS(weft_poll_wait(poll, &item, 1, &count, peer_soon(), NULL),
                     WEFT_OK)) {
        status = weft_subscriber_recv(subscriber, &publication, WEFT_NOW);
    }
    CHECK_STATUS(status, WEFT_OK);
    weft_subscriber_close(&subscriber);
    weft_poll_close(&poll);
}

void test_main(void)
{
    static peer_process children[CLIENTS];
    weft_publisher_options options = WEFT_PUBLISHER_OPTIONS_INIT;
    weft_publisher *publisher = NULL;
    unsigned killed = CLIENTS / 4;
    struct plan plan;

    peer_names_begin();
    peer_gate_init(&plan.quiet);
    check_case("all who stay are told of the publisher, however many");
    for (unsigned i = 0; i < CLIENTS; i++) {
        children[i] = peer_run(stay, &plan, sizeof(plan));
    }
    for (unsigned i = 0; i < CLIENTS; i++) {
        REQUIRE(peer_gate_pass(&plan.quiet));
    }
    for (unsigned i = 0; i < CLIENTS; i++) {
        CHECK(peer_await_asleep(&children[i]));
    }
    for (unsigned i = 0; i < killed; i++) {
        peer_kill(&children[i]);
    }
    for (unsigned i = killed; i < CLIENTS; i++) {
        CHECK(peer_await_asleep(&children[i]));
    }
    options.ring_bytes = (size_t)16 << 10;
    options.subscribers_max = CLIENTS;
    REQUIRE(weft_publisher_open(READER_TOPIC, &options, &publisher, NULL) ==
            WEFT_OK);
    CHECK_STATUS(reader_publish(publisher, 0, 1, 0), WEFT_OK);
    for (unsigned i = killed; i < CLIENTS; i++) {
        CHECK(peer_ended_well(&children[i]));
    }
    weft_publisher_close(&publisher);
    peer_gate_deinit(&plan.quiet);
    peer_names_end();
}
