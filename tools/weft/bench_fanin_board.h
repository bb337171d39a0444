/* SPDX-License-Identifier: MIT
 *
 * bench_fanin_board.h - the memory that all processes of a round of `weft bench
 * fanin` share, and what they do.
 *
 *   clients                           server    conductor
 *   ready                             ready     reads what they use
 *   each in turn connects, and calls  answers   waits for it, reads again
 *   some have a spare connection      answers   likewise
 *   these leave it; all sleep         sleeps    is silent
 *   call as fast as they can          answers   waits for the last one
 *   leave                             ends
 *
 * A client sleeps at its own semaphore `go`, which the conductor posts once for
 * each stage, and everybody posts `arrived` when a stage is done. What one has
 * written before it posts the other one reads after it has waited, so nothing
 * else here needs to be atomic.
 */
#ifndef BENCH_FANIN_BOARD_H
#define BENCH_FANIN_BOARD_H

#include <weft/sync.h>

#include "bench_fanin.h"

/* The indices of the sides; the clients come after these. */
#define FANIN_SERVER 0
#define FANIN_CONDUCTOR 1
#define FANIN_FIRST_CLIENT 2

/*
 * Not more clients than this have a spare connection; it shows what one more
 * costs that a process does not need once only.
 */
#define FANIN_SPARES_MOST 64

/* How many of a client's calls are kept; even. */
#define FANIN_SAMPLES 512

/* What a client tells; written by that client only, but for `go`. */
typedef struct fanin_client {
    _Alignas(BENCH_APART) weft_semaphore go;
    uint64_t process;
    uint64_t connect_ns; /* until it has the answer to its first call */
    uint64_t calls;      /* that count */
    uint64_t begin_ns;   /* of these */
    uint64_t end_ns;
    uint64_t seen;   /* calls that might have been kept */
    uint64_t stride; /* each so manieth is */
    size_t kept;
    uint64_t samples[FANIN_SAMPLES]; /* ns */
} fanin_client;

/* When memory is read: each client process has so many connections. */
typedef enum fanin_when { FANIN_NONE, FANIN_FIRST, FANIN_SPARE } fanin_when;

typedef struct fanin_memory {
    uint64_t server;
    uint64_t clients; /* all of them together */
} fanin_memory;

typedef struct fanin_board {
    uintptr_t transport; /* its number */
    fanin_case test;
    char address[FANIN_ADDRESS_BYTES];
    bench_report *reports; /* one for each side, in this memory too */
    fanin_client *clients;

    /* The server's and the conductor's. */
    _Alignas(BENCH_APART) weft_semaphore arrived;
    uint64_t server_process;
    uint64_t start_ns; /* by time: calls that end between these count */
    uint64_t end_ns;
    bool has_pss;
    bool has_idle;
    fanin_memory pss[3]; /* by fanin_when */
    uint64_t idle_cpu_ns;
} fanin_board;

/* The body of each of these processes. */
bool fanin_run_server(fanin_board *board, fanin_side *side);
bool fanin_run_conductor(fanin_board *board, fanin_side *side);
bool fanin_run_client(fanin_board *board, fanin_side *side);

#endif
