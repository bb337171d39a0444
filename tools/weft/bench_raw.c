/* SPDX-License-Identifier: MIT
 *
 * raw - the least code that moves a message between two processes.
 *
 * It has no ring, no connection, no checks and no way to end: it is the limit
 * that this machine sets, against which the others are judged. This half is
 * the round trip: a slot for each direction holds the payload and, in the
 * same line, a sequence that hands it over by release and acquire. A payload
 * longer than a piece goes over piece by piece, so that the reader follows
 * the writer instead of waiting for the whole.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench_loop.h"
#include "bench_pause.h"
#include "bench_raw.h"

/*
 * Pieces of 16 KiB: long enough to hide the hand-over, and both sides' halves
 * stay in their L1 caches. Smaller and larger ones are slower.
 */
#define PIECE_BYTES ((size_t)16 << 10)

/* Written by one side. `parked` is about the peer's slot. */
typedef struct raw_slot {
    _Alignas(BENCH_APART) raw_parked parked;
    _Alignas(BENCH_APART) raw_word sequence; /* pieces handed over so far */
    uint32_t unused;
    unsigned char payload[];
} raw_slot;

/* A side's two slots. */
typedef struct raw_slots {
    raw_common common;
    raw_slot *mine;
    raw_slot *theirs;
    uint32_t put;   /* pieces */
    uint32_t taken; /* likewise */
} raw_slots;

/* -------------------------------------------------------------- waiting --- */

static uint64_t time_pauses(uint64_t count)
{
    uint64_t start = weft_now_ns();

    for (uint64_t i = 0; i < count; i++) {
        bench_pause();
    }
    return weft_now_ns() - start + 1;
}

static size_t data_bytes(const bench_case *test);

static void init_wait(raw_wait *wait, const bench_side *side)
{
    const bench_case *test = side->test;
    const uint64_t trial = 2000;

    wait->index = side->index;
    wait->beds = (raw_bed *)((char *)side->shared + data_bytes(test));
    wait->sleeps = test->wait != WEFT_WAIT_SPIN;
    wait->patience = 1;
    if (test->wait == WEFT_WAIT_SPIN) {
        wait->patience = UINT64_MAX;
    } else if (test->wait == WEFT_WAIT_ADAPTIVE &&
               test->cpus[0] != test->cpus[1]) {
        wait->patience = RAW_SPIN_NS * trial / time_pauses(trial) + 1;
    }
}

bool raw_common_init(raw_common *common, bench_side *side)
{
    init_wait(&common->wait, side);
    if (side->test->zero_copy) {
        return true;
    }
    common->copy.buffer = malloc(side->test->size_bytes);
    return common->copy.buffer != NULL || bench_fail(side, "out of memory");
}

uint32_t raw_sleep(const raw_wait *wait, raw_word *word, raw_parked *parked,
                   uint32_t old)
{
    uint32_t now;

    do {
        atomic_store_explicit(parked, RAW_ASLEEP | old, memory_order_relaxed);
        atomic_thread_fence(memory_order_seq_cst);
        now = atomic_load_explicit(word, memory_order_acquire);
        if (now == old) {
            raw_bed_sleep(&wait->beds[wait->index], word, old);
            now = atomic_load_explicit(word, memory_order_acquire);
        }
    } while (now == old);
    atomic_store_explicit(parked, 0, memory_order_relaxed);
    return now;
}

/* ----------------------------------------------------------- round trip --- */

/* A slot for a case, in whole pairs of lines. */
static size_t slot_bytes(const bench_case *test)
{
    size_t bytes = offsetof(raw_slot, payload) + test->size_bytes;

    return (bytes + BENCH_APART - 1) / BENCH_APART * BENCH_APART;
}

static bool slots_begin(bench_side *side)
{
    raw_slots *state = calloc(1, sizeof(*state));
    unsigned char *base = side->shared;
    size_t bytes = slot_bytes(side->test);

    if (state == NULL) {
        return bench_fail(side, "out of memory");
    }
    state->mine = (raw_slot *)(base + side->index * bytes);
    state->theirs = (raw_slot *)(base + (1 - side->index) * bytes);
    side->state = state;
    return raw_common_init(&state->common, side);
}

