/* SPDX-License-Identifier: MIT
 *
 * Messages written in place and read in place.
 */
#include <string.h>

#include "check.h"
#include "ipc/layout.h"
#include "peer.h"

static weft_channel *first;
static weft_channel *second;

static void open_small(void)
{
    weft_channel_options options = WEFT_CHANNEL_OPTIONS_INIT;

    options.ring_max_bytes = 2048;
    peer_both_ends(&options, &options, &first, &second);
}

static void close_both(void)
{
    weft_channel_close(&first);
    weft_channel_close(&second);
}

/* Peeks at a message of this length and content, and leaves it open. */
static void check_peek(size_t bytes, uint64_t seed)
{
    const void *data = NULL;
    size_t got = 0;

    if (CHECK_STATUS(weft_channel_peek(second, &data, &got, peer_soon()),
                     WEFT_OK)) {
        CHECK(got == bytes && peer_is_filled(data, got, seed));
    }
}

/* Writes `commit` of `reserve` bytes in place. */
static void send_in_place(size_t reserve, size_t commit, uint64_t seed)
{
    void *space = NULL;

    if (CHECK_STATUS(weft_channel_reserve(first, reserve, &space, peer_soon()),
                     WEFT_OK)) {
        CHECK((uintptr_t)space % 16 == 0);
        peer_fill(space, commit, seed);
        CHECK_STATUS(weft_channel_commit(first, commit), WEFT_OK);
    }
}

static void test_reserve(void)
{
    size_t most = (size_t)wefti_record_max(peer_ring_min()) - WEFTI_HEADER;
    void *space;

    open_small();
    check_case("what is reserved and committed arrives");
    send_in_place(100, 100, 1);
    peer_receives(second, 100, 1);
    send_in_place(0, 0, 2);
    peer_receives(second, 0, 2);

    check_case("less may be committed than was reserved");
    send_in_place(800, 3, 3);
    send_in_place(800, 0, 4);
    send_in_place(800, 800, 5);
    peer_receives(second, 3, 3);
    peer_receives(second, 0, 4);
    peer_receives(second, 800, 5);

    check_case("the largest reservation fits, one byte more does not");
    send_in_place(most, most, 6);
    peer_receives(second, most, 6);
    CHECK_STATUS(weft_channel_reserve(first, most + 1, &space, peer_soon()),
                 WEFT_EMSGSIZE);
    CHECK_STATUS(weft_channel_reserve(first, SIZE_MAX, &space, peer_soon()),
                 WEFT_EMSGSIZE);

    check_case("more can't be committed than was reserved");
    CHECK_STATUS(weft_channel_commit(first, 0), WEFT_EINVAL);
    CHECK_STATUS(weft_channel_reserve(first, 10, &space, peer_soon()), WEFT_OK);
    CHECK_STATUS(weft_channel_commit(first, 11), WEFT_EINVAL);
    peer_fill(space, 10, 7);
    CHECK_STATUS(weft_channel_commit(first, 10), WEFT_OK);
    CHECK_STATUS(weft_channel_commit(first, 10), WEFT_EINVAL);
    peer_receives(second, 10, 7);

    check_case("an open reservation keeps other sending calls away");
    CHECK_STATUS(weft_channel_reserve(first, 10, &space, peer_soon()), WEFT_OK);
    CHECK_STATUS(weft_channel_try_send(first, "x", 1), WEFT_EBUSY);
    CHECK_STATUS(weft_channel_reserve(first, 10, &space, WEFT_NOW), WEFT_EBUSY);
    CHECK_STATUS(weft_channel_trim(first, WEFT_NOW), WEFT_EBUSY);
    weft_channel_cancel(first);

    check_case("a cancelled reservation sends nothing");
    weft_channel_cancel(first);
    send_in_place(5, 5, 8);
    peer_receives(second, 5, 8);
    CHECK_STATUS(weft_channel_try_recv(second, NULL, 0, &most), WEFT_EAGAIN);
    close_both();
}

