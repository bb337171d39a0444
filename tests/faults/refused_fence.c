/* SPDX-License-Identifier: MIT
 *
 * A remote fence that both sides agreed on and that fails later, as when a
 * system-call filter is set up in between, is an error and never a sleep: the
 * producer has dropped its own fence, so a sleeper might not be woken.
 */
#include "check.h"
#include "guard.h"
#include "os/fake/fake.h"
#include "os/os.h"
#include "peer.h"
#include "sides.h"

#define SECONDS 20
#define PATIENCE_NS UINT64_C(2000000000)
#define NAP_US 50000
#define STREAM 2000

static uint64_t soon(void)
{
    return weft_after_ns(PATIENCE_NS);
}

/* A producer that streams leaves the fence to the sleeper. */
static void stream(weft_channel *channel, void *context)
{
    char byte;
    size_t got;

    (void)context;
    guard_watch("the streaming peer", SECONDS);
    for (int i = 0; i < STREAM; i++) {
        CHECK_STATUS(weft_channel_send(channel, "0123456789", 10), WEFT_OK);
        if (i == 0) {
            guard_nap_us(NAP_US); /* until the peer is awake */
        }
    }
    CHECK_STATUS(weft_channel_recv(channel, &byte, 1, &got), WEFT_ECLOSED);
}

void test_main(void)
{
    weft_channel_options options = WEFT_CHANNEL_OPTIONS_INIT;
    weft_channel *channel;
    weft_detail detail = {WEFT_OK, 0, NULL};
    uint64_t began;
    char data[16];
    size_t got;
    peer_process child;

    if (!weftos_get_facts()->fence_remote) {
        SKIP("this system has no remote fence");
    }
    check_case("a fence that was agreed on and fails is an error, no sleep");
    options.wait = WEFT_WAIT_BLOCK;
    options.ring_bytes = 1 << 20;
    child = peer_start(&options, &options, stream, NULL, 0, &channel);
    for (int i = 0; i < STREAM; i++) {
        REQUIRE(weft_channel_recv_until(channel, data, sizeof(data), &got,
                                        soon()) == WEFT_OK);
        if (i == 0) {
            guard_nap_us(2 * NAP_US); /* the rest comes meanwhile */
        }
    }
    fake_fail_next(FAKE_FENCE_REMOTE, 0);
    began = weft_now_ns();
    CHECK_STATUS(
        weft_channel_recv_until(channel, data, sizeof(data), &got, soon()),
        WEFT_ENOTSUP);
    CHECK(fake_failed_operation() != NULL);
    CHECK(weft_now_ns() - began < PATIENCE_NS / 2);
    weft_channel_get_detail(channel, &detail);
    CHECK(detail.status == WEFT_ENOTSUP && detail.operation != NULL);
    fake_reset();
    weft_channel_close(&channel);
    CHECK(peer_ended_well(&child));
}
