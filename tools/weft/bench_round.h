/* SPDX-License-Identifier: MIT
 *
 * bench_round.h - one round of one transport.
 */
#ifndef BENCH_ROUND_H
#define BENCH_ROUND_H

#include "bench_sys.h"
#include "bench_transport.h"

/* What came of a round. RTT fills the first four, throughput the rate. */
typedef struct bench_result {
    double min_ns;
    double p50_ns;
    double p99_ns;
    double p999_ns;
    double msgs_per_s;
    uint64_t ring_bytes; /* 0: unknown */
} bench_result;

/* A round without progress for so long is given up; twice the pace adds. */
extern uint64_t bench_stall_ns;

/* False: it failed, and tool_error has said why. */
bool bench_round(const bench_transport *transport, const bench_case *test,
                 bench_result *result);

/*
 * Tries the transport's ring sizes in short rounds of `test`, and leaves the
 * fastest one in test->ring_bytes. Does nothing where there is no choice.
 */
bool bench_tune(const bench_transport *transport, bench_case *test);

/* ------------------------------------------------ for other kinds of round */

/* What bench_sys_run needs to see that the sides get on. */
uint64_t bench_round_progress(const bench_report *reports, size_t count);

/* Tells why a round of this name failed. */
void bench_complain(const char *name, const bench_report *reports, size_t count,
                    bench_sys_result result, int signal);

/* What two readings of the clock in a row differ by: its step, or its cost. */
uint64_t bench_clock_step_ns(void);

#endif
