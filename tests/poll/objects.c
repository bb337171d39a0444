/* SPDX-License-Identifier: MIT
 *
 * Events and semaphores in a poll set: told when they are to be had, by
 * whatever process, and nothing of them is taken from those who wait.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "check.h"
#include "peer.h"

#define ROUNDS 2000u
#define TAKERS_MOST 3u
#define WATCHERS_MOST 2u

/* What all processes share. */
struct shared {
    weft_semaphore asked;
    weft_semaphore given;
    weft_semaphore taken;
    weft_semaphore spare;
    weft_event event;
    weft_event pulse;
    _Atomic unsigned rounds;
};

static struct shared *shared;
static weft_poll *poll;

static weft_status wait_for(weft_poll *set, uint64_t *key, uint64_t deadline_ns)
{
    weft_poll_item item = {0, 0};
    size_t count = 9;
    weft_status status =
        weft_poll_wait(set, &item, 1, &count, deadline_ns, NULL);

    CHECK(count == (status == WEFT_OK ? 1 : 0));
    CHECK(status != WEFT_OK || item.events == WEFT_POLL_READ);
    *key = item.key;
    return status;
}

static void test_members(void)
{
    weft_event *no_event = (weft_event *)(void *)&shared->spare;

    check_case("what comes in and goes out is checked");
    CHECK_STATUS(weft_poll_add_event(poll, no_event, 1, NULL), WEFT_EINVAL);
    CHECK_STATUS(weft_poll_add_event(poll, NULL, 1, NULL), WEFT_EINVAL);
    CHECK_STATUS(weft_poll_add_semaphore(NULL, &shared->spare, 1, NULL),
                 WEFT_EINVAL);
    CHECK_STATUS(weft_poll_remove_event(poll, NULL), WEFT_EINVAL);
    CHECK_STATUS(weft_poll_remove_event(poll, &shared->event), WEFT_ENOENT);
    CHECK_STATUS(weft_poll_add_event(poll, &shared->event, 1, NULL), WEFT_OK);
    CHECK_STATUS(weft_poll_add_event(poll, &shared->event, 2, NULL),
                 WEFT_EINUSE);
    CHECK_STATUS(weft_poll_remove_event(poll, &shared->event), WEFT_OK);
    CHECK_STATUS(weft_poll_remove_event(poll, &shared->event), WEFT_ENOENT);
}

static void test_level(void)
{
    uint32_t taken = 0;
    uint64_t key;

    check_case("one is told while it is to be had, and nothing is taken");
    CHECK_STATUS(weft_poll_add_event(poll, &shared->event, 1, NULL), WEFT_OK);
    CHECK_STATUS(weft_poll_add_semaphore(poll, &shared->spare, 2, NULL),
                 WEFT_OK);
    CHECK_STATUS(wait_for(poll, &key, WEFT_NOW), WEFT_EAGAIN);
    CHECK_STATUS(wait_for(poll, &key, weft_after_ns(PEER_MS)), WEFT_ETIMEDOUT);
    CHECK_STATUS(weft_semaphore_post(&shared->spare, 3), WEFT_OK);
    for (unsigned i = 0; i < 20; i++) {
        CHECK_STATUS(wait_for(poll, &key, peer_soon()), WEFT_OK);
        CHECK(key == 2);
    }
    CHECK_STATUS(weft_semaphore_take_until(&shared->spare, 9, &taken, WEFT_NOW),
                 WEFT_OK);
    CHECK(taken == 3);
    CHECK_STATUS(wait_for(poll, &key, weft_after_ns(PEER_MS)), WEFT_ETIMEDOUT);
    CHECK_STATUS(weft_event_set(&shared->event), WEFT_OK);
    for (unsigned i = 0; i < 20; i++) {
        CHECK_STATUS(wait_for(poll, &key, peer_soon()), WEFT_OK);
        CHECK(key == 1);
    }
    CHECK_STATUS(weft_event_wait_until(&shared->event, WEFT_NOW), WEFT_OK);
    CHECK_STATUS(wait_for(poll, &key, weft_after_ns(PEER_MS)), WEFT_ETIMEDOUT);
}

