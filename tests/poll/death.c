/* SPDX-License-Identifier: MIT
 *
 * A peer that dies while a poll set waits: its endpoint is ready, and its call
 * says what has happened; the others go on.
 */
#include "check.h"
#include "peer.h"

#define PEERS 8

static weft_poll *poll;
static weft_channel *channels[PEERS];

/* Sends one message, and sleeps until it is killed. */
static void send_and_sleep(weft_channel *channel, void *context)
{
    (void)context;
    CHECK_STATUS(peer_send(channel, 10, 1, peer_soon()), WEFT_OK);
    peer_await_kill();
}

/* The next that is told: its key, or PEERS. */
static uint64_t next_key(uint64_t deadline_ns)
{
    weft_poll_item item;
    size_t count;

    return weft_poll_wait(poll, &item, 1, &count, deadline_ns, NULL) == WEFT_OK
               ? item.key
               : PEERS;
}

static weft_status try_recv(uint64_t key)
{
    char room[100];
    size_t bytes;

    return weft_channel_try_recv(channels[key], room, sizeof(room), &bytes);
}

void test_main(void)
{
    peer_process children[PEERS];

    for (unsigned i = 0; i < PEERS; i++) {
        children[i] =
            peer_start(NULL, NULL, send_and_sleep, NULL, 0, &channels[i]);
    }
    REQUIRE(weft_poll_open(NULL, &poll, NULL) == WEFT_OK);
    for (unsigned i = 0; i < PEERS; i++) {
        CHECK_STATUS(weft_poll_add_channel(poll, channels[i], i, NULL),
                     WEFT_OK);
    }
    check_case("each peer is heard");
    for (unsigned left = PEERS; left > 0;) {
        uint64_t key = next_key(peer_soon());

        REQUIRE(key < PEERS);
        left -= try_recv(key) == WEFT_OK;
    }
    for (unsigned i = 0; i < PEERS; i++) {
        weft_status status = WEFT_EAGAIN;

        check_case("a peer that is killed makes its channel ready");
        CHECK(next_key(weft_after_ns(PEER_MS)) == PEERS);
        peer_kill(&children[i]);
        while (status == WEFT_EAGAIN && next_key(peer_soon()) == i) {
            status = try_recv(i);
        }
        CHECK(status == WEFT_EPEERDIED);
        check_case("it stays ready until it is closed");
        CHECK(next_key(WEFT_NOW) == i);
        weft_channel_close(&channels[i]);
    }
    CHECK(next_key(WEFT_NOW) == PEERS);
    weft_poll_close(&poll);
}
