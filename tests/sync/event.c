/* SPDX-License-Identifier: MIT
 *
 * An event lets all through until it is reset, or one each time it is set.
 */
#include <stdatomic.h>

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

void test_main(void)
{
    test_alone();
    test_manual();
    test_auto();
}