static inline size_t piece_bytes(size_t left)
{
    return left < PIECE_BYTES ? left : PIECE_BYTES;
}

static inline bool put(bench_side *side, uint64_t sequence, uint64_t seed)
{
    raw_slots *state = side->state;
    size_t size = side->test->size_bytes;

    (void)sequence;
    for (size_t at = 0; at < size; at += PIECE_BYTES) {
        raw_write(&state->common.copy, state->mine->payload + at,
                  piece_bytes(size - at), seed + at / BENCH_WORD);
        raw_post(&state->common.wait, &state->mine->sequence,
                 &state->theirs->parked, state->put, state->put + 1);
        state->put++;
    }
    return true;
}

static inline bool take(bench_side *side, uint64_t sequence, uint64_t seed)
{
    raw_slots *state = side->state;
    const raw_slot *from = state->theirs;
    size_t size = side->test->size_bytes;
    uint32_t there = state->taken;
    bool good = true;

    for (size_t at = 0; at < size; at += PIECE_BYTES) {
        if (there == state->taken) {
            there = raw_await(&state->common.wait, &state->theirs->sequence,
                              &state->mine->parked, state->taken);
        }
        state->taken++;
        good &= raw_read(&state->common.copy, from->payload + at,
                         piece_bytes(size - at), seed + at / BENCH_WORD);
    }
    return good || bench_fail_wrong(side, sequence, from->payload, size, seed);
}

bool raw_ping(bench_side *side)
{
    return bench_ping(side, put, take);
}

bool raw_echo(bench_side *side)
{
    return bench_echo(side, put, take);
}

/* ------------------------------------------------------------ transport --- */

/* The slots, or the ring; the two beds are behind them. */
static size_t data_bytes(const bench_case *test)
{
    return test->kind == BENCH_RTT ? 2 * slot_bytes(test)
                                   : raw_ring_total(test);
}

static size_t total_bytes(const bench_case *test)
{
    return data_bytes(test) + 2 * sizeof(raw_bed);
}

static bool raw_open(const bench_case *test, void **shared,
                     char error[BENCH_ERROR_BYTES])
{
    char cause[BENCH_ERROR_BYTES / 2];

    *shared = bench_sys_share(total_bytes(test));
    if (*shared == NULL) {
        snprintf(error, BENCH_ERROR_BYTES, "cannot map %zu bytes: %s",
                 total_bytes(test), bench_sys_cause(cause, sizeof(cause)));
        return false;
    }
    if (!raw_beds_open((raw_bed *)((char *)*shared + data_bytes(test)))) {
        snprintf(error, BENCH_ERROR_BYTES, "cannot make an event: %s",
                 bench_sys_cause(cause, sizeof(cause)));
        bench_sys_unshare(*shared, total_bytes(test));
        return false;
    }
    return true;
}

static void raw_close(const bench_case *test, void *shared)
{
    raw_beds_close((raw_bed *)((char *)shared + data_bytes(test)));
    bench_sys_unshare(shared, total_bytes(test));
}

static bool raw_begin(bench_side *side)
{
    return side->test->kind == BENCH_RTT ? slots_begin(side)
                                         : raw_ring_begin(side);
}

static void raw_end(bench_side *side)
{
    raw_common *common = side->state;

    free(common->copy.buffer);
    free(common);
}

/* Which is the fastest depends on the caches, and on where the CPUs are. */
static const size_t raw_rings[] = {(size_t)256 << 10,
                                   (size_t)1 << 20,
                                   (size_t)2 << 20,
                                   (size_t)4 << 20,
                                   (size_t)8 << 20,
                                   (size_t)16 << 20,
                                   0};

const bench_transport bench_raw = {
    .name = "raw",
    .has_zero_copy = true,
    .rings = raw_rings,
    .open = raw_open,
    .close = raw_close,
    .begin = raw_begin,
    .loops = {{raw_ping, raw_echo}, {raw_source, raw_sink}},
    .end = raw_end,
};
