/* SPDX-License-Identifier: MIT
 *
 * Both ends in one process, at the same addresses: four threads, of which one
 * sends and one receives at each end. Under ThreadSanitizer each access to
 * the rings and to the shared words is compared with those of the other end.
 *
 * What the threads check they keep to themselves until they are joined: a
 * counter of checks that they share would order their accesses, and hide the
 * races that this test is for.
 */
#include <pthread.h>
#include <string.h>

#include "check.h"
#include "guard.h"
#include "one_mapping.h"
#include "peer.h"

#define SMALL_MOST 200
#define LARGE 24000 /* more than a piece of a message */
#define IN_PLACE 256

/* What the two threads of a direction send to each other. */
struct plan {
    uint64_t messages;
    uint64_t large_every; /* 0: none is */
    uint64_t trim_at;     /* 0: never */
    bool polls;
    bool slow_reader;
};

/* One thread's work, and what came of it. */
struct task {
    const struct plan *plan;
    weft_channel *channel;
    pthread_t thread;
    weft_status status; /* the first that was not expected */
    uint64_t done;
    bool garbled;
};

static size_t bytes_of(const struct plan *plan, uint64_t i)
{
    if (plan->large_every != 0 && i % plan->large_every == 5) {
        return LARGE + i % 1000;
    }
    return i * 37 % SMALL_MOST;
}

/* -------------------------------------------------------------- sending --- */

static weft_status send_polling(weft_channel *channel, const void *data,
                                size_t bytes)
{
    weft_handle handle;
    weft_status status = weft_channel_send_handle(channel, &handle);

    if (status != WEFT_OK) {
        return status;
    }
    for (;;) {
        status = weft_channel_try_send(channel, data, bytes);
        if (status != WEFT_EAGAIN) {
            return status;
        }
        (void)guard_await(handle, 1000);
    }
}

static weft_status send_in_place(weft_channel *channel, size_t bytes,
                                 uint64_t seed)
{
    void *space;
    weft_status status =
        weft_channel_reserve(channel, IN_PLACE, &space, peer_soon());

    if (status != WEFT_OK) {
        return status;
    }
    peer_fill(space, bytes, seed);
    return weft_channel_commit(channel, bytes);
}

static weft_status send_one(const struct task *task, uint64_t i)
{
    unsigned char data[LARGE + 1000];
    size_t bytes = bytes_of(task->plan, i);

    if (i != 0 && i == task->plan->trim_at) {
        weft_status status = weft_channel_trim(task->channel, peer_soon());

        if (status != WEFT_OK) {
            return status;
        }
    }
    if (bytes <= IN_PLACE && i % 3 == 0 && !task->plan->polls) {
        return send_in_place(task->channel, bytes, i);
    }
    peer_fill(data, bytes, i);
    return task->plan->polls ? send_polling(task->channel, data, bytes)
                             : weft_channel_send_until(task->channel, data,
                                                       bytes, peer_soon());
}

static void *send_all(void *context)
{
    struct task *task = context;

    while (task->status == WEFT_OK && task->done < task->plan->messages) {
        task->status = send_one(task, task->done);
        task->done += task->status == WEFT_OK;
    }
    if (task->status == WEFT_OK) {
        task->status = weft_channel_flush(task->channel, peer_soon());
    }
    if (task->status == WEFT_OK) {
        task->status = weft_channel_shutdown(task->channel);
    }
    return NULL;
}

/* ------------------------------------------------------------ receiving --- */

static weft_status receive_polling(weft_channel *channel, void *room,
                                   size_t room_bytes, size_t *bytes)
{
    weft_handle handle;
    weft_status status = weft_channel_recv_handle(channel, &handle);

    if (status != WEFT_OK) {
        return status;
    }
    for (;;) {
        status = weft_channel_try_recv(channel, room, room_bytes, bytes);
        if (status != WEFT_EAGAIN) {
            return status;
        }
        (void)guard_await(handle, 1000);
    }
}

static weft_status receive_in_place(struct task *task, size_t expected,
                                    uint64_t seed)
{
    const void *data;
    size_t bytes;
    weft_status status =
        weft_channel_peek(task->channel, &data, &bytes, peer_soon());

    if (status == WEFT_OK) {
        task->garbled |=
            bytes != expected || !peer_is_filled(data, bytes, seed);
        weft_channel_release(task->channel);
    }
    return status;
}

static weft_status receive_one(struct task *task, uint64_t i)
{
    unsigned char room[LARGE + 1000];
    size_t expected = bytes_of(task->plan, i);
    size_t bytes = 0;
    weft_status status;

    if (task->plan->slow_reader && i % 16 == 0) {
        guard_nap_us(1000);
    }
    if (i % 4 == 1 && !task->plan->polls) {
        return receive_in_place(task, expected, i);
    }
    status = task->plan->polls
                 ? receive_polling(task->channel, room, sizeof(room), &bytes)
                 : weft_channel_recv_until(task->channel, room, sizeof(room),
                                           &bytes, peer_soon());
    if (status == WEFT_OK) {
        task->garbled |= bytes != expected || !peer_is_filled(room, bytes, i);
    }
    return status;
}

/* Until the end of the stream, which it leaves in the status. */
static void *receive_all(void *context)
{
    struct task *task = context;

    while (task->status == WEFT_OK) {
        task->status = receive_one(task, task->done);
        task->done += task->status == WEFT_OK;
    }
    return NULL;
}

/* -------------------------------------------------------------- running --- */

