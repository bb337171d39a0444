/* SPDX-License-Identifier: MIT
 *
 * What many runs say together.
 */
#include <stdlib.h>

#include "run_figures.h"

#define TREND_MOST 200

/* Of a normal distribution, for 1 % on both sides together. */
#define TREND_SCORE 2.576

bool run_figures_add(run_figures *me, uint64_t value)
{
    if (me->count == me->room) {
        size_t room = me->room == 0 ? 64 : me->room * 2;
        uint64_t *values = realloc(me->values, room * sizeof(*values));

        if (values == NULL) {
            return false;
        }
        me->values = values;
        me->room = room;
    }
    me->values[me->count++] = value;
    return true;
}

void run_figures_free(run_figures *me)
{
    free(me->values);
    *me = (run_figures){.values = NULL};
}

/*
 * The score without its root: S, less 1 for the step from whole numbers to a
 * curve, against its variance. Ties only make the real variance smaller, so
 * they make the test more careful.
 */
bool run_figures_trend(const run_figures *me, int *trend)
{
    size_t count = me->count < TREND_MOST ? me->count : TREND_MOST;
    double n = (double)count;
    double variance = n * (n - 1) * (2 * n + 5) / 18;
    int64_t sum = 0;
    double score;

    *trend = 0;
    if (count < FIGURES_TREND_LEAST) {
        return false;
    }
    for (size_t newer = 0; newer < count; newer++) {
        for (size_t older = newer + 1; older < count; older++) {
            uint64_t after = me->values[newer];
            uint64_t before = me->values[older];

            sum += (after > before) - (after < before);
        }
    }
    score = (double)(sum > 0 ? sum : -sum) - 1;
    if (score > 0 && score * score > TREND_SCORE * TREND_SCORE * variance) {
        *trend = sum > 0 ? 1 : -1;
    }
    return true;
}

static int compare(const void *first, const void *second)
{
    uint64_t a = *(const uint64_t *)first;
    uint64_t b = *(const uint64_t *)second;

    return (a > b) - (a < b);
}

void run_figures_sort(run_figures *me)
{
    if (me->count > 1) {
        qsort(me->values, me->count, sizeof(*me->values), compare);
    }
}

bool run_figures_quantile(const run_figures *me, unsigned percent,
                          uint64_t *value)
{
    size_t least = percent <= 50 ? 1 : 100 / (100 - percent);
    size_t rank = (me->count * percent + 99) / 100;

    if (me->count < least) {
        return false;
    }
    *value = me->values[rank > 0 ? rank - 1 : 0];
    return true;
}
