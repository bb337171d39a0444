/* SPDX-License-Identifier: MIT
 *
 * run_figures.h - what many runs say together, and what too few do not.
 */
#ifndef WEFT_RUN_FIGURES_H
#define WEFT_RUN_FIGURES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Below this number of runs nothing is said of a trend. */
#define FIGURES_TREND_LEAST 20

/* One figure of many runs, in the order in which they were added. */
typedef struct run_figures {
    uint64_t *values;
    size_t count;
    size_t room;
} run_figures;

/* False: out of memory, and nothing was added. */
bool run_figures_add(run_figures *me, uint64_t value);
void run_figures_free(run_figures *me);

/*
 * Where the newest were added first: 1 if the later ones are larger, -1 if they
 * are smaller, 0 if chance may be all of it: by the test of Mann and Kendall
 * with 1 % for an error, on the newest 200. False: there are too few.
 */
bool run_figures_trend(const run_figures *me, int *trend);

/* Puts them in order, the smallest first. */
void run_figures_sort(run_figures *me);

/*
 * The smallest value that so many of a hundred do not exceed, of sorted ones.
 * False: there are too few for one of them to lie above it (10 for 90 %, 100
 * for 99 %); the median needs one.
 */
bool run_figures_quantile(const run_figures *me, unsigned percent,
                          uint64_t *value);

#endif
