/* SPDX-License-Identifier: MIT
 *
 * Whether a series grows like a leak.
 */
#include "leak.h"

#include <float.h>
#include <string.h>

/* The second half of a leak has at least this part of all growth. */
#define SHARE_LEAST 0.25

/* Or else its last quarter grows at least so fast, compared to the third. */
#define SPEED_LEAST 0.75

/* The second half alone must rise with this certainty. */
#define HALF_LEVEL 0.05

/* Half of the samples must be as many as this to say anything. */
#define HALF_SAMPLES_LEAST 5

/* --------------------------------------------------------------- samples ---
 */

static void thin(leak_series *series)
{
    size_t kept = 0;

    for (size_t i = 0; i < series->count; i += 2) {
        series->times[kept] = series->times[i];
        series->values[kept++] = series->values[i];
    }
    series->count = kept;
    series->thinned++;
}

void leak_add(leak_series *series, double time, double value)
{
    if (series->passed + 1 < (size_t)1 << series->thinned) {
        series->passed++;
        return;
    }
    series->passed = 0;
    if (series->count == LEAK_MOST) {
        thin(series);
    }
    series->times[series->count] = time;
    series->values[series->count++] = value;
}

/* ----------------------------------------------------------------- shape ---
 */

/* The part from a share of the time on to another. */
static trend_series cut(const trend_series *all, double from, double to)
{
    double began = all->times[0];
    double span = all->times[all->count - 1] - began;
    size_t first = 0;
    size_t end = all->count;

    while (all->times[first] < began + from * span) {
        first++;
    }
    while (end > first && all->times[end - 1] > began + to * span) {
        end--;
    }
    return (trend_series){all->times + first, all->values + first, end - first};
}

/* What a part grows by, along its line; 0 of too few samples. */
static double growth(const trend_series *part)
{
    trend_line line;

    return trend_fit(part, &line)
               ? line.slope * (part->times[part->count - 1] - part->times[0])
               : 0;
}

/*
 * Whether what grew has levelled off: then the second half does not rise, or
 * by little, and more and more slowly. What warmed up and leaks since keeps
 * its speed.
 */
static bool is_over(const trend_series *all)
{
    trend_series first = cut(all, 0, 0.5);
    trend_series half = cut(all, 0.5, 1);
    trend_series third_quarter = cut(all, 0.5, 0.75);
    trend_series last_quarter = cut(all, 0.75, 1);
    double late = growth(&half);
    trend_test test;

    if (half.count < HALF_SAMPLES_LEAST || !trend_judge(&half, &test) ||
        test.rise > HALF_LEVEL) {
        return true;
    }
    return late < SHARE_LEAST * (growth(&first) + late) &&
           growth(&last_quarter) < SPEED_LEAST * growth(&third_quarter);
}

static double find_least(const trend_series *all, size_t first, size_t end)
{
    double least = DBL_MAX;

    for (size_t i = first; i < end; i++) {
        least = all->values[i] < least ? all->values[i] : least;
    }
    return least;
}

/* The lowest values of each third rise in a leak, whatever is on top. */
static bool falls(const trend_series *all)
{
    size_t third = all->count / 3;
    double first = find_least(all, 0, third);
    double second = find_least(all, third, 2 * third);
    double last = find_least(all, 2 * third, all->count);

    return !(first < second && second < last);
}

bool leak_look(const leak_series *series, leak_finding *finding)
{
    trend_series all = {series->times, series->values, series->count};
    double steps;

    memset(finding, 0, sizeof(*finding));
    finding->p = 1;
    if (series->count > 1) {
        finding->span = series->times[series->count - 1] - series->times[0];
    }
    if (series->count < LEAK_SAMPLES_LEAST || !(finding->span > 0)) {
        return true;
    }
    finding->has_line = trend_fit(&all, &finding->line) &&
                        trend_judge(&all, &finding->test) &&
                        trend_judge_steps(&all, &steps);
    if (finding->has_line) {
        finding->p = finding->test.rise > steps ? finding->test.rise : steps;
        finding->is_over = is_over(&all);
        finding->falls = falls(&all);
    }
    return finding->has_line;
}

/* --------------------------------------------------------------- verdict ---
 */

static void conclude(leak_finding *finding, leak_verdict verdict,
                     const char *reason)
{
    finding->verdict = verdict;
    finding->reason = reason;
}

void leak_decide(leak_finding *finding, double level, double span_least)
{
    if (!finding->has_line) {
        conclude(finding, LEAK_NOT_ENOUGH, "too few samples");
    } else if (finding->span < span_least) {
        conclude(finding, LEAK_TOO_SHORT, "watched for too short a time");
    } else if (finding->p > level || finding->line.low <= 0) {
        conclude(finding, LEAK_NONE, "no rise that chance does not explain");
    } else if (finding->line.slope * finding->span < LEAK_GROWTH_LEAST) {
        conclude(finding, LEAK_NONE, "it grows by next to nothing");
    } else if (finding->is_over) {
        conclude(finding, LEAK_NONE, "it grew, and has levelled off");
    } else if (finding->falls) {
        conclude(finding, LEAK_NONE, "it comes back down in between");
    } else {
        conclude(finding, LEAK_SUSPECTED, "it grows and does not stop");
    }
}

const char *leak_text(leak_verdict verdict)
{
    static const char *const texts[] = {"not enough data", "too short to tell",
                                        "no leak seen", "leak suspected"};

    return texts[verdict];
}

const char *leak_word(leak_verdict verdict)
{
    static const char *const words[] = {"not_enough_data", "too_short", "none",
                                        "leak_suspected"};

    return words[verdict];
}
