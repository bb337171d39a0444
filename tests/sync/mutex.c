/* SPDX-License-Identifier: MIT
 *
 * A mutex excludes, in processes that map it at different addresses too, and
 * says what is wrong with how it is used.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "check.h"
#include "peer.h"

#define WORKERS 4
#define ROUNDS UINT64_C(20000)

/* What the processes share. */
struct stage {
    weft_mutex mutex;
    uint64_t first; /* both are written under the mutex, one after the other */
    uint64_t second;
    atomic_uint broken;
    atomic_uint running;
};

static void use(weft_mutex *mutex, struct stage *stage)
{
    for (uint64_t i = 0; i < ROUNDS; i++) {
        if (weft_mutex_lock_until(mutex, peer_soon()) != WEFT_OK) {
            stage->broken++;
            return;
        }
        stage->broken += stage->first != stage->second;
        stage->first++;
        stage->second++;
        stage->broken += weft_mutex_unlock(mutex) != WEFT_OK;
    }
}

static void *use_in_thread(void *context)
{
    struct stage *stage = context;

    use(&stage->mutex, stage);
    return NULL;
}

/* Maps the memory once more than the one before it, and uses the last. */
static void use_in_process(void *context)
{
    unsigned last = *(const unsigned *)context;
    weft_shared *shared[WORKERS] = {NULL};
    struct stage *stage;

    for (unsigned i = 0; i <= last; i++) {
        REQUIRE(weft_shared_open("stage", sizeof(*stage), NULL, &shared[i],
                                 NULL) == WEFT_OK);
    }
    stage = weft_shared_base(shared[last]);
    stage->running++;
    use(&stage->mutex, stage);
    for (unsigned i = 0; i <= last; i++) {
        weft_shared_close(&shared[i]);
    }
}

static void init_stage(void *context, void *base, size_t bytes)
{
    struct stage *stage = base;

    (void)context;
    CHECK(bytes == sizeof(*stage));
    CHECK_STATUS(weft_mutex_init(&stage->mutex), WEFT_OK);
}

static void test_processes(void)
{
    weft_shared_options options = WEFT_SHARED_OPTIONS_INIT;
    weft_shared *shared[2] = {NULL, NULL};
    peer_process workers[WORKERS];
    struct stage *stage;

    check_case("processes exclude one another, at different addresses");
    peer_names_begin();
    options.make = init_stage;
    for (unsigned i = 0; i < 2; i++) {
        REQUIRE(weft_shared_open("stage", sizeof(*stage), &options, &shared[i],
                                 NULL) == WEFT_OK);
    }
    CHECK(weft_shared_base(shared[0]) != weft_shared_base(shared[1]));
    for (unsigned i = 0; i < WORKERS; i++) {
        workers[i] = peer_run(use_in_process, &i, sizeof(i));
    }
    stage = weft_shared_base(shared[1]);
    use(&stage->mutex, stage);
    for (unsigned i = 0; i < WORKERS; i++) {
        CHECK(peer_ended_well(&workers[i]));
    }
    stage = weft_shared_base(shared[0]);
    CHECK(stage->running == WORKERS);
    CHECK(stage->broken == 0);
    CHECK(stage->first == (WORKERS + 1) * ROUNDS);
    CHECK(stage->second == stage->first);
    weft_shared_close(&shared[0]);
    weft_shared_close(&shared[1]);
    peer_names_end();
}

static void test_threads(void)
{
    static struct stage stage;
    pthread_t threads[WORKERS];

    check_case("threads exclude one another");
    CHECK_STATUS(weft_mutex_init(&stage.mutex), WEFT_OK);
    for (unsigned i = 0; i < WORKERS; i++) {
        REQUIRE(pthread_create(&threads[i], NULL, use_in_thread, &stage) == 0);
    }
    for (unsigned i = 0; i < WORKERS; i++) {
        REQUIRE(pthread_join(threads[i], NULL) == 0);
    }
    CHECK(stage.broken == 0);
    CHECK(stage.first == WORKERS * ROUNDS);
    weft_mutex_deinit(&stage.mutex);
}

/* ----------------------------------------------------------- one's own --- */

static void test_alone(void)
{
    weft_mutex mutex;

    check_case("a mutex is locked once and unlocked once");
    CHECK_STATUS(weft_mutex_init(&mutex), WEFT_OK);
    CHECK_STATUS(weft_mutex_try_lock(&mutex), WEFT_OK);
    CHECK_STATUS(weft_mutex_try_lock(&mutex), WEFT_EAGAIN);
    CHECK_STATUS(weft_mutex_lock_until(&mutex, weft_after_ns(PEER_MS)),
                 WEFT_ETIMEDOUT);
    CHECK_STATUS(weft_mutex_unlock(&mutex), WEFT_OK);
    CHECK_STATUS(weft_mutex_unlock(&mutex), WEFT_EINVAL);
    CHECK_STATUS(weft_mutex_lock(&mutex), WEFT_OK);

    check_case("only a lock from a dead owner is recovered");
    CHECK_STATUS(weft_mutex_recover(&mutex), WEFT_EINVAL);
    CHECK_STATUS(weft_mutex_unlock(&mutex), WEFT_OK);
    CHECK_STATUS(weft_mutex_recover(&mutex), WEFT_EINVAL);
    weft_mutex_deinit(&mutex);
}

/* ------------------------------------------------------- another's lock --- */

struct errand {
    weft_mutex *mutex;
    peer_gate held;
    peer_gate enough;
};

static void hold(void *context)
{
    struct errand *errand = context;

    CHECK_STATUS(weft_mutex_lock(errand->mutex), WEFT_OK);
    peer_gate_open(&errand->held);
    CHECK(peer_gate_pass(&errand->enough));
    CHECK_STATUS(weft_mutex_unlock(errand->mutex), WEFT_OK);
}

static void test_owner(void)
{
    weft_mutex *mutex = peer_shared(sizeof(*mutex));
    struct errand errand = {.mutex = mutex};
    peer_process holder;

    check_case("only its owner unlocks a mutex");
    CHECK_STATUS(weft_mutex_init(mutex), WEFT_OK);
    peer_gate_init(&errand.held);
    peer_gate_init(&errand.enough);
    holder = peer_run(hold, &errand, sizeof(errand));
    CHECK(peer_gate_pass(&errand.held));
    CHECK_STATUS(weft_mutex_unlock(mutex), WEFT_EINVAL);
    CHECK_STATUS(weft_mutex_recover(mutex), WEFT_EINVAL);
    CHECK_STATUS(weft_mutex_try_lock(mutex), WEFT_EAGAIN);
    CHECK_STATUS(weft_mutex_lock_until(mutex, weft_after_ns(PEER_MS)),
                 WEFT_ETIMEDOUT);
    peer_gate_open(&errand.enough);
    CHECK_STATUS(weft_mutex_lock_until(mutex, peer_soon()), WEFT_OK);
    CHECK_STATUS(weft_mutex_unlock(mutex), WEFT_OK);
    CHECK(peer_ended_well(&holder));
    peer_gate_deinit(&errand.held);
    peer_gate_deinit(&errand.enough);
    peer_unshare(mutex, sizeof(*mutex));
}

void test_main(void)
{
    test_alone();
    /* Threads last: a process that has some can't run others at will. */
    test_processes();
    test_owner();
    test_threads();
}