/* Answers each round; the parent waits in its set. */
static void answer(void *context)
{
    struct shared *at = *(struct shared **)context;

    for (unsigned i = 0; i < peer_rounds(ROUNDS); i++) {
        if (!CHECK_STATUS(weft_semaphore_wait_until(&at->asked, peer_soon()),
                          WEFT_OK)) {
            return;
        }
        if (i % 2 == 0) {
            CHECK_STATUS(weft_event_set(&at->event), WEFT_OK);
        } else {
            CHECK_STATUS(weft_semaphore_post(&at->spare, 1), WEFT_OK);
        }
    }
}

static void test_process(peer_process *child)
{
    check_case("a set that sleeps hears of what another process does");
    for (unsigned i = 0; i < peer_rounds(ROUNDS); i++) {
        uint64_t key = 0;

        CHECK_STATUS(weft_semaphore_post(&shared->asked, 1), WEFT_OK);
        if (!CHECK_STATUS(wait_for(poll, &key, peer_soon()), WEFT_OK)) {
            break;
        }
        CHECK(key == 1 + i % 2);
        CHECK_STATUS(i % 2 == 0
                         ? weft_event_wait_until(&shared->event, WEFT_NOW)
                         : weft_semaphore_wait_until(&shared->spare, WEFT_NOW),
                     WEFT_OK);
    }
    CHECK(peer_ended_well(child));
    CHECK_STATUS(weft_poll_remove_event(poll, &shared->event), WEFT_OK);
    CHECK_STATUS(weft_poll_remove_semaphore(poll, &shared->spare), WEFT_OK);
}

/* -------------------------------------------------------- other waiters --- */

static void take(void *context)
{
    struct shared *at = *(struct shared **)context;

    while (CHECK_STATUS(weft_semaphore_wait_until(&at->given, peer_soon()),
                        WEFT_OK) &&
           atomic_load(&at->rounds) > 0) {
        CHECK_STATUS(weft_semaphore_post(&at->taken, 1), WEFT_OK);
    }
}

/* Never takes anything, and is always back in the lobby soon. */
static void watch(void *context)
{
    struct shared *at = *(struct shared **)context;
    weft_poll *set = NULL;
    weft_status status;
    uint64_t key;

    REQUIRE(weft_poll_open(NULL, &set, NULL) == WEFT_OK);
    REQUIRE(weft_poll_add_semaphore(set, &at->given, 0, NULL) == WEFT_OK);
    REQUIRE(weft_poll_add_event(set, &at->pulse, 1, NULL) == WEFT_OK);
    do {
        status = wait_for(set, &key, peer_soon());
    } while (status == WEFT_OK && key == 0);
    CHECK_STATUS(status, WEFT_OK);
    weft_poll_close(&set);
}

/*
 * Of those that watch, the first is killed after some rounds. With more than
 * four processes all are woken each time, with fewer one.
 */
static void test_takers(unsigned taker_count, unsigned watcher_count)
{
    peer_process takers[TAKERS_MOST];
    peer_process watchers[WATCHERS_MOST];
    unsigned rounds = peer_rounds(ROUNDS);

    REQUIRE(weft_semaphore_init(&shared->given, 0) == WEFT_OK);
    CHECK_STATUS(weft_event_reset(&shared->pulse), WEFT_OK);
    atomic_store(&shared->rounds, 1);
    for (unsigned i = 0; i < taker_count; i++) {
        takers[i] = peer_run(take, &shared, sizeof(shared));
    }
    for (unsigned i = 0; i < watcher_count; i++) {
        watchers[i] = peer_run(watch, &shared, sizeof(shared));
    }
    for (unsigned i = 0; i < rounds; i++) {
        CHECK_STATUS(weft_semaphore_post(&shared->given, 1), WEFT_OK);
        if (i == rounds / 2) {
            peer_kill(&watchers[0]);
        }
        if (!CHECK_STATUS(
                weft_semaphore_wait_until(&shared->taken, peer_soon()),
                WEFT_OK)) {
            break;
        }
    }
    atomic_store(&shared->rounds, 0);
    CHECK_STATUS(weft_semaphore_post(&shared->given, taker_count), WEFT_OK);
    for (unsigned i = 0; i < taker_count; i++) {
        CHECK(peer_ended_well(&takers[i]));
    }
    CHECK_STATUS(weft_event_set(&shared->pulse), WEFT_OK);
    for (unsigned i = 1; i < watcher_count; i++) {
        CHECK(peer_ended_well(&watchers[i]));
    }
}

