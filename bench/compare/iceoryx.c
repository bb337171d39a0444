/* SPDX-License-Identifier: MIT
 *
 * Eclipse iceoryx: a publisher and a subscriber each way, which wait for each
 * other and lose nothing. Messages are written and read in the shared chunks.
 * Its daemon, iox-roudi, must be running.
 *
 * A full queue is the library's to wait for (it spins and yields), in all
 * modes. An empty one is waited for with its wait set, but when spinning.
 *
 * The runtime ends with the process. To shut it down before, which is meant for
 * signal handlers, makes two threads of 2.0.3 ask the daemon at a time, and
 * each wait for the other's answer now and then.
 */
#include <stdio.h>
#include <stdlib.h>

#include <iceoryx_binding_c/publisher.h>
#include <iceoryx_binding_c/runtime.h>
#include <iceoryx_binding_c/subscriber.h>
#include <iceoryx_binding_c/wait_set.h>

#include "peer.h"

/* The library's largest; and half of the chunks it has for large messages. */
#define QUEUE_LENGTH 256
#define QUEUE_LENGTH_64K 96
#define QUEUE_LENGTH_1M 12

typedef struct iox_end {
    iox_pub_storage_t publisher_memory;
    iox_sub_storage_t subscriber_memory;
    iox_ws_storage_t wait_set_memory;
    iox_pub_t publisher;
    iox_sub_t subscriber;
    iox_ws_t wait_set;
} iox_end;

static bool open_address(const bench_case *test, void **shared,
                         char error[BENCH_ERROR_BYTES])
{
    (void)test;
    *shared = peer_address("weft-bench-", error);
    return *shared != NULL;
}

static uint64_t queue_length(const bench_case *test)
{
    if (test->size_bytes <= 16384) {
        return QUEUE_LENGTH;
    }
    return test->size_bytes <= 131072 ? QUEUE_LENGTH_64K : QUEUE_LENGTH_1M;
}

/* Each side publishes under its own number. */
static void make_ends(bench_side *side, iox_end *state)
{
    static const char *const numbers[] = {"0", "1"};
    iox_pub_options_t pub_options;
    iox_sub_options_t sub_options;

    iox_pub_options_init(&pub_options);
    pub_options.subscriberTooSlowPolicy =
        ConsumerTooSlowPolicy_WAIT_FOR_CONSUMER;
    state->publisher =
        iox_pub_init(&state->publisher_memory, "weft-bench", side->shared,
                     numbers[side->index], &pub_options);
    iox_sub_options_init(&sub_options);
    sub_options.queueCapacity = queue_length(side->test);
    sub_options.queueFullPolicy = QueueFullPolicy_BLOCK_PRODUCER;
    state->subscriber =
        iox_sub_init(&state->subscriber_memory, "weft-bench", side->shared,
                     numbers[1 - side->index], &sub_options);
}

static bool make_wait_set(bench_side *side, iox_end *state)
{
    if (side->test->wait == WEFT_WAIT_SPIN) {
        return true;
    }
    state->wait_set = iox_ws_init(&state->wait_set_memory);
    if (iox_ws_attach_subscriber_state(state->wait_set, state->subscriber,
                                       SubscriberState_HAS_DATA, 0,
                                       NULL) != WaitSetResult_SUCCESS) {
        return bench_fail(side, "cannot attach to the wait set");
    }
    return true;
}

static bool begin(bench_side *side)
{
    iox_end *state = calloc(1, sizeof(*state));
    char name[PEER_ADDRESS_BYTES + 8];

    if (state == NULL) {
        return bench_fail(side, "out of memory");
    }
    side->state = state;
    snprintf(name, sizeof(name), "%s-%u", (const char *)side->shared,
             side->index);
    iox_runtime_init(name);
    make_ends(side, state);
    if (!make_wait_set(side, state)) {
        return false;
    }
    while (iox_sub_get_subscription_state(state->subscriber) !=
               SubscribeState_SUBSCRIBED ||
           !iox_pub_has_subscribers(state->publisher)) {
        bench_sys_yield();
    }
    return true;
}

static void end(bench_side *side)
{
    iox_end *state = side->state;

    if (state->wait_set != NULL) {
        iox_ws_detach_subscriber_state(state->wait_set, state->subscriber,
                                       SubscriberState_HAS_DATA);
        iox_ws_deinit(state->wait_set);
    }
    iox_sub_deinit(state->subscriber);
    iox_pub_deinit(state->publisher);
    free(state);
}

static bool put(bench_side *side, uint64_t sequence, uint64_t seed)
{
    iox_end *state = side->state;
    size_t size = side->test->size_bytes;
    enum iox_AllocationResult result;
    void *chunk;

    (void)sequence;
    result = iox_pub_loan_chunk(state->publisher, &chunk, (uint32_t)size);
    if (result != AllocationResult_SUCCESS) {
        return bench_fail(side, "cannot loan a chunk of %zu bytes: result %d",
                          size, (int)result);
    }
    bench_fill(chunk, size, seed);
    iox_pub_publish_chunk(state->publisher, chunk);
    return true;
}

static bool take(bench_side *side, uint64_t sequence, uint64_t seed)
{
    iox_end *state = side->state;
    size_t size = side->test->size_bytes;
    enum iox_ChunkReceiveResult result;
    iox_notification_info_t notification;
    uint64_t missed;
    uint64_t deadline = 0;
    const void *chunk;
    bool good;

    while ((result = iox_sub_take_chunk(state->subscriber, &chunk)) ==
           ChunkReceiveResult_NO_CHUNK_AVAILABLE) {
        if (peer_blocks(side, &deadline)) {
            iox_ws_wait(state->wait_set, &notification, 1, &missed);
        }
    }
    if (result != ChunkReceiveResult_SUCCESS) {
        return bench_fail(side, "cannot take a chunk: result %d", (int)result);
    }
    good = bench_verify(chunk, size, seed) ||
           bench_fail_wrong(side, sequence, chunk, size, seed);
    iox_sub_release_chunk(state->subscriber, chunk);
    return good;
}

PEER_LOOPS(put, take)

static const bench_transport iceoryx = {
    .name = "iceoryx",
    .slow = true,
    .open = open_address,
    .close = peer_forget,
    .begin = begin,
    .loops = {{ping, echo}, {source, sink}},
    .end = end,
};

PEER_TABLE(iceoryx);
PEER_FANINS(&fanin_iceoryx);
PEER_FANOUTS(&fanout_iceoryx, &fanout_iceoryx_wait);
