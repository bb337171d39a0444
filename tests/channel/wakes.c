/* SPDX-License-Identifier: MIT
 *
 * A consumer that sleeps at once is not woken for each message of a stream.
 */
#include <stdio.h>

#include "check.h"
#include "peer.h"

#define MESSAGES 1000000u

static void consume(weft_channel *channel, void *context)
{
    uint64_t numbers[2];
    uint64_t wrong = 0;
    size_t bytes;

    (void)context;
    if (!CHECK(peer_pin(1))) {
        return;
    }
    for (uint64_t i = 0; i < MESSAGES; i++) {
        if (!CHECK_STATUS(weft_channel_recv_until(channel, numbers,
                                                  sizeof(numbers), &bytes,
                                                  peer_soon()),
                          WEFT_OK)) {
            return;
        }
        wrong |= bytes ^ sizeof(numbers);
        wrong |= numbers[0] ^ i;
    }
    CHECK(wrong == 0);
}

void test_main(void)
{
    weft_channel_options block = peer_options(WEFT_WAIT_BLOCK);
    weft_channel_stats stats = {.size = sizeof(stats)};
    weft_channel *channel;
    peer_process consumer;

    if (peer_cpus() < 2) {
        SKIP("there is one CPU only");
    }
    check_case("wakes are at most one in a hundred messages");
    consumer = peer_start(NULL, &block, consume, NULL, 0, &channel);
    CHECK(peer_pin(0));
    for (uint64_t i = 0; i < MESSAGES; i++) {
        const uint64_t numbers[2] = {i, ~i};

        REQUIRE(weft_channel_send_until(channel, numbers, sizeof(numbers),
                                        peer_soon()) == WEFT_OK);
    }
    CHECK(peer_ended_well(&consumer));
    CHECK_STATUS(weft_channel_get_stats(channel, &stats), WEFT_OK);
    CHECK(stats.sent.messages == MESSAGES);
    printf("# %llu wakes\n", (unsigned long long)stats.sent.wakes);
    CHECK(stats.sent.wakes > 0);
    CHECK(stats.sent.wakes <= MESSAGES / 100);
    weft_channel_close(&channel);
}
