/* SPDX-License-Identifier: MIT
 *
 * A signal during a wait: gone on with, or WEFT_EINTR where that is wanted.
 * And none is ever raised here.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "peer.h"

static weft_channel *first; /* has nothing to receive, and no room to send */
static weft_channel *second;
static weft_listener *listener;
static char folder[] = "/tmp/weft-test-XXXXXX";
static char name[64];
static char nobody[64]; /* in a directory where nothing happens */

static atomic_uint handled;

static void handle(int number)
{
    (void)number;
    handled++;
}

/* ---------------------------------------------------------------- waits --- */

typedef weft_status wait_call(weft_channel_options *options,
                              uint64_t deadline_ns);

static weft_status wait_recv(weft_channel_options *options,
                             uint64_t deadline_ns)
{
    char room[10];
    size_t bytes;

    (void)options;
    return weft_channel_recv_until(first, room, sizeof(room), &bytes,
                                   deadline_ns);
}

static weft_status wait_send(weft_channel_options *options,
                             uint64_t deadline_ns)
{
    (void)options;
    return peer_send(first, 100, 0, deadline_ns);
}

static weft_status wait_flush(weft_channel_options *options,
                              uint64_t deadline_ns)
{
    (void)options;
    return weft_channel_flush(first, deadline_ns);
}

static weft_status wait_accept(weft_channel_options *options,
                               uint64_t deadline_ns)
{
    weft_channel *channel;

    (void)options;
    return weft_channel_accept(listener, deadline_ns, &channel, NULL);
}

static weft_status wait_connect(weft_channel_options *options,
                                uint64_t deadline_ns)
{
    weft_channel *channel;

    /* To where one listens, and does not accept. */
    return weft_channel_connect(name, options, deadline_ns, &channel, NULL);
}

static weft_status wait_name(weft_channel_options *options,
                             uint64_t deadline_ns)
{
    weft_channel_options waiting = *options;
    weft_channel *channel;

    waiting.flags |= WEFT_CHANNEL_AWAIT_NAME;
    return weft_channel_connect(nobody, &waiting, deadline_ns, &channel, NULL);
}

static weft_status wait_adopt(weft_channel_options *options,
                              uint64_t deadline_ns)
{
    weft_channel *mine;
    weft_channel *theirs;
    weft_handle handle_of_theirs;
    weft_status status;

    REQUIRE(weft_channel_pair(options, &mine, &handle_of_theirs, NULL) ==
            WEFT_OK);
    status = weft_channel_adopt(handle_of_theirs, options, deadline_ns, &theirs,
                                NULL);
    weft_channel_close(&mine);
    return status;
}

/* -------------------------------------------------------------- signals --- */

struct target {
    pthread_t thread;
    int id;
    bool spins;
    atomic_bool done;
};

/* Signals a thread while it waits, until it has had enough. */
static void *send_signals(void *context)
{
    struct target *target = context;
    unsigned before = handled;

    CHECK(target->spins || peer_await_thread_asleep(target->id));
    while (!target->done && handled < before + 5) {
        unsigned now = handled;

        CHECK(pthread_kill(target->thread, SIGUSR1) == 0);
        while (!target->done && handled == now) {
            (void)sched_yield();
        }
        CHECK(target->done || target->spins ||
              peer_await_thread_asleep(target->id));
    }
    return NULL;
}

static void open_full(const weft_channel_options *options)
{
    peer_both_ends(options, options, &first, &second);
    REQUIRE(weft_channel_listen(name, options, &listener, NULL) == WEFT_OK);
    (void)peer_fill_ring(first, 100);
}

