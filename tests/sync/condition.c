/* SPDX-License-Identifier: MIT
 *
 * A condition loses no signal: a queue between processes is emptied, one
 * signal an entry, and a broadcast wakes all.
 */
#include <stdatomic.h>

#include "check.h"
#include "peer.h"

#define SIDES 3
#define ROUNDS peer_rounds(5000)
#define ROOM 4u

struct stage {
    weft_mutex mutex;
    weft_condition filled;
    weft_condition emptied;
    unsigned entries;
    unsigned taken;
    bool is_open;
    atomic_uint waiting;
};

static struct stage *begin(const char *property)
{
    struct stage *stage = peer_shared(sizeof(*stage));

    check_case(property);
    CHECK_STATUS(weft_mutex_init(&stage->mutex), WEFT_OK);
    CHECK_STATUS(weft_condition_init(&stage->filled), WEFT_OK);
    CHECK_STATUS(weft_condition_init(&stage->emptied), WEFT_OK);
    return stage;
}

static void end(struct stage *stage, peer_process *sides, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        CHECK(peer_ended_well(&sides[i]));
    }
    peer_unshare(stage, sizeof(*stage));
}

/* -------------------------------------------------------------- a queue --- */

static bool await(weft_condition *condition, struct stage *stage)
{
    return CHECK_STATUS(
        weft_condition_wait_until(condition, &stage->mutex, peer_soon()),
        WEFT_OK);
}

static void put(void *context)
{
    struct stage *stage = *(struct stage **)context;

    for (unsigned i = 0; i < ROUNDS; i++) {
        CHECK_STATUS(weft_mutex_lock(&stage->mutex), WEFT_OK);
        while (stage->entries == ROOM) {
            if (!await(&stage->emptied, stage)) {
                return;
            }
        }
        stage->entries++;
        /* Before the unlock and after it, both are right. */
        if (i % 2 == 0) {
            CHECK_STATUS(weft_condition_signal(&stage->filled), WEFT_OK);
        }
        CHECK_STATUS(weft_mutex_unlock(&stage->mutex), WEFT_OK);
        if (i % 2 == 1) {
            CHECK_STATUS(weft_condition_signal(&stage->filled), WEFT_OK);
        }
    }
}

static void get(void *context)
{
    struct stage *stage = *(struct stage **)context;

    for (unsigned i = 0; i < ROUNDS; i++) {
        CHECK_STATUS(weft_mutex_lock(&stage->mutex), WEFT_OK);
        while (stage->entries == 0) {
            if (!await(&stage->filled, stage)) {
                return;
            }
        }
        stage->entries--;
        stage->taken++;
        CHECK_STATUS(weft_mutex_unlock(&stage->mutex), WEFT_OK);
        CHECK_STATUS(weft_condition_signal(&stage->emptied), WEFT_OK);
    }
}

static void test_queue(void)
{
    struct stage *stage = begin("a queue is emptied, one signal an entry");
    peer_process sides[2 * SIDES];

    for (size_t i = 0; i < SIDES; i++) {
        sides[2 * i] = peer_run(put, &stage, sizeof(stage));
        sides[2 * i + 1] = peer_run(get, &stage, sizeof(stage));
    }
    for (unsigned i = 0; i < 2 * SIDES; i++) {
        CHECK(peer_ended_well(&sides[i]));
    }
    CHECK(stage->taken == SIDES * ROUNDS && stage->entries == 0);
    end(stage, sides, 0);
}

/* ------------------------------------------------------------ broadcast --- */

static void await_open(void *context)
{
    struct stage *stage = *(struct stage **)context;

    CHECK_STATUS(weft_mutex_lock(&stage->mutex), WEFT_OK);
    stage->waiting++;
    while (!stage->is_open) {
        if (!await(&stage->filled, stage)) {
            return;
        }
    }
    CHECK_STATUS(weft_mutex_unlock(&stage->mutex), WEFT_OK);
}

static void test_broadcast(void)
{
    struct stage *stage = begin("a broadcast wakes all who wait");
    peer_process sides[2 * SIDES];

    for (unsigned i = 0; i < 2 * SIDES; i++) {
        sides[i] = peer_run(await_open, &stage, sizeof(stage));
        CHECK(peer_await_asleep(&sides[i]));
    }
    CHECK_STATUS(weft_mutex_lock_until(&stage->mutex, peer_soon()), WEFT_OK);
    CHECK(stage->waiting == 2 * SIDES);
    stage->is_open = true;
    CHECK_STATUS(weft_condition_broadcast(&stage->filled), WEFT_OK);
    CHECK_STATUS(weft_mutex_unlock(&stage->mutex), WEFT_OK);
    end(stage, sides, 2 * SIDES);
}

/* ------------------------------------------------------------- time-out --- */

static void test_timeout(void)
{
    struct stage *stage = begin("a wait that times out has the mutex again");

    CHECK_STATUS(weft_mutex_lock(&stage->mutex), WEFT_OK);
    CHECK_STATUS(weft_condition_wait_until(&stage->filled, &stage->mutex,
                                           weft_after_ns(PEER_MS)),
                 WEFT_ETIMEDOUT);
    CHECK_STATUS(weft_mutex_try_lock(&stage->mutex), WEFT_EAGAIN);
    CHECK_STATUS(weft_mutex_unlock(&stage->mutex), WEFT_OK);
    CHECK_STATUS(weft_condition_signal(&stage->filled), WEFT_OK);
    CHECK_STATUS(weft_condition_broadcast(&stage->filled), WEFT_OK);
    weft_condition_deinit(&stage->filled);
    end(stage, NULL, 0);
}

void test_main(void)
{
    test_timeout();
    test_broadcast();
    test_queue();
}
