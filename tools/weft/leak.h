/* SPDX-License-Identifier: MIT
 *
 * leak.h - whether what a process has for itself grows like a leak.
 *
 * A leak keeps growing. So what grew and then stayed is none, nor what comes
 * back down: not the trend of all samples decides alone, but also that of the
 * second half, and the lowest values over time. Pure, so that tests can say
 * what is seen.
 */
#ifndef WEFT_LEAK_H
#define WEFT_LEAK_H

#include "trend.h"

/* Every second sample is dropped when there are so many. */
#define LEAK_MOST 256

/* Fewer say nothing. */
#define LEAK_SAMPLES_LEAST 12

/* What grows by less may be anything, in bytes. */
#define LEAK_GROWTH_LEAST ((double)(512 * 1024))

/* Zero at first. */
typedef struct leak_series {
    double times[LEAK_MOST]; /* in seconds */
    double values[LEAK_MOST];
    size_t count;
    size_t thinned; /* so often every second one was dropped */
    size_t passed;  /* samples left out since the last one that was kept */
} leak_series;

void leak_add(leak_series *series, double time, double value);

typedef enum leak_verdict {
    LEAK_NOT_ENOUGH, /* too few samples */
    LEAK_TOO_SHORT,  /* not watched for long enough to tell */
    LEAK_NONE,
    LEAK_SUSPECTED
} leak_verdict;

typedef struct leak_finding {
    leak_verdict verdict;
    const char *reason; /* static */
    double span;        /* seconds from the first sample to the last */
    bool has_line;      /* what follows is known */
    trend_line line;
    trend_test test;
    /*
     * Of a rise by chance, whether what varies stays near a level or wanders:
     * the larger of both. To be corrected before the verdict.
     */
    double p;
    bool is_over; /* the second half does not rise as the whole does */
    bool falls;   /* it comes back down in between */
} leak_finding;

/* Fills in all but the verdict and its reason. False: no memory. */
bool leak_look(const leak_series *series, leak_finding *finding);

/* Decides, with p corrected: `level` is the p that is small enough. */
void leak_decide(leak_finding *finding, double level, double span_least);

/* "leak suspected" and so on; and as JSON has it. */
const char *leak_text(leak_verdict verdict);
const char *leak_word(leak_verdict verdict);

#endif
