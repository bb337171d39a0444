/* SPDX-License-Identifier: MIT
 *
 * The number of a dead owner is used again: by a thread, and by a process while
 * this one has no descriptor to look more closely. Needs root, to choose what
 * number comes next.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "peer.h"

#define TRIES 200

/* Two that are started closer together can't be told apart by their stamps. */
#define STAMP_NS (20 * PEER_MS)

struct stage {
    weft_mutex mutex;
    weft_semaphore semaphore;
};

static struct stage *stage;

/* Has the next process or thread get this number, most likely. */
static bool choose_next(int number)
{
    FILE *file = fopen("/proc/sys/kernel/ns_last_pid", "we");
    bool done = file != NULL && fprintf(file, "%d", number - 1) > 0;

    if (file != NULL && fclose(file) != 0) {
        done = false;
    }
    return done;
}

/* Holds the mutex, is a member of the semaphore's lobby, and dies. */
static void own_and_die(void *context)
{
    (void)context;
    CHECK_STATUS(
        weft_semaphore_wait_until(&stage->semaphore, weft_after_ns(PEER_MS)),
        WEFT_ETIMEDOUT);
    CHECK_STATUS(weft_mutex_lock(&stage->mutex), WEFT_OK);
    peer_die();
}

static int make_dead_owner(void)
{
    peer_process owner;
    uint64_t later;
    int number;

    CHECK_STATUS(weft_mutex_init(&stage->mutex), WEFT_OK);
    CHECK_STATUS(weft_semaphore_init(&stage->semaphore, 0), WEFT_OK);
    owner = peer_run(own_and_die, NULL, 0);
    number = owner.id;
    later = weft_after_ns(STAMP_NS);
    CHECK(peer_was_killed(&owner));
    while (weft_now_ns() < later) {
    }
    return number;
}

/* -------------------------------------------------------------- threads --- */

struct thread {
    pthread_t thread;
    atomic_int number;
    peer_gate over;
};

static void *live(void *context)
{
    struct thread *thread = context;

    thread->number = peer_thread();
    CHECK(peer_gate_pass(&thread->over));
    return NULL;
}

static void start(struct thread *thread)
{
    thread->number = 0;
    REQUIRE(pthread_create(&thread->thread, NULL, live, thread) == 0);
    while (thread->number == 0) {
    }
}

static void stop(struct thread *thread)
{
    peer_gate_open(&thread->over);
    CHECK(pthread_join(thread->thread, NULL) == 0);
}

static void test_thread(void)
{
    struct thread thread;
    int owner;

    check_case("a dead owner's number that is a thread's now is dead");
    owner = make_dead_owner();
    peer_gate_init(&thread.over);
    start(&thread);
    for (unsigned i = 0; i < TRIES && thread.number != owner; i++) {
        stop(&thread);
        REQUIRE(choose_next(owner));
        start(&thread);
    }
    REQUIRE(thread.number == owner);
    CHECK_STATUS(weft_mutex_lock_until(&stage->mutex, peer_soon()),
                 WEFT_EOWNERDEAD);
    CHECK_STATUS(
        weft_semaphore_wait_until(&stage->semaphore, weft_after_ns(PEER_MS)),
        WEFT_ETIMEDOUT);
    stop(&thread);
    peer_gate_deinit(&thread.over);
}

/* ---------------------------------------------------------- descriptors --- */

static void await_kill(void *context)
{
    (void)context;
    peer_await_kill();
}

/* Leaves room for so many descriptors more. */
static struct rlimit leave_descriptors(rlim_t few)
{
    struct rlimit before;
    struct rlimit limit;

    REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
    limit = before;
    limit.rlim_cur = (rlim_t)check_open_handles() + few;
    REQUIRE(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    return before;
}

static void test_descriptors(void)
{
    peer_process other = {0};
    struct rlimit before;
    weft_status status;
    int owner;

    check_case(
        "who can't look whether it is the owner does not take it for it");
    owner = make_dead_owner();
    for (unsigned i = 0; i < TRIES && other.id != owner; i++) {
        if (other.id != 0) {
            peer_kill(&other);
        }
        REQUIRE(choose_next(owner));
        other = peer_run(await_kill, NULL, 0);
    }
    REQUIRE(other.id == owner);
    for (rlim_t few = 0; few < 8; few++) {
        before = leave_descriptors(few);
        status = weft_mutex_lock_until(&stage->mutex, weft_after_ns(PEER_MS));
        REQUIRE(setrlimit(RLIMIT_NOFILE, &before) == 0);
        if (!CHECK(status == WEFT_ELIMIT || status == WEFT_EOWNERDEAD) ||
            status == WEFT_EOWNERDEAD) {
            break;
        }
    }
    CHECK_STATUS(status, WEFT_EOWNERDEAD);
    peer_kill(&other);
}

void test_main(void)
{
    if (check_lacks("pidfd")) {
        check_skip("nobody is told of deaths here");
    }
    if (!choose_next(peer_self())) {
        check_skip("only root chooses numbers");
    }
    stage = peer_shared(sizeof(*stage));
    test_descriptors();
    test_thread();
    peer_unshare(stage, sizeof(*stage));
}