static void start(struct task *task, const struct plan *plan,
                  weft_channel *channel, void *(*work)(void *))
{
    memset(task, 0, sizeof(*task));
    task->plan = plan;
    task->channel = channel;
    REQUIRE(pthread_create(&task->thread, NULL, work, task) == 0);
}

static void finish(const struct task *task, weft_status expected)
{
    REQUIRE(pthread_join(task->thread, NULL) == 0);
    CHECK_STATUS(task->status, expected);
    CHECK(!task->garbled);
}

static weft_flow_stats stats_of_sending(const weft_channel *channel)
{
    weft_channel_stats stats = {.size = sizeof(stats)};

    CHECK_STATUS(weft_channel_get_stats(channel, &stats), WEFT_OK);
    return stats.sent;
}

static weft_flow_stats stats_of_receiving(const weft_channel *channel)
{
    weft_channel_stats stats = {.size = sizeof(stats)};

    CHECK_STATUS(weft_channel_get_stats(channel, &stats), WEFT_OK);
    return stats.received;
}

/* Carries a plan out in both directions at once; the ends stay open. */
static void carry_out(const struct plan *plan, weft_channel *first,
                      weft_channel *second)
{
    struct task tasks[4];

    start(&tasks[0], plan, first, send_all);
    start(&tasks[1], plan, first, receive_all);
    start(&tasks[2], plan, second, send_all);
    start(&tasks[3], plan, second, receive_all);
    for (unsigned i = 0; i < 4; i++) {
        finish(&tasks[i], i % 2 == 0 ? WEFT_OK : WEFT_ECLOSED);
        CHECK(tasks[i].done == plan->messages);
    }
}

static void close_both(weft_channel **first, weft_channel **second)
{
    weft_channel_close(first);
    weft_channel_close(second);
}

/* ---------------------------------------------------------------- cases --- */

/* Small messages, pieces, and both kinds of zero copy, in rings that grow. */
static void test_wait(weft_wait wait, uint64_t messages)
{
    struct plan plan = {
        .messages = messages, .large_every = 100, .trim_at = messages / 2};
    weft_channel_options options = peer_options(wait);
    weft_channel *first;
    weft_channel *second;

    peer_both_ends(&options, &options, &first, &second);
    carry_out(&plan, first, second);
    CHECK(stats_of_sending(first).reseats >= 2);
    CHECK(stats_of_sending(second).reseats >= 2);
    if (wait == WEFT_WAIT_BLOCK) {
        CHECK(stats_of_receiving(first).parks > 0);
    }
    close_both(&first, &second);
}

/* A ring that can't grow, and readers that keep their senders waiting. */
static void test_full(weft_wait wait, uint64_t messages)
{
    struct plan plan = {.messages = messages, .slow_reader = true};
    weft_channel_options options = peer_options(wait);
    weft_channel *first;
    weft_channel *second;

    options.ring_max_bytes = 2048;
    peer_both_ends(&options, &options, &first, &second);
    carry_out(&plan, first, second);
    CHECK(stats_of_sending(first).full > 0);
    CHECK(stats_of_sending(first).reseats == 0);
    if (wait == WEFT_WAIT_BLOCK) {
        CHECK(stats_of_sending(first).parks > 0);
    }
    close_both(&first, &second);
}

static void test_polling(void)
{
    struct plan plan = {.messages = 4000, .polls = true};
    weft_channel_options options = peer_options(WEFT_WAIT_DEFAULT);
    weft_channel *first;
    weft_channel *second;

    options.ring_max_bytes = 2048;
    peer_both_ends(&options, &options, &first, &second);
    carry_out(&plan, first, second);
    close_both(&first, &second);
}

/* One end closes while the other receives, and sends into a full ring. */
static void test_close(weft_wait wait)
{
    struct plan endless = {.messages = UINT64_MAX};
    weft_channel_options options = peer_options(wait);
    struct task sender;
    struct task receiver;
    weft_channel *first;
    weft_channel *second;

    options.ring_max_bytes = 2048;
    peer_both_ends(&options, &options, &first, &second);
    for (uint64_t i = 0; i < 3; i++) {
        CHECK_STATUS(peer_send(first, bytes_of(&endless, i), i, peer_soon()),
                     WEFT_OK);
    }
    start(&sender, &endless, second, send_all);
    start(&receiver, &endless, second, receive_all);
    peer_receives(first, bytes_of(&endless, 0), 0);
    weft_channel_close(&first);
    finish(&sender, WEFT_ECLOSED);
    finish(&receiver, WEFT_ECLOSED);
    CHECK(receiver.done == 3);
    weft_channel_close(&second);
}

static void test_all_waits(void)
{
    check_case("no race while both spin");
    test_wait(WEFT_WAIT_SPIN, 4000);
    test_full(WEFT_WAIT_SPIN, 1000);
    check_case("no race while both spin and sleep");
    test_wait(WEFT_WAIT_ADAPTIVE, 10000);
    test_full(WEFT_WAIT_ADAPTIVE, 2000);
    check_case("no race while both sleep");
    test_wait(WEFT_WAIT_BLOCK, 10000);
    test_full(WEFT_WAIT_BLOCK, 2000);
    check_case("no race between polling ends");
    test_polling();
    check_case("no race at the close");
    test_close(WEFT_WAIT_SPIN);
    test_close(WEFT_WAIT_ADAPTIVE);
    test_close(WEFT_WAIT_BLOCK);
}

void test_main(void)
{
    test_all_waits();
    one_mapping_fences_remote(false);
    test_all_waits();
    check_case("each ring was mapped once for both ends");
    CHECK(one_mapping_shared() > 0);
    CHECK(one_mapping_missed() == 0);
}