/* Reserves at every place of the ring, and gives up every other time. */
static void test_wrap(void)
{
    void *space;

    open_small();
    check_case("reservations may be cancelled at every place of the ring");
    for (uint64_t i = 0; i < 2000; i++) {
        size_t bytes = (size_t)(i * 37 % 830);

        if (!CHECK_STATUS(weft_channel_reserve(first, 830, &space, peer_soon()),
                          WEFT_OK)) {
            break;
        }
        memset(space, 0xff, 830);
        weft_channel_cancel(first);
        send_in_place(830, bytes, i);
        if (!peer_receives(second, bytes, i)) {
            break;
        }
    }

    check_case("what was cancelled at the wrap does not hold up a flush");
    for (unsigned i = 0; i < 100; i++) {
        CHECK_STATUS(peer_send(first, 30, i, peer_soon()), WEFT_OK);
        peer_receives(second, 30, i);
        CHECK_STATUS(weft_channel_reserve(first, 830, &space, peer_soon()),
                     WEFT_OK);
        weft_channel_cancel(first);
        CHECK_STATUS(weft_channel_try_recv(second, NULL, 0, &(size_t){0}),
                     WEFT_EAGAIN);
        CHECK_STATUS(weft_channel_flush(first, WEFT_NOW), WEFT_OK);
    }
    close_both();
}

/* A reservation is a promise that the end of the stream has to respect. */
static void test_shutdown(void)
{
    void *space;
    size_t bytes;

    open_small();
    check_case("a reservation that is open at the shutdown is not sent");
    CHECK_STATUS(weft_channel_reserve(first, 10, &space, peer_soon()), WEFT_OK);
    CHECK_STATUS(weft_channel_shutdown(first), WEFT_OK);
    CHECK_STATUS(weft_channel_commit(first, 10), WEFT_EINVAL);
    CHECK_STATUS(weft_channel_recv_until(second, NULL, 0, &bytes, peer_soon()),
                 WEFT_ECLOSED);
    close_both();
}

static void test_peek(void)
{
    char room[100];
    const void *data;
    size_t bytes;

    peer_both_ends(NULL, NULL, &first, &second);
    check_case("a peek shows a message, and a release takes it");
    CHECK_STATUS(peer_send(first, 100, 1, peer_soon()), WEFT_OK);
    CHECK_STATUS(peer_send(first, 50, 2, peer_soon()), WEFT_OK);
    check_peek(100, 1);

    check_case("an open peek keeps other receiving calls away");
    CHECK_STATUS(weft_channel_try_recv(second, room, sizeof(room), &bytes),
                 WEFT_EBUSY);
    CHECK_STATUS(weft_channel_peek(second, &data, &bytes, WEFT_NOW),
                 WEFT_EBUSY);
    weft_channel_release(second);
    weft_channel_release(second);
    peer_receives(second, 50, 2);

    check_case("a peek at nothing waits, or says so");
    CHECK_STATUS(weft_channel_peek(second, &data, &bytes, WEFT_NOW),
                 WEFT_EAGAIN);

    check_case("messages in pieces can be peeked at");
    for (uint64_t i = 0; i < 20; i++) {
        size_t large = 20000 + (size_t)i * 1001;

        CHECK_STATUS(peer_send(first, large, i, peer_soon()), WEFT_OK);
        CHECK_STATUS(peer_send(first, 7, i, peer_soon()), WEFT_OK);
        check_peek(large, i);
        weft_channel_release(second);
        check_peek(7, i);
        weft_channel_release(second);
    }

    check_case("after a peek at pieces the same message can't come again");
    CHECK_STATUS(peer_send(first, 20000, 5, peer_soon()), WEFT_OK);
    CHECK_STATUS(peer_send(first, 20001, 6, peer_soon()), WEFT_OK);
    check_peek(20000, 5);
    weft_channel_release(second);
    peer_receives(second, 20001, 6);
    CHECK_STATUS(weft_channel_try_recv(second, room, sizeof(room), &bytes),
                 WEFT_EAGAIN);
    CHECK_STATUS(weft_channel_flush(first, WEFT_NOW), WEFT_OK);
    close_both();
}

void test_main(void)
{
    test_reserve();
    test_wrap();
    test_shutdown();
    test_peek();
}
