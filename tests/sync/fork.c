/* SPDX-License-Identifier: MIT
 *
 * A forked child is another process: it owns nothing, watches on its own, and
 * uses objects that it has inherited.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "peer.h"

struct stage {
    weft_mutex mutex;
    weft_mutex other;
    weft_semaphore ready;
    atomic_uint told;
    atomic_int parent; /* its thread, as soon as it wants the other one */
};

static struct stage *stage;

static int fork_child(void (*work)(void))
{
    pid_t pid;

    peer_await_quiet();
    pid = fork();
    REQUIRE(pid >= 0);
    if (pid == 0) {
        work();
        check_exit_child();
    }
    return (int)pid;
}

static void check_child(int pid)
{
    int status = 1;

    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void own_nothing(void)
{
    CHECK_STATUS(weft_mutex_unlock(&stage->mutex), WEFT_EINVAL);
    CHECK_STATUS(weft_mutex_try_lock(&stage->mutex), WEFT_EAGAIN);
    CHECK_STATUS(weft_mutex_lock_until(&stage->mutex, weft_after_ns(PEER_MS)),
                 WEFT_ETIMEDOUT);
}

static void test_owner(void)
{
    check_case("a child does not own what its parent has locked");
    CHECK_STATUS(weft_mutex_lock(&stage->mutex), WEFT_OK);
    check_child(fork_child(own_nothing));
    CHECK_STATUS(weft_mutex_unlock(&stage->mutex), WEFT_OK);
}

/* Holds the mutex, and dies with it. */
static void hold_and_die(void)
{
    CHECK_STATUS(weft_mutex_lock(&stage->mutex), WEFT_OK);
    CHECK_STATUS(weft_semaphore_post(&stage->ready, 1), WEFT_OK);
    peer_await_kill();
}

/* Holds the other one, and dies as soon as somebody sleeps for it. */
static void hold_briefly(void)
{
    CHECK_STATUS(weft_mutex_lock(&stage->other), WEFT_OK);
    CHECK_STATUS(weft_semaphore_post(&stage->ready, 1), WEFT_OK);
    while (stage->parent == 0) {
    }
    CHECK(peer_await_thread_asleep(stage->parent));
    peer_die();
}

/* Waits for the death of one whose parent is not this one. */
static void be_told(void)
{
    if (CHECK_STATUS(weft_mutex_lock_until(&stage->mutex, peer_soon()),
                     WEFT_EOWNERDEAD)) {
        stage->told++;
        CHECK_STATUS(weft_mutex_recover(&stage->mutex), WEFT_OK);
        CHECK_STATUS(weft_mutex_unlock(&stage->mutex), WEFT_OK);
    }
}

/*
 * Has this process listen for the holder, and be told of another death: so
 * its listening thread is at work, and goes on.
 */
static void listen_too(void)
{
    int other;

    CHECK_STATUS(weft_mutex_lock_until(&stage->mutex, weft_after_ns(PEER_MS)),
                 WEFT_ETIMEDOUT);
    other = fork_child(hold_briefly);
    CHECK_STATUS(weft_semaphore_wait_until(&stage->ready, peer_soon()),
                 WEFT_OK);
    stage->parent = peer_thread();
    CHECK_STATUS(weft_mutex_lock_until(&stage->other, peer_soon()),
                 WEFT_EOWNERDEAD);
    CHECK(waitpid(other, NULL, 0) == other);
}

static void test_watcher(void)
{
    int holder;
    int told;

    check_case("a child is told of deaths though its parent listens too");
    holder = fork_child(hold_and_die);
    CHECK_STATUS(weft_semaphore_wait_until(&stage->ready, peer_soon()),
                 WEFT_OK);
    listen_too();
    told = fork_child(be_told);
    CHECK(peer_await_thread_asleep(told));
    CHECK(peer_strike(holder));
    CHECK(waitpid(holder, NULL, 0) == holder);
    check_child(told);
    CHECK(stage->told == 1);
}

/* As a daemon begins: all that it has inherited is closed, by number. */
static void close_all_and_wait(void)
{
    int mine[8];

    for (int fd = STDERR_FILENO + 1; fd < 64; fd++) {
        (void)close(fd);
    }
    for (unsigned i = 0; i < 8; i++) {
        mine[i] = open("/dev/zero", O_RDONLY | O_CLOEXEC);
        CHECK(mine[i] >= 0);
    }
    CHECK_STATUS(weft_mutex_lock_until(&stage->mutex, weft_after_ns(PEER_MS)),
                 WEFT_ETIMEDOUT);
    for (unsigned i = 0; i < 8; i++) {
        char byte = 1;

        CHECK(read(mine[i], &byte, 1) == 1 && byte == 0);
    }
}

static void test_descriptors(void)
{
    int holder;

    check_case("a child's own descriptors are left alone");
    holder = fork_child(hold_and_die);
    CHECK_STATUS(weft_semaphore_wait_until(&stage->ready, peer_soon()),
                 WEFT_OK);
    CHECK_STATUS(weft_mutex_lock_until(&stage->mutex, weft_after_ns(PEER_MS)),
                 WEFT_ETIMEDOUT);
    check_child(fork_child(close_all_and_wait));
    CHECK(peer_strike(holder));
    CHECK(waitpid(holder, NULL, 0) == holder);
    CHECK_STATUS(weft_mutex_lock_until(&stage->mutex, peer_soon()),
                 WEFT_EOWNERDEAD);
    CHECK_STATUS(weft_mutex_recover(&stage->mutex), WEFT_OK);
    CHECK_STATUS(weft_mutex_unlock(&stage->mutex), WEFT_OK);
}

static weft_sync *inherited;
static weft_shared *inherited_memory;

static void close_inherited(void)
{
    CHECK(weft_sync_mutex(inherited) == NULL);
    CHECK(weft_shared_base(inherited_memory) == NULL);
    weft_sync_close(&inherited);
    weft_shared_close(&inherited_memory);
}

static void test_named(void)
{
    check_case("a child may only close what its parent has opened");
    peer_names_begin();
    CHECK_STATUS(
        weft_sync_open("fork", WEFT_SYNC_MUTEX, NULL, &inherited, NULL),
        WEFT_OK);
    CHECK_STATUS(weft_shared_open("fork", 4096, NULL, &inherited_memory, NULL),
                 WEFT_OK);
    check_child(fork_child(close_inherited));
    CHECK_STATUS(weft_mutex_lock(weft_sync_mutex(inherited)), WEFT_OK);
    CHECK(weft_shared_base(inherited_memory) != NULL);
    weft_sync_close(&inherited);
    weft_shared_close(&inherited_memory);
    peer_names_end();
}

void test_main(void)
{
    stage = peer_shared(sizeof(*stage));
    CHECK_STATUS(weft_mutex_init(&stage->mutex), WEFT_OK);
    CHECK_STATUS(weft_mutex_init(&stage->other), WEFT_OK);
    CHECK_STATUS(weft_semaphore_init(&stage->ready, 0), WEFT_OK);
    test_owner();
    test_named();
    test_descriptors();
    test_watcher();
    peer_unshare(stage, sizeof(*stage));
}
