/* SPDX-License-Identifier: MIT
 *
 * Processes of another PID namespace than an object was made in are served as
 * all others, and nobody takes a living owner for dead because its number means
 * somebody else there. What they see is simulated: the object says that it was
 * made elsewhere.
 */
#include <stdatomic.h>

#include "check.h"
#include "ipc/sync_lobby.h"
#include "peer.h"

#define WORKERS 3
#define ROUNDS 5000u

struct stage {
    weft_mutex mutex;
    weft_semaphore semaphore;
    uint64_t first;
    uint64_t second;
    atomic_uint broken;
};

struct errand {
    struct stage *stage;
    peer_gate ready;
};

/* From now on the object is of another domain. */
static void move_away(void *object)
{
    struct wefti_object *moved = object;

    weftos_store_relaxed(&moved->head, weftos_load_relaxed(&moved->head) ^
                                           (UINT64_C(1) << 40));
}

static void hold(void *context)
{
    struct errand *errand = context;

    CHECK_STATUS(weft_mutex_lock(&errand->stage->mutex), WEFT_OK);
    peer_gate_open(&errand->ready);
    peer_await_kill();
}

static void test_owner(void)
{
    struct errand errand = {.stage = peer_shared(sizeof(struct stage))};
    weft_mutex *mutex = &errand.stage->mutex;
    peer_process holder;

    check_case("a guest does not judge who is dead elsewhere");
    peer_gate_init(&errand.ready);
    CHECK_STATUS(weft_mutex_init(mutex), WEFT_OK);
    holder = peer_run(hold, &errand, sizeof(errand));
    CHECK(peer_gate_pass(&errand.ready));
    move_away(mutex);
    peer_kill(&holder);
    CHECK_STATUS(weft_mutex_try_lock(mutex), WEFT_EAGAIN);
    CHECK_STATUS(weft_mutex_lock_until(mutex, weft_after_ns(20 * PEER_MS)),
                 WEFT_ETIMEDOUT);
    CHECK_STATUS(weft_mutex_unlock(mutex), WEFT_EINVAL);
    move_away(mutex);
    CHECK_STATUS(weft_mutex_try_lock(mutex), WEFT_EOWNERDEAD);

    check_case("nor does anybody else judge a guest");
    CHECK_STATUS(weft_mutex_init(mutex), WEFT_OK);
    move_away(mutex);
    holder = peer_run(hold, &errand, sizeof(errand));
    CHECK(peer_gate_pass(&errand.ready));
    move_away(mutex);
    CHECK_STATUS(weft_mutex_try_lock(mutex), WEFT_EAGAIN);
    peer_kill(&holder);
    CHECK_STATUS(weft_mutex_lock_until(mutex, weft_after_ns(20 * PEER_MS)),
                 WEFT_ETIMEDOUT);
    peer_gate_deinit(&errand.ready);
    peer_unshare(errand.stage, sizeof(*errand.stage));
}

static void use(void *context)
{
    struct stage *stage = ((struct errand *)context)->stage;

    for (unsigned i = 0; i < ROUNDS; i++) {
        if (!CHECK_STATUS(weft_mutex_lock_until(&stage->mutex, peer_soon()),
                          WEFT_OK)) {
            return;
        }
        stage->broken += stage->first != stage->second;
        stage->first++;
        stage->second++;
        CHECK_STATUS(weft_mutex_unlock(&stage->mutex), WEFT_OK);
        CHECK_STATUS(weft_semaphore_post(&stage->semaphore, 1), WEFT_OK);
    }
}

static void test_traffic(void)
{
    struct errand errand = {.stage = peer_shared(sizeof(struct stage))};
    struct stage *stage = errand.stage;
    peer_process workers[WORKERS];

    check_case("guests exclude one another, and lose no wake");
    CHECK_STATUS(weft_mutex_init(&stage->mutex), WEFT_OK);
    CHECK_STATUS(weft_semaphore_init(&stage->semaphore, 0), WEFT_OK);
    move_away(&stage->mutex);
    move_away(&stage->semaphore);
    for (unsigned i = 0; i < WORKERS; i++) {
        workers[i] = peer_run(use, &errand, sizeof(errand));
    }
    for (unsigned i = 0; i < WORKERS * ROUNDS; i++) {
        if (!CHECK_STATUS(
                weft_semaphore_wait_until(&stage->semaphore, peer_soon()),
                WEFT_OK)) {
            break;
        }
    }
    for (unsigned i = 0; i < WORKERS; i++) {
        CHECK(peer_ended_well(&workers[i]));
    }
    CHECK(stage->broken == 0);
    CHECK(stage->first == (uint64_t)WORKERS * ROUNDS);
    peer_unshare(stage, sizeof(*stage));
}

void test_main(void)
{
    test_owner();
    test_traffic();
}
