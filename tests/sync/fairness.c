/* SPDX-License-Identifier: MIT
 *
 * With more processes and threads than CPUs, all of which want one mutex all
 * the time, nobody starves.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "check.h"
#include "peer.h"

#define PROCESSES 4
#define THREADS 4
#define CONTENDERS (PROCESSES * THREADS)

/* So often everybody has to get the mutex. */
#define TURNS 20

struct stage {
    weft_mutex mutex;
    uint64_t count; /* under the mutex */
    atomic_uint turns[CONTENDERS];
    atomic_ullong longest_ns[CONTENDERS];
    atomic_bool enough;
};

struct contender {
    struct stage *stage;
    unsigned number;
};

static void *contend(void *context)
{
    const struct contender *own = context;
    struct stage *stage = own->stage;
    uint64_t late = weft_after_ns(60 * PEER_S);

    while (!stage->enough && weft_now_ns() < late) {
        uint64_t began = weft_now_ns();
        uint64_t took;

        CHECK_STATUS(weft_mutex_lock_until(&stage->mutex, late), WEFT_OK);
        took = weft_now_ns() - began;
        if (took > stage->longest_ns[own->number]) {
            stage->longest_ns[own->number] = took;
        }
        for (unsigned i = 0; i < 200; i++) {
            stage->count++;
        }
        stage->turns[own->number]++;
        CHECK_STATUS(weft_mutex_unlock(&stage->mutex), WEFT_OK);
    }
    return NULL;
}

static void run_threads(void *context)
{
    const struct contender *first = context;
    struct contender contenders[THREADS];
    pthread_t threads[THREADS];

    for (unsigned i = 0; i < THREADS; i++) {
        contenders[i] = (struct contender){first->stage, first->number + i};
        REQUIRE(pthread_create(&threads[i], NULL, contend, &contenders[i]) ==
                0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        REQUIRE(pthread_join(threads[i], NULL) == 0);
    }
}

static bool all_had_turns(const struct stage *stage)
{
    for (unsigned i = 0; i < CONTENDERS; i++) {
        if (stage->turns[i] < TURNS) {
            return false;
        }
    }
    return true;
}

void test_main(void)
{
    struct stage *stage = peer_shared(sizeof(*stage));
    peer_process processes[PROCESSES];
    uint64_t late = weft_after_ns(40 * PEER_S);
    uint64_t longest = 0;

    check_case("16 threads of 4 processes get a mutex again and again");
    CHECK_STATUS(weft_mutex_init(&stage->mutex), WEFT_OK);
    for (unsigned i = 0; i < PROCESSES; i++) {
        struct contender first = {stage, i * THREADS};

        processes[i] = peer_run(run_threads, &first, sizeof(first));
    }
    while (!all_had_turns(stage) && weft_now_ns() < late) {
    }
    CHECK(all_had_turns(stage));
    stage->enough = true;
    for (unsigned i = 0; i < PROCESSES; i++) {
        CHECK(peer_ended_well(&processes[i]));
    }
    for (unsigned i = 0; i < CONTENDERS; i++) {
        longest =
            stage->longest_ns[i] > longest ? stage->longest_ns[i] : longest;
    }
    printf("# the longest wait: %.1f ms\n", (double)longest / 1e6);
    peer_unshare(stage, sizeof(*stage));
}
