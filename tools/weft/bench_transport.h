/* SPDX-License-Identifier: MIT
 *
 * bench_transport.h - what a transport is to the benchmark.
 *
 * A round measures one transport in two fresh processes, the sides. Side 0
 * pings or sends, side 1 echoes or receives. Each side is pinned to its CPU
 * before it begins, fills the memory it shares with nobody itself, and tells
 * the parent what came of it through a report in shared memory. The parent
 * only waits, so it disturbs nobody; if a side fails, dies or makes no
 * progress, the parent ends both.
 */
#ifndef BENCH_TRANSPORT_H
#define BENCH_TRANSPORT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tool.h"

/* No two of these apart share a line, nor a pair of prefetched lines. */
#define BENCH_APART 128

#define BENCH_ERROR_BYTES 256

typedef enum bench_kind { BENCH_RTT, BENCH_THROUGHPUT } bench_kind;

/* What is measured; the same for both sides. */
typedef struct bench_case {
    bench_kind kind;
    size_t size_bytes; /* of each message, at least 1 */
    weft_wait wait;
    uint64_t count;    /* messages that are timed */
    uint64_t warmup;   /* messages before them */
    uint64_t pace_ns;  /* RTT: silence before each ping; 0: back to back */
    size_t ring_bytes; /* 0: the transport's default */
    bool zero_copy;
    unsigned cpus[2]; /* of the two sides */
} bench_case;

/* What a side tells; written by that side only. */
typedef struct bench_report {
    _Alignas(BENCH_APART) _Atomic uint64_t progress; /* messages so far */
    _Atomic uint32_t phase; /* how many times it has been at bench_meet */
    uint64_t start_ns;      /* throughput: side 0 begins to send */
    uint64_t end_ns;        /* throughput: side 1 has checked the last byte */
    uint64_t ring_bytes;    /* 0: there is no ring, or it is unknown */
    uint64_t failed_ns;     /* 0: it has not failed */
    char error[BENCH_ERROR_BYTES];
} bench_report;

/* One side, in its own process. */
typedef struct bench_side {
    const bench_case *test;
    unsigned index;
    void *shared; /* what the transport's open made */
    void *state;  /* what its begin made */
    bench_report *report;
    const bench_report *peer;
    uint64_t *samples; /* RTT: room for `count` round trips, in ns */
} bench_side;

typedef struct bench_transport {
    const char *name;
    /* It goes through the kernel, so the default counts are smaller. */
    bool slow;
    bool has_ring;      /* --ring is for it */
    bool has_zero_copy; /* --zero-copy is for it */
    /* Ring sizes to choose the fastest of, for streams; ends with 0. */
    const size_t *rings;

    /*
     * In the parent: makes what both sides inherit. False, with a reason in
     * `error`, if that is not possible; then there is nothing to close.
     */
    bool (*open)(const bench_case *test, void **shared,
                 char error[BENCH_ERROR_BYTES]);
    void (*close)(const bench_case *test, void *shared);

    /*
     * In a side, in this order. False: bench_fail has told why. `begin` may
     * wait for the other side's.
     */
    bool (*begin)(bench_side *side);
    bool (*loops[2][2])(bench_side *side); /* [kind][index] */
    void (*end)(bench_side *side);
} bench_transport;

/* All transports, in the order of the results; `raw` is among them. */
extern const bench_transport *const bench_transports[];
extern const size_t bench_transport_count;

extern const bench_transport bench_weft;
extern const bench_transport bench_raw;
extern const bench_transport bench_pipe;
extern const bench_transport bench_uds;

/* Says in the report why the side fails. Returns false. */
TOOL_PRINTF(2, 3) bool bench_fail(bench_side *side, const char *format, ...);

/* The same for a message whose bytes are not those that were sent. */
bool bench_fail_wrong(bench_side *side, uint64_t sequence, const void *data,
                      size_t bytes, uint64_t seed);

/* Waits until both sides are here. Outside of what is timed. */
void bench_meet(bench_side *side);

#endif
