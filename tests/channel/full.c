/* SPDX-License-Identifier: MIT
 *
 * What happens when the reader is slow, and what is counted.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "check.h"
#include "peer.h"

/* In pieces in the smallest ring. */
#define LARGE 10000

static weft_channel *first;
static weft_channel *second;

static void open_small(weft_wait wait, weft_full full)
{
    weft_channel_options options = peer_options(wait);

    options.ring_max_bytes = 2048;
    options.full = full;
    peer_both_ends(&options, &options, &first, &second);
}

static void close_both(void)
{
    weft_channel_close(&first);
    weft_channel_close(&second);
}

static weft_flow_stats sent(void)
{
    weft_channel_stats stats = {.size = sizeof(stats)};

    CHECK_STATUS(weft_channel_get_stats(first, &stats), WEFT_OK);
    return stats.sent;
}

static weft_flow_stats received(void)
{
    weft_channel_stats stats = {.size = sizeof(stats)};

    CHECK_STATUS(weft_channel_get_stats(second, &stats), WEFT_OK);
    return stats.received;
}

static void check_empty(void)
{
    static char room[LARGE];
    size_t bytes;

    CHECK_STATUS(weft_channel_try_recv(second, room, sizeof(room), &bytes),
                 WEFT_EAGAIN);
}

/* ------------------------------------------------------------- blocking --- */

static atomic_int waiting_thread;

static void *send_one(void *context)
{
    const unsigned *count = context;

    waiting_thread = peer_thread();
    CHECK_STATUS(peer_send(first, 100, *count, peer_soon()), WEFT_OK);
    return NULL;
}

static void test_block(const char *name, weft_wait wait)
{
    unsigned count;
    pthread_t sender;

    check_case(name);
    open_small(wait, WEFT_FULL_BLOCK);
    count = peer_fill_ring(first, 100);
    CHECK(count > 8);
    CHECK(sent().full == 1);
    waiting_thread = 0;
    REQUIRE(pthread_create(&sender, NULL, send_one, &count) == 0);
    while (waiting_thread == 0) {
    }
    CHECK(wait == WEFT_WAIT_SPIN || peer_await_thread_asleep(waiting_thread));
    for (unsigned i = 0; i <= count; i++) {
        peer_receives(second, 100, i);
    }
    REQUIRE(pthread_join(sender, NULL) == 0);
    CHECK(wait == WEFT_WAIT_SPIN || sent().full == 2);
    CHECK(sent().messages == count + 1);
    CHECK((sent().parks > 0) == (wait != WEFT_WAIT_SPIN));
    CHECK((received().wakes > 0) == (wait != WEFT_WAIT_SPIN));
    close_both();
}

/* ------------------------------------------------------------- dropping --- */

static void test_drop(void)
{
    void *space;
    unsigned count = 0;

    open_small(WEFT_WAIT_DEFAULT, WEFT_FULL_DROP);
    check_case("messages that do not fit are dropped, counted, and OK");
    while (sent().dropped == 0) {
        CHECK_STATUS(peer_send(first, 100, count++, WEFT_FOREVER), WEFT_OK);
    }
    CHECK_STATUS(peer_send(first, 100, 999, WEFT_NOW), WEFT_OK);
    CHECK(sent().dropped == 2);
    CHECK(sent().full == 2);
    CHECK(sent().messages == count - 1);
    CHECK(sent().bytes == 100 * (uint64_t)(count - 1));

    check_case("there is nothing to reserve in a full ring");
    CHECK_STATUS(weft_channel_reserve(first, 100, &space, WEFT_FOREVER),
                 WEFT_EAGAIN);

    check_case("what was not dropped arrives, and what comes after it");
    for (unsigned i = 0; i + 1 < count; i++) {
        peer_receives(second, 100, i);
    }
    check_empty();
    CHECK_STATUS(peer_send(first, 100, 7, WEFT_NOW), WEFT_OK);
    peer_receives(second, 100, 7);

    check_case("a dropped message in pieces is never seen");
    CHECK_STATUS(peer_send(first, LARGE, 1, WEFT_FOREVER), WEFT_OK);
    CHECK(sent().dropped == 3);
    check_empty();
    CHECK_STATUS(peer_send(first, LARGE, 1, WEFT_FOREVER), WEFT_OK);
    CHECK(sent().dropped == 4);
    check_empty();
    CHECK_STATUS(peer_send(first, 800, 8, WEFT_FOREVER), WEFT_OK);
    peer_receives(second, 800, 8);
    check_empty();
    CHECK(sent().dropped == 4);
    CHECK(received().messages == sent().messages);
    close_both();
}

