/* SPDX-License-Identifier: MIT
 *
 * bench_sync.h - what a family of synchronisation objects is to the benchmark.
 *
 * A round measures one test of one family in two fresh processes, as the
 * rounds of messages do; see bench_transport.h. All calls go through the
 * pointers below, so each costs every family the same.
 */
#ifndef BENCH_SYNC_H
#define BENCH_SYNC_H

#include "bench_transport.h"

typedef enum sync_test {
    SYNC_LOCK,      /* lock and unlock, nobody else does */
    SYNC_CONTENDED, /* both sides do, as fast as they can */
    SYNC_HANDOVER,  /* from the unlock until the waiting side has the lock */
    SYNC_CONDITION, /* a round trip by a condition */
    SYNC_POST,      /* post and wait, nobody else does */
    SYNC_SEMAPHORE, /* a round trip by two semaphores */
    SYNC_TESTS
} sync_test;

/* As it is called on the command line, and how the table says it. */
typedef struct sync_test_text {
    const char *name;
    const char *title;
} sync_test_text;

extern const sync_test_text sync_test_texts[SYNC_TESTS];

#define SYNC_MUTEX_TESTS                                                       \
    (1u << SYNC_LOCK | 1u << SYNC_CONTENDED | 1u << SYNC_HANDOVER |            \
     1u << SYNC_CONDITION)
#define SYNC_SEMAPHORE_TESTS (1u << SYNC_POST | 1u << SYNC_SEMAPHORE)

/*
 * A family: a mutex with a condition, or two semaphores, or both. They lie in
 * `objects`, which both sides share at one address. What the family's tests do
 * not need is NULL. False: it failed, and left a reason in errno or not at all.
 */
typedef struct sync_family {
    const char *name;
    unsigned tests; /* bit t: it has test t */
    size_t bytes;
    bool (*init)(void *objects);
    void (*deinit)(void *objects);
    bool (*lock)(void *objects);
    bool (*unlock)(void *objects);
    bool (*wait)(void *objects); /* for the condition, with the lock */
    bool (*signal)(void *objects);
    bool (*take)(void *objects, unsigned which); /* 0 or 1 */
    bool (*post)(void *objects, unsigned which);
} sync_family;

#define SYNC_FAMILIES_MOST 8

/* All families, in the order of the results. */
extern const sync_family *const sync_families[];
extern const size_t sync_family_count;

extern const sync_family sync_weft;
extern const sync_family sync_robust;
extern const sync_family sync_pthread;
extern const sync_family sync_sem;
extern const sync_family sync_raw;

/* What is measured; the same for both sides. */
typedef struct sync_case {
    sync_test test;
    uint64_t count;   /* of what the test does; see sync_round */
    uint64_t hold_ns; /* SYNC_HANDOVER: how long the lock is held before */
    unsigned cpus[2];
} sync_case;

typedef struct sync_result {
    double min_ns;
    double p50_ns;
    double p99_ns;
} sync_result;

/*
 * Does `count` of what the test is about, a tenth of it before to warm up, and
 * times them one by one; or in batches of SYNC_BATCH where one is too short for
 * the clock. False: it failed, and tool_error has said why.
 */
#define SYNC_BATCH 64
bool sync_round(const sync_family *family, const sync_case *test,
                sync_result *result);

/* The rounds of one family. */
typedef struct sync_series {
    const sync_family *family;
    sync_result *results; /* one for each round */
} sync_series;

/* As bench_print. */
bool sync_print(const sync_series *series, size_t count, const sync_case *test,
                size_t rounds, bool json);

#endif
