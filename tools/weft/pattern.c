/* SPDX-License-Identifier: MIT
 *
 * What a figure did over a while.
 */
#include "pattern.h"

#include <math.h>
#include <string.h>

/*
 * P of the trend, by the test for what stays near a level and by that for what
 * wanders: a figure that falls is looked at upside down.
 */
static bool find_trend(const leak_series *series, double slope, double *p)
{
    double turned[LEAK_MOST];
    trend_series all = {series->times, series->values, series->count};
    trend_test test;
    double steps;

    if (slope < 0) {
        for (size_t i = 0; i < series->count; i++) {
            turned[i] = -series->values[i];
        }
        all.values = turned;
    }
    if (!trend_judge(&all, &test) || !trend_judge_steps(&all, &steps)) {
        return false;
    }
    *p = test.rise > steps ? test.rise : steps;
    return true;
}

/*
 * A step, with fewer samples than there are, as they resemble the ones before
 * them even when the step is taken out: what Pettitt's p has in its exponent
 * is their number.
 */
static bool find_step(const trend_series *all, double level, double least,
                      pattern *found)
{
    double rest[LEAK_MOST];
    trend_series levelled = {all->times, rest, all->count};
    trend_change change;
    trend_test test;

    if (!trend_find_change(all, &change)) {
        return false;
    }
    for (size_t i = 0; i < all->count; i++) {
        rest[i] =
            all->values[i] - (i < change.index ? change.before : change.after);
    }
    if (!trend_judge(&levelled, &test)) {
        return false;
    }
    found->step_p = 2 * pow(change.p / 2, 1 / test.waste);
    found->step_p = found->step_p < 1 ? found->step_p : 1;
    found->step = change.after - change.before;
    found->step_at = all->times[change.index] - all->times[0];
    found->has_step =
        change.is_step && found->step_p <= level && fabs(found->step) >= least;
    return true;
}

static void smooth(const trend_series *all, pattern *found)
{
    trend_average average = {.half_life = found->span / 10};

    for (size_t i = 0; i < all->count; i++) {
        trend_add(&average, all->times[i], all->values[i]);
    }
    found->level = average.value;
}

bool pattern_look(const leak_series *series, double level, double least,
                  pattern *found)
{
    trend_series all = {series->times, series->values, series->count};
    size_t samples = 0;

    memset(found, 0, sizeof(*found));
    found->p = found->step_p = 1;
    if (series->count > 0) {
        found->now = series->values[series->count - 1];
        found->level = found->now;
        found->span = series->times[series->count - 1] - series->times[0];
    }
    if (series->count < LEAK_SAMPLES_LEAST || !(found->span > 0)) {
        return true;
    }
    if (!trend_fit(&all, &found->line) ||
        !find_trend(series, found->line.slope, &found->p) ||
        !find_step(&all, level, least, found)) {
        return false;
    }
    found->is_known = true;
    smooth(&all, found);
    found->has_trend = !found->has_step && found->p <= level &&
                       fabs(found->line.slope) * found->span >= least;
    found->has_period = trend_find_period(&all, &samples);
    found->period = (double)samples * found->span / (double)(all.count - 1);
    return true;
}

bool pattern_end(const pattern *found, trend_eta *eta)
{
    return found->has_trend && found->line.slope < 0 &&
           trend_reach(&found->line, 0, eta);
}
