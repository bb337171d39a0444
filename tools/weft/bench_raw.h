/* SPDX-License-Identifier: MIT
 *
 * bench_raw.h - how one process waits for a word that another writes:
 * the least there is. Shared by the two halves of the raw transport.
 *
 * Spinning, it is a load with acquire order. Asleep, it is a futex, or an event
 * where a futex does not reach the other process. The waker makes a system
 * call only if the peer sleeps for this very change:
 *
 *      waiter                            waker
 *      parked = ASLEEP | old             word = new      (release)
 *      full fence                        full fence
 *      if word == old: sleep             if parked == (ASLEEP | old): wake
 *
 * Without both fences each could miss the other's store. The value in `parked`
 * keeps later changes, made before the sleeper runs again, from waking it
 * once more.
 *
 * The spin loop pauses: without it the hand-over was measured to take 10 to 50
 * per cent longer, near and far, since a spinning reader asks for the line
 * again and again while the writer needs it.
 */
#ifndef BENCH_RAW_H
#define BENCH_RAW_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "bench_pattern.h"
#include "bench_pause.h"
#include "bench_transport.h"

/* How long the adaptive mode spins before it sleeps. */
#define RAW_SPIN_NS 30000

/* Messages up to here are copied without calling memcpy. */
#define RAW_SHORT_BYTES 512

#define RAW_ASLEEP (UINT64_C(1) << 32)

typedef _Atomic uint32_t raw_word;
typedef _Atomic uint64_t raw_parked;

/* What a side sleeps in; a file for each system says how. */
typedef struct raw_bed {
    intptr_t event; /* on Windows only */
} raw_bed;

/* Makes and ends both sides' beds. False: bench_sys_cause says why. */
bool raw_beds_open(raw_bed beds[2]);
void raw_beds_close(raw_bed beds[2]);

/* Sleeps while `*word` is `old`, or not at all; wakes who sleeps so. */
void raw_bed_sleep(const raw_bed *bed, raw_word *word, uint32_t old);
void raw_bed_wake(const raw_bed *bed, raw_word *word);

/* How this side waits. */
typedef struct raw_wait {
    bool sleeps;       /* it, or the peer, may be asleep */
    uint64_t patience; /* how many times to look before going to sleep */
    const raw_bed *beds;
    unsigned index; /* which of them is this side's */
} raw_wait;

/* Sleeps until `*word` is not `old`, and returns what it is. */
uint32_t raw_sleep(const raw_wait *wait, raw_word *word, raw_parked *parked,
                   uint32_t old);

/* Waits until `*word` is not `old`, and returns what it is. */
static inline uint32_t raw_await(const raw_wait *wait, raw_word *word,
                                 raw_parked *parked, uint32_t old)
{
    for (uint64_t i = 0; i < wait->patience; i++) {
        uint32_t now = atomic_load_explicit(word, memory_order_acquire);

        if (now != old) {
            return now;
        }
        bench_pause();
    }
    return raw_sleep(wait, word, parked, old);
}

/* Changes `*word` from `old` to `now`, and wakes who sleeps for that. */
static inline void raw_post(const raw_wait *wait, raw_word *word,
                            raw_parked *parked, uint32_t old, uint32_t now)
{
    atomic_store_explicit(word, now, memory_order_release);
    if (!wait->sleeps) {
        return;
    }
    atomic_thread_fence(memory_order_seq_cst);
    if (atomic_load_explicit(parked, memory_order_relaxed) ==
        (RAW_ASLEEP | old)) {
        raw_bed_wake(&wait->beds[1 - wait->index], word);
    }
}

/*
 * What the program does with its bytes. By default it keeps them in a buffer
 * of its own on both sides, as around a send and a receive; with --zero-copy
 * it writes and reads them where they are handed over.
 */
typedef struct raw_copy {
    unsigned char *buffer; /* NULL: zero copy */
} raw_copy;

/* What the state of either half begins with. */
typedef struct raw_common {
    raw_wait wait;
    raw_copy copy;
} raw_common;

/* Fills it in for a side; takes a moment to time the spin loop. */
bool raw_common_init(raw_common *common, bench_side *side);

/*
 * Short ones are copied line by line, without a call, and in the same steps
 * in which they were filled. The wider loads of memcpy would have to wait
 * until the narrower stores of the fill have left the store buffer.
 */
static inline void raw_move(unsigned char *to, const unsigned char *from,
                            size_t bytes)
{
    if (bytes > RAW_SHORT_BYTES) {
        memcpy(to, from, bytes);
        return;
    }
    for (; bytes >= BENCH_LINE; bytes -= BENCH_LINE) {
        memcpy(to, from, BENCH_LINE);
        to += BENCH_LINE;
        from += BENCH_LINE;
    }
    for (; bytes > 0; bytes--) {
        *to++ = *from++;
    }
}

/* Writes all or a piece of a message to shared memory. */
static inline void raw_write(const raw_copy *copy, unsigned char *to,
                             size_t bytes, uint64_t seed)
{
    if (copy->buffer == NULL) {
        bench_fill(to, bytes, seed);
    } else {
        bench_fill(copy->buffer, bytes, seed);
        raw_move(to, copy->buffer, bytes);
    }
}

/* Reads and checks it at the other end. */
static inline bool raw_read(const raw_copy *copy, const unsigned char *from,
                            size_t bytes, uint64_t seed)
{
    if (copy->buffer == NULL) {
        return bench_verify(from, bytes, seed);
    }
    raw_move(copy->buffer, from, bytes);
    return bench_verify(copy->buffer, bytes, seed);
}

/* RTT: a slot each way, bench_raw.c. */
bool raw_ping(bench_side *side);
bool raw_echo(bench_side *side);

/* Streams: a ring, bench_raw_ring.c. */
size_t raw_ring_total(const bench_case *test);
bool raw_ring_begin(bench_side *side);
bool raw_source(bench_side *side);
bool raw_sink(bench_side *side);

#endif
