/* SPDX-License-Identifier: MIT
 *
 * Handles ride with messages: in order, all or none, and none is lost.
 *
 * Each is a token with a number of its own, which tells them apart where they
 * arrive.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "check.h"
#include "peer.h"

#define LARGE 100000

static weft_channel *first;
static weft_channel *second;
static unsigned char room[LARGE];

static void open_both(size_t ring_bytes, size_t ring_max_bytes)
{
    weft_channel_options options = WEFT_CHANNEL_OPTIONS_INIT;

    options.ring_bytes = ring_bytes;
    options.ring_max_bytes = ring_max_bytes;
    peer_both_ends(&options, &options, &first, &second);
}

static void close_both(void)
{
    weft_channel_close(&first);
    weft_channel_close(&second);
}

/* Sends `count` tokens with the numbers from `number` on. */
static weft_status send_tokens(size_t bytes, unsigned count, unsigned number,
                               uint64_t deadline_ns)
{
    weft_message message = {.bytes = bytes, .tag = number};
    weft_status status;

    message.data = malloc(bytes + 1);
    REQUIRE(message.data != NULL);
    peer_fill(message.data, bytes, number);
    message.handle_count = count;
    for (unsigned i = 0; i < count; i++) {
        message.handles[i] = peer_token(number + i);
    }
    status = weft_channel_send_message(first, &message, deadline_ns);
    for (unsigned i = 0; i < count; i++) {
        CHECK(peer_close(message.handles[i]));
    }
    free(message.data);
    return status;
}

static bool receive_tokens(size_t bytes, unsigned count, unsigned number)
{
    weft_message message = {.data = room, .bytes = sizeof(room)};

    if (!CHECK_STATUS(weft_channel_recv_message(second, &message, peer_soon()),
                      WEFT_OK)) {
        return false;
    }
    CHECK(message.bytes == bytes && message.tag == number);
    CHECK(peer_is_filled(room, bytes, number));
    for (unsigned i = 0; i < message.handle_count; i++) {
        CHECK(!peer_is_passed(message.handles[i]));
        CHECK(peer_token_is(message.handles[i], number + i));
    }
    return CHECK(message.handle_count == count);
}

static void pass(size_t bytes, unsigned count)
{
    CHECK_STATUS(send_tokens(bytes, count, 40, peer_soon()), WEFT_OK);
    receive_tokens(bytes, count, 40);
}

static void test_ride(const char *name, size_t bytes)
{
    check_case(name);
    open_both(1 << 20, 0);
    pass(bytes, 1);
    pass(bytes, WEFT_HANDLES_MAX);
    pass(bytes, 0);
    close_both();
}

static void *send_large(void *context)
{
    (void)context;
    CHECK_STATUS(send_tokens(LARGE, 5, 70, peer_soon()), WEFT_OK);
    CHECK_STATUS(send_tokens(0, 1, 90, peer_soon()), WEFT_OK);
    return NULL;
}

static void test_small_ring(void)
{
    pthread_t sender;

    check_case("handles ride with the last piece through the smallest ring");
    open_both(0, 2048);
    REQUIRE(pthread_create(&sender, NULL, send_large, NULL) == 0);
    receive_tokens(LARGE, 5, 70);
    receive_tokens(0, 1, 90);
    REQUIRE(pthread_join(sender, NULL) == 0);
    close_both();
}

static void test_order(void)
{
    check_case("messages with and without handles keep their order");
    open_both(1 << 20, 0);
    for (unsigned i = 1; i < 40; i++) {
        CHECK_STATUS(send_tokens(i * 977 % 40000, i % 5, i * 100, peer_soon()),
                     WEFT_OK);
        if (i % 3 == 0) {
            for (unsigned k = i - 2; k <= i; k++) {
                receive_tokens(k * 977 % 40000, k % 5, k * 100);
            }
        }
    }
    close_both();
}

/* A call that takes no handles leaves the message as it is. */
static void check_stays(size_t bytes)
{
    weft_message small = {.data = room, .bytes = bytes - 1};
    const void *data;
    size_t got;

    CHECK_STATUS(send_tokens(bytes, 3, 30, peer_soon()), WEFT_OK);
    CHECK_STATUS(
        weft_channel_recv_until(second, room, sizeof(room), &got, peer_soon()),
        WEFT_EHANDLES);
    CHECK_STATUS(weft_channel_peek(second, &data, &got, peer_soon()),
                 WEFT_EHANDLES);
    CHECK_STATUS(weft_channel_recv_message(second, &small, peer_soon()),
                 WEFT_EMSGSIZE);
    CHECK(small.bytes == bytes && small.handle_count == 0);
    receive_tokens(bytes, 3, 30);
}

