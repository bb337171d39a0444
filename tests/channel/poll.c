/* SPDX-License-Identifier: MIT
 *
 * The handles for event loops: ready while there is something to do, by all
 * ways to wait that the system has, and not ready after WEFT_EAGAIN.
 */
#include <pthread.h>

#include "channel/loop.h"
#include "check.h"
#include "peer.h"

static weft_channel *first;
static weft_channel *second;
static weft_handle readable;
static weft_handle writable;

static void open_both(const weft_channel_options *options)
{
    peer_both_ends(options, options, &first, &second);
    REQUIRE(weft_channel_recv_handle(second, &readable) == WEFT_OK);
    REQUIRE(weft_channel_send_handle(first, &writable) == WEFT_OK);
    loop_open(readable, writable);
}

static void close_both(void)
{
    loop_close();
    weft_channel_close(&first);
    weft_channel_close(&second);
}

static weft_status try_recv(void)
{
    char room[1000];
    size_t bytes;

    return weft_channel_try_recv(second, room, sizeof(room), &bytes);
}

static weft_status try_send(void)
{
    return peer_send(first, 100, 0, WEFT_NOW);
}

/* ------------------------------------------------------------ receiving --- */

static void test_readable(void)
{
    open_both(NULL);
    check_case("an empty channel is not readable once that is known");
    CHECK_STATUS(try_recv(), WEFT_EAGAIN);
    CHECK(!loop_is_ready(readable, 0));
    CHECK_STATUS(try_recv(), WEFT_EAGAIN);
    CHECK(!loop_is_ready(readable, 0));

    check_case("it is readable while messages are there, one taken per wake");
    for (unsigned i = 0; i < 5; i++) {
        CHECK_STATUS(try_send(), WEFT_OK);
    }
    for (unsigned i = 0; i < 5; i++) {
        CHECK(loop_is_ready(readable, 1000));
        CHECK(loop_is_ready(readable, 0));
        CHECK_STATUS(try_recv(), WEFT_OK);
    }
    CHECK_STATUS(try_recv(), WEFT_EAGAIN);
    CHECK(!loop_is_ready(readable, 0));

    check_case("each message after a drain makes it readable");
    for (unsigned i = 0; i < 100; i++) {
        CHECK_STATUS(try_send(), WEFT_OK);
        CHECK(loop_is_ready(readable, 1000));
        CHECK_STATUS(try_recv(), WEFT_OK);
        CHECK_STATUS(try_recv(), WEFT_EAGAIN);
        CHECK(!loop_is_ready(readable, 0));
    }

    check_case("a message that a waiting call finds leaves no false picture");
    CHECK_STATUS(try_send(), WEFT_OK);
    CHECK_STATUS(try_send(), WEFT_OK);
    peer_receives(second, 100, 0);
    CHECK(loop_is_ready(readable, 1000));
    peer_receives(second, 100, 0);
    CHECK_STATUS(try_recv(), WEFT_EAGAIN);
    CHECK(!loop_is_ready(readable, 0));

    check_case("a close makes it readable, and it stays so");
    weft_channel_close(&first);
    CHECK(loop_is_ready(readable, 1000));
    CHECK_STATUS(try_recv(), WEFT_ECLOSED);
    CHECK(loop_is_ready(readable, 0));
    close_both();
}

static void *send_later(void *context)
{
    CHECK(peer_await_thread_asleep(*(const int *)context));
    CHECK_STATUS(try_send(), WEFT_OK);
    CHECK_STATUS(try_send(), WEFT_OK);
    return NULL;
}

static void test_mixed(weft_wait wait)
{
    weft_channel_options options = peer_options(wait);
    int thread = peer_thread();
    pthread_t sender;

    open_both(&options);
    CHECK_STATUS(try_recv(), WEFT_EAGAIN);
    REQUIRE(pthread_create(&sender, NULL, send_later, &thread) == 0);
    peer_receives(second, 100, 0);
    REQUIRE(pthread_join(sender, NULL) == 0);
    CHECK(loop_is_ready(readable, 1000));
    CHECK_STATUS(try_recv(), WEFT_OK);
    CHECK_STATUS(try_recv(), WEFT_EAGAIN);
    CHECK(!loop_is_ready(readable, 0));
    close_both();
}

/* A handle that is ready until somebody looks must not keep us awake. */
static void test_asleep(weft_wait wait)
{
    weft_channel_options options = peer_options(wait);
    weft_channel_stats stats = {.size = sizeof(stats)};
    char room[10];
    size_t bytes;

    options.ring_max_bytes = 2048;
    open_both(&options);
    for (unsigned i = 0; i < 3; i++) {
        CHECK_STATUS(weft_channel_recv_until(second, room, sizeof(room), &bytes,
                                             weft_after_ns(10 * PEER_MS)),
                     WEFT_ETIMEDOUT);
    }
    CHECK_STATUS(weft_channel_get_stats(second, &stats), WEFT_OK);
    CHECK(stats.received.parks >= 3 && stats.received.parks <= 6);
    CHECK_STATUS(try_recv(), WEFT_EAGAIN);
    CHECK_STATUS(try_send(), WEFT_OK);
    CHECK(loop_is_ready(readable, 1000));
    for (unsigned i = 0; i < 3; i++) {
        CHECK_STATUS(weft_channel_flush(first, weft_after_ns(10 * PEER_MS)),
                     WEFT_ETIMEDOUT);
    }
    CHECK_STATUS(weft_channel_get_stats(first, &stats), WEFT_OK);
    CHECK(stats.sent.parks >= 3 && stats.sent.parks <= 6);
    close_both();
}

