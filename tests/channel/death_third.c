/* SPDX-License-Identifier: MIT
 *
 * A peer's death and its close are told although a third process, which the
 * peer forked, holds the peer's end open.
 */
#define _POSIX_C_SOURCE 200809L
#include <unistd.h>

#include "check.h"
#include "peer.h"

static weft_channel *channel;
static peer_gate gate;

static weft_status wait_recv(void)
{
    char room[2000];
    size_t bytes;

    return weft_channel_recv_until(channel, room, sizeof(room), &bytes,
                                   peer_soon());
}

static weft_status wait_send(void)
{
    return peer_send(channel, 100, 0, peer_soon());
}

static weft_status wait_large(void)
{
    return peer_send(channel, 100000, 0, peer_soon());
}

static weft_status wait_flush(void)
{
    return weft_channel_flush(channel, peer_soon());
}

typedef weft_status wait_call(void);

/* Leaves a child behind that has the socket open, and lives on. */
static void stay_with_child(weft_channel *theirs, void *context)
{
    if (fork() == 0) {
        (void)close(
            (int)gate.ends[1]); /* so that the test's own end is the last */
        (void)peer_gate_pass(&gate);
        check_exit_child();
    }
    (void)theirs;
    peer_gate_open(context);
    peer_await_kill();
}

/* As many handles as the socket takes, then one more, which waits. */
static weft_status wait_handles(void)
{
    weft_message message = {.handle_count = 1, .handles = {0}};
    weft_status status;

    do {
        status = weft_channel_send_message(channel, &message, WEFT_NOW);
    } while (status == WEFT_OK);
    return status != WEFT_EAGAIN
               ? status
               : weft_channel_send_message(channel, &message,
                                           weft_after_ns(3 * PEER_S));
}

static void test_third(const char *name, wait_call *call, bool fills)
{
    peer_gate ready;
    peer_process child;

    check_case(name);
    peer_gate_init(&gate);
    peer_gate_init(&ready);
    child = peer_start(NULL, NULL, stay_with_child, &ready, sizeof(ready),
                       &channel);
    CHECK(peer_gate_pass(&ready));
    if (fills) {
        (void)peer_fill_ring(channel, 1000000);
    }
    peer_kill(&child);
    CHECK_STATUS(call(), WEFT_EPEERDIED);
    weft_channel_close(&channel);
    peer_gate_deinit(&ready);
    peer_gate_deinit(&gate); /* lets the third process go */
}

/* The end, but not the death, of a channel that a third process holds. */
static void close_with_child(weft_channel *theirs, void *context)
{
    if (fork() == 0) {
        (void)close((int)gate.ends[1]);
        (void)peer_gate_pass(&gate);
        check_exit_child();
    }
    CHECK(peer_await_thread_asleep(getppid()));
    weft_channel_close(&theirs);
    (void)context;
    peer_await_kill(); /* long after the close */
}

static void test_third_close(const char *name, wait_call *call)
{
    weft_channel_options options = peer_options(WEFT_WAIT_BLOCK);
    peer_process child;

    check_case(name);
    peer_gate_init(&gate);
    options.ring_max_bytes = 2048;
    child = peer_start(&options, NULL, close_with_child, NULL, 0, &channel);
    if (call != wait_recv) {
        (void)peer_fill_ring(channel, 100);
    }
    CHECK_STATUS(call(), WEFT_ECLOSED);
    peer_kill(&child);
    weft_channel_close(&channel);
    peer_gate_deinit(&gate);
}

void test_main(void)
{
    if (check_lacks("pidfd")) {
        SKIP("without pidfd such a death is not told");
    }
    test_third("a third process does not hide the death from a reader",
               wait_recv, false);
    test_third("a third process does not hide the death from a writer",
               wait_large, true);
    test_third("a third process does not hide the death from a flush",
               wait_flush, true);
    test_third("a third process does not hide the death when handles wait",
               wait_handles, false);
    test_third_close("a third process does not hide the close from a reader",
                     wait_recv);
    test_third_close("a third process does not hide the close from a writer",
                     wait_send);
    test_third_close("a third process does not hide the close from a flush",
                     wait_flush);
}
