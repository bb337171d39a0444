/* SPDX-License-Identifier: MIT
 *
 * Fails every call to the operating system that the synchronisation objects
 * make, one at a time and in each of its ways, while a script goes through all
 * of them. Whatever fails: the caller is told, or does without; what it asked
 * for has either happened or not; the objects are as they were; and nothing is
 * kept.
 */
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "os/fake/fake.h"
#include "peer.h"
#include "sides.h"

/* A wait that nobody ends. */
#define WAIT_NS UINT64_C(500000)

struct stage {
    weft_mutex held; /* by another process, all the time */
    weft_rwlock written;
    weft_mutex mutex;
    weft_condition condition;
    weft_semaphore semaphore;
    weft_event event;
    weft_rwlock lock;
};

struct errand {
    struct stage *stage;
    peer_gate held;
    peer_gate over;
};

static struct stage *stage;

/* Holds what the script waits for in vain. */
static void hold(void *context)
{
    struct errand *errand = context;

    CHECK_STATUS(weft_mutex_lock(&errand->stage->held), WEFT_OK);
    CHECK_STATUS(weft_rwlock_write(&errand->stage->written), WEFT_OK);
    peer_gate_open(&errand->held);
    CHECK(peer_gate_pass(&errand->over));
    CHECK_STATUS(weft_rwlock_unlock(&errand->stage->written), WEFT_OK);
    CHECK_STATUS(weft_mutex_unlock(&errand->stage->held), WEFT_OK);
}

/* ----------------------------------------------------------- the script --- */

/*
 * `status` is `expected`, or what was failed just now: then the call is to be
 * made again.
 */
static bool is_through(weft_status status, weft_status expected, uint64_t seen)
{
    if (status == expected) {
        return true;
    }
    return !CHECK(fake_failed_operation() != NULL && fake_calls() > seen &&
                  status == fake_failed_how().status);
}

/* Makes a call until it does what is expected: at most one of them fails. */
#define DO(call, expected)                                                     \
    for (uint64_t seen = fake_calls(); !is_through((call), (expected), seen);  \
         seen = fake_calls()) {                                                \
    }

static uint64_t in_vain(void)
{
    return weft_after_ns(WAIT_NS);
}

static void wait_in_vain(void)
{
    DO(weft_mutex_lock_until(&stage->held, in_vain()), WEFT_ETIMEDOUT);
    DO(weft_rwlock_read_until(&stage->written, in_vain()), WEFT_ETIMEDOUT);
    DO(weft_rwlock_write_until(&stage->written, in_vain()), WEFT_ETIMEDOUT);
    DO(weft_semaphore_wait_until(&stage->semaphore, in_vain()), WEFT_ETIMEDOUT);
    DO(weft_event_wait_until(&stage->event, in_vain()), WEFT_ETIMEDOUT);
}

/* After a failure the mutex is nobody's, so it is locked again. */
static weft_status lock_and_wait(void)
{
    weft_status status = weft_mutex_lock(&stage->mutex);

    if (status != WEFT_OK) {
        return status;
    }
    status =
        weft_condition_wait_until(&stage->condition, &stage->mutex, in_vain());
    if (status == WEFT_OK || status == WEFT_ETIMEDOUT) {
        CHECK_STATUS(weft_mutex_unlock(&stage->mutex), WEFT_OK);
    }
    /* No reason is a reason to return. */
    return status == WEFT_OK ? WEFT_ETIMEDOUT : status;
}

static void give_and_take(void)
{
    DO(weft_semaphore_post(&stage->semaphore, 1), WEFT_OK);
    DO(weft_semaphore_wait(&stage->semaphore), WEFT_OK);
    DO(weft_event_set(&stage->event), WEFT_OK);
    DO(weft_event_wait(&stage->event), WEFT_OK);
    DO(weft_rwlock_read(&stage->lock), WEFT_OK);
    DO(weft_rwlock_unlock(&stage->lock), WEFT_OK);
    DO(weft_rwlock_write(&stage->lock), WEFT_OK);
    DO(weft_rwlock_unlock(&stage->lock), WEFT_OK);
    DO(weft_condition_broadcast(&stage->condition), WEFT_OK);
}

static weft_status open_object(weft_sync **sync)
{
    weft_detail detail = {WEFT_OK, 0, NULL};
    weft_status status =
        weft_sync_open("fail", WEFT_SYNC_SEMAPHORE, NULL, sync, &detail);

    CHECK(detail.status == status);
    CHECK((*sync != NULL) == (status == WEFT_OK));
    return status;
}

static weft_status open_memory(weft_shared **shared)
{
    weft_detail detail = {WEFT_OK, 0, NULL};
    weft_status status = weft_shared_open("fail", 100, NULL, shared, &detail);

    CHECK(detail.status == status);
    CHECK((*shared != NULL) == (status == WEFT_OK));
    return status;
}

static void use_names(void)
{
    weft_sync *sync = NULL;
    weft_shared *shared = NULL;

    DO(open_object(&sync), WEFT_OK);
    DO(weft_semaphore_wait_until(weft_sync_semaphore(sync), in_vain()),
       WEFT_ETIMEDOUT);
    DO(open_memory(&shared), WEFT_OK);
    weft_shared_close(&shared);
    weft_sync_close(&sync);
}

static void go_through(void)
{
    wait_in_vain();
    DO(lock_and_wait(), WEFT_ETIMEDOUT);
    give_and_take();
    use_names();
}

/* ------------------------------------------------------------- the test --- */

/* Returns how many ways the failed call has; 0: the script has ended before. */
static unsigned fail(uint64_t number, unsigned variant)
{
    struct sides_holdings before = sides_hold();
    int64_t live = fake_live_allocations();
    unsigned variants;

    fake_fail_at(number, variant);
    go_through();
    variants = fake_failed_variants();
    fake_reset();
    CHECK(fake_live_allocations() == live);
    sides_check_holdings(&before);
    return variants;
}

void test_main(void)
{
    struct errand errand;
    peer_process child;
    uint64_t number = 0;
    unsigned variants;

    check_case("each call of the synchronisation objects fails once");
    peer_names_begin();
    stage = peer_shared(sizeof(*stage));
    errand.stage = stage;
    peer_gate_init(&errand.held);
    peer_gate_init(&errand.over);
    CHECK_STATUS(weft_mutex_init(&stage->held), WEFT_OK);
    CHECK_STATUS(weft_rwlock_init(&stage->written), WEFT_OK);
    CHECK_STATUS(weft_mutex_init(&stage->mutex), WEFT_OK);
    CHECK_STATUS(weft_condition_init(&stage->condition), WEFT_OK);
    CHECK_STATUS(weft_semaphore_init(&stage->semaphore, 0), WEFT_OK);
    CHECK_STATUS(weft_event_init(&stage->event, WEFT_EVENT_AUTO_RESET),
                 WEFT_OK);
    CHECK_STATUS(weft_rwlock_init(&stage->lock), WEFT_OK);
    child = peer_run(hold, &errand, sizeof(errand));
    REQUIRE(peer_gate_pass(&errand.held));
    go_through(); /* what is made once is kept */
    do {
        variants = fail(++number, 0);
        for (unsigned i = 1; i < variants; i++) {
            (void)fail(number, i);
        }
    } while (variants != 0);
    CHECK(number > 8);
    peer_gate_open(&errand.over);
    CHECK(peer_ended_well(&child));
    peer_gate_deinit(&errand.held);
    peer_gate_deinit(&errand.over);
    peer_unshare(stage, sizeof(*stage));
    peer_names_end();
}
