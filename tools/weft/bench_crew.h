/* SPDX-License-Identifier: MIT
 *
 * bench_crew.h - the processes of a round with many sides: a leader (a server,
 * a publisher), its members (clients, subscribers), and a conductor that takes
 * them through the stages of the round and reads what they use.
 *
 * Each of them sleeps at its own semaphore until the conductor posts it, once
 * for each stage, and everybody posts `arrived` when a stage is done. What one
 * has written before it posts the other one reads after it has waited, so
 * nothing here needs to be atomic.
 *
 * False is failure everywhere here, and bench_fail has told why.
 */
#ifndef BENCH_CREW_H
#define BENCH_CREW_H

#include <weft/sync.h>

#include "bench_sys.h"
#include "bench_transport.h"

/* The indices of the sides; the members come after these. */
#define BENCH_LEADER 0
#define BENCH_CONDUCTOR 1
#define BENCH_FIRST_MEMBER 2

/* A member; written by it only, but for `go`. */
typedef struct bench_member {
    _Alignas(BENCH_APART) weft_semaphore go;
    uint64_t process;
} bench_member;

/* The memory that all sides of a round share begins with this. */
typedef struct bench_crew {
    _Alignas(BENCH_APART) weft_semaphore arrived;
    weft_semaphore leader_go;
    unsigned count;        /* of the members */
    bench_report *reports; /* one for each side, in this memory too */
    bench_member *members; /* likewise */
    uint64_t leader_process;
    bool has_pss; /* all readings of memory so far were possible */
    bool has_idle;
    uint64_t idle_cpu_ns; /* of the leader */
} bench_crew;

/* ------------------------------------------------------------ the parent ---
 */

/* What reports and members take. */
size_t bench_crew_bytes(unsigned count);

/* `room` is for so many bytes, zeroed. False: tool_error has said why. */
bool bench_crew_open(bench_crew *crew, unsigned count, void *room);
void bench_crew_close(bench_crew *crew);

/*
 * Runs `body` for all sides; the context is `crew`. Without progress for
 * bench_stall_ns and `more_ns` the round is given up. False: it failed, and
 * tool_error has said why.
 */
bool bench_crew_run(bench_crew *crew, const char *name, bench_sys_body *body,
                    uint64_t more_ns);

/* -------------------------------------------------------------- all sides ---
 */

/* Tells the parent that this side gets on. */
void bench_advance(bench_side *side);

bool bench_arrive(bench_crew *crew, bench_side *side);

/* In a member, and in the leader. */
bool bench_await_go(bench_crew *crew, bench_side *side);

/* Fails the side, unless the status is WEFT_OK. */
bool bench_require(bench_side *side, const char *step, weft_status status);

/*
 * In a member, first: tells its process, and touches the stack, so that none of
 * it is first used while it is measured.
 */
void bench_begin_member(bench_crew *crew, bench_side *side);

/* ----------------------------------------------------------- the conductor ---
 */

typedef struct bench_memory {
    uint64_t leader;
    uint64_t members; /* all of them together */
} bench_memory;

bool bench_await_arrivals(bench_crew *crew, bench_side *side, unsigned count);
bool bench_let_leader_go(bench_crew *crew, bench_side *side);
bool bench_let_all_go(bench_crew *crew, bench_side *side); /* members */

/* The first ones go on, one after the other: each has the leader to itself. */
bool bench_go_in_turn(bench_crew *crew, bench_side *side, unsigned count);

/*
 * When all sleep. What is not known once stays so. The first reading in a
 * process brings in pages that it has in common with the others.
 */
void bench_measure_pss(bench_crew *crew, bench_side *side,
                       bench_memory *memory);

/* What CPU time the leader takes in `idle_ns` of silence; not if that is 0. */
void bench_measure_idle(bench_crew *crew, uint64_t idle_ns);

/* How long to warm up what is timed for so long. */
uint64_t bench_warmup_ns(uint64_t duration_ns);

/* --------------------------------------------------------------- samples ---
 */

#define BENCH_SAMPLES 512 /* even */

/* Evenly spread ones of all that were offered. Zeroed at first. */
typedef struct bench_samples {
    uint64_t seen;
    uint64_t stride; /* each so manieth is kept */
    size_t kept;
    uint64_t ns[BENCH_SAMPLES];
} bench_samples;

void bench_keep(bench_samples *samples, uint64_t ns);

/* Copies what was kept; how many. */
size_t bench_copy_samples(const bench_samples *samples, uint64_t *to);

#endif
