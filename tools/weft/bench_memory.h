/* SPDX-License-Identifier: MIT
 *
 * bench_memory.h - the least that a program can do to know the same, to stand
 * beside weft's figures.
 */
#ifndef BENCH_MEMORY_H
#define BENCH_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

/* Does it once. False: it can't be done, or not on this system. */
typedef bool bench_baseline(void);

/* Reads the system's figures as they come, without a look at them. */
extern const char *const bench_figures_name;
bench_baseline bench_read_figures;

/* Reads what each process has in memory, as ps does. */
extern const char *const bench_processes_name;
bench_baseline bench_read_processes;

/* Reads all that the system tells of this process's mappings. */
extern const char *const bench_mappings_name;
bench_baseline bench_read_mappings;

/* Reads what the system counts of this process. */
extern const char *const bench_counters_name;
bench_baseline bench_read_counters;

#endif
