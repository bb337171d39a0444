/* SPDX-License-Identifier: MIT
 *
 * The orderly end: everything that was sent is read, then WEFT_ECLOSED.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "check.h"
#include "peer.h"

static weft_channel *first;
static weft_channel *second;

static void open_small(weft_wait wait)
{
    weft_channel_options options = peer_options(wait);

    options.ring_max_bytes = 2048;
    peer_both_ends(&options, &options, &first, &second);
}

static void close_both(void)
{
    weft_channel_close(&first);
    weft_channel_close(&second);
}

static weft_status recv_any(weft_channel *channel, uint64_t deadline_ns)
{
    char room[2000];
    size_t bytes;

    return weft_channel_recv_until(channel, room, sizeof(room), &bytes,
                                   deadline_ns);
}

static void test_close(void)
{
    weft_detail detail;

    check_case("after a close all is read, then the end is told");
    peer_both_ends(NULL, NULL, &first, &second);
    for (unsigned i = 0; i < 20; i++) {
        CHECK_STATUS(peer_send(first, 100, i, peer_soon()), WEFT_OK);
    }
    CHECK_STATUS(peer_send(first, 50000, 20, peer_soon()), WEFT_OK);
    weft_channel_close(&first);
    CHECK(first == NULL);
    for (unsigned i = 0; i < 20; i++) {
        peer_receives(second, 100, i);
    }
    peer_receives(second, 50000, 20);
    CHECK_STATUS(recv_any(second, peer_soon()), WEFT_ECLOSED);

    check_case("the end is told again, with its detail");
    CHECK_STATUS(recv_any(second, WEFT_NOW), WEFT_ECLOSED);
    CHECK_STATUS(recv_any(second, WEFT_FOREVER), WEFT_ECLOSED);
    weft_channel_get_detail(second, &detail);
    CHECK_STATUS(detail.status, WEFT_ECLOSED);
    CHECK(detail.operation != NULL);

    check_case("who sends to a closed end is told at the second try");
    (void)peer_send(second, 1, 0, peer_soon());
    CHECK_STATUS(peer_send(second, 1, 0, peer_soon()), WEFT_ECLOSED);
    close_both();

    check_case("nothing can be closed, twice");
    weft_channel_close(&first);
    weft_channel_close(NULL);
    CHECK(first == NULL);
}

static void test_try_close(void)
{
    check_case("without waiting, the end is told at once");
    peer_both_ends(NULL, NULL, &first, &second);
    CHECK_STATUS(recv_any(second, WEFT_NOW), WEFT_EAGAIN);
    weft_channel_close(&first);
    CHECK_STATUS(recv_any(second, WEFT_NOW), WEFT_ECLOSED);
    close_both();
}

static void test_shutdown(void)
{
    void *space;

    check_case("a shutdown ends one direction, and not the other");
    peer_both_ends(NULL, NULL, &first, &second);
    CHECK_STATUS(peer_send(first, 10, 1, peer_soon()), WEFT_OK);
    CHECK_STATUS(weft_channel_shutdown(first), WEFT_OK);
    CHECK_STATUS(weft_channel_shutdown(first), WEFT_OK);
    peer_receives(second, 10, 1);
    CHECK_STATUS(recv_any(second, peer_soon()), WEFT_ECLOSED);
    CHECK_STATUS(peer_send(second, 20000, 2, peer_soon()), WEFT_OK);
    peer_receives(first, 20000, 2);
    CHECK_STATUS(weft_channel_flush(first, peer_soon()), WEFT_OK);

    check_case("after a shutdown nothing can be sent");
    CHECK_STATUS(peer_send(first, 10, 1, peer_soon()), WEFT_EINVAL);
    CHECK_STATUS(weft_channel_reserve(first, 1, &space, peer_soon()),
                 WEFT_EINVAL);
    close_both();
}

/* A trim sends a record of its own, which must not follow the end. */
static void test_trim(void)
{
    check_case("a trim after the shutdown does not hide the end");
    peer_both_ends(NULL, NULL, &first, &second);
    CHECK_STATUS(peer_send(first, 20000, 1, peer_soon()), WEFT_OK);
    peer_receives(second, 20000, 1);
    CHECK_STATUS(recv_any(second, WEFT_NOW), WEFT_EAGAIN);
    CHECK_STATUS(weft_channel_shutdown(first), WEFT_OK);
    CHECK_STATUS(weft_channel_trim(first, peer_soon()), WEFT_EINVAL);
    CHECK_STATUS(recv_any(second, weft_after_ns(PEER_S)), WEFT_ECLOSED);
    close_both();
}

