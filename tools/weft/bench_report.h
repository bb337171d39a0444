/* SPDX-License-Identifier: MIT
 *
 * bench_report.h - combines the rounds of each transport and prints them.
 */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include "bench_round.h"

/* The longest table of transports. */
#define BENCH_TRANSPORTS_MOST 8

/* The rounds of one transport. */
typedef struct bench_series {
    const bench_transport *transport;
    bench_case test;
    bench_result *results; /* one for each round */
} bench_series;

/*
 * Prints a table, or JSON lines. `handovers` has the probe of each round, or
 * zeros. False: out of memory, which it has said.
 */
bool bench_print(const bench_series *series, size_t count, size_t rounds,
                 const double *handovers, bool json);

#endif
