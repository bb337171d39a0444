/* SPDX-License-Identifier: MIT
 *
 * The benchmark's statistics, and the pattern that its messages are made of.
 */
#include "check.h"

#include <string.h>

#include "bench_pattern.h"
#include "bench_stats.h"

static bool near(double value, double expected)
{
    return value > expected - 1e-9 && value < expected + 1e-9;
}

static void check_percentiles(void)
{
    uint64_t values[1000];

    for (size_t i = 0; i < 1000; i++) {
        values[i] = 1000 - i;
    }
    bench_sort(values, 1000);
    check_case("sorting sorts");
    CHECK(values[0] == 1 && values[999] == 1000);

    check_case("a percentile is the value of the nearest rank");
    CHECK(near(bench_percentile(values, 1000, 0, 0), 1));
    CHECK(near(bench_percentile(values, 1000, 500, 0), 500));
    CHECK(near(bench_percentile(values, 1000, 990, 0), 990));
    CHECK(near(bench_percentile(values, 1000, 999, 0), 999));
    CHECK(near(bench_percentile(values, 1000, 1000, 0), 1000));
    CHECK(near(bench_percentile(values, 3, 500, 0), 2));
    CHECK(near(bench_percentile(values, 3, 999, 0), 3));

    check_case("of one value every percentile is that value");
    CHECK(near(bench_percentile(values, 1, 0, 10), 1));
    CHECK(near(bench_percentile(values, 1, 999, 10), 1));
}

/*
 * Times of 71 to 110 ns, as a clock shows them that counts in tens. The first
 * and the last step are not full, so nothing is claimed about them.
 */
static void check_steps(void)
{
    uint64_t values[4000];

    for (size_t i = 0; i < 4000; i++) {
        values[i] = (71 + i / 100 + 4) / 10 * 10;
    }
    check_case("a coarse clock is corrected for");
    for (unsigned per_mille = 150; per_mille <= 850; per_mille += 50) {
        double truth = 70.5 + 0.04 * per_mille;
        double found = bench_percentile(values, 4000, per_mille, 10);

        CHECK(found > truth - 1.1 && found < truth + 1.1);
    }
    check_case("and without a step it is not");
    CHECK(near(bench_percentile(values, 4000, 500, 0), 90));
}

static void check_medians(void)
{
    double odd[] = {3, 1, 2};
    double even[] = {4, 1, 3, 2};
    double values[] = {10, 300, 40};
    double bases[] = {5, 100, 10};
    double room[3];

    check_case("the median of an odd count is the middle one");
    CHECK(near(bench_median(odd, 3), 2));
    check_case("the median of an even count lies between the middle two");
    CHECK(near(bench_median(even, 4), 2.5));
    check_case("a ratio compares the figures of the same round");
    CHECK(near(bench_paired_ratio(values, bases, 3, room), 3));
}

/* What a benchmark has for each round. */
typedef struct round_figures {
    double rate;
    double memory;
} round_figures;

static void check_rounds(void)
{
    static const round_figures ones[] = {
        {10, 5}, {300, BENCH_UNKNOWN}, {40, 7}};
    static const round_figures others[] = {
        {5, BENCH_UNKNOWN}, {100, 1}, {10, 0}};
    bench_rounds rounds = {ones, sizeof(ones[0]), 3};
    bench_rounds bases = {others, sizeof(others[0]), 3};
    size_t rate = offsetof(round_figures, rate);
    size_t memory = offsetof(round_figures, memory);
    double room[9];

    check_case("a figure of rounds is the median of those that know it");
    CHECK(near(bench_rounds_median(&rounds, rate, room), 40));
    CHECK(near(bench_rounds_median(&rounds, memory, room), 6));
    CHECK(near(bench_rounds_least(&rounds, rate), 10));
    check_case("a ratio is that of rounds of which both know it, and not 0");
    CHECK(near(bench_rounds_ratio(&rounds, &bases, rate, room), 3));
    CHECK(bench_rounds_ratio(&rounds, &bases, memory, room) <= BENCH_UNKNOWN);
}

/* Each single wrong byte of each length is found, and told where it is. */
static bool finds_wrong_bytes(size_t bytes)
{
    unsigned char data[300];
    uint64_t seed = bench_seed(bytes, 0);
    bool found = true;

    bench_fill(data, bytes, seed);
    found = found && bench_verify(data, bytes, seed);
    for (size_t i = 0; i < bytes; i++) {
        data[i] ^= 0x10;
        found = found && !bench_verify(data, bytes, seed) &&
                bench_find_wrong(data, bytes, seed) == i;
        data[i] ^= 0x10;
    }
    return found && bench_verify(data, bytes, seed);
}

static void check_pattern(void)
{
    unsigned char data[300];
    bool found = true;

    check_case("a single wrong byte is found, wherever it is");
    for (size_t bytes = 1; bytes <= 200; bytes++) {
        found = found && finds_wrong_bytes(bytes);
    }
    CHECK(found);

    check_case("nothing is written behind the message");
    memset(data, 0x55, sizeof(data));
    bench_fill(data, 133, 1);
    CHECK(data[133] == 0x55);

    check_case("other messages, other directions and shifts are wrong");
    bench_fill(data, 256, bench_seed(7, 0));
    CHECK(!bench_verify(data, 256, bench_seed(8, 0)));
    CHECK(!bench_verify(data, 256, bench_seed(7, 1)));
    CHECK(!bench_verify(data + 8, 128, bench_seed(7, 0)));

    check_case("a message can be written in pieces");
    bench_fill(data, 128, 5);
    bench_fill(data + 128, 72, 5 + 128 / BENCH_WORD);
    CHECK(bench_verify(data, 200, 5));
}

void test_main(void)
{
    check_percentiles();
    check_steps();
    check_medians();
    check_rounds();
    check_pattern();
}
