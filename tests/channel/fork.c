/* SPDX-License-Identifier: MIT
 *
 * A forked child can't use its parent's channels, and does not disturb them.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "clone.h"
#include "peer.h"

static weft_channel *first;
static weft_channel *second;
static weft_channel *pending;
static weft_listener *listener;
static char name[64];

static void try_sending(weft_channel *channel)
{
    weft_message message = {.data = NULL};
    void *space;

    CHECK_STATUS(weft_channel_try_send(channel, "x", 1), WEFT_EFORKED);
    CHECK_STATUS(weft_channel_send(channel, "x", 1), WEFT_EFORKED);
    CHECK_STATUS(weft_channel_send_message(channel, &message, WEFT_FOREVER),
                 WEFT_EFORKED);
    CHECK_STATUS(weft_channel_reserve(channel, 1, &space, WEFT_FOREVER),
                 WEFT_EFORKED);
    CHECK_STATUS(weft_channel_commit(channel, 1), WEFT_EFORKED);
    weft_channel_cancel(channel);
    CHECK_STATUS(weft_channel_flush(channel, WEFT_FOREVER), WEFT_EFORKED);
    CHECK_STATUS(weft_channel_trim(channel, WEFT_FOREVER), WEFT_EFORKED);
    CHECK_STATUS(weft_channel_shutdown(channel), WEFT_EFORKED);
}

static void try_receiving(weft_channel *channel)
{
    char room[10];
    weft_message message = {.data = room, .bytes = sizeof(room)};
    const void *data;
    size_t bytes;

    CHECK_STATUS(weft_channel_try_recv(channel, room, sizeof(room), &bytes),
                 WEFT_EFORKED);
    CHECK_STATUS(weft_channel_recv(channel, room, sizeof(room), &bytes),
                 WEFT_EFORKED);
    CHECK_STATUS(weft_channel_recv_message(channel, &message, WEFT_FOREVER),
                 WEFT_EFORKED);
    CHECK_STATUS(weft_channel_peek(channel, &data, &bytes, WEFT_FOREVER),
                 WEFT_EFORKED);
    weft_channel_release(channel);
}

static void try_asking(weft_channel *channel)
{
    weft_channel_stats stats = {.size = sizeof(stats)};
    weft_handle handle;
    weft_peer peer;

    CHECK_STATUS(weft_channel_recv_handle(channel, &handle), WEFT_EFORKED);
    CHECK_STATUS(weft_channel_send_handle(channel, &handle), WEFT_EFORKED);
    CHECK_STATUS(weft_channel_get_stats(channel, &stats), WEFT_EFORKED);
    CHECK_STATUS(weft_channel_get_peer(channel, &peer), WEFT_EFORKED);
}

/* The child can have channels of its own, after which ours still are ours. */
static void use_own(void)
{
    weft_channel *one;
    weft_channel *other;

    peer_both_ends(NULL, NULL, &one, &other);
    CHECK_STATUS(peer_send(one, 3, 1, peer_soon()), WEFT_OK);
    peer_receives(other, 3, 1);
    weft_channel_close(&one);
    weft_channel_close(&other);
}

static void try_all(void)
{
    weft_channel *found;

    try_sending(first);
    try_receiving(second);
    try_asking(first);
    try_sending(pending);
    try_receiving(pending);
    CHECK_STATUS(weft_channel_accept(listener, WEFT_FOREVER, &found, NULL),
                 WEFT_EFORKED);
}

static void be_child(void)
{
    try_all();
    use_own();
    try_all();
    weft_channel_close(&first);
    weft_channel_close(&second);
    weft_channel_close(&pending);
    weft_listener_close(&listener);
    check_exit_child();
}

static void connect_and_send(void *context)
{
    weft_channel *channel;

    (void)context;
    weft_channel_close(&first);
    weft_channel_close(&second);
    weft_listener_close(&listener);
    if (CHECK_STATUS(
            weft_channel_connect(name, NULL, peer_soon(), &channel, NULL),
            WEFT_OK)) {
        CHECK_STATUS(peer_send(channel, 9, 9, peer_soon()), WEFT_OK);
        weft_channel_close(&channel);
    }
}

/* What the child had, closed or took with it, works here as before. */
static void check_parent(uint64_t seed)
{
    weft_channel *accepted;
    peer_process child;

    CHECK_STATUS(peer_send(first, 9, seed, peer_soon()), WEFT_OK);
    CHECK_STATUS(peer_send(second, 30000, seed, peer_soon()), WEFT_OK);
    peer_receives(second, 9, seed);
    peer_receives(first, 30000, seed);
    child = peer_run(connect_and_send, NULL, 0);
    if (CHECK_STATUS(
            weft_channel_accept(listener, peer_soon(), &accepted, NULL),
            WEFT_OK)) {
        peer_receives(accepted, 9, 9);
    }
    CHECK(peer_ended_well(&child));
    weft_channel_close(&accepted);
}

static void test_child(const char *title, pid_t (*make)(void))
{
    pid_t pid;

    check_case(title);
    check_parent(1);
    CHECK_STATUS(peer_send(first, 40, 7, peer_soon()), WEFT_OK);
    pid = make();
    REQUIRE(pid >= 0);
    if (pid == 0) {
        be_child();
    }
    CHECK(peer_ended_well(&(peer_process){.id = pid}));
    peer_receives(second, 40, 7);
    check_parent(2);
}

static void test_end(void)
{
    char room[10];
    size_t bytes;
    pid_t pid;

    check_case("a child that holds our end open does not hide our close");
    pid = fork();
    REQUIRE(pid >= 0);
    if (pid == 0) {
        for (;;) {
            (void)pause();
        }
    }
    weft_channel_close(&first);
    CHECK_STATUS(weft_channel_recv_until(second, room, sizeof(room), &bytes,
                                         peer_soon()),
                 WEFT_ECLOSED);
    peer_kill(&(peer_process){.id = pid});
    weft_channel_close(&second);
}

void test_main(void)
{
    weft_handle theirs;
    char folder[] = "/tmp/weft-test-XXXXXX";

    REQUIRE(mkdtemp(folder) != NULL);
    (void)snprintf(name, sizeof(name), "%s/name", folder);
    REQUIRE(weft_channel_listen(name, NULL, &listener, NULL) == WEFT_OK);
    peer_both_ends(NULL, NULL, &first, &second);
    REQUIRE(weft_channel_pair(NULL, &pending, &theirs, NULL) == WEFT_OK);
    test_child("a forked child is told, and disturbs nothing", fork);
    if (clone_process != NULL) {
        test_child("so is one that a bare clone made", clone_process);
    }
    test_end();
    (void)close((int)theirs);
    weft_channel_close(&pending);
    weft_listener_close(&listener);
    CHECK(rmdir(folder) == 0);
}