/* -------------------------------------------------------------- threads --- */

static void *set_events(void *context)
{
    (void)context;
    for (unsigned i = 0; i < peer_rounds(ROUNDS); i++) {
        CHECK_STATUS(weft_event_set(&shared->event), WEFT_OK);
        CHECK_STATUS(weft_semaphore_wait_until(&shared->taken, peer_soon()),
                     WEFT_OK);
    }
    return NULL;
}

static void test_threads(void)
{
    weft_poll *sets[2];
    pthread_t thread;

    check_case(
        "an object is in several sets, which are closed while it sleeps");
    for (unsigned i = 0; i < 2; i++) {
        REQUIRE(weft_poll_open(NULL, &sets[i], NULL) == WEFT_OK);
        CHECK_STATUS(weft_poll_add_event(sets[i], &shared->event, 7, NULL),
                     WEFT_OK);
    }
    REQUIRE(pthread_create(&thread, NULL, set_events, NULL) == 0);
    for (unsigned i = 0; i < peer_rounds(ROUNDS); i++) {
        uint64_t key = 0;

        for (unsigned k = 0; k < 2; k++) {
            if (!CHECK_STATUS(wait_for(sets[k], &key, peer_soon()), WEFT_OK)) {
                break;
            }
            CHECK(key == 7);
        }
        CHECK_STATUS(weft_event_wait_until(&shared->event, WEFT_NOW), WEFT_OK);
        /* One set sleeps as it is closed, and is made anew. */
        if (i % 16 == 0) {
            CHECK_STATUS(wait_for(sets[0], &key, weft_after_ns(PEER_MS / 10)),
                         WEFT_ETIMEDOUT);
            weft_poll_close(&sets[0]);
            REQUIRE(weft_poll_open(NULL, &sets[0], NULL) == WEFT_OK);
            CHECK_STATUS(weft_poll_add_event(sets[0], &shared->event, 7, NULL),
                         WEFT_OK);
        }
        CHECK_STATUS(weft_semaphore_post(&shared->taken, 1), WEFT_OK);
    }
    CHECK(pthread_join(thread, NULL) == 0);
    for (unsigned i = 0; i < 2; i++) {
        weft_poll_close(&sets[i]);
    }
}

void test_main(void)
{
    peer_process child;

    shared = peer_shared(sizeof(*shared));
    REQUIRE(weft_semaphore_init(&shared->asked, 0) == WEFT_OK);
    REQUIRE(weft_semaphore_init(&shared->taken, 0) == WEFT_OK);
    REQUIRE(weft_semaphore_init(&shared->spare, 0) == WEFT_OK);
    REQUIRE(weft_event_init(&shared->event, WEFT_EVENT_AUTO_RESET) == WEFT_OK);
    REQUIRE(weft_event_init(&shared->pulse, 0) == WEFT_OK);
    child = peer_run(answer, &shared, sizeof(shared)); /* before any thread */
    check_case("no wake that somebody waits for is lost to a set");
    test_takers(1, 1);
    test_takers(1, 2);
    test_takers(TAKERS_MOST, WATCHERS_MOST);
    REQUIRE(weft_poll_open(NULL, &poll, NULL) == WEFT_OK);
    test_members();
    test_level();
    test_process(&child);
    weft_poll_close(&poll);
    test_threads();
    peer_unshare(shared, sizeof(*shared));
}
