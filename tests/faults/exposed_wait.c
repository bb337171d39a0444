/* SPDX-License-Identifier: MIT
 *
 * A channel that somebody polls can still be waited for: the call sleeps, and
 * is neither kept awake by what makes the handle ready nor taken in by it.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "check.h"
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

static uint64_t cpu_us(void)
{
    struct rusage usage;

    REQUIRE(getrusage(RUSAGE_SELF, &usage) == 0);
    return (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 +
           (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

/* Takes its time, twice: to read, and to answer. */
static void be_slow(weft_handle theirs)
{
    weft_channel *channel;
    size_t got;

    REQUIRE(weft_channel_adopt(theirs, &options, soon(), &channel, NULL) ==
            WEFT_OK);
    (void)usleep(NAP_US);
    CHECK_STATUS(weft_channel_send(channel, "", 1), WEFT_OK);
    (void)usleep(NAP_US);
    CHECK_STATUS(
        weft_channel_recv_until(channel, room, sizeof(room), &got, soon()),
        WEFT_OK);
    CHECK(got == LARGE);
    weft_channel_close(&channel);
    check_exit_child();
}

void test_main(void)
{
    weft_channel *channel;
    weft_handle theirs;
    weft_handle handle;
    uint64_t began;
    size_t got;
    pid_t peer;

    REQUIRE(weft_channel_pair(&options, &channel, &theirs, NULL) == WEFT_OK);
    peer = sides_fork(SECONDS);
    if (peer == 0) {
        weft_channel_close(&channel);
        be_slow(theirs);
    }
    (void)close((int)theirs);

    check_case("a receive sleeps though its handle is exposed");
    CHECK_STATUS(weft_channel_recv_handle(channel, &handle), WEFT_OK);
    began = cpu_us();
    CHECK_STATUS(
        weft_channel_recv_until(channel, room, sizeof(room), &got, soon()),
        WEFT_OK);
    CHECK(cpu_us() - began < NAP_US / 2);

    check_case("a send sleeps though its handle is exposed");
    CHECK_STATUS(weft_channel_send_handle(channel, &handle), WEFT_OK);
    began = cpu_us();
    CHECK_STATUS(weft_channel_send_until(channel, room, sizeof(room), soon()),
                 WEFT_OK);
    CHECK(cpu_us() - began < NAP_US / 2);
    weft_channel_close(&channel);
    CHECK(sides_ended_well(peer));
}