static void test_call(wait_call *call, weft_wait wait, unsigned flags)
{
    weft_channel_options options = peer_options(wait);
    struct target target = {.thread = pthread_self(), .id = peer_thread()};
    uint64_t late = peer_soon();
    unsigned before = handled;
    pthread_t sender;

    options.flags = flags;
    options.ring_max_bytes = 2048;
    target.spins = wait == WEFT_WAIT_SPIN;
    open_full(&options);
    REQUIRE(pthread_create(&sender, NULL, send_signals, &target) == 0);
    if (flags != 0 && !target.spins) {
        CHECK_STATUS(call(&options, weft_after_ns(2 * PEER_S)), WEFT_EINTR);
    } else {
        /* On a busy machine the signals may come late. */
        do {
            CHECK_STATUS(call(&options, weft_after_ns(30 * PEER_MS)),
                         WEFT_ETIMEDOUT);
        } while (handled == before && weft_now_ns() < late);
    }
    target.done = true;
    REQUIRE(pthread_join(sender, NULL) == 0);
    CHECK(handled > before);
    weft_channel_close(&first);
    weft_channel_close(&second);
    weft_listener_close(&listener);
}

static void test_all(weft_wait wait, unsigned flags)
{
    test_call(wait_recv, wait, flags);
    test_call(wait_send, wait, flags);
    test_call(wait_flush, wait, flags);
}

static void test_rendezvous(unsigned flags)
{
    test_call(wait_accept, WEFT_WAIT_DEFAULT, flags);
    test_call(wait_connect, WEFT_WAIT_DEFAULT, flags);
    test_call(wait_name, WEFT_WAIT_DEFAULT, flags);
    test_call(wait_adopt, WEFT_WAIT_DEFAULT, flags);
}

static void test_waits(void)
{
    const unsigned interruptible = WEFT_CHANNEL_INTERRUPTIBLE;

    check_case("signals do not end a wait, blocking");
    test_all(WEFT_WAIT_BLOCK, 0);
    check_case("signals do not end a wait, adaptive");
    test_all(WEFT_WAIT_ADAPTIVE, 0);
    check_case("signals do not end a wait, spinning");
    test_all(WEFT_WAIT_SPIN, 0);
    check_case("signals do not end a rendezvous");
    test_rendezvous(0);
    check_case("signals end an interruptible wait, blocking");
    test_all(WEFT_WAIT_BLOCK, interruptible);
    check_case("signals end an interruptible wait, adaptive");
    test_all(WEFT_WAIT_ADAPTIVE, interruptible);
    check_case("a spinning wait is not interruptible");
    test_all(WEFT_WAIT_SPIN, interruptible);
    check_case("signals end an interruptible rendezvous");
    test_rendezvous(interruptible);
}

/* -------------------------------------------------------------- SIGPIPE --- */

static void leave(weft_channel *channel, void *context)
{
    (void)channel;
    (void)context;
    check_exit_child();
}

static void test_pipe(void)
{
    weft_message message = {.handle_count = 1, .handles = {0}};
    peer_process child;

    check_case("to send to the dead raises no signal");
    CHECK(signal(SIGPIPE, SIG_DFL) != SIG_ERR);
    child = peer_start(NULL, NULL, leave, NULL, 0, &first);
    CHECK(peer_ended_well(&child));
    (void)weft_channel_send_message(first, &message, peer_soon());
    (void)peer_send(first, 10, 0, peer_soon());
    CHECK_STATUS(peer_send(first, 10000000, 0, peer_soon()), WEFT_EPEERDIED);
    weft_channel_close(&first);

    check_case("to ring the dead raises no signal");
    for (unsigned i = 0; i < 20; i++) {
        child = peer_start(NULL, NULL, leave, NULL, 0, &first);
        CHECK(peer_ended_well(&child));
        (void)peer_send(first, 10, 0, peer_soon());
        CHECK_STATUS(weft_channel_shutdown(first), WEFT_OK);
        weft_channel_close(&first);
    }
}

void test_main(void)
{
    struct sigaction action;

    test_pipe();
    memset(&action, 0, sizeof(action));
    action.sa_handler = handle;
    REQUIRE(sigaction(SIGUSR1, &action, NULL) == 0);
    REQUIRE(mkdtemp(folder) != NULL);
    (void)snprintf(name, sizeof(name), "%s/name", folder);
    (void)snprintf(nobody, sizeof(nobody), "%s/nobody", folder);
    test_waits();
    CHECK(rmdir(folder) == 0);
}
