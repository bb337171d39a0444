/* SPDX-License-Identifier: MIT
 *
 * Trends of figures that are sampled: slope, test, change, time left, period.
 */
#include "trend.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The quantile of the normal distribution for 95 %. */
#define Z_95 1.959963984540054

/*
 * A share that is repeated after a period is at least as strong as this: half
 * of what varies, as a correlation.
 */
#define PERIOD_LEAST 0.5

/* What trend_judge_steps cuts a series into: samples of a part, and parts. */
#define PART_SAMPLES 4
#define PARTS_LEAST 15

/* --------------------------------------------------------------- helpers ---
 */

/* MinGW's isfinite() takes a float. */
static bool is_number(double value)
{
    return value >= -DBL_MAX && value <= DBL_MAX;
}

static int compare(const void *left, const void *right)
{
    double a = *(const double *)left;
    double b = *(const double *)right;

    return (a > b) - (a < b);
}

/* Of sorted numbers, at least one. */
static double middle(const double *sorted, size_t count)
{
    return count % 2 == 1 ? sorted[count / 2]
                          : sorted[count / 2 - 1] / 2 + sorted[count / 2] / 2;
}

/* The median of a part; `room` is for as many. */
static double median_of(const double *values, size_t count, double *room)
{
    memcpy(room, values, count * sizeof(*values));
    qsort(room, count, sizeof(*room), compare);
    return middle(room, count);
}

static bool is_usable(const trend_series *series, size_t least)
{
    if (series->count < least || series->count > TREND_MOST) {
        return false;
    }
    for (size_t i = 0; i < series->count; i++) {
        if (!is_number(series->times[i]) || !is_number(series->values[i]) ||
            (i > 0 && series->times[i] < series->times[i - 1])) {
            return false;
        }
    }
    return series->times[series->count - 1] > series->times[0];
}

static size_t pairs_of(size_t count)
{
    return count * (count - 1) / 2;
}

/*
 * The sum of t(t-1)(2t+5) over the groups of equal values, which the variance
 * of S is smaller by.
 */
static double sum_ties(const double *sorted, size_t count)
{
    double sum = 0;
    size_t equal = 1;

    for (size_t i = 1; i <= count; i++) {
        if (i < count && sorted[i] <= sorted[i - 1]) {
            equal++;
        } else {
            double ties = (double)equal;

            sum += ties * (ties - 1) * (2 * ties + 5);
            equal = 1;
        }
    }
    return sum;
}

/* The variance of S, with the ties of values and of times. False: no memory. */
static bool find_variance(const trend_series *series, double *variance)
{
    double count = (double)series->count;
    double *sorted = calloc(series->count, sizeof(*sorted));

    if (sorted == NULL) {
        return false;
    }
    memcpy(sorted, series->values, series->count * sizeof(*sorted));
    qsort(sorted, series->count, sizeof(*sorted), compare);
    *variance = (count * (count - 1) * (2 * count + 5) -
                 sum_ties(sorted, series->count) -
                 sum_ties(series->times, series->count)) /
                18;
    free(sorted);
    return true;
}

/* ----------------------------------------------------------------- slope ---
 */

/* Sorted, `*count` of them; NULL: no memory. */
static double *list_slopes(const trend_series *series, size_t *count)
{
    size_t pairs = pairs_of(series->count);
    double *slopes = pairs > 0 ? calloc(pairs, sizeof(*slopes)) : NULL;

    *count = 0;
    for (size_t i = 0; slopes != NULL && i < series->count; i++) {
        for (size_t k = i + 1; k < series->count; k++) {
            double apart = series->times[k] - series->times[i];

            if (apart > 0) {
                slopes[(*count)++] =
                    (series->values[k] - series->values[i]) / apart;
            }
        }
    }
    if (slopes != NULL) {
        qsort(slopes, *count, sizeof(*slopes), compare);
    }
    return slopes;
}

/* The ranks in the sorted slopes that bound the interval, as Sen has them. */
static void find_interval(const double *slopes, size_t count, double variance,
                          trend_line *line)
{
    double reach = Z_95 * sqrt(variance > 0 ? variance : 0);
    double low = floor(((double)count - reach) / 2 + 0.5) - 1;
    double high = floor(((double)count + reach) / 2 + 0.5);

    line->low = slopes[low > 0 ? (size_t)low : 0];
    line->high = slopes[high < (double)count ? (size_t)high : count - 1];
}

/* Where the line is at a time: the median of what each sample says. */
static bool find_end(const trend_series *series, trend_line *line)
{
    double *ends = calloc(series->count, sizeof(*ends));
    double last = series->times[series->count - 1];

    if (ends == NULL) {
        return false;
    }
    for (size_t i = 0; i < series->count; i++) {
        ends[i] = series->values[i] + line->slope * (last - series->times[i]);
    }
    qsort(ends, series->count, sizeof(*ends), compare);
    line->end = middle(ends, series->count);
    free(ends);
    return true;
}