static void test_flush(void)
{
    check_case("a flush finds all taken by a reader that has closed since");
    peer_both_ends(NULL, NULL, &first, &second);
    CHECK_STATUS(peer_send(first, 10, 1, peer_soon()), WEFT_OK);
    peer_receives(second, 10, 1);
    weft_channel_close(&second);
    CHECK_STATUS(weft_channel_flush(first, peer_soon()), WEFT_OK);
    CHECK_STATUS(weft_channel_flush(first, WEFT_NOW), WEFT_OK);
    close_both();

    check_case("a flush ends when all is taken, before the reader asks again");
    peer_both_ends(NULL, NULL, &first, &second);
    CHECK_STATUS(peer_send(first, 10, 1, peer_soon()), WEFT_OK);
    peer_receives(second, 10, 1);
    CHECK_STATUS(weft_channel_flush(first, weft_after_ns(PEER_S)), WEFT_OK);
    close_both();

    check_case("a flush tells that the reader closed before it had all");
    peer_both_ends(NULL, NULL, &first, &second);
    CHECK_STATUS(peer_send(first, 10, 1, peer_soon()), WEFT_OK);
    CHECK_STATUS(peer_send(first, 10, 2, peer_soon()), WEFT_OK);
    peer_receives(second, 10, 1);
    weft_channel_close(&second);
    CHECK_STATUS(weft_channel_flush(first, peer_soon()), WEFT_ECLOSED);
    CHECK_STATUS(weft_channel_flush(first, peer_soon()), WEFT_ECLOSED);
    close_both();
}

/* -------------------------------------------------------------- waiters --- */

typedef weft_status wait_call(void);

static weft_status wait_recv(void)
{
    return recv_any(first, peer_soon());
}

static weft_status wait_send(void)
{
    return peer_send(first, 100, 0, peer_soon());
}

static weft_status wait_flush(void)
{
    return weft_channel_flush(first, peer_soon());
}

struct waiting {
    wait_call *call;
    atomic_int thread;
    weft_status status;
};

static void *run_wait(void *context)
{
    struct waiting *waiting = context;

    waiting->thread = peer_thread();
    waiting->status = waiting->call();
    return NULL;
}

static void test_wait(wait_call *call, weft_wait wait)
{
    struct waiting waiting = {call, 0, WEFT_OK};
    uint64_t start;
    pthread_t thread;

    open_small(wait);
    if (call != wait_recv) {
        (void)peer_fill_ring(first, 100);
    }
    REQUIRE(pthread_create(&thread, NULL, run_wait, &waiting) == 0);
    while (waiting.thread == 0) {
    }
    CHECK(wait == WEFT_WAIT_SPIN || peer_await_thread_asleep(waiting.thread));
    start = weft_now_ns();
    weft_channel_close(&second);
    REQUIRE(pthread_join(thread, NULL) == 0);
    CHECK_STATUS(waiting.status, WEFT_ECLOSED);
    CHECK(weft_now_ns() - start < PEER_S);
    close_both();
}

static void test_waits(const char *name, wait_call *call)
{
    check_case(name);
    test_wait(call, WEFT_WAIT_BLOCK);
    test_wait(call, WEFT_WAIT_ADAPTIVE);
    test_wait(call, WEFT_WAIT_SPIN);
}

void test_main(void)
{
    test_close();
    test_try_close();
    test_shutdown();
    test_trim();
    test_flush();
    test_waits("a close ends a wait for a message", wait_recv);
    test_waits("a close ends a wait for room", wait_send);
    test_waits("a close ends a flush", wait_flush);
}
