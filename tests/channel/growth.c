/* SPDX-License-Identifier: MIT
 *
 * Rings grow under load, no further than both sides want, and shrink when
 * they are told to.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "check.h"
#include "peer.h"

#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)

static weft_channel *first;
static weft_channel *second;

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

static void pass(size_t bytes, uint64_t seed)
{
    CHECK_STATUS(peer_send(first, bytes, seed, peer_soon()), WEFT_OK);
    peer_receives(second, bytes, seed);
}

/* Has the reader follow to the present ring. */
static bool drain(void)
{
    size_t bytes;

    return CHECK_STATUS(weft_channel_try_recv(second, NULL, 0, &bytes),
                        WEFT_EAGAIN);
}

/* --------------------------------------------------------------- growth --- */

static void test_few(void)
{
    check_case("a few messages one by one stay in the home's ring");
    peer_both_ends(NULL, NULL, &first, &second);
    for (unsigned i = 0; i < 10; i++) {
        pass(700, i);
    }
    CHECK(sent().ring_bytes == peer_ring_min() && sent().reseats == 0);
    close_both();

    check_case("a lively exchange gets the second ring, and no more");
    peer_both_ends(NULL, NULL, &first, &second);
    for (unsigned i = 0; i < 10000; i++) {
        pass(700, i);
    }
    CHECK(sent().ring_bytes <= 64 * KIB && sent().reseats <= 1);
    close_both();
}

static void *receive_until_closed(void *context)
{
    atomic_uint *count = context;
    char room[2000];
    size_t bytes;
    weft_status status;

    for (;;) {
        status = weft_channel_recv_until(second, room, sizeof(room), &bytes,
                                         peer_soon());
        if (status != WEFT_OK) {
            break;
        }
        if (!CHECK(peer_is_filled(room, bytes, *count))) {
            break;
        }
        ++*count;
    }
    CHECK_STATUS(status, WEFT_ECLOSED);
    return NULL;
}

/* Streams until the ring has grown so far, or for so many messages. */
static void stream(uint64_t ring_bytes, unsigned most)
{
    uint64_t late = peer_soon();
    atomic_uint received = 0;
    unsigned i = 0;
    pthread_t reader;

    REQUIRE(pthread_create(&reader, NULL, receive_until_closed, &received) ==
            0);
    while (i < most && sent().ring_bytes < ring_bytes && weft_now_ns() < late) {
        if (!CHECK_STATUS(peer_send(first, i * 7 % 1500, i, peer_soon()),
                          WEFT_OK)) {
            break;
        }
        i++;
    }
    CHECK_STATUS(weft_channel_shutdown(first), WEFT_OK);
    REQUIRE(pthread_join(reader, NULL) == 0);
    CHECK(received == i);
}

/* Sends while there is room, and tries to when there is none. */
static void test_pressure(void)
{
    uint64_t late = peer_soon();
    unsigned taken = 0;
    unsigned i = 0;

    check_case("a ring that is full again and again grows to 8 MiB");
    peer_both_ends(NULL, NULL, &first, &second);
    while (sent().ring_bytes < 8 * MIB && weft_now_ns() < late) {
        i += peer_send(first, 1000, i, WEFT_NOW) == WEFT_OK;
    }
    CHECK(sent().ring_bytes == 8 * MIB);
    CHECK(sent().reseats >= 1 && sent().reseats <= 4);
    while (taken < i) {
        peer_receives(second, 1000, taken++);
    }
    close_both();
}

/* -------------------------------------------------------------- options --- */

static void test_ring_bytes(void)
{
    weft_channel_options options = WEFT_CHANNEL_OPTIONS_INIT;
    void *space;

    check_case("a ring begins as large as it should, after a flush too");
    options.ring_bytes = 512 * KIB;
    peer_both_ends(&options, NULL, &first, &second);
    pass(1, 1);
    CHECK(sent().ring_bytes == 512 * KIB && sent().reseats == 1);
    CHECK_STATUS(weft_channel_reserve(first, 200 * KIB, &space, WEFT_NOW),
                 WEFT_OK);
    weft_channel_cancel(first);
    close_both();

    check_case("a ring grows no further than its own side wants");
    options.ring_bytes = 0;
    options.ring_max_bytes = 128 * KIB;
    peer_both_ends(&options, NULL, &first, &second);
    stream(UINT64_MAX, 100000);
    CHECK(sent().ring_bytes <= 128 * KIB);
    close_both();
}

