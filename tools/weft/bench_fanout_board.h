/* SPDX-License-Identifier: MIT
 *
 * bench_fanout_board.h - the memory that all processes of a round of `weft
 * bench fanout` share, and what they do. The publisher is the crew's leader,
 * and the subscribers are its members.
 *
 *   subscribers             publisher               conductor
 *   ready                   ready                   reads what they use
 *   each in turn comes in   lets it in              waits for it, reads again
 *   all sleep               sleeps                  is silent
 *   receive                 a warm-up, and a flood  waits
 *   receive                 single messages         waits
 *   leave                   ends
 *
 * A subscriber takes one message after the other from when it is in; which
 * stage a message belongs to stands in it, and the last one of a stage ends it.
 * That one may be lost, too, so it is repeated until all have it.
 */
#ifndef BENCH_FANOUT_BOARD_H
#define BENCH_FANOUT_BOARD_H

#include <assert.h>

#include "bench_crew.h"
#include "bench_fanout.h"

/* What a message is for. */
typedef enum fanout_kind {
    FANOUT_WARMUP,
    FANOUT_FLOOD,
    FANOUT_FLOOD_END,
    FANOUT_PACED,
    FANOUT_PACED_END,
    FANOUT_KINDS
} fanout_kind;

/* What a message begins with; all that follows is seeded by it. */
typedef struct fanout_head {
    uint64_t number;  /* its sequence times FANOUT_KINDS, plus its kind */
    uint64_t time_ns; /* when it was published; 0: not told */
} fanout_head;

static_assert(sizeof(fanout_head) < FANOUT_SIZE_LEAST,
              "something is to follow the head");

/* What a subscriber tells; written by that one only. */
typedef struct fanout_subscriber {
    _Alignas(BENCH_APART) uint64_t connect_ns;
    uint64_t received; /* of the flood */
    uint64_t end_ns;   /* of the flood, as it saw it */
    bench_samples flood;
    bench_samples paced;
} fanout_subscriber;

/* What a stage took. */
typedef struct fanout_cost {
    uint64_t messages;
    uint64_t cpu_ns; /* of the publishing thread */
    uint64_t process_cpu_ns;
    uint64_t calls;
    bool has_cpu;
    bool has_process_cpu;
} fanout_cost;

typedef struct fanout_board {
    bench_crew crew;
    uintptr_t transport; /* its number */
    fanout_case test;
    char address[FANOUT_ADDRESS_BYTES];
    fanout_subscriber *subscribers;

    /* Posted by each subscriber at the end of a stage. */
    _Alignas(BENCH_APART) weft_semaphore finished;

    /* The publisher's. */
    _Alignas(BENCH_APART) uint64_t start_ns; /* of the flood */
    uint64_t end_ns;
    fanout_cost flood;
    fanout_cost paced;

    /* The conductor's. */
    _Alignas(BENCH_APART) bench_memory before;
    bench_memory after; /* all have subscribed */
} fanout_board;

/* The body of each of these processes. */
bool fanout_run_publisher(fanout_board *board, fanout_side *side);
bool fanout_run_conductor(fanout_board *board, fanout_side *side);
bool fanout_run_subscriber(fanout_board *board, fanout_side *side);

#endif
