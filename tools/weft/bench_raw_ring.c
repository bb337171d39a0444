/* SPDX-License-Identifier: MIT
 *
 * raw, the half for streams: a ring of slots of the message's size, without
 * headers, one producer, one consumer, two indices.
 *
 * A message is there for the consumer when put() returns, as it is after a
 * send; but everything else that is lazy and helps is here. Each index has a
 * pair of lines of its own; the consumer's is published in batches; each side
 * looks at the other's only when what it last saw is used up. And a consumer
 * that has caught up lets a batch build for a bounded time: one that stays
 * close behind takes every line out of the producer's cache while it is still
 * dirty there, which costs more than all the rest together.
 */
#include <stdlib.h>

#include "bench_loop.h"
#include "bench_pause.h"
#include "bench_raw.h"

/* How far ahead indices are published, as parts of the ring. */
#define BATCHES 16
#define BATCH_BYTES_MOST ((size_t)64 << 10)

/* A consumer that has caught up waits for this part of the ring to fill ... */
#define LAG_PART 4
/* ... but looks at most this often, with a few pauses between the looks. */
#define LAG_LOOKS 100
#define LAG_PAUSES 8

/* An index that one side writes, and the peer's sleep about it. */
typedef struct raw_gate {
    _Alignas(BENCH_APART) raw_word index;
    _Alignas(BENCH_APART) raw_parked parked;
} raw_gate;

typedef struct raw_ring_memory {
    raw_gate tail; /* slots written so far, modulo 2^32 */
    raw_gate head; /* slots read so far */
    _Alignas(4096) unsigned char slots[];
} raw_ring_memory;

/* A side of the ring. */
typedef struct raw_ring {
    raw_common common;
    raw_ring_memory *shared;
    unsigned char *at;   /* the next slot */
    unsigned char *wrap; /* the end of the last one */
    size_t stride;
    uint32_t slot_count;
    uint32_t batch;
    uint32_t lag;
    uint32_t next;      /* index of the next slot */
    uint32_t stop;      /* where the fast path ends */
    uint32_t published; /* our index, as the peer sees it */
    uint32_t limit;     /* how far the peer's index lets us go */
} raw_ring;

/* ------------------------------------------------------------- geometry --- */

/* Whole words, and whole lines where that wastes little. */
static size_t stride_of(const bench_case *test)
{
    size_t unit = test->size_bytes > BENCH_LINE / 2 ? BENCH_LINE : BENCH_WORD;

    return (test->size_bytes + unit - 1) / unit * unit;
}

/* At least four slots, whatever was asked for. */
static size_t slot_count_of(const bench_case *test)
{
    size_t count = test->ring_bytes / stride_of(test);

    return count < 4 ? 4 : count;
}

size_t raw_ring_total(const bench_case *test)
{
    return sizeof(raw_ring_memory) + stride_of(test) * slot_count_of(test);
}

static uint32_t batch_of(const raw_ring *ring)
{
    size_t bytes = ring->stride * ring->slot_count / BATCHES;

    if (bytes > BATCH_BYTES_MOST) {
        bytes = BATCH_BYTES_MOST;
    }
    return bytes < ring->stride ? 1 : (uint32_t)(bytes / ring->stride);
}

bool raw_ring_begin(bench_side *side)
{
    raw_ring *state = calloc(1, sizeof(*state));

    if (state == NULL) {
        return bench_fail(side, "out of memory");
    }
    state->shared = side->shared;
    state->stride = stride_of(side->test);
    state->slot_count = (uint32_t)slot_count_of(side->test);
    state->at = state->shared->slots;
    state->wrap = state->at + state->stride * state->slot_count;
    state->batch = batch_of(state);
    state->lag =
        side->test->wait == WEFT_WAIT_BLOCK ? 0 : state->slot_count / LAG_PART;
    side->state = state;
    side->report->ring_bytes = state->stride * state->slot_count;
    return raw_common_init(&state->common, side);
}

/* The fast path ends where the peer's index, or the batch, ends. */
static inline void set_stop(raw_ring *ring)
{
    uint32_t open = ring->limit - ring->next;

    ring->stop = ring->next + (open < ring->batch ? open : ring->batch);
}

static inline void advance(raw_ring *ring)
{
    ring->next++;
    ring->at += ring->stride;
    if (ring->at == ring->wrap) {
        ring->at = ring->shared->slots;
    }
}

static void publish(raw_ring *ring, raw_gate *gate)
{
    if (ring->published != ring->next) {
        raw_post(&ring->common.wait, &gate->index, &gate->parked,
                 ring->published, ring->next);
        ring->published = ring->next;
    }
}

/* ------------------------------------------------------------- producer --- */

static void open_space(raw_ring *ring)
{
    raw_gate *head = &ring->shared->head;

    if (ring->limit == ring->next) {
        ring->limit = ring->slot_count +
                      raw_await(&ring->common.wait, &head->index, &head->parked,
                                ring->next - ring->slot_count);
    }
    set_stop(ring);
}

static inline bool put(bench_side *side, uint64_t sequence, uint64_t seed)
{
    raw_ring *ring = side->state;

    (void)sequence;
    if (ring->next == ring->stop) {
        open_space(ring);
    }
    raw_write(&ring->common.copy, ring->at, side->test->size_bytes, seed);
    advance(ring);
    publish(ring, &ring->shared->tail);
    return true;
}

static void flush(bench_side *side)
{
    raw_ring *ring = side->state;

    ring->stop = ring->next;
}

/* ------------------------------------------------------------- consumer --- */

/* Lets a batch build behind the first record. */
static uint32_t linger(raw_ring *ring, uint32_t there)
{
    raw_gate *tail = &ring->shared->tail;

    for (unsigned i = 0; i < LAG_LOOKS && there - ring->next < ring->lag; i++) {
        for (unsigned k = 0; k < LAG_PAUSES; k++) {
            bench_pause();
        }
        there = atomic_load_explicit(&tail->index, memory_order_acquire);
    }
    return there;
}

static void open_records(raw_ring *ring)
{
    raw_gate *tail = &ring->shared->tail;

    publish(ring, &ring->shared->head);
    if (ring->limit == ring->next) {
        ring->limit = atomic_load_explicit(&tail->index, memory_order_acquire);
    }
    if (ring->limit == ring->next) {
        ring->limit = linger(ring, raw_await(&ring->common.wait, &tail->index,
                                             &tail->parked, ring->next));
    }
    set_stop(ring);
}

static inline bool take(bench_side *side, uint64_t sequence, uint64_t seed)
{
    raw_ring *ring = side->state;

    if (ring->next == ring->stop) {
        open_records(ring);
    }
    if (!raw_read(&ring->common.copy, ring->at, side->test->size_bytes, seed)) {
        return bench_fail_wrong(side, sequence, ring->at,
                                side->test->size_bytes, seed);
    }
    advance(ring);
    return true;
}

/* The last index must be out before the side waits for the other one. */
bool raw_source(bench_side *side)
{
    return bench_source(side, put, flush);
}

bool raw_sink(bench_side *side)
{
    return bench_sink(side, take);
}