static void try_peer_limit(size_t limit)
{
    weft_channel_options theirs = WEFT_CHANNEL_OPTIONS_INIT;

    theirs.peer_ring_max_bytes = limit;
    peer_both_ends(NULL, &theirs, &first, &second);
    stream(UINT64_MAX, 50000);
    CHECK(sent().ring_bytes <=
          (limit < peer_ring_min() ? peer_ring_min() : limit));
    close_both();
}

static void try_peer_begin(void)
{
    weft_channel_options mine = WEFT_CHANNEL_OPTIONS_INIT;
    weft_channel_options theirs = WEFT_CHANNEL_OPTIONS_INIT;

    mine.ring_bytes = MIB;
    theirs.peer_ring_max_bytes = 64 * KIB;
    peer_both_ends(&mine, &theirs, &first, &second);
    stream(UINT64_MAX, 1000);
    CHECK(sent().ring_bytes == 64 * KIB);
    close_both();
}

/* In a process of its own, as a wrong size would be the end of it. */
static void try_odd_limits(void *context)
{
    (void)context;
    try_peer_limit(100000);
    try_peer_limit(3 * MIB);
    try_peer_limit(5000);
}

static void test_peer_limit(void)
{
    peer_process child;

    check_case("a ring grows no further than the peer lets it");
    try_peer_limit(64 * KIB);
    try_peer_limit(4 * KIB);
    try_peer_limit(1);
    try_peer_begin();

    check_case("a peer's limit may be any number");
    child = peer_run(try_odd_limits, NULL, 0);
    CHECK(peer_ended_well(&child));
}

/* ----------------------------------------------------------------- trim --- */

static void test_trim(void)
{
    peer_both_ends(NULL, NULL, &first, &second);
    check_case("a trim at home does nothing");
    CHECK_STATUS(weft_channel_trim(first, WEFT_NOW), WEFT_OK);
    CHECK(sent().reseats == 0);

    check_case("a trim goes home, and the stream goes on, and grows again");
    for (unsigned i = 0; i < 20; i++) {
        pass(50000, i);
        CHECK(sent().ring_bytes >= 64 * KIB);
        CHECK_STATUS(peer_send(first, 100, i, peer_soon()), WEFT_OK);
        CHECK_STATUS(weft_channel_trim(first, peer_soon()), WEFT_OK);
        CHECK(sent().ring_bytes == peer_ring_min());
        CHECK_STATUS(peer_send(first, 101, i, peer_soon()), WEFT_OK);
        peer_receives(second, 100, i);
        peer_receives(second, 101, i);
        CHECK(sent().ring_bytes == peer_ring_min());
        CHECK(sent().reseats == UINT64_C(2) * (i + 1));
    }

    check_case("a trim waits for a reader that is still at home");
    CHECK_STATUS(peer_send(first, 700, 1, peer_soon()), WEFT_OK);
    CHECK_STATUS(peer_send(first, 10000, 2, peer_soon()), WEFT_OK);
    CHECK_STATUS(weft_channel_trim(first, WEFT_NOW), WEFT_EAGAIN);
    CHECK_STATUS(weft_channel_trim(first, 1), WEFT_ETIMEDOUT);
    peer_receives(second, 700, 1);
    peer_receives(second, 10000, 2);
    (void)drain();
    CHECK_STATUS(weft_channel_trim(first, WEFT_NOW), WEFT_OK);
    pass(10, 3);
    close_both();
}

/* Nothing says that there must be a message between two changes of ring. */
static void test_turns(void)
{
    void *space;

    check_case("rings may change again and again without a message");
    peer_both_ends(NULL, NULL, &first, &second);
    for (unsigned i = 0; i < 20; i++) {
        CHECK_STATUS(weft_channel_reserve(first, 5000, &space, peer_soon()),
                     WEFT_OK);
        weft_channel_cancel(first);
        if (!drain()) {
            break;
        }
        CHECK_STATUS(weft_channel_trim(first, peer_soon()), WEFT_OK);
    }
    pass(10, 1);
    close_both();
}

void test_main(void)
{
    test_few();
    test_pressure();
    test_ring_bytes();
    test_peer_limit();
    test_trim();
    test_turns();
}
