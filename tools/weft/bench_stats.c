/* SPDX-License-Identifier: MIT
 *
 * Percentiles, medians, and ratios of paired rounds.
 */
#include <stdlib.h>
#include <string.h>

#include "bench_stats.h"

static int compare_u64(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left;
    uint64_t b = *(const uint64_t *)right;

    return (a > b) - (a < b);
}

static int compare_double(const void *left, const void *right)
{
    double a = *(const double *)left;
    double b = *(const double *)right;

    return (a > b) - (a < b);
}

void bench_sort(uint64_t *values, size_t count)
{
    qsort(values, count, sizeof(*values), compare_u64);
}

/* How many of the sorted values are smaller than `bound`. */
static size_t count_below(const uint64_t *sorted, size_t count, double bound)
{
    size_t low = 0;

    while (count > 0) {
        size_t half = count / 2;

        if ((double)sorted[low + half] < bound) {
            low += half + 1;
            count -= half + 1;
        } else {
            count = half;
        }
    }
    return low;
}

double bench_percentile(const uint64_t *sorted, size_t count,
                        unsigned per_mille, uint64_t step)
{
    /* The rank, counted from 1 and rounded up, without overflow. */
    size_t rank =
        count / 1000 * per_mille + (count % 1000 * per_mille + 999) / 1000;
    size_t place = rank == 0 ? 0 : rank - 1;
    double value = (double)sorted[place];
    double low = value - (double)step / 2;
    size_t before = count_below(sorted, count, low);
    size_t inside = count_below(sorted, count, low + (double)step) - before;

    if (step <= 1 || inside == 0) {
        return value;
    }
    return low +
           (double)step * ((double)(place - before) + 0.5) / (double)inside;
}

double bench_median(double *values, size_t count)
{
    qsort(values, count, sizeof(*values), compare_double);
    if (count % 2 == 1) {
        return values[count / 2];
    }
    return (values[count / 2 - 1] + values[count / 2]) / 2;
}

double bench_paired_ratio(const double *values, const double *bases,
                          size_t count, double *ratios)
{
    for (size_t i = 0; i < count; i++) {
        ratios[i] = values[i] / bases[i];
    }
    return bench_median(ratios, count);
}

static double figure_of(const bench_rounds *rounds, size_t round, size_t figure)
{
    const unsigned char *result = rounds->results;
    double found;

    memcpy(&found, result + round * rounds->bytes + figure, sizeof(found));
    return found;
}

double bench_rounds_median(const bench_rounds *rounds, size_t figure,
                           double *room)
{
    size_t known = 0;

    for (size_t i = 0; i < rounds->count; i++) {
        double found = figure_of(rounds, i, figure);

        if (found > BENCH_UNKNOWN) {
            room[known++] = found;
        }
    }
    return known == 0 ? BENCH_UNKNOWN : bench_median(room, known);
}

double bench_rounds_least(const bench_rounds *rounds, size_t figure)
{
    double least = figure_of(rounds, 0, figure);

    for (size_t i = 1; i < rounds->count; i++) {
        double found = figure_of(rounds, i, figure);

        least = found < least ? found : least;
    }
    return least;
}

double bench_rounds_ratio(const bench_rounds *rounds, const bench_rounds *base,
                          size_t figure, double *room)
{
    double *values = room;
    double *bases = values + rounds->count;
    size_t known = 0;

    for (size_t i = 0; i < rounds->count; i++) {
        values[known] = figure_of(rounds, i, figure);
        bases[known] = figure_of(base, i, figure);
        if (values[known] > BENCH_UNKNOWN && bases[known] > 0) {
            known++;
        }
    }
    return known == 0 ? BENCH_UNKNOWN
                      : bench_paired_ratio(values, bases, known,
                                           bases + rounds->count);
}
