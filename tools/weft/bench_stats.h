/* SPDX-License-Identifier: MIT
 *
 * bench_stats.h - the few statistics that the benchmark reports.
 *
 * Rounds are combined by medians only: the distance between two virtual CPUs
 * changes by whole factors while one watches, and a mean would mix machines.
 */
#ifndef BENCH_STATS_H
#define BENCH_STATS_H

#include <float.h>
#include <stddef.h>
#include <stdint.h>

/* Sorts ascending, in place. */
void bench_sort(uint64_t *values, size_t count);

/*
 * The value that `per_mille` thousandths of `count` sorted values do not
 * exceed. `count` is at least 1.
 *
 * It is the value v of the nearest rank, corrected for a clock that counts in
 * steps: the values within half a `step` of v are taken to be spread evenly
 * over that step. Without this a p50 of 84 would be 80 or 90. A step of 0 or
 * 1 corrects nothing.
 */
double bench_percentile(const uint64_t *sorted, size_t count,
                        unsigned per_mille, uint64_t step);

/*
 * The median, which is the mean of the middle two of an even count. Sorts the
 * values in place. `count` is at least 1.
 */
double bench_median(double *values, size_t count);

/*
 * The median of values[i] / bases[i]: figures that were taken one right after
 * the other are compared with each other only. `ratios` is room for `count`
 * numbers, at least 1. Bases are not 0.
 */
double bench_paired_ratio(const double *values, const double *bases,
                          size_t count, double *ratios);

/* A figure that is not known. No other is as small. */
#define BENCH_UNKNOWN (-DBL_MAX)

/*
 * The rounds of one of those that take turns: an array of structs, whose
 * figures are doubles. A figure is named by its offset.
 */
typedef struct bench_rounds {
    const void *results;
    size_t bytes; /* of each */
    size_t count;
} bench_rounds;

/*
 * Of the rounds that know the figure; BENCH_UNKNOWN if none does. `room` is
 * for `count` numbers.
 */
double bench_rounds_median(const bench_rounds *rounds, size_t figure,
                           double *room);

/* The least of all rounds. */
double bench_rounds_least(const bench_rounds *rounds, size_t figure);

/*
 * bench_paired_ratio of the rounds of which both know the figure, and the
 * base's is more than 0; BENCH_UNKNOWN if there is none. `room` is for three
 * times `count` numbers.
 */
double bench_rounds_ratio(const bench_rounds *rounds, const bench_rounds *base,
                          size_t figure, double *room);

#endif
