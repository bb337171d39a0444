/* SPDX-License-Identifier: MIT
 *
 * pattern.h - what a figure did over a while: where it goes, whether its level
 * changed, whether it repeats itself. Pure.
 */
#ifndef WEFT_PATTERN_H
#define WEFT_PATTERN_H

#include "leak.h"

typedef struct pattern {
    bool is_known; /* there are samples enough; else nothing below is */
    double span;   /* seconds from the first sample to the last */
    double now;    /* the last value */
    double level;  /* smoothed: a tenth of the time halves what was */
    trend_line line;
    double p;       /* of a trend that way by chance */
    bool has_trend; /* p is small, and more than next to nothing changed */
    bool has_step;
    double step;    /* by how much the level changed */
    double step_at; /* when, in seconds after the first sample */
    double step_p;
    bool has_period;
    double period; /* in seconds */
} pattern;

/*
 * Looks at a series. What changes by less than `least` is not worth a word.
 * False: no memory.
 */
bool pattern_look(const leak_series *series, double level, double least,
                  pattern *found);

/* When a falling figure is used up. False: it does not fall, or never is. */
bool pattern_end(const pattern *found, trend_eta *eta);

#endif
