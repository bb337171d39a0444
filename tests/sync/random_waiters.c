/* SPDX-License-Identifier: MIT
 *
 * Processes that wait for a semaphore or a condition, and one that gives, are
 * killed at any instruction. Those that live are never left asleep while there
 * is something to take. $WEFT_KILLS says how often.
 */
#include <stdatomic.h>
#include <stdlib.h>

#include "check.h"
#include "os/os.h"
#include "peer.h"

#define KILLS 600

/* As many as know one another. */
#define TAKERS 2
#define GIVERS 1
#define SIDES (TAKERS + GIVERS)

/* No process works longer than that. */
#define LIFE_NS (60 * PEER_S)

#define MOST_NS 100000

/* There is at most so much to take. */
#define ROOM 100

struct stage {
    weft_semaphore semaphore;
    weft_mutex mutex;
    weft_condition condition;
    uint32_t count; /* under the mutex; one word, so it is never half done */
    atomic_ulong taken;
    atomic_uint begun[SIDES];
    atomic_bool rests; /* nobody gives */
    bool counts;       /* the condition's case, not the semaphore's */
};

struct errand {
    struct stage *stage;
    unsigned number;
};

/* ------------------------------------------------------------ semaphore --- */

static bool take_posted(struct stage *stage, uint64_t late)
{
    return weft_semaphore_wait_until(&stage->semaphore, late) == WEFT_OK;
}

static void post(struct stage *stage)
{
    uint32_t value = ROOM;

    CHECK_STATUS(weft_semaphore_get_value(&stage->semaphore, &value), WEFT_OK);
    if (value < ROOM) {
        CHECK_STATUS(weft_semaphore_post(&stage->semaphore, 1), WEFT_OK);
    }
}

/* ------------------------------------------------------------ condition --- */

/* True: the mutex is ours. The count is right whoever died. */
static bool hold(struct stage *stage, weft_status status)
{
    if (status == WEFT_EOWNERDEAD) {
        status = weft_mutex_recover(&stage->mutex);
        /* He may have died between his change and his signal. */
        CHECK_STATUS(weft_condition_broadcast(&stage->condition), WEFT_OK);
    }
    return status == WEFT_OK;
}

static bool take_counted(struct stage *stage, uint64_t late)
{
    bool held = hold(stage, weft_mutex_lock_until(&stage->mutex, late));

    while (held && stage->count == 0) {
        held = hold(stage, weft_condition_wait_until(&stage->condition,
                                                     &stage->mutex, late));
    }
    if (held) {
        stage->count--;
        CHECK_STATUS(weft_mutex_unlock(&stage->mutex), WEFT_OK);
    }
    return held;
}

static void count(struct stage *stage)
{
    if (hold(stage, weft_mutex_lock_until(&stage->mutex, peer_soon()))) {
        stage->count += stage->count < ROOM;
        CHECK_STATUS(weft_condition_signal(&stage->condition), WEFT_OK);
        CHECK_STATUS(weft_mutex_unlock(&stage->mutex), WEFT_OK);
    }
}

/* ----------------------------------------------------------------- both --- */

static uint32_t left(struct stage *stage)
{
    uint32_t value = 0;

    if (!stage->counts) {
        CHECK_STATUS(weft_semaphore_get_value(&stage->semaphore, &value),
                     WEFT_OK);
    } else if (hold(stage, weft_mutex_lock_until(&stage->mutex, peer_soon()))) {
        value = stage->count;
        CHECK_STATUS(weft_mutex_unlock(&stage->mutex), WEFT_OK);
    }
    return value;
}

static void take(void *context)
{
    const struct errand *errand = context;
    struct stage *stage = errand->stage;
    uint64_t late = weft_after_ns(LIFE_NS);

    stage->begun[errand->number] = 1;
    while (stage->counts ? take_counted(stage, late)
                         : take_posted(stage, late)) {
        stage->taken++;
    }
}

static void give(void *context)
{
    const struct errand *errand = context;
    struct stage *stage = errand->stage;
    uint64_t late = weft_after_ns(LIFE_NS);

    stage->begun[errand->number] = 1;
    while (weft_now_ns() < late) {
        if (stage->rests) {
            weftos_yield();
        } else if (stage->counts) {
            count(stage);
        } else {
            post(stage);
        }
    }
}

static peer_process run_side(struct stage *stage, unsigned number)
{
    struct errand errand = {stage, number};
    uint64_t late = peer_soon();
    peer_process side;

    stage->begun[number] = 0;
    side = peer_run(number < TAKERS ? take : give, &errand, sizeof(errand));
    while (stage->begun[number] == 0 && weft_now_ns() < late) {
        weftos_yield();
    }
    return side;
}

/* Nobody gives any more: what is there is soon gone, or a wake was lost. */
static bool is_emptied(struct stage *stage)
{
    uint64_t late = peer_soon();
    uint32_t value = left(stage);

    while (value != 0 && weft_now_ns() < late) {
        weftos_yield();
        value = left(stage);
    }
    return value == 0;
}

static void kill_one(struct stage *stage, peer_process *sides, uint64_t *seed)
{
    unsigned victim = (unsigned)(peer_random(seed) % SIDES);
    uint64_t until = weft_after_ns(peer_random(seed) % MOST_NS);

    stage->rests = false;
    while (weft_now_ns() < until) {
    }
    peer_kill(&sides[victim]);
    stage->rests = true;
    /* If it was a taker, another one is left. */
    CHECK(is_emptied(stage));
    sides[victim] = run_side(stage, victim);
}

static void test_kills(const char *property, bool counts)
{
    const char *wanted = getenv("WEFT_KILLS");
    unsigned long kills = wanted != NULL ? strtoul(wanted, NULL, 10) : KILLS;
    struct stage *stage = peer_shared(sizeof(*stage));
    peer_process sides[SIDES];
    uint64_t seed = 4;

    check_case(property);
    CHECK_STATUS(weft_semaphore_init(&stage->semaphore, 0), WEFT_OK);
    CHECK_STATUS(weft_mutex_init(&stage->mutex), WEFT_OK);
    CHECK_STATUS(weft_condition_init(&stage->condition), WEFT_OK);
    stage->counts = counts;
    for (unsigned i = 0; i < SIDES; i++) {
        sides[i] = run_side(stage, i);
    }
    for (unsigned long i = 0; i < kills / 2 / peer_cost; i++) {
        kill_one(stage, sides, &seed);
    }
    CHECK(stage->taken > 0);
    for (unsigned i = 0; i < SIDES; i++) {
        peer_kill(&sides[i]);
    }
    peer_unshare(stage, sizeof(*stage));
}

void test_main(void)
{
    test_kills("no death leaves a semaphore's sleeper with something to take",
               false);
    test_kills("nor a condition's", true);
}