bool trend_fit(const trend_series *series, trend_line *line)
{
    double variance;
    double *slopes;
    size_t count;
    bool is_known;

    memset(line, 0, sizeof(*line));
    if (!is_usable(series, 2) || !find_variance(series, &variance)) {
        return false;
    }
    slopes = list_slopes(series, &count);
    is_known = slopes != NULL && count > 0;
    if (is_known) {
        line->slope = middle(slopes, count);
        find_interval(slopes, count, variance, line);
    }
    free(slopes);
    return is_known && find_end(series, line) && is_number(line->slope) &&
           is_number(line->end);
}

/* ------------------------------------------------------------------ test ---
 */

/*
 * The part of all orders of so many samples in which S is at least `s`: the
 * number of inversions of a permutation, by the recurrence over its length.
 */
static double count_orders(size_t count, int64_t s)
{
    double parts[TREND_EXACT * (TREND_EXACT - 1) / 2 + 1] = {1};
    double sums[TREND_EXACT * (TREND_EXACT - 1) / 2 + 1];
    size_t most = 0;
    double tail = 0;

    for (size_t length = 2; length <= count; length++) {
        most += length - 1;
        for (size_t k = 0; k <= most; k++) {
            sums[k] = 0;
            for (size_t j = 0; j < length && j <= k; j++) {
                sums[k] += parts[k - j] / (double)length;
            }
        }
        memcpy(parts, sums, (most + 1) * sizeof(parts[0]));
    }
    /* S is all pairs less twice the inversions. */
    for (size_t k = 0; k <= most; k++) {
        if ((int64_t)most - 2 * (int64_t)k >= s) {
            tail += parts[k];
        }
    }
    return tail < 1 ? tail : 1;
}

/* The part of the normal distribution above z. */
static double upper_tail(double z)
{
    return erfc(z / sqrt(2.0)) / 2;
}

/* Ranks from 1, the mean one for equal values. */
static void rank(const double *values, size_t count, double *ranks)
{
    for (size_t i = 0; i < count; i++) {
        double below = 0;
        double equal = 0;

        for (size_t k = 0; k < count; k++) {
            below += values[k] < values[i];
            equal += values[k] <= values[i] && values[k] >= values[i];
        }
        ranks[i] = below + (equal + 1) / 2;
    }
}

/* How ranks go with those so many samples later; 0 of constant ones. */
static double correlate(const double *ranks, size_t count, size_t lag)
{
    double mean = (double)(count + 1) / 2;
    double all = 0;
    double both = 0;

    for (size_t i = 0; i < count; i++) {
        all += (ranks[i] - mean) * (ranks[i] - mean);
    }
    for (size_t i = 0; i + lag < count; i++) {
        both += (ranks[i] - mean) * (ranks[i + lag] - mean);
    }
    return all > 0 ? both / all : 0;
}

/* The ranks of what a line leaves, for the caller to free; NULL: no memory. */
static double *rank_rest(const trend_series *series)
{
    double *rest = calloc(series->count, sizeof(*rest));
    double *ranks = calloc(series->count, sizeof(*ranks));
    trend_line line;

    if (rest == NULL || ranks == NULL || !trend_fit(series, &line)) {
        free(rest);
        free(ranks);
        return NULL;
    }
    for (size_t i = 0; i < series->count; i++) {
        rest[i] = series->values[i] - line.slope * series->times[i];
    }
    rank(rest, series->count, ranks);
    free(rest);
    return ranks;
}

/*
 * By what the variance is larger because of what samples share, by correlations
 * that chance does not explain.
 */
static bool find_waste(const trend_series *series, double *waste)
{
    double *ranks = rank_rest(series);
    double count = (double)series->count;
    double bound = Z_95 / sqrt(count);
    double sum = 0;

    if (ranks == NULL) {
        return false;
    }
    for (size_t lag = 1; lag + 2 < series->count; lag++) {
        double r = correlate(ranks, series->count, lag);
        double left = count - (double)lag;

        if (r > bound || r < -bound) {
            sum += left * (left - 1) * (left - 2) * r;
        }
    }
    free(ranks);
    *waste = 1 + 2 * sum / (count * (count - 1) * (count - 2));
    *waste = *waste > 1 ? *waste : 1;
    return true;
}

static int64_t find_s(const trend_series *series, bool *has_ties)
{
    int64_t s = 0;

    *has_ties = false;
    for (size_t i = 0; i < series->count; i++) {
        for (size_t k = i + 1; k < series->count; k++) {
            int sign = (series->values[k] > series->values[i]) -
                       (series->values[k] < series->values[i]);

            if (series->times[k] > series->times[i]) {
                s += sign;
                *has_ties = *has_ties || sign == 0;
            } else {
                *has_ties = true;
            }
        }
    }
    return s;
}

