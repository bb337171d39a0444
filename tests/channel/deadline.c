/* SPDX-License-Identifier: MIT
 *
 * Waits end when they should, and a message that is cut short by a deadline
 * is either gone on with or never seen.
 */
#include <pthread.h>

#include "check.h"
#include "peer.h"

/* How late a wait may end on a busy machine. */
#define SLACK_NS PEER_S

/* A deadline that is past and not WEFT_NOW. */
#define PAST UINT64_C(1)

/* In pieces in the smallest ring. */
#define LARGE 10000

static weft_channel *first;
static weft_channel *second;
static char room[LARGE];

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

/* ------------------------------------------------------- each wait once --- */

typedef weft_status wait_call(uint64_t deadline_ns);

static weft_status wait_recv(uint64_t deadline_ns)
{
    size_t bytes;

    return weft_channel_recv_until(second, room, sizeof(room), &bytes,
                                   deadline_ns);
}

static weft_status wait_recv_message(uint64_t deadline_ns)
{
    weft_message message = {.data = room, .bytes = sizeof(room)};

    return weft_channel_recv_message(second, &message, deadline_ns);
}

static weft_status wait_peek(uint64_t deadline_ns)
{
    const void *data;
    size_t bytes;

    return weft_channel_peek(second, &data, &bytes, deadline_ns);
}

static weft_status wait_send(uint64_t deadline_ns)
{
    return weft_channel_send_until(first, room, 100, deadline_ns);
}

static weft_status wait_reserve(uint64_t deadline_ns)
{
    void *space;

    return weft_channel_reserve(first, 100, &space, deadline_ns);
}

static weft_status wait_flush(uint64_t deadline_ns)
{
    return weft_channel_flush(first, deadline_ns);
}

static void check_wait(wait_call *call)
{
    const uint64_t length_ns = 15 * PEER_MS;
    uint64_t start;
    uint64_t took;

    CHECK_STATUS(call(WEFT_NOW), WEFT_EAGAIN);
    CHECK_STATUS(call(PAST), WEFT_ETIMEDOUT);
    start = weft_now_ns();
    CHECK_STATUS(call(start + length_ns), WEFT_ETIMEDOUT);
    took = weft_now_ns() - start;
    CHECK(took >= length_ns);
    CHECK(took < length_ns + SLACK_NS);
}

static void test_waits(const char *name, weft_wait wait)
{
    check_case(name);
    open_small(wait);
    check_wait(wait_recv);
    check_wait(wait_recv_message);
    check_wait(wait_peek);
    (void)peer_fill_ring(first, 100);
    check_wait(wait_send);
    check_wait(wait_reserve);
    check_wait(wait_flush);
    close_both();
}

static void test_past(void)
{
    check_case("a past deadline does not keep from what needs no wait");
    open_small(WEFT_WAIT_DEFAULT);
    CHECK_STATUS(wait_send(PAST), WEFT_OK);
    CHECK_STATUS(wait_recv(PAST), WEFT_OK);
    CHECK_STATUS(wait_send(WEFT_NOW), WEFT_OK);
    CHECK_STATUS(wait_recv(WEFT_NOW), WEFT_OK);
    CHECK_STATUS(wait_recv(WEFT_NOW), WEFT_EAGAIN);
    CHECK_STATUS(wait_flush(PAST), WEFT_OK);
    close_both();
}

/* ------------------------------------------- in the middle of a message --- */

#define ROUNDS 12

static void send_rounds(weft_channel *channel, void *context)
{
    (void)context;
    for (uint64_t i = 0; i < ROUNDS; i++) {
        CHECK_STATUS(peer_send(channel, LARGE, i, peer_soon()), WEFT_OK);
    }
}

/* Stops a sender that waits for room: no more comes than is in the ring. */
static void stop_sender(const peer_process *sender)
{
    CHECK(peer_await_asleep(sender));
    peer_stop(sender);
}

/* Takes what there is of a message, by a receive or a peek. */
static void receive_part(bool peeks)
{
    const void *data;
    size_t bytes = 0;

    if (peeks) {
        CHECK_STATUS(weft_channel_peek(second, &data, &bytes, WEFT_NOW),
                     WEFT_EAGAIN);
    } else {
        CHECK_STATUS(weft_channel_recv_until(second, room, LARGE, &bytes, PAST),
                     WEFT_ETIMEDOUT);
    }
    /* Too little room, but it is not certain yet that the message comes. */
    CHECK_STATUS(weft_channel_try_recv(second, room, 100, &bytes), WEFT_EAGAIN);
}

/* Takes the rest, by either, whichever the first part was taken by. */
static void receive_rest(bool peeks, uint64_t seed)
{
    const void *data = NULL;
    size_t bytes = 0;

    if (!peeks) {
        peer_receives(second, LARGE, seed);
    } else if (CHECK_STATUS(
                   weft_channel_peek(second, &data, &bytes, peer_soon()),
                   WEFT_OK)) {
        CHECK(bytes == LARGE && peer_is_filled(data, bytes, seed));
        weft_channel_release(second);
    }
}

