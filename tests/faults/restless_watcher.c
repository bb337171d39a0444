/* SPDX-License-Identifier: MIT
 *
 * The thread of a poll set that watches an object, where the system lets it
 * sleep no more between two watches: it ends, and does not try for ever.
 */
#include <stdatomic.h>
#include <string.h>

#include "check.h"
#include "ipc/sync_watch.h"
#include "os/fake/fake.h"
#include "peer.h"

#define ROUNDS 20
#define YIELDS 20

static peer_gate told_gate;
static atomic_uint rests; /* that were asked for; each is refused */
static atomic_bool refuses_threads;

/* In variant 1 of its faults a wait is refused, in 0 it ends early. */
static void refuse(const char *call)
{
    if (strcmp(call, "word_wait") == 0) {
        (void)atomic_fetch_add(&rests, 1);
        fake_fail_next(FAKE_WORD_WAIT, 1);
    }
    if (strcmp(call, "thread_start") == 0 && atomic_load(&refuses_threads)) {
        fake_fail_next(FAKE_THREAD_START, 0);
    }
}

/* An object that is to be had as soon as its thread looks, and not before. */
static weft_status watch(void *object, const _Atomic uint32_t *order)
{
    (void)object;
    (void)order;
    return WEFT_OK;
}

static bool is_ready(const void *object)
{
    (void)object;
    return false;
}

static void told(void *context)
{
    (void)context;
    peer_gate_open(&told_gate);
}

/* One watch; what it failed with. */
static weft_status go_round(struct wefti_watcher *watcher)
{
    weft_status failed = WEFT_OK;

    CHECK_STATUS(wefti_watcher_arm(watcher), WEFT_EAGAIN);
    REQUIRE(peer_gate_pass(&told_gate));
    CHECK(wefti_watcher_has_told(watcher, &failed));
    return failed;
}

static void test_rest(struct wefti_watcher *watcher)
{
    check_case("a thread that can't sleep ends, and the next watch has one");
    for (unsigned i = 0; i < ROUNDS; i++) {
        CHECK_STATUS(go_round(watcher), WEFT_OK);
        for (unsigned k = 0; k < YIELDS; k++) {
            weftos_yield(); /* one that tries for ever has the time to */
        }
    }
    /* One before the first watch, and one after each. */
    CHECK(atomic_load(&rests) <= ROUNDS + 1);
}

static void test_start(struct wefti_watcher *watcher)
{
    uint64_t end = peer_soon();
    weft_status failed = WEFT_OK;

    check_case("that there is no other thread is told, each time");
    atomic_store(&refuses_threads, true);
    while (failed == WEFT_OK && weft_now_ns() < end) {
        failed = go_round(watcher); /* it may not have ended yet */
    }
    CHECK_STATUS(failed, WEFT_ELIMIT);
    CHECK_STATUS(go_round(watcher), WEFT_ELIMIT);
    atomic_store(&refuses_threads, false);
    CHECK_STATUS(go_round(watcher), WEFT_OK);
}

void test_main(void)
{
    static uint64_t object; /* nobody looks at it */
    struct wefti_watcher *watcher;
    int64_t before = fake_live_allocations();

    peer_gate_init(&told_gate);
    fake_before_each(refuse);
    REQUIRE(wefti_watcher_open(watch, is_ready, &object, told, NULL, &watcher,
                               NULL) == WEFT_OK);
    test_rest(watcher);
    test_start(watcher);
    wefti_watcher_close(watcher, false);
    fake_reset();
    peer_gate_deinit(&told_gate);
    CHECK(fake_live_allocations() == before);
}