static void test_stays(void)
{
    check_case("who takes no handles is told, and the message stays");
    open_both(1 << 20, 0);
    check_stays(10);
    check_stays(LARGE);
    CHECK_STATUS(peer_send(first, 5, 1, peer_soon()), WEFT_OK);
    peer_receives(second, 5, 1);
    close_both();
}

/* -------------------------------------------------------- wrong handles --- */

static void check_refused(size_t bytes, unsigned count, weft_handle last,
                          weft_status expected)
{
    weft_message message = {.data = room, .bytes = bytes};
    weft_handle good = peer_token(0);

    message.handle_count = count;
    for (unsigned i = 0; i < count && i < WEFT_HANDLES_MAX; i++) {
        message.handles[i] = i + 1 < count ? good : last;
    }
    CHECK_STATUS(weft_channel_send_message(first, &message, peer_soon()),
                 expected);
    CHECK(peer_close(good));
}

static void test_wrong(void)
{
    check_case("too many handles, or wrong ones, are refused");
    open_both(1 << 20, 0);
    check_refused(10, WEFT_HANDLES_MAX + 1, 0, WEFT_ELIMIT);
    check_refused(10, 1, 9999, WEFT_EINVAL);
    check_refused(10, 1, WEFT_HANDLE_NONE, WEFT_EINVAL);
    check_refused(10, WEFT_HANDLES_MAX, 9999, WEFT_EINVAL);
    check_refused(LARGE, 2, 9999, WEFT_EINVAL);

    check_case("after that the channel works");
    pass(10, 2);
    check_refused(LARGE, 2, 9999, WEFT_EINVAL);
    pass(LARGE, 2);
    close_both();
}

/* --------------------------------------------------------------- floods --- */

static atomic_int sender_thread;

static void *send_one_more(void *context)
{
    sender_thread = peer_thread();
    CHECK_STATUS(send_tokens(10, 1, *(const unsigned *)context, peer_soon()),
                 WEFT_OK);
    return NULL;
}

/* Sends handles the other way, which nobody takes. */
static void check_returned(void)
{
    weft_message message = {.handle_count = 1, .handles = {peer_token(0)}};

    CHECK_STATUS(weft_channel_send_message(second, &message, peer_soon()),
                 WEFT_OK);
    CHECK(peer_close(message.handles[0]));
}

static void test_flood(void)
{
    int open_before = check_open_handles();
    unsigned count = 1;
    pthread_t sender;

    check_case("a sender waits while too many handles are on their way");
    open_both(4 << 20, 0);
    while (send_tokens(10, 1, count, WEFT_NOW) == WEFT_OK) {
        count++;
    }
    CHECK(count > 10);
    CHECK_STATUS(send_tokens(10, 1, 1, weft_after_ns(PEER_MS)), WEFT_ETIMEDOUT);
    REQUIRE(pthread_create(&sender, NULL, send_one_more, &count) == 0);
    while (sender_thread == 0) {
    }
    CHECK(peer_await_thread_asleep(sender_thread));
    for (unsigned i = 1; i <= count; i++) {
        if (!receive_tokens(10, 1, i)) {
            break;
        }
    }
    REQUIRE(pthread_join(sender, NULL) == 0);
    close_both();
    CHECK(check_open_handles() == open_before);

    check_case("handles sent before a close arrive, though others came back");
    open_both(0, 0);
    CHECK_STATUS(send_tokens(10, 3, 1, peer_soon()), WEFT_OK);
    check_returned();
    weft_channel_close(&first);
    receive_tokens(10, 3, 1);
    close_both();

    check_case("handles that nobody took are closed with the channel");
    open_both(0, 0);
    CHECK_STATUS(send_tokens(10, 16, 1, peer_soon()), WEFT_OK);
    close_both();
    CHECK(check_open_handles() == open_before);
}

void test_main(void)
{
    test_ride("handles ride with a message of no bytes", 0);
    test_ride("handles ride with a small message", 10);
    test_ride("handles ride with a message in pieces", LARGE);
    test_small_ring();
    test_order();
    test_stays();
    test_wrong();
    test_flood();
}
