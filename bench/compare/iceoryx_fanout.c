/* SPDX-License-Identifier: MIT
 *
 * Eclipse iceoryx with one publisher. Messages are written and read in the
 * shared chunks, and subscribers wait with their wait sets. A full queue loses
 * its oldest message; or, `iceoryx-wait`, the publisher waits (it spins and
 * yields). Its daemon, iox-roudi, must be running.
 * The runtime ends with the process, see iceoryx.c.
 */
#include <stdio.h>
#include <stdlib.h>

#include <iceoryx_binding_c/publisher.h>
#include <iceoryx_binding_c/runtime.h>
#include <iceoryx_binding_c/subscriber.h>
#include <iceoryx_binding_c/wait_set.h>

#include "peer.h"

/* The library's largest; and fewer of those of which it has few. */
#define QUEUE_LENGTH 256
#define QUEUE_LENGTH_64K 96

typedef struct iox_end {
    iox_pub_storage_t publisher_memory;
    iox_sub_storage_t subscriber_memory;
    iox_ws_storage_t wait_set_memory;
    iox_pub_t publisher;
    iox_sub_t subscriber;
    iox_ws_t wait_set;
    void *loan;        /* a chunk to be published, or NULL */
    const void *chunk; /* received last, or NULL */
} iox_end;

static void choose(char address[FANOUT_ADDRESS_BYTES])
{
    peer_choose(address, FANOUT_ADDRESS_BYTES, "weft-bench-");
}

/* Each process is known to the daemon by a name. */
static iox_end *make_end(fanout_side *side)
{
    iox_end *state = calloc(1, sizeof(*state));
    char name[FANOUT_ADDRESS_BYTES + 16];

    side->state = state;
    if (state == NULL) {
        bench_fail(&side->base, "out of memory");
        return NULL;
    }
    snprintf(name, sizeof(name), "%s-%u", side->address, side->base.index);
    iox_runtime_init(name);
    return state;
}

/* ------------------------------------------------------------ publisher --- */

static bool open_as(fanout_side *side, enum iox_ConsumerTooSlowPolicy policy)
{
    iox_end *state = make_end(side);
    iox_pub_options_t options;

    if (state == NULL) {
        return false;
    }
    iox_pub_options_init(&options);
    options.subscriberTooSlowPolicy = policy;
    state->publisher = iox_pub_init(&state->publisher_memory, "weft-bench",
                                    side->address, "0", &options);
    return true;
}

static bool open_dropping(fanout_side *side)
{
    return open_as(side, ConsumerTooSlowPolicy_DISCARD_OLDEST_DATA);
}

static bool open_waiting(fanout_side *side)
{
    return open_as(side, ConsumerTooSlowPolicy_WAIT_FOR_CONSUMER);
}

static void *reserve(fanout_side *side)
{
    iox_end *state = side->state;
    enum iox_AllocationResult result = iox_pub_loan_chunk(
        state->publisher, &state->loan, (uint32_t)side->test->size_bytes);

    if (result != AllocationResult_SUCCESS) {
        state->loan = NULL;
        bench_fail(&side->base, "cannot loan a chunk: result %d", (int)result);
    }
    return state->loan;
}

static bool publish(fanout_side *side)
{
    iox_end *state = side->state;

    iox_pub_publish_chunk(state->publisher, state->loan);
    state->loan = NULL;
    return true;
}

static void close_publisher(fanout_side *side)
{
    iox_end *state = side->state;

    if (state == NULL) {
        return;
    }
    if (state->loan != NULL) {
        iox_pub_release_chunk(state->publisher, state->loan);
    }
    iox_pub_deinit(state->publisher);
    free(state);
}

/* ----------------------------------------------------------- subscriber --- */

static bool subscribe_as(fanout_side *side, enum iox_QueueFullPolicy policy)
{
    iox_end *state = make_end(side);
    iox_sub_options_t options;

    if (state == NULL) {
        return false;
    }
    iox_sub_options_init(&options);
    options.queueCapacity =
        side->test->size_bytes <= 16384 ? QUEUE_LENGTH : QUEUE_LENGTH_64K;
    options.queueFullPolicy = policy;
    state->subscriber = iox_sub_init(&state->subscriber_memory, "weft-bench",
                                     side->address, "0", &options);
    state->wait_set = iox_ws_init(&state->wait_set_memory);
    if (iox_ws_attach_subscriber_state(state->wait_set, state->subscriber,
                                       SubscriberState_HAS_DATA, 0,
                                       NULL) != WaitSetResult_SUCCESS) {
        return bench_fail(&side->base, "cannot attach to the wait set");
    }
    while (iox_sub_get_subscription_state(state->subscriber) !=
           SubscribeState_SUBSCRIBED) {
        bench_sys_yield();
    }
    return true;
}

static bool subscribe_dropping(fanout_side *side)
{
    return subscribe_as(side, QueueFullPolicy_DISCARD_OLDEST_DATA);
}

static bool subscribe_waiting(fanout_side *side)
{
    return subscribe_as(side, QueueFullPolicy_BLOCK_PRODUCER);
}

static void release(iox_end *state)
{
    if (state->chunk != NULL) {
        iox_sub_release_chunk(state->subscriber, state->chunk);
        state->chunk = NULL;
    }
}

static bool take(fanout_side *side, fanout_taken *taken)
{
    iox_end *state = side->state;
    enum iox_ChunkReceiveResult result;
    iox_notification_info_t notification;
    uint64_t missed;

    release(state);
    while ((result = iox_sub_take_chunk(state->subscriber, &state->chunk)) ==
           ChunkReceiveResult_NO_CHUNK_AVAILABLE) {
        iox_ws_wait(state->wait_set, &notification, 1, &missed);
    }
    if (result != ChunkReceiveResult_SUCCESS) {
        state->chunk = NULL;
        return bench_fail(&side->base, "cannot take a chunk: result %d",
                          (int)result);
    }
    taken->data = state->chunk;
    taken->bytes = side->test->size_bytes; /* chunks have no length */
    return true;
}

static void leave(fanout_side *side)
{
    iox_end *state = side->state;

    if (state == NULL) {
        return;
    }
    release(state);
    iox_ws_detach_subscriber_state(state->wait_set, state->subscriber,
                                   SubscriberState_HAS_DATA);
    iox_ws_deinit(state->wait_set);
    iox_sub_deinit(state->subscriber);
    free(state);
}

const fanout_transport fanout_iceoryx = {
    .name = "iceoryx",
    .loses = true,
    .choose = choose,
    .forget = peer_leave_nothing,
    .open = open_dropping,
    .reserve = reserve,
    .publish = publish,
    .close = close_publisher,
    .subscribe = subscribe_dropping,
    .take = take,
    .leave = leave,
};

const fanout_transport fanout_iceoryx_wait = {
    .name = "iceoryx-wait",
    .choose = choose,
    .forget = peer_leave_nothing,
    .open = open_waiting,
    .reserve = reserve,
    .publish = publish,
    .close = close_publisher,
    .subscribe = subscribe_waiting,
    .take = take,
    .leave = leave,
};