static void test_late(void)
{
    weft_handle again;

    check_case("asked for while messages are there, it is readable at once");
    peer_both_ends(NULL, NULL, &first, &second);
    CHECK_STATUS(try_send(), WEFT_OK);
    CHECK_STATUS(try_send(), WEFT_OK);
    REQUIRE(weft_channel_recv_handle(second, &readable) == WEFT_OK);
    REQUIRE(weft_channel_send_handle(first, &writable) == WEFT_OK);
    loop_open(readable, writable);
    CHECK(loop_is_ready(readable, 0));
    CHECK_STATUS(try_recv(), WEFT_OK);
    CHECK(loop_is_ready(readable, 0));
    CHECK_STATUS(try_recv(), WEFT_OK);
    CHECK_STATUS(try_recv(), WEFT_EAGAIN);
    CHECK(!loop_is_ready(readable, 0));

    check_case("asked for again, it is the same handle");
    CHECK_STATUS(weft_channel_recv_handle(second, &again), WEFT_OK);
    CHECK(again == readable);
    close_both();
}

static void test_pieces(void)
{
    static char room[100000];
    weft_channel_options options = WEFT_CHANNEL_OPTIONS_INIT;
    size_t bytes = 0;

    check_case("a message in pieces is followed by an event loop");
    options.ring_max_bytes = 65536;
    open_both(&options);
    CHECK_STATUS(peer_send(first, sizeof(room), 1, WEFT_NOW), WEFT_EAGAIN);
    CHECK(loop_is_ready(readable, 1000));
    CHECK_STATUS(weft_channel_try_recv(second, room, sizeof(room), &bytes),
                 WEFT_EAGAIN);
    CHECK(!loop_is_ready(readable, 0));
    CHECK(loop_is_ready(writable, 1000));
    CHECK_STATUS(peer_send(first, 20000, 2, WEFT_NOW), WEFT_OK);
    CHECK(loop_is_ready(readable, 1000));
    CHECK_STATUS(weft_channel_try_recv(second, room, sizeof(room), &bytes),
                 WEFT_OK);
    CHECK(bytes == 20000 && peer_is_filled(room, bytes, 2));
    close_both();
}

/* -------------------------------------------------------------- sending --- */

static void test_writable(void)
{
    weft_channel_options options = WEFT_CHANNEL_OPTIONS_INIT;
    unsigned count;

    check_case("a channel with room is writable, a full one is not");
    options.ring_max_bytes = 2048;
    open_both(&options);
    CHECK(loop_is_ready(writable, 0));
    CHECK_STATUS(try_send(), WEFT_OK);
    CHECK(loop_is_ready(writable, 0));
    count = peer_fill_ring(first, 100) + 1;
    CHECK(!loop_is_ready(writable, 0));

    check_case("what the reader takes makes it writable again, and again");
    for (unsigned round = 0; round < 20; round++) {
        while (count > 0) {
            CHECK_STATUS(try_recv(), WEFT_OK);
            count--;
        }
        CHECK_STATUS(try_recv(), WEFT_EAGAIN);
        CHECK(loop_is_ready(writable, 1000));
        while (try_send() == WEFT_OK) {
            count++;
        }
        CHECK(count > 0);
        CHECK(!loop_is_ready(writable, 0));
    }

    check_case("a close makes it writable, since a send would fail");
    weft_channel_close(&second);
    CHECK(loop_is_ready(writable, 1000));
    CHECK_STATUS(try_send(), WEFT_ECLOSED);
    CHECK(loop_is_ready(writable, 0));
    close_both();
}

/* ---------------------------------------------------------------- death --- */

static void stay(weft_channel *channel, void *context)
{
    (void)channel;
    (void)context;
    peer_await_kill();
}

static void test_death(void)
{
    weft_channel_options options = WEFT_CHANNEL_OPTIONS_INIT;
    char room[10];
    size_t bytes;
    peer_process child;

    check_case("a death makes both handles ready");
    options.ring_max_bytes = 2048;
    child = peer_start(&options, NULL, stay, NULL, 0, &first);
    CHECK_STATUS(weft_channel_recv_handle(first, &readable), WEFT_OK);
    CHECK_STATUS(weft_channel_send_handle(first, &writable), WEFT_OK);
    loop_open(readable, writable);
    CHECK_STATUS(weft_channel_try_recv(first, room, sizeof(room), &bytes),
                 WEFT_EAGAIN);
    (void)peer_fill_ring(first, 100);
    CHECK(!loop_is_ready(readable, 0));
    CHECK(!loop_is_ready(writable, 0));
    peer_kill(&child);
    CHECK(loop_is_ready(readable, 1000));
    CHECK(loop_is_ready(writable, 1000));
    CHECK_STATUS(weft_channel_try_recv(first, room, sizeof(room), &bytes),
                 WEFT_EPEERDIED);
    CHECK_STATUS(try_send(), WEFT_EPEERDIED);
    CHECK(loop_is_ready(readable, 0));
    CHECK(loop_is_ready(writable, 0));
    close_both();
}

void test_main(void)
{
    test_death();
    test_readable();
    check_case("calls that wait and handles that are polled can be mixed");
    test_mixed(WEFT_WAIT_ADAPTIVE);
    test_mixed(WEFT_WAIT_BLOCK);
    check_case("calls that wait sleep, though their handles are polled");
    test_asleep(WEFT_WAIT_ADAPTIVE);
    test_asleep(WEFT_WAIT_BLOCK);
    test_late();
    test_pieces();
    test_writable();
}
