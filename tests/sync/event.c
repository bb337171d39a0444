/* SPDX-License-Identifier: MIT
 *
 * An event lets all through until it is reset, or one each time it is set.
 */
#include <stdatomic.h>
#include <stdint.h>

#include "check.h"
#include "peer.h"

#define WAITERS 5

struct stage {
    weft_event event;
    atomic_uint passed;
};

static void pass(void *context)
{
    struct stage *stage = *(struct stage **)context;

    CHECK_STATUS(weft_event_wait_until(&stage->event, peer_soon()), WEFT_OK);
    stage->passed++;
}

static struct stage *begin(const char *property, unsigned flags,
                           peer_process *waiters)
{
    struct stage *stage = peer_shared(sizeof(*stage));

    check_case(property);
    CHECK_STATUS(weft_event_init(&stage->event, flags), WEFT_OK);
    for (unsigned i = 0; i < WAITERS; i++) {
        waiters[i] = peer_run(pass, &stage, sizeof(stage));
        CHECK(peer_await_asleep(&waiters[i]));
    }
    return stage;
}

static void end(struct stage *stage, peer_process *waiters)
{
    for (unsigned i = 0; i < WAITERS; i++) {
        CHECK(peer_ended_well(&waiters[i]));
    }
    CHECK(stage->passed == WAITERS);
    peer_unshare(stage, sizeof(*stage));
}

static void test_alone(void)
{
    weft_event event;

    check_case("an event stays set until it is reset");
    CHECK_STATUS(weft_event_init(&event, 0), WEFT_OK);
    CHECK_STATUS(weft_event_wait_until(&event, WEFT_NOW), WEFT_EAGAIN);
    CHECK_STATUS(weft_event_wait_until(&event, weft_after_ns(PEER_MS)),
                 WEFT_ETIMEDOUT);
    CHECK_STATUS(weft_event_set(&event), WEFT_OK);
    CHECK_STATUS(weft_event_set(&event), WEFT_OK);
    CHECK_STATUS(weft_event_wait(&event), WEFT_OK);
    CHECK_STATUS(weft_event_wait(&event), WEFT_OK);
    CHECK_STATUS(weft_event_reset(&event), WEFT_OK);
    CHECK_STATUS(weft_event_wait_until(&event, WEFT_NOW), WEFT_EAGAIN);
    weft_event_deinit(&event);

    check_case("an event with auto-reset lets one through");
    CHECK_STATUS(
        weft_event_init(&event, WEFT_EVENT_SET | WEFT_EVENT_AUTO_RESET),
        WEFT_OK);
    CHECK_STATUS(weft_event_wait(&event), WEFT_OK);
    CHECK_STATUS(weft_event_wait_until(&event, WEFT_NOW), WEFT_EAGAIN);
    CHECK_STATUS(weft_event_set(&event), WEFT_OK);
    CHECK_STATUS(weft_event_set(&event), WEFT_OK);
    CHECK_STATUS(weft_event_wait(&event), WEFT_OK);
    CHECK_STATUS(weft_event_wait_until(&event, WEFT_NOW), WEFT_EAGAIN);
    CHECK_STATUS(weft_event_set(&event), WEFT_OK);
    CHECK_STATUS(weft_event_reset(&event), WEFT_OK);
    CHECK_STATUS(weft_event_wait_until(&event, WEFT_NOW), WEFT_EAGAIN);
    weft_event_deinit(&event);
}

static void test_manual(void)
{
    peer_process waiters[WAITERS];
    struct stage *stage = begin(
        "who waits gets through though the event is reset at once", 0, waiters);

    CHECK_STATUS(weft_event_set(&stage->event), WEFT_OK);
    CHECK_STATUS(weft_event_reset(&stage->event), WEFT_OK);
    end(stage, waiters);
}

static void test_auto(void)
{
    peer_process waiters[WAITERS];
    struct stage *stage = begin("each set lets one of many through",
                                WEFT_EVENT_AUTO_RESET, waiters);
    uint64_t late = peer_soon();

    for (unsigned i = 0; i < WAITERS; i++) {
        CHECK(stage->passed == i);
        CHECK_STATUS(weft_event_set(&stage->event), WEFT_OK);
        while (stage->passed == i && weft_now_ns() < late) {
        }
    }
    end(stage, waiters);
}

/* As a setter leaves it that was killed between its set and its wake. */
static void set_without_wake(weft_event *event)
{
    _Atomic uint64_t *state = (_Atomic uint64_t *)&event->reserved[1];

    *state = (*state | 1) + (UINT64_C(1) << 32);
}

static void test_owed_wake(unsigned flags)
{
    peer_process waiters[WAITERS];
    struct stage *stage =
        begin("who sets again makes up for the wake of a killed setter", flags,
              waiters);

    set_without_wake(&stage->event);
    while (stage->passed < WAITERS) {
        unsigned passed = stage->passed;
        uint64_t late = peer_soon();

        CHECK_STATUS(weft_event_set(&stage->event), WEFT_OK);
        while (stage->passed == passed && weft_now_ns() < late) {
        }
        if (!CHECK(stage->passed > passed)) {
            break;
        }
    }
    end(stage, waiters);
}

void test_main(void)
{
    test_alone();
    test_manual();
    test_auto();
    test_owed_wake(0);
    test_owed_wake(WEFT_EVENT_AUTO_RESET);
}
