/* SPDX-License-Identifier: MIT
 *
 * A channel that somebody polls can still be waited for: the call sleeps, and
 * is neither kept awake by what makes the handle ready nor taken in by it.
 */
#include "check.h"
#include "guard.h"
#include "peer.h"
#include "sides.h"

#define SECONDS 20
#define PATIENCE_NS UINT64_C(5000000000)
#define NAP_US 100000
#define LARGE 200000

static const weft_channel_options options = {
    .size = sizeof(weft_channel_options),
    .wait = WEFT_WAIT_BLOCK,
    .ring_max_bytes = 65536,
};

static unsigned char room[LARGE];

static uint64_t soon(void)
{
    return weft_after_ns(PATIENCE_NS);
}

/* Takes its time, twice: to read, and to answer. */
static void be_slow(weft_channel *channel, void *context)
{
    size_t got;

    (void)context;
    guard_watch("the slow peer", SECONDS);
    guard_nap_us(NAP_US);
    CHECK_STATUS(weft_channel_send(channel, "", 1), WEFT_OK);
    guard_nap_us(NAP_US);
    CHECK_STATUS(
        weft_channel_recv_until(channel, room, sizeof(room), &got, soon()),
        WEFT_OK);
    CHECK(got == LARGE);
}

void test_main(void)
{
    weft_channel *channel;
    weft_handle handle;
    uint64_t began;
    size_t got;
    peer_process peer =
        peer_start(&options, &options, be_slow, NULL, 0, &channel);

    check_case("a receive sleeps though its handle is exposed");
    CHECK_STATUS(weft_channel_recv_handle(channel, &handle), WEFT_OK);
    began = guard_cpu_ns();
    CHECK_STATUS(
        weft_channel_recv_until(channel, room, sizeof(room), &got, soon()),
        WEFT_OK);
    CHECK(guard_cpu_ns() - began < NAP_US * UINT64_C(1000) / 2);

    check_case("a send sleeps though its handle is exposed");
    CHECK_STATUS(weft_channel_send_handle(channel, &handle), WEFT_OK);
    began = guard_cpu_ns();
    CHECK_STATUS(weft_channel_send_until(channel, room, sizeof(room), soon()),
                 WEFT_OK);
    CHECK(guard_cpu_ns() - began < NAP_US * UINT64_C(1000) / 2);
    weft_channel_close(&channel);
    CHECK(peer_ended_well(&peer));
}
