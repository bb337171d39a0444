/* SPDX-License-Identifier: MIT
 *
 * A semaphore counts: what is posted is taken, once, whoever does it and
 * however many wait.
 */
#include <stdatomic.h>

#include "check.h"
#include "peer.h"

#define SIDES 3
#define ROUNDS peer_rounds(20000)

struct stage {
    weft_semaphore full;
    weft_semaphore room;
    atomic_uint taken;
};

static void test_value(void)
{
    weft_semaphore semaphore;
    uint32_t value = 0;

    check_case("a value is taken one by one, and posted by many");
    CHECK_STATUS(weft_semaphore_init(&semaphore, 2), WEFT_OK);
    CHECK_STATUS(weft_semaphore_try_wait(&semaphore), WEFT_OK);
    CHECK_STATUS(weft_semaphore_wait(&semaphore), WEFT_OK);
    CHECK_STATUS(weft_semaphore_try_wait(&semaphore), WEFT_EAGAIN);
    CHECK_STATUS(weft_semaphore_wait_until(&semaphore, weft_after_ns(PEER_MS)),
                 WEFT_ETIMEDOUT);
    CHECK_STATUS(weft_semaphore_post(&semaphore, 5), WEFT_OK);
    CHECK_STATUS(weft_semaphore_get_value(&semaphore, &value), WEFT_OK);
    CHECK(value == 5);
    CHECK_STATUS(weft_semaphore_get_value(&semaphore, NULL), WEFT_EINVAL);

    check_case("a value never exceeds the largest");
    CHECK_STATUS(weft_semaphore_post(&semaphore, WEFT_SEMAPHORE_MAX - 4),
                 WEFT_ELIMIT);
    CHECK_STATUS(weft_semaphore_post(&semaphore, UINT32_MAX), WEFT_ELIMIT);
    CHECK_STATUS(weft_semaphore_post(&semaphore, WEFT_SEMAPHORE_MAX - 5),
                 WEFT_OK);
    CHECK_STATUS(weft_semaphore_post(&semaphore, 1), WEFT_ELIMIT);
    CHECK_STATUS(weft_semaphore_post(&semaphore, 0), WEFT_OK);
    CHECK_STATUS(weft_semaphore_get_value(&semaphore, &value), WEFT_OK);
    CHECK(value == WEFT_SEMAPHORE_MAX);
    weft_semaphore_deinit(&semaphore);
}

static void give(void *context)
{
    struct stage *stage = *(struct stage **)context;

    for (unsigned i = 0; i < ROUNDS; i++) {
        CHECK_STATUS(weft_semaphore_wait_until(&stage->room, peer_soon()),
                     WEFT_OK);
        CHECK_STATUS(weft_semaphore_post(&stage->full, 1), WEFT_OK);
    }
}

static void take(void *context)
{
    struct stage *stage = *(struct stage **)context;

    for (unsigned i = 0; i < ROUNDS; i++) {
        if (!CHECK_STATUS(weft_semaphore_wait_until(&stage->full, peer_soon()),
                          WEFT_OK)) {
            return;
        }
        stage->taken++;
        CHECK_STATUS(weft_semaphore_post(&stage->room, 1), WEFT_OK);
    }
}

static void test_traffic(void)
{
    struct stage *stage = peer_shared(sizeof(*stage));
    peer_process sides[2 * SIDES];
    uint32_t value = 1;

    check_case("what many post is taken by many, and nothing is lost");
    CHECK_STATUS(weft_semaphore_init(&stage->full, 0), WEFT_OK);
    CHECK_STATUS(weft_semaphore_init(&stage->room, 2), WEFT_OK);
    for (size_t i = 0; i < SIDES; i++) {
        sides[2 * i] = peer_run(give, &stage, sizeof(stage));
        sides[2 * i + 1] = peer_run(take, &stage, sizeof(stage));
    }
    for (unsigned i = 0; i < 2 * SIDES; i++) {
        CHECK(peer_ended_well(&sides[i]));
    }
    CHECK(stage->taken == SIDES * ROUNDS);
    CHECK_STATUS(weft_semaphore_get_value(&stage->full, &value), WEFT_OK);
    CHECK(value == 0);
    peer_unshare(stage, sizeof(*stage));
}