/* With S brought nearer to 0 by one, because it is a whole number. */
static void judge_by_normal(trend_test *test, double variance)
{
    double s = (double)test->s;
    double spread = sqrt(variance * test->waste);

    test->rise = upper_tail((s - 1) / spread);
    test->fall = upper_tail((-s - 1) / spread);
    test->p = test->s == 0 ? 1 : erfc((fabs(s) - 1) / spread / sqrt(2.0));
}

bool trend_judge(const trend_series *series, trend_test *test)
{
    double variance;
    bool has_ties;

    memset(test, 0, sizeof(*test));
    test->p = test->rise = test->fall = test->waste = 1;
    if (!is_usable(series, 3) || !find_variance(series, &variance)) {
        return false;
    }
    test->s = find_s(series, &has_ties);
    test->tau = (double)test->s / (double)pairs_of(series->count);
    if (!(variance > 0)) {
        return true; /* constant */
    }
    if (!find_waste(series, &test->waste)) {
        return false;
    }
    test->exact = series->count <= TREND_EXACT && !has_ties && test->waste <= 1;
    if (test->exact) {
        double both = 2 * count_orders(series->count, llabs(test->s));

        test->rise = count_orders(series->count, test->s);
        test->fall = count_orders(series->count, -test->s);
        test->p = both < 1 ? both : 1;
    } else {
        judge_by_normal(test, variance);
    }
    return true;
}

/*
 * Into so many parts a series is cut: of four samples or more, but at first
 * into single ones, because few steps prove little.
 */
static size_t count_parts(size_t samples)
{
    size_t parts = samples / PART_SAMPLES;

    parts = parts > PARTS_LEAST ? parts : PARTS_LEAST;
    parts = parts < TREND_STEPS + 1 ? parts : TREND_STEPS + 1;
    return parts < samples ? parts : samples;
}

/* The steps between the medians of the parts, without those of 0; how many. */
static size_t list_steps(const trend_series *series, double steps[TREND_STEPS])
{
    double room[TREND_MOST];
    size_t parts = count_parts(series->count);
    size_t count = 0;
    double last = 0;

    for (size_t i = 0; i < parts; i++) {
        size_t from = i * series->count / parts;
        size_t to = (i + 1) * series->count / parts;
        double here = median_of(series->values + from, to - from, room);

        if (i > 0 && (here > last || here < last)) {
            steps[count++] = here - last;
        }
        last = here;
    }
    return count;
}

/* The largest sum of doubled ranks: each step has at most twice the count. */
#define RANK_SUMS (TREND_STEPS * (TREND_STEPS + 1) + 1)

bool trend_judge_steps(const trend_series *series, double *rise)
{
    double steps[TREND_STEPS];
    double sizes[TREND_STEPS] = {0};
    double ranks[TREND_STEPS];
    double parts[RANK_SUMS] = {1};
    size_t most = 0;
    size_t sum = 0;
    size_t count;

    *rise = 1;
    if (!is_usable(series, 3)) {
        return false;
    }
    count = list_steps(series, steps);
    for (size_t i = 0; i < count; i++) {
        sizes[i] = fabs(steps[i]);
    }
    rank(sizes, count, ranks);
    /* Doubled, ranks are whole numbers even with ties. Each sign is as likely:
     * so much of all cases has a sum. */
    for (size_t i = 0; i < count; i++) {
        size_t doubled = (size_t)(2 * ranks[i] + 0.5);

        sum += steps[i] > 0 ? doubled : 0;
        most += doubled;
        for (size_t k = most + 1; k-- > 0;) {
            parts[k] = (parts[k] + (k >= doubled ? parts[k - doubled] : 0)) / 2;
        }
    }
    *rise = 0;
    for (size_t k = sum; k <= most; k++) {
        *rise += parts[k];
    }
    *rise = *rise < 1 ? *rise : 1;
    return true;
}

bool trend_correct(double *p, size_t count)
{
    double *sorted = calloc(count > 0 ? count : 1, sizeof(*sorted));
    double *corrected = calloc(count > 0 ? count : 1, sizeof(*corrected));
    double most = 0;

    if (sorted == NULL || corrected == NULL) {
        free(sorted);
        free(corrected);
        return false;
    }
    if (count > 0) {
        memcpy(sorted, p, count * sizeof(*p));
        qsort(sorted, count, sizeof(*sorted), compare);
    }
    for (size_t i = 0; i < count; i++) {
        double here = sorted[i] * (double)(count - i);

        most = here > most ? here : most;
        corrected[i] = most < 1 ? most : 1;
    }
    /* Equal ones have the value of the first of them. */
    for (size_t i = 0; i < count; i++) {
        const double *found =
            bsearch(&p[i], sorted, count, sizeof(*sorted), compare);
        size_t at = (size_t)(found - sorted);

        while (at > 0 && sorted[at - 1] >= p[i]) {
            at--;
        }
        p[i] = corrected[at];
    }
    free(sorted);
    free(corrected);
    return true;
}

