/* SPDX-License-Identifier: MIT
 *
 * A peer that is killed: what it sent is read, then WEFT_EPEERDIED, at once,
 * in every wait.
 *
 * A third process does the killing while this one waits, and writes down
 * when. Some milliseconds are what the kernel needs; the bound is generous
 * because tests share their machine.
 */
#include <sched.h>
#include <stdatomic.h>

#include "check.h"
#include "peer.h"

#define LATE_NS (200 * PEER_MS)

static weft_channel *channel;

static weft_status recv_any(uint64_t deadline_ns)
{
    char room[2000];
    size_t bytes;

    return weft_channel_recv_until(channel, room, sizeof(room), &bytes,
                                   deadline_ns);
}

/* A peer that does nothing until it is killed. */
static void stay(weft_channel *theirs, void *context)
{
    (void)theirs;
    (void)context;
    peer_await_kill();
}

static peer_process start_small(weft_wait wait, weft_full full, peer_work *work)
{
    weft_channel_options options = peer_options(wait);

    options.ring_max_bytes = 2048;
    options.full = full;
    return peer_start(&options, NULL, work, NULL, 0, &channel);
}

/* -------------------------------------------------------- in every wait --- */

struct murder {
    int victim;
    int witness;
    bool asleep;              /* first wait until the witness sleeps */
    _Atomic uint64_t when_ns; /* shared with the parent */
};

static void murder(void *context)
{
    struct murder *plan = context;
    uint64_t moment = weft_after_ns(20 * PEER_MS);

    CHECK(!plan->asleep || peer_await_thread_asleep(plan->witness));
    while (!plan->asleep && weft_now_ns() < moment) {
        (void)sched_yield();
    }
    plan->when_ns = weft_now_ns();
    CHECK(peer_strike(plan->victim));
}

typedef weft_status wait_call(void);

