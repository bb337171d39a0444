/* SPDX-License-Identifier: MIT
 *
 * A process that uses a mutex is killed at any instruction. If it held the
 * mutex, the next one to lock is told so, and nobody after that; if not, nobody
 * is told. $WEFT_KILLS says how often.
 */
#include <stdatomic.h>
#include <stdlib.h>

#include "check.h"
#include "ipc/sync_lock.h"
#include "peer.h"

#define KILLS 1000
#define WORKERS 3

/* At most so long after it has begun to work a process is killed. */
#define MOST_NS 150000

/* No process works longer than that. */
#define LIFE_NS (60 * PEER_S)

struct stage {
    weft_mutex mutex;
    /* Written under the mutex, one after the other: equal, or half done. */
    uint64_t first;
    uint64_t second;
    atomic_uint begun[WORKERS];
    atomic_uint inside[WORKERS]; /* it surely holds the mutex */
    atomic_uint told;
    atomic_uint broken;
};

struct errand {
    struct stage *stage;
    unsigned number;
};

static unsigned kills(void)
{
    const char *wanted = getenv("WEFT_KILLS");
    unsigned long count = wanted != NULL ? strtoul(wanted, NULL, 10) : KILLS;

    return (unsigned)(count / 2 / peer_cost);
}

/* What the mutex protects must be whole, or its owner have died. */
static void look_after(struct stage *stage, weft_status status)
{
    if (status == WEFT_EOWNERDEAD) {
        stage->told++;
        stage->second = stage->first;
        stage->broken += weft_mutex_recover(&stage->mutex) != WEFT_OK;
    } else {
        stage->broken += status != WEFT_OK || stage->first != stage->second;
    }
}

static void work(void *context)
{
    const struct errand *errand = context;
    struct stage *stage = errand->stage;
    uint64_t late = weft_after_ns(LIFE_NS);

    /* Should its parent be killed, it does not go on for ever. */
    while (weft_now_ns() < late) {
        weft_status status = weft_mutex_lock(&stage->mutex);

        stage->inside[errand->number] = 1;
        look_after(stage, status);
        stage->first++;
        stage->begun[errand->number] = 1;
        stage->second++;
        stage->inside[errand->number] = 0;
        stage->broken += weft_mutex_unlock(&stage->mutex) != WEFT_OK;
    }
}

static peer_process run_worker(struct stage *stage, unsigned number)
{
    struct errand errand = {stage, number};
    uint64_t late = peer_soon();
    peer_process worker;

    stage->begun[number] = 0;
    stage->inside[number] = 0;
    worker = peer_run(work, &errand, sizeof(errand));
    while (stage->begun[number] == 0 && weft_now_ns() < late) {
        weftos_yield();
    }
    return worker;
}

static void let_work(uint64_t *seed)
{
    uint64_t until = weft_after_ns(peer_random(seed) % MOST_NS);

    while (weft_now_ns() < until) {
    }
}

/* Nobody else is there, so the word tells whether the dead one was the owner */
static bool is_owned(const struct stage *stage)
{
    const struct wefti_object *object = (const void *)&stage->mutex;

    return (weftos_load_relaxed(&object->state) & WEFTI_IDENTITY) != 0;
}

static void test_one(struct stage *stage)
{
    unsigned owners = 0;
    uint64_t seed = 1;

    check_case("an owner that is killed at any instruction is told of, once");
    for (unsigned i = 0; i < kills() && stage->broken == 0; i++) {
        peer_process worker = run_worker(stage, 0);
        bool owned;

        let_work(&seed);
        peer_kill(&worker);
        owned = is_owned(stage);
        owners += owned;
        CHECK_STATUS(weft_mutex_lock_until(&stage->mutex, peer_soon()),
                     owned ? WEFT_EOWNERDEAD : WEFT_OK);
        stage->told = 0;
        look_after(stage, owned ? WEFT_EOWNERDEAD : WEFT_OK);
        CHECK_STATUS(weft_mutex_unlock(&stage->mutex), WEFT_OK);
    }
    CHECK(stage->broken == 0);
    CHECK(owners > 0 && owners < kills());
}

static void test_many(struct stage *stage)
{
    peer_process workers[WORKERS];
    unsigned surely = 0;
    uint64_t seed = 2;

    check_case("others that wait go on whenever one is killed");
    stage->told = 0;
    for (unsigned i = 0; i < WORKERS; i++) {
        workers[i] = run_worker(stage, i);
    }
    for (unsigned i = 0; i < kills() && stage->broken == 0; i++) {
        unsigned victim = (unsigned)(peer_random(&seed) % WORKERS);

        let_work(&seed);
        peer_kill(&workers[victim]);
        surely += stage->inside[victim];
        workers[victim] = run_worker(stage, victim);
        if (!CHECK(stage->begun[victim] == 1)) {
            break;
        }
    }
    for (unsigned i = 0; i < WORKERS; i++) {
        peer_kill(&workers[i]);
        surely += stage->inside[i];
        stage->inside[i] = 0;
    }
    look_after(stage, weft_mutex_lock_until(&stage->mutex, peer_soon()));
    CHECK_STATUS(weft_mutex_unlock(&stage->mutex), WEFT_OK);
    CHECK(stage->broken == 0);
    CHECK(surely > 0 && stage->told >= surely);
    CHECK(stage->told <= kills() + WORKERS);
}

void test_main(void)
{
    struct stage *stage = peer_shared(sizeof(*stage));

    CHECK_STATUS(weft_mutex_init(&stage->mutex), WEFT_OK);
    test_one(stage);
    test_many(stage);
    peer_unshare(stage, sizeof(*stage));
}