/* ---------------------------------------------------------------- change ---
 */

/*
 * Each U is the one before and how often the next sample is larger or smaller
 * than all others.
 */
static void find_largest(const trend_series *series, trend_change *change)
{
    double count = (double)series->count;
    double u = 0;
    double largest = 0;

    for (size_t i = 0; i + 1 < series->count; i++) {
        for (size_t k = 0; k < series->count; k++) {
            u += (series->values[i] > series->values[k]) -
                 (series->values[i] < series->values[k]);
        }
        if (fabs(u) > largest) {
            largest = fabs(u);
            change->index = i + 1;
        }
    }
    change->p = 2 * exp(-6 * largest * largest /
                        (count * count * count + count * count));
    change->p = change->p < 1 ? change->p : 1;
}

/* How far samples are from the two levels, and from a line, in sum. */
static bool is_step(const trend_series *series, const trend_change *change)
{
    double by_levels = 0;
    double by_line = 0;
    trend_line line;

    if (!trend_fit(series, &line)) {
        return false;
    }
    for (size_t i = 0; i < series->count; i++) {
        double level = i < change->index ? change->before : change->after;
        double back = series->times[series->count - 1] - series->times[i];

        by_levels += fabs(series->values[i] - level);
        by_line += fabs(series->values[i] - (line.end - line.slope * back));
    }
    return by_levels < by_line;
}

bool trend_find_change(const trend_series *series, trend_change *change)
{
    double *room;

    memset(change, 0, sizeof(*change));
    change->p = 1;
    if (!is_usable(series, 4)) {
        return false;
    }
    room = calloc(series->count, sizeof(*room));
    if (room == NULL) {
        return false;
    }
    find_largest(series, change);
    if (change->index > 0) {
        change->before = median_of(series->values, change->index, room);
        change->after = median_of(series->values + change->index,
                                  series->count - change->index, room);
        change->is_step = is_step(series, change);
    } else {
        change->before = median_of(series->values, series->count, room);
        change->after = change->before;
    }
    free(room);
    return true;
}

/* ------------------------------------------------------- time left, average
 * ---
 */

/* Seconds to a value that is `apart` from here; below 0: it leads away. */
static double time_to(double apart, double slope)
{
    return slope > 0 || slope < 0 ? apart / slope : -1;
}

bool trend_reach(const trend_line *line, double value, trend_eta *eta)
{
    double apart = value - line->end;
    double at_low = time_to(apart, line->low);
    double at_high = time_to(apart, line->high);

    memset(eta, 0, sizeof(*eta));
    eta->likely = time_to(apart, line->slope);
    if (!(eta->likely >= 0) || !is_number(eta->likely)) {
        return false;
    }
    eta->has_late =
        at_low >= 0 && at_high >= 0 && is_number(at_low) && is_number(at_high);
    if (eta->has_late) {
        eta->early = at_low < at_high ? at_low : at_high;
        eta->late = at_low < at_high ? at_high : at_low;
    } else {
        eta->early = at_low >= 0 ? at_low : at_high;
        eta->early = eta->early >= 0 ? eta->early : eta->likely;
    }
    return true;
}

void trend_add(trend_average *average, double time, double value)
{
    double kept;

    if (!is_number(time) || !is_number(value) ||
        (average->has_value && time < average->time)) {
        return;
    }
    if (!average->has_value || !(average->half_life > 0)) {
        average->value = value;
    } else {
        kept = exp2(-(time - average->time) / average->half_life);
        average->value = value + (average->value - value) * kept;
    }
    average->time = time;
    average->has_value = true;
}

/* ---------------------------------------------------------------- period ---
 */

bool trend_find_period(const trend_series *series, size_t *samples)
{
    double best = PERIOD_LEAST;
    bool has_fallen = false;
    double *ranks;

    *samples = 0;
    if (!is_usable(series, 12)) {
        return false;
    }
    ranks = rank_rest(series);
    if (ranks == NULL) {
        return false;
    }
    /* What is next to a sample is like it anyway, until it no longer is. */
    for (size_t lag = 1; lag <= series->count / 3; lag++) {
        /* Fewer pairs make a smaller sum; that is made good for here. */
        double r = correlate(ranks, series->count, lag) *
                   (double)series->count / (double)(series->count - lag);

        has_fallen = has_fallen || r < 0;
        if (has_fallen && r > best) {
            best = r;
            *samples = lag;
        }
    }
    free(ranks);
    return *samples > 0;
}