static void test_take(void)
{
    weft_semaphore semaphore;
    uint32_t taken = 9;

    check_case("all that there are are taken, or as many as are wanted");
    CHECK_STATUS(weft_semaphore_init(&semaphore, 7), WEFT_OK);
    CHECK_STATUS(weft_semaphore_take_until(&semaphore, 0, &taken, WEFT_NOW),
                 WEFT_EINVAL);
    CHECK(taken == 0);
    CHECK_STATUS(weft_semaphore_take_until(&semaphore, 1, NULL, WEFT_NOW),
                 WEFT_EINVAL);
    CHECK_STATUS(weft_semaphore_take_until(&semaphore, 5, &taken, WEFT_NOW),
                 WEFT_OK);
    CHECK(taken == 5);
    CHECK_STATUS(
        weft_semaphore_take_until(&semaphore, UINT32_MAX, &taken, WEFT_FOREVER),
        WEFT_OK);
    CHECK(taken == 2);
    CHECK_STATUS(weft_semaphore_take_until(&semaphore, 5, &taken, WEFT_NOW),
                 WEFT_EAGAIN);
    CHECK(taken == 0);
    CHECK_STATUS(weft_semaphore_take_until(&semaphore, 5, &taken,
                                           weft_after_ns(PEER_MS)),
                 WEFT_ETIMEDOUT);
    CHECK(taken == 0);
    weft_semaphore_deinit(&semaphore);
}

static void ring(void *context)
{
    struct stage *stage = *(struct stage **)context;

    for (unsigned i = 0; i < ROUNDS; i++) {
        CHECK_STATUS(weft_semaphore_post(&stage->full, 1 + i % 3), WEFT_OK);
    }
}

static void test_doorbell(void)
{
    struct stage *stage = peer_shared(sizeof(*stage));
    peer_process sides[SIDES];
    uint64_t expected = 0;
    uint64_t heard = 0;

    check_case("who takes all at once hears each ring");
    CHECK_STATUS(weft_semaphore_init(&stage->full, 0), WEFT_OK);
    for (unsigned i = 0; i < ROUNDS; i++) {
        expected += (uint64_t)SIDES * (1 + i % 3);
    }
    for (unsigned i = 0; i < SIDES; i++) {
        sides[i] = peer_run(ring, &stage, sizeof(stage));
    }
    while (heard < expected) {
        uint32_t taken = 0;

        if (!CHECK_STATUS(weft_semaphore_take_until(&stage->full,
                                                    WEFT_SEMAPHORE_MAX, &taken,
                                                    peer_soon()),
                          WEFT_OK)) {
            break;
        }
        CHECK(taken > 0);
        heard += taken;
    }
    CHECK(heard == expected);
    for (unsigned i = 0; i < SIDES; i++) {
        CHECK(peer_ended_well(&sides[i]));
    }
    CHECK_STATUS(weft_semaphore_try_wait(&stage->full), WEFT_EAGAIN);
    peer_unshare(stage, sizeof(*stage));
}

static void take_one(void *context)
{
    struct stage *stage = *(struct stage **)context;

    CHECK_STATUS(weft_semaphore_wait_until(&stage->full, peer_soon()), WEFT_OK);
    stage->taken++;
}

static void test_many(void)
{
    struct stage *stage = peer_shared(sizeof(*stage));
    peer_process sides[2 * SIDES];

    check_case("one post of many wakes as many");
    CHECK_STATUS(weft_semaphore_init(&stage->full, 0), WEFT_OK);
    for (unsigned i = 0; i < 2 * SIDES; i++) {
        sides[i] = peer_run(take_one, &stage, sizeof(stage));
        CHECK(peer_await_asleep(&sides[i]));
    }
    CHECK_STATUS(weft_semaphore_post(&stage->full, 2 * SIDES), WEFT_OK);
    for (unsigned i = 0; i < 2 * SIDES; i++) {
        CHECK(peer_ended_well(&sides[i]));
    }
    CHECK(stage->taken == 2 * SIDES);
    peer_unshare(stage, sizeof(*stage));
}

void test_main(void)
{
    test_value();
    test_many();
    test_take();
    test_traffic();
    test_doorbell();
}