static void test_receiver(void)
{
    weft_channel_options options = peer_options(WEFT_WAIT_BLOCK);
    peer_process sender;
    size_t bytes;

    check_case("a receiver goes on with a message after its deadline");
    options.ring_max_bytes = 2048;
    sender = peer_start(NULL, &options, send_rounds, NULL, 0, &second);
    for (unsigned i = 0; i < ROUNDS; i++) {
        stop_sender(&sender);
        receive_part(i % 2 == 1);
        receive_part(i % 3 == 1);
        peer_go_on(&sender);
        receive_rest(i % 4 >= 2, i);
    }
    CHECK(peer_ended_well(&sender));
    CHECK_STATUS(weft_channel_recv_until(second, room, sizeof(room), &bytes,
                                         peer_soon()),
                 WEFT_ECLOSED);
    weft_channel_close(&second);
}

/* Begins a message that can't be ended, as the ring is too small. */
static void cut_short(uint64_t deadline_ns)
{
    CHECK_STATUS(peer_send(first, LARGE, 999, deadline_ns),
                 deadline_ns == WEFT_NOW ? WEFT_EAGAIN : WEFT_ETIMEDOUT);
}

static void try_to_receive(size_t size)
{
    size_t bytes = 0;

    CHECK_STATUS(weft_channel_try_recv(second, room, size, &bytes),
                 WEFT_EAGAIN);
}

static void *receive_three(void *context)
{
    (void)context;
    peer_receives(second, 50, 1);
    peer_receives(second, LARGE - 1, 2);
    peer_receives(second, LARGE, 3);
    return NULL;
}

static void test_sender(const char *name, bool reads_half, uint64_t deadline_ns)
{
    weft_channel_stats stats = {.size = sizeof(stats)};
    pthread_t receiver;

    check_case(name);
    open_small(WEFT_WAIT_DEFAULT);
    cut_short(deadline_ns);
    if (reads_half) {
        try_to_receive(LARGE);
        cut_short(deadline_ns);
        try_to_receive(LARGE);
    }
    REQUIRE(pthread_create(&receiver, NULL, receive_three, NULL) == 0);
    CHECK_STATUS(peer_send(first, 50, 1, peer_soon()), WEFT_OK);
    CHECK_STATUS(peer_send(first, LARGE - 1, 2, peer_soon()), WEFT_OK);
    CHECK_STATUS(peer_send(first, LARGE, 3, peer_soon()), WEFT_OK);
    REQUIRE(pthread_join(receiver, NULL) == 0);
    CHECK_STATUS(weft_channel_get_stats(first, &stats), WEFT_OK);
    CHECK(stats.sent.messages == 3 && stats.sent.bytes == 2 * LARGE + 49);
    CHECK_STATUS(weft_channel_get_stats(second, &stats), WEFT_OK);
    CHECK(stats.received.messages == 3);
    close_both();
}

static void test_cut_room(void)
{
    char little[50];
    size_t bytes = 0;

    check_case("a message cut short asks for no room");
    open_small(WEFT_WAIT_DEFAULT);
    cut_short(WEFT_NOW);
    CHECK_STATUS(weft_channel_try_recv(second, little, sizeof(little), &bytes),
                 WEFT_EAGAIN);
    CHECK_STATUS(weft_channel_try_send(first, "fits", 4), WEFT_OK);
    CHECK_STATUS(weft_channel_try_recv(second, little, sizeof(little), &bytes),
                 WEFT_OK);
    CHECK(bytes == 4);
    close_both();
}

static void test_cut_end(void)
{
    size_t bytes;

    check_case("a message cut short is not seen at the end of the stream");
    open_small(WEFT_WAIT_DEFAULT);
    cut_short(WEFT_NOW);
    weft_channel_close(&first);
    CHECK_STATUS(weft_channel_recv_until(second, room, sizeof(room), &bytes,
                                         peer_soon()),
                 WEFT_ECLOSED);
    close_both();
}

/* ------------------------------------------------------------ too small --- */

static void test_room(size_t length)
{
    size_t bytes = 0;
    weft_message message = {.data = room, .bytes = length - 1};

    CHECK_STATUS(peer_send(first, length, length, WEFT_NOW), WEFT_OK);
    CHECK_STATUS(weft_channel_recv_until(second, NULL, 0, &bytes, peer_soon()),
                 WEFT_EMSGSIZE);
    CHECK(bytes == length);
    CHECK_STATUS(weft_channel_recv_message(second, &message, peer_soon()),
                 WEFT_EMSGSIZE);
    CHECK(message.bytes == length);
    peer_receives(second, length, length);
}

static void test_too_small(void)
{
    check_case("a message that does not fit says its size, and stays");
    peer_both_ends(NULL, NULL, &first, &second);
    test_room(1);
    test_room(700);
    test_room(40000);
    close_both();
}

void test_main(void)
{
    test_waits("waits end in time, adaptive", WEFT_WAIT_ADAPTIVE);
    test_waits("waits end in time, spinning", WEFT_WAIT_SPIN);
    test_waits("waits end in time, blocking", WEFT_WAIT_BLOCK);
    test_past();
    test_receiver();
    test_sender("a message cut short is not seen", false, WEFT_NOW);
    test_sender("one cut short by time is not seen", false, PAST);
    test_sender("one cut short and half read is not seen", true, WEFT_NOW);
    test_cut_room();
    test_cut_end();
    test_too_small();
}