static weft_status wait_recv(void)
{
    return recv_any(peer_soon());
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

static void test_wait(wait_call *call, weft_wait wait, struct murder *plan)
{
    weft_detail detail;
    uint64_t now;
    peer_process victim = start_small(wait, WEFT_FULL_BLOCK, stay);
    peer_process killer;

    plan->victim = victim.id;
    plan->witness = peer_thread();
    plan->asleep = wait != WEFT_WAIT_SPIN;
    if (call != wait_recv) {
        (void)peer_fill_ring(channel, 100);
    }
    killer = peer_run(murder, plan, 0);
    CHECK_STATUS(call(), WEFT_EPEERDIED);
    now = weft_now_ns();
    CHECK(now - plan->when_ns < LATE_NS);
    CHECK_STATUS(call(), WEFT_EPEERDIED);
    weft_channel_get_detail(channel, &detail);
    CHECK_STATUS(detail.status, WEFT_EPEERDIED);
    CHECK(peer_was_killed(&victim));
    CHECK(peer_ended_well(&killer));
    weft_channel_close(&channel);
}

static void test_waits(const char *name, wait_call *call)
{
    struct murder *plan = peer_shared(sizeof(*plan));

    check_case(name);
    test_wait(call, WEFT_WAIT_BLOCK, plan);
    test_wait(call, WEFT_WAIT_ADAPTIVE, plan);
    test_wait(call, WEFT_WAIT_SPIN, plan);
    peer_unshare(plan, sizeof(*plan));
}

/* ----------------------------------------------------- what it had sent --- */

static void send_and_stay(weft_channel *theirs, void *context)
{
    for (unsigned i = 0; i < 20; i++) {
        CHECK_STATUS(peer_send(theirs, 50, i, peer_soon()), WEFT_OK);
    }
    CHECK_STATUS(peer_send(theirs, 30000, 20, peer_soon()), WEFT_OK);
    /* Cut short: the ring holds no more than 64 KiB. */
    CHECK_STATUS(peer_send(theirs, 200000, 21, WEFT_NOW), WEFT_EAGAIN);
    peer_gate_open(context);
    peer_await_kill();
}

static void send_and_exit(weft_channel *theirs, void *context)
{
    (void)context;
    CHECK_STATUS(peer_send(theirs, 50, 1, peer_soon()), WEFT_OK);
    check_exit_child();
}

static void test_rest(void)
{
    static char large[200000];
    weft_channel_options options = WEFT_CHANNEL_OPTIONS_INIT;
    size_t bytes;
    peer_process child;
    peer_gate sent;

    check_case("what a killed peer had sent is read, then its death told");
    peer_gate_init(&sent);
    options.ring_max_bytes = 65536;
    child = peer_start(NULL, &options, send_and_stay, &sent, sizeof(sent),
                       &channel);
    CHECK(peer_gate_pass(&sent));
    peer_kill(&child);
    for (unsigned i = 0; i < 20; i++) {
        peer_receives(channel, 50, i);
    }
    peer_receives(channel, 30000, 20);
    CHECK_STATUS(weft_channel_recv_until(channel, large, sizeof(large), &bytes,
                                         peer_soon()),
                 WEFT_EPEERDIED);
    CHECK_STATUS(recv_any(WEFT_NOW), WEFT_EPEERDIED);
    weft_channel_close(&channel);
    peer_gate_deinit(&sent);

    check_case("to exit without a close is death, too");
    child = peer_start(NULL, NULL, send_and_exit, NULL, 0, &channel);
    CHECK(peer_ended_well(&child));
    peer_receives(channel, 50, 1);
    CHECK_STATUS(recv_any(peer_soon()), WEFT_EPEERDIED);
    weft_channel_close(&channel);
}

/* ------------------------------------------------------ without waiting --- */

/* Calls again and again, as an event loop does. */
static weft_status insist(weft_status (*call)(void))
{
    uint64_t late = weft_after_ns(PEER_S);
    weft_status status;

    do {
        status = call();
    } while ((status == WEFT_EAGAIN || status == WEFT_OK) &&
             weft_now_ns() < late);
    return status;
}

static weft_status try_recv(void)
{
    return recv_any(WEFT_NOW);
}

static weft_status try_send(void)
{
    return weft_channel_try_send(channel, "x", 1);
}

static weft_status try_flush(void)
{
    return weft_channel_flush(channel, WEFT_NOW);
}

static weft_status try_reserve(void)
{
    void *space;
    weft_status status = weft_channel_reserve(channel, 1, &space, WEFT_NOW);

    weft_channel_cancel(channel);
    return status;
}

static void test_try(const char *name, weft_status (*call)(void),
                     weft_full full)
{
    peer_process child = start_small(WEFT_WAIT_DEFAULT, full, stay);

    check_case(name);
    if (call != try_recv) {
        for (unsigned i = 0; i < peer_ring_min() / 8; i++) {
            (void)peer_send(channel, 1, i, WEFT_NOW);
        }
    }
    CHECK_STATUS(call(), full == WEFT_FULL_DROP ? WEFT_OK : WEFT_EAGAIN);
    peer_kill(&child);
    CHECK_STATUS(insist(call), WEFT_EPEERDIED);
    CHECK_STATUS(call(), WEFT_EPEERDIED);
    weft_channel_close(&channel);
}

void test_main(void)
{
    test_waits("a death ends a wait for a message", wait_recv);
    test_waits("a death ends a wait for room", wait_send);
    test_waits("a death ends a message in pieces", wait_large);
    test_waits("a death ends a flush", wait_flush);
    test_rest();
    test_try("a death is told to who tries to receive", try_recv,
             WEFT_FULL_BLOCK);
    test_try("a death is told to who tries to send", try_send, WEFT_FULL_BLOCK);
    test_try("a death is told to who tries to reserve", try_reserve,
             WEFT_FULL_BLOCK);
    test_try("a death is told to who tries to flush", try_flush,
             WEFT_FULL_BLOCK);
    test_try("a death is told to who drops messages", try_send, WEFT_FULL_DROP);
}
