/* SPDX-License-Identifier: MIT
 *
 * bench_loop.h - the four loops that every transport runs.
 *
 * They are inline functions over a transport's three verbs, which are passed
 * as constants: the compiler makes straight code of them, without a call by
 * pointer for each message.
 */
#ifndef BENCH_LOOP_H
#define BENCH_LOOP_H

#include <weft/base.h>

#include "bench_pattern.h"
#include "bench_sys.h"
#include "bench_transport.h"

/* Writes a message, seeded with `seed`, in full, and sends it. */
typedef bool bench_put(bench_side *side, uint64_t sequence, uint64_t seed);

/* Receives a message, reads it in full, and checks it. */
typedef bool bench_take(bench_side *side, uint64_t sequence, uint64_t seed);

/* Makes sure that the peer can see all that was put. */
typedef void bench_flush(bench_side *side);

/* How far this side is, for the parent's eyes. */
static inline void bench_progress(bench_side *side, uint64_t sequence)
{
    atomic_store_explicit(&side->report->progress, sequence,
                          memory_order_relaxed);
}

static inline bool bench_exchange(bench_side *side, uint64_t sequence,
                                  bench_put *put, bench_take *take)
{
    return put(side, sequence, bench_seed(sequence, 0)) &&
           take(side, sequence, bench_seed(sequence, 1));
}

/*
 * RTT, side 0. Each reading of the clock ends one round trip and begins the
 * next: there is one for each message, it is in the figures of all transports
 * alike, and nobody subtracts it.
 */
static inline bool bench_ping(bench_side *side, bench_put *put,
                              bench_take *take)
{
    const bench_case *test = side->test;
    uint64_t total = test->warmup + test->count;
    uint64_t *sample = side->samples;
    uint64_t before = 0;

    for (uint64_t i = 0; i < total; i++) {
        if (i == test->warmup) {
            bench_meet(side);
            before = weft_now_ns();
        }
        if (test->pace_ns != 0) {
            bench_sys_sleep(test->pace_ns);
            before = weft_now_ns();
        }
        if (!bench_exchange(side, i, put, take)) {
            return false;
        }
        bench_progress(side, i);
        if (i >= test->warmup) {
            uint64_t after = weft_now_ns();

            *sample++ = after - before;
            before = after;
        }
    }
    return true;
}

/* RTT, side 1. */
static inline bool bench_echo(bench_side *side, bench_put *put,
                              bench_take *take)
{
    const bench_case *test = side->test;
    uint64_t total = test->warmup + test->count;

    for (uint64_t i = 0; i < total; i++) {
        if (i == test->warmup) {
            bench_meet(side);
        }
        if (!take(side, i, bench_seed(i, 0)) ||
            !put(side, i, bench_seed(i, 1))) {
            return false;
        }
    }
    return true;
}

/* Throughput, side 0. The clock starts when the warm-up has been received. */
static inline bool bench_source(bench_side *side, bench_put *put,
                                bench_flush *flush)
{
    const bench_case *test = side->test;
    uint64_t total = test->warmup + test->count;

    for (uint64_t i = 0; i < total; i++) {
        if (i == test->warmup) {
            flush(side);
            bench_meet(side);
            side->report->start_ns = weft_now_ns();
        }
        if (!put(side, i, bench_seed(i, 0))) {
            return false;
        }
        bench_progress(side, i);
    }
    flush(side);
    return true;
}

/* Throughput, side 1. The clock stops when the last byte has been checked. */
static inline bool bench_sink(bench_side *side, bench_take *take)
{
    const bench_case *test = side->test;
    uint64_t total = test->warmup + test->count;

    for (uint64_t i = 0; i < total; i++) {
        if (i == test->warmup) {
            bench_meet(side);
        }
        if (!take(side, i, bench_seed(i, 0))) {
            return false;
        }
        bench_progress(side, i);
    }
    side->report->end_ns = weft_now_ns();
    return true;
}

#endif
