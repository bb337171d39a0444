/* SPDX-License-Identifier: MIT
 *
 * trend.h - whether a figure rises, how fast, since when, and until when.
 *
 * The methods ask for little: medians and ranks, so that single values that
 * are far off change next to nothing, and nothing is assumed about how figures
 * spread. Memory changes in steps and remembers where it was, so tests that
 * take samples as independent find trends in what only wanders: the test for a
 * trend here is corrected for that.
 *
 * All are pure functions. Times rise, and nothing is infinite or not a number,
 * or the answer is that nothing is known.
 */
#ifndef WEFT_TREND_H
#define WEFT_TREND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Samples, by rising times in seconds. */
typedef struct trend_series {
    const double *times;
    const double *values;
    size_t count;
} trend_series;

/* Pairs of samples grow with the square of this: 130,816 for so many. */
#define TREND_MOST 512

/* ----------------------------------------------------------------- slope ---
 */

/* The line through a series, by Theil and Sen; slopes are per second. */
typedef struct trend_line {
    double slope;
    double low; /* the slope's 95 % interval, as Sen (1968) has it */
    double high;
    double end; /* where the line is at the last time */
} trend_line;

/*
 * The median of the slopes of all pairs. False: less than two different times,
 * more samples than TREND_MOST, one that is no number, or no memory.
 */
bool trend_fit(const trend_series *series, trend_line *line);

/* -------------------------------------------------------------- is there one?
 */

/* Mann's and Kendall's test. */
typedef struct trend_test {
    int64_t s;    /* pairs that rise less those that fall */
    double tau;   /* that as a part of all pairs: -1 to 1 */
    bool exact;   /* p by counting orders, not by the normal distribution */
    double p;     /* of a trend this strong by chance, in either direction */
    double rise;  /* the same, upwards only */
    double fall;  /* downwards only */
    double waste; /* by what samples are fewer than they look: at least 1 */
} trend_test;

/*
 * With ties, and corrected for what samples share with earlier ones, by Hamed
 * and Rao (1998); the correction never makes a trend more certain. Exact for
 * up to TREND_EXACT samples without ties and correction. False as trend_fit,
 * and for less than three samples. Of a series that is constant p is 1.
 */
#define TREND_EXACT 20
bool trend_judge(const trend_series *series, trend_test *test);

/*
 * The same question to what wanders, of which each step is as likely up as
 * down: so much of a rise in its steps is chance with probability `*rise`. By
 * Wilcoxon's test of signed ranks, exact, of the steps between the medians of
 * at most TREND_STEPS + 1 parts. What does not move says nothing. False as
 * trend_judge.
 */
#define TREND_STEPS 32
bool trend_judge_steps(const trend_series *series, double *rise);

/*
 * Corrects the p-values of several tests, by Holm (1979), in place: each is
 * then to be held against the level that all together have. False: no memory.
 */
bool trend_correct(double *p, size_t count);

/* --------------------------------------------------------------- since when?
 */

/* The place where the level changes most, by Pettitt (1979). */
typedef struct trend_change {
    size_t index; /* of the first sample of the new level */
    double p;     /* of a change this large by chance */
    double before;
    double after; /* the medians on both sides */
    /*
     * The two levels tell the series better than a line does: it is a step,
     * and not the middle of a slope.
     */
    bool is_step;
} trend_change;

/* False as trend_judge, and for less than four samples. */
bool trend_find_change(const trend_series *series, trend_change *change);

/* --------------------------------------------------------------- until when?
 */

typedef struct trend_eta {
    double likely; /* seconds after the last sample */
    double early;
    double late;
    bool has_late; /* else perhaps never */
} trend_eta;

/*
 * When a line reaches a value. False: it does not lead there. What is reached
 * already is 0.
 */
bool trend_reach(const trend_line *line, double value, trend_eta *eta);

/* ---------------------------------------------------------------- smoothing
 * ---
 */

/* An average that forgets: each `half_life` of seconds halves what was. */
typedef struct trend_average {
    double half_life;
    double value;
    double time;
    bool has_value;
} trend_average;

/* Adds a sample. One that is no number, or from before, is left out. */
void trend_add(trend_average *average, double time, double value);

/* ------------------------------------------------------------------ period ---
 */

/*
 * After how many samples a series repeats itself, by the ranks of what a line
 * leaves of it; at least three times in it. Samples are equally far apart.
 * False: it does not, or as trend_judge.
 */
bool trend_find_period(const trend_series *series, size_t *samples);

#endif
