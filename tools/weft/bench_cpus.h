/* SPDX-License-Identifier: MIT
 *
 * bench_cpus.h - the CPUs of the two sides, as --pin says or by default.
 */
#ifndef BENCH_CPUS_H
#define BENCH_CPUS_H

#include <stdbool.h>

typedef struct bench_cpus {
    unsigned numbers[2];
    bool pinned; /* by the user */
} bench_cpus;

/* Reads "A,B". Returns NULL, or what is wrong with it, as a tool_take does. */
const char *bench_cpus_parse(bench_cpus *cpus, const char *argument);

/* Two different ones, if there are two, unless they are pinned. */
void bench_cpus_choose(bench_cpus *cpus);

#endif