/* ------------------------------------------------------------- counters --- */

static void test_counters(void)
{
    weft_channel_stats stats = {.size = sizeof(stats) - 8};

    check_case("counters of a size that is not known are refused");
    open_small(WEFT_WAIT_BLOCK, WEFT_FULL_BLOCK);
    CHECK_STATUS(weft_channel_get_stats(first, &stats), WEFT_EINVAL);
    CHECK_STATUS(weft_channel_get_stats(first, NULL), WEFT_EINVAL);
    CHECK_STATUS(weft_channel_get_stats(NULL, &stats), WEFT_EINVAL);

    check_case("a new channel has counted nothing");
    CHECK(sent().messages == 0 && sent().bytes == 0);
    CHECK(sent().depth_bytes == 0 && sent().ring_bytes == peer_ring_min());
    CHECK(sent().reseats == 0 && sent().parks == 0 && sent().wakes == 0);
    CHECK(sent().full == 0 && sent().dropped == 0);

    check_case("messages, bytes and depth are counted");
    for (unsigned i = 0; i < 3; i++) {
        CHECK_STATUS(peer_send(first, 20, i, WEFT_NOW), WEFT_OK);
    }
    CHECK(sent().messages == 3 && sent().bytes == 60);
    CHECK(sent().depth_bytes == UINT64_C(3) * 48);
    CHECK(sent().full == 0 && sent().wakes == 0 && sent().parks == 0);
    CHECK(received().messages == 0 && received().bytes == 0);
    for (unsigned i = 0; i < 3; i++) {
        peer_receives(second, 20, i);
    }
    CHECK(received().messages == 3 && received().bytes == 60);
    check_empty();
    CHECK(sent().depth_bytes == 0);
    CHECK(received().depth_bytes == 0);
    CHECK(received().parks == 0);
}

static void *receive_one(void *context)
{
    waiting_thread = peer_thread();
    peer_receives(second, 20, *(const uint64_t *)context);
    return NULL;
}

static void test_sleeps(void)
{
    pthread_t receiver;
    size_t bytes;

    check_case("a sleep that nobody ends is counted as one");
    CHECK_STATUS(weft_channel_recv_until(second, NULL, 0, &bytes,
                                         weft_after_ns(5 * PEER_MS)),
                 WEFT_ETIMEDOUT);
    CHECK(received().parks == 1);

    check_case("each sleeping reader is woken once");
    for (uint64_t i = 0; i < 5; i++) {
        waiting_thread = 0;
        REQUIRE(pthread_create(&receiver, NULL, receive_one, &i) == 0);
        while (waiting_thread == 0) {
        }
        CHECK(peer_await_thread_asleep(waiting_thread));
        CHECK_STATUS(peer_send(first, 20, i, WEFT_NOW), WEFT_OK);
        REQUIRE(pthread_join(receiver, NULL) == 0);
    }
    CHECK(sent().wakes <= 5 && sent().wakes > 0);
    CHECK(received().parks >= 1 + sent().wakes);
    close_both();
}

void test_main(void)
{
    test_block("a blocked sender is woken, adaptive", WEFT_WAIT_ADAPTIVE);
    test_block("a blocked sender goes on, spinning", WEFT_WAIT_SPIN);
    test_block("a blocked sender is woken, blocking", WEFT_WAIT_BLOCK);
    test_drop();
    test_counters();
    test_sleeps();
}
