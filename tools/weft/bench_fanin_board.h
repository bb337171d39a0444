/* SPDX-License-Identifier: MIT
 *
 * bench_fanin_board.h - the memory that all processes of a round of `weft bench
 * fanin` share, and what they do. The server is the crew's leader, and the
 * clients are its members.
 *
 *   clients                           server    conductor
 *   ready                             ready     reads what they use
 *   each in turn connects, and calls  answers   waits for it, reads again
 *   some have a spare connection      answers   likewise
 *   these leave it; all sleep         sleeps    is silent
 *   call as fast as they can          answers   waits for the last one
 *   leave                             ends
 */
#ifndef BENCH_FANIN_BOARD_H
#define BENCH_FANIN_BOARD_H

#include "bench_crew.h"
#include "bench_fanin.h"

/*
 * Not more clients than this have a spare connection; it shows what one more
 * costs that a process does not need once only.
 */
#define FANIN_SPARES_MOST 64

/* What a client tells; written by that client only. */
typedef struct fanin_client {
    _Alignas(BENCH_APART) uint64_t connect_ns; /* until its first answer */
    uint64_t calls;                            /* that count */
    uint64_t begin_ns;                         /* of these */
    uint64_t end_ns;
    bench_samples samples; /* how long they took */
} fanin_client;

/* When memory is read: each client process has so many connections. */
typedef enum fanin_when { FANIN_NONE, FANIN_FIRST, FANIN_SPARE } fanin_when;

typedef struct fanin_board {
    bench_crew crew;
    uintptr_t transport; /* its number */
    fanin_case test;
    char address[FANIN_ADDRESS_BYTES];
    fanin_client *clients;

    /* The conductor's. */
    _Alignas(BENCH_APART) uint64_t start_ns; /* by time: calls that end */
    uint64_t end_ns;                         /* between these count */
    bench_memory pss[3];                     /* by fanin_when */
} fanin_board;

/* The body of each of these processes. */
bool fanin_run_server(fanin_board *board, fanin_side *side);
bool fanin_run_conductor(fanin_board *board, fanin_side *side);
bool fanin_run_client(fanin_board *board, fanin_side *side);

#endif
