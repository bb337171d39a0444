/* SPDX-License-Identifier: MIT
 *
 * The largest message that there may be, between two processes. It takes
 * 3 GiB of memory, and is skipped where those are not free.
 */
#include "check.h"
#include "peer.h"

static void send_largest(weft_channel *channel, void *context)
{
    (void)context;
    CHECK_STATUS(peer_send(channel, (size_t)WEFT_MESSAGE_MAX, 1,
                           weft_after_ns(60 * PEER_S)),
                 WEFT_OK);
    CHECK_STATUS(peer_send(channel, 9, 2, peer_soon()), WEFT_OK);
}

void test_main(void)
{
    weft_channel *channel;
    const void *data;
    size_t bytes = 0;
    peer_process sender;

    if (peer_free_memory() < 4 * WEFT_MESSAGE_MAX) {
        SKIP("there are no 4 GiB of free memory");
    }
    check_case("a message of 1 GiB passes a ring of the default size");
    sender = peer_start(NULL, NULL, send_largest, NULL, 0, &channel);
    CHECK_STATUS(
        weft_channel_peek(channel, &data, &bytes, weft_after_ns(60 * PEER_S)),
        WEFT_OK);
    CHECK(bytes == WEFT_MESSAGE_MAX && peer_is_filled(data, bytes, 1));
    weft_channel_release(channel);
    peer_receives(channel, 9, 2);
    CHECK(peer_ended_well(&sender));
    weft_channel_close(&channel);
}
