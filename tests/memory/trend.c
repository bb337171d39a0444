/* SPDX-License-Identifier: MIT
 *
 * Trends: against published values, against values that were worked out by
 * counting all orders, and of series that have no answer.
 */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "trend.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static double room_of_times[TREND_MOST + 1];
static double room_of_values[TREND_MOST + 1];

/* A series with a sample each second. */
static trend_series each_second(const double *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        room_of_times[i] = (double)i;
    }
    return (trend_series){room_of_times, values, count};
}

static bool is_number(double value)
{
    return value >= -DBL_MAX && value <= DBL_MAX;
}

static bool near(double value, double expected, double part)
{
    return fabs(value - expected) <= part * fabs(expected);
}

/*
 * The yearly flow of the Nile at Aswan, 1871 to 1970 (Cobb 1978, Biometrika
 * 65), which is known to have fallen after 1898.
 */
static const double nile[] = {
    1120, 1160, 963,  1210, 1160, 1160, 813,  1230, 1370, 1140, 995,  935,
    1110, 994,  1020, 960,  1180, 799,  958,  1140, 1100, 1210, 1150, 1250,
    1260, 1220, 1030, 1100, 774,  840,  874,  694,  940,  833,  701,  916,
    692,  1020, 1050, 969,  831,  726,  456,  824,  702,  1120, 1100, 832,
    764,  821,  768,  845,  864,  862,  698,  845,  744,  796,  1040, 759,
    781,  865,  845,  944,  984,  897,  822,  1010, 771,  676,  649,  846,
    812,  742,  801,  1040, 860,  874,  848,  890,  744,  749,  838,  1050,
    918,  986,  797,  923,  975,  815,  1020, 906,  901,  1170, 912,  746,
    919,  718,  714,  740};

static void test_slope(void)
{
    static const double times[] = {1, 2, 3, 4, 10, 12, 18};
    static const double values[] = {9, 15, 19, 20, 45, 55, 78};
    static const double even[] = {0, 1, 10, 3};
    trend_series series = {times, values, COUNT_OF(times)};
    trend_line line;

    check_case("the slope and its interval are those of Sen (1968)");
    CHECK(trend_fit(&series, &line));
    CHECK(near(line.slope, 4, 1e-12));
    CHECK(near(line.low, 3.71, 2e-3) && near(line.high, 4.38, 2e-3));
    CHECK(near(line.end, 78, 0.01));

    check_case("and those of the Nile, worked out independently");
    series = each_second(nile, COUNT_OF(nile));
    CHECK(trend_fit(&series, &line));
    CHECK(near(line.slope, -2.6, 1e-12));
    CHECK(near(line.low, -3.627906976744186, 1e-12));
    CHECK(near(line.high, -1.4285714285714286, 1e-12));

    check_case("one value that is far off changes next to nothing");
    series = each_second(even, COUNT_OF(even));
    CHECK(trend_fit(&series, &line));
    CHECK(near(line.slope, 1, 1e-12));
}

static trend_test judge(const double *values, size_t count)
{
    trend_series series = each_second(values, count);
    trend_test test;

    CHECK(trend_judge(&series, &test));
    CHECK(test.p >= 0 && test.p <= 1 && test.rise >= 0 && test.rise <= 1);
    CHECK(test.waste >= 1 && is_number(test.tau));
    return test;
}

static void test_exact(void)
{
    static const double five[] = {1, 2, 3, 5, 4};
    static const double six[] = {5, 4, 3, 2, 1, 6};
    static const double seven[] = {3, 1, 4, 2, 6, 5, 8};
    double ten[10];
    trend_test test;

    check_case("few samples are judged by counting their orders");
    test = judge(five, COUNT_OF(five));
    CHECK(test.exact && test.s == 8);
    /* Kendall's table has 0.042, and Gilbert's (1987, A18). */
    CHECK(near(test.rise, 1.0 / 24, 1e-12));
    CHECK(near(test.fall, 0.9916666666666667, 1e-12));
    CHECK(near(test.p, 2.0 / 24, 1e-12));
    test = judge(seven, COUNT_OF(seven));
    CHECK(test.exact && test.s == 13);
    CHECK(near(test.rise, 0.034523809523809526, 1e-12));
    test = judge(six, COUNT_OF(six));
    CHECK(test.s == -5 && near(test.tau, -1.0 / 3, 1e-12));

    check_case("ten in order are one of all orders");
    for (size_t i = 0; i < 10; i++) {
        ten[i] = (double)(i * i);
    }
    test = judge(ten, 10);
    CHECK(test.s == 45 && near(test.tau, 1, 1e-12));
    if (test.exact) {
        CHECK(near(test.rise, 2.755731922398589e-07, 1e-9));
    }
}

static void test_many(void)
{
    static const double ties[] = {1, 2, 2, 3, 3, 3, 4};
    trend_test test;

    check_case("ties make the variance smaller, as all orders of them do");
    test = judge(ties, COUNT_OF(ties));
    /* 39.666667 is the variance of S over the 5040 orders. */
    CHECK(!test.exact && test.s == 17);
    CHECK(test.waste > 1 ||
          near(test.rise, erfc(16 / sqrt(39.666666666666664) / sqrt(2.0)) / 2,
               1e-9));

    check_case("what samples share makes them fewer (Hamed and Rao 1998)");
    test = judge(nile, COUNT_OF(nile));
    CHECK(test.s == -1387 && !test.exact);
    CHECK(near(test.waste, 2.1428983270987203, 1e-9));
    CHECK(near(test.p, 0.004802676310182741, 1e-6));
    CHECK(near(test.fall, 0.0024013381550913593, 1e-6));
    CHECK(test.rise > 0.99);
}

static void test_steps(void)
{
    static const double up[] = {0, 1, 3, 6, 10, 15};
    static const double mixed[] = {0, 1, -1, 2, 6, 1};
    static const double still[] = {4, 4, 4, 4};
    static const double tied[] = {0, 1, 0, 1, 2};
    trend_series series = each_second(up, COUNT_OF(up));
    double rise;

    check_case("steps are judged by their signed ranks");
    CHECK(trend_judge_steps(&series, &rise));
    CHECK(near(rise, 1.0 / 32, 1e-12)); /* one of 2^5 */
    series = each_second(mixed, COUNT_OF(mixed));
    CHECK(trend_judge_steps(&series, &rise));
    /* The ranks 1, 3 and 4 rise, so their sum is 8: as much in 16 of 32. */
    CHECK(near(rise, 16.0 / 32, 1e-12));
    series = each_second(still, COUNT_OF(still));
    CHECK(trend_judge_steps(&series, &rise));
    CHECK(near(rise, 1, 1e-12));
    series = each_second(tied, COUNT_OF(tied));
    CHECK(trend_judge_steps(&series, &rise));
    CHECK(near(rise, 5.0 / 16, 1e-12)); /* 3 or 4 of 4 equal steps */
}

static void test_correction(void)
{
    /* Sorted, times 4, 3, 2 and 1, and none below one before it. */
    double p[] = {0.01, 0.04, 0.03, 0.005};
    double ones[] = {0.9, 0.9, 0.9};

    check_case("p-values of several tests are corrected by Holm");
    CHECK(trend_correct(p, COUNT_OF(p)));
    CHECK(near(p[3], 0.02, 1e-12) && near(p[0], 0.03, 1e-12));
    CHECK(near(p[2], 0.06, 1e-12) && near(p[1], 0.06, 1e-12));
    CHECK(trend_correct(ones, COUNT_OF(ones)));
    CHECK(near(ones[0], 1, 1e-12) && near(ones[2], 1, 1e-12));
    CHECK(trend_correct(p, 0));
}

static void test_change(void)
{
    trend_series series = each_second(nile, COUNT_OF(nile));
    trend_change change;
    double ramp[50];

    check_case("the Nile changed after 28 years, as Pettitt's test has it");
    CHECK(trend_find_change(&series, &change));
    CHECK(change.index == 28 && change.is_step);
    CHECK(near(change.p, 3.5910221769362927e-07, 1e-9));
    CHECK(near(change.before, 1130, 1e-12) && near(change.after, 842.5, 1e-12));

    check_case("a slope is not a step");
    for (size_t i = 0; i < COUNT_OF(ramp); i++) {
        ramp[i] = (double)i;
    }
    series = each_second(ramp, COUNT_OF(ramp));
    CHECK(trend_find_change(&series, &change));
    CHECK(!change.is_step && change.p < 0.01);
}

static void test_reach(void)
{
    trend_line line = {2, 1, 4, 100};
    trend_eta eta;

    check_case("a line reaches a value, at the ends of its interval too");
    CHECK(trend_reach(&line, 120, &eta));
    CHECK(near(eta.likely, 10, 1e-12) && near(eta.early, 5, 1e-12));
    CHECK(eta.has_late && near(eta.late, 20, 1e-12));

    check_case("a slope that may be none may never lead there");
    line.low = -1;
    CHECK(trend_reach(&line, 120, &eta));
    CHECK(!eta.has_late && near(eta.early, 5, 1e-12));

    check_case("one that leads away does not");
    CHECK(!trend_reach(&line, 80, &eta));
    line.slope = 0;
    CHECK(!trend_reach(&line, 120, &eta));

    check_case("a line that falls reaches what is below");
    line = (trend_line){-2, -4, -1, 100};
    CHECK(trend_reach(&line, 0, &eta));
    CHECK(near(eta.likely, 50, 1e-12) && near(eta.early, 25, 1e-12));
    CHECK(eta.has_late && near(eta.late, 100, 1e-12));
}

static void test_average(void)
{
    trend_average average = {.half_life = 10};

    check_case("an average forgets half of what was in its half-life");
    trend_add(&average, 0, 100);
    CHECK(near(average.value, 100, 1e-12));
    trend_add(&average, 10, 0);
    CHECK(near(average.value, 50, 1e-12));
    trend_add(&average, 30, 0);
    CHECK(near(average.value, 12.5, 1e-12));
    trend_add(&average, 5, 1000);
    trend_add(&average, 40, (double)NAN);
    trend_add(&average, (double)INFINITY, 1);
    CHECK(near(average.value, 12.5, 1e-12));
}

static void test_period(void)
{
    double saw[60];
    trend_series series;
    size_t samples = 0;

    check_case("a saw's teeth have a period, a slope has none");
    for (size_t i = 0; i < COUNT_OF(saw); i++) {
        saw[i] = (double)(i % 12) + (double)i / 100;
    }
    series = each_second(saw, COUNT_OF(saw));
    CHECK(trend_find_period(&series, &samples));
    CHECK(samples == 12);
    for (size_t i = 0; i < COUNT_OF(saw); i++) {
        saw[i] = (double)i;
    }
    CHECK(!trend_find_period(&series, &samples));
}

/* No answer, or one that is a number. */
static void check_sane(const trend_series *series)
{
    trend_line line;
    trend_test test;
    trend_change change;
    size_t samples;

    if (trend_fit(series, &line)) {
        CHECK(is_number(line.slope) && is_number(line.end));
        CHECK(line.low <= line.slope && line.slope <= line.high);
    }
    if (trend_judge(series, &test)) {
        CHECK(test.p >= 0 && test.p <= 1 && test.waste >= 1);
        CHECK(test.rise >= 0 && test.rise <= 1);
    }
    if (trend_find_change(series, &change)) {
        CHECK(change.p >= 0 && change.p <= 1 && change.index < series->count);
    }
    (void)trend_find_period(series, &samples);
}

static void test_degenerate(void)
{
    static const double same_times[] = {3, 3, 3, 3};
    static const double back[] = {1, 2, 0, 4};
    static const double not_number[] = {1, 2, (double)NAN, 4};
    static const double values[] = {1, 2, 3, 4};
    static const double constant[] = {7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7};
    trend_series series = each_second(constant, COUNT_OF(constant));
    trend_line line;
    trend_test test;
    trend_change change;

    check_case("what is constant has no trend and no change");
    CHECK(trend_fit(&series, &line));
    CHECK(line.slope >= 0 && line.slope <= 0 && near(line.end, 7, 1e-12));
    CHECK(trend_judge(&series, &test));
    CHECK(near(test.p, 1, 1e-12) && near(test.rise, 1, 1e-12));
    CHECK(trend_find_change(&series, &change));
    CHECK(near(change.p, 1, 1e-12) && change.index == 0);

    check_case("what is no series has no answer");
    series = (trend_series){same_times, values, 4};
    CHECK(!trend_fit(&series, &line) && !trend_judge(&series, &test));
    series = (trend_series){back, values, 4};
    CHECK(!trend_fit(&series, &line) && !trend_find_change(&series, &change));
    series = (trend_series){values, not_number, 4};
    CHECK(!trend_fit(&series, &line) && !trend_judge(&series, &test));
    for (size_t count = 0; count < 2; count++) {
        series = (trend_series){values, values, count};
        CHECK(!trend_fit(&series, &line) && !trend_judge(&series, &test));
    }
    series = each_second(room_of_values, TREND_MOST + 1);
    CHECK(!trend_fit(&series, &line));

    check_case("random series, large, small and with ties, have sane answers");
    for (unsigned seed = 1; seed <= 60; seed++) {
        uint32_t state = seed * 2654435761u;
        size_t count = 2 + seed;
        double scale = seed % 3 == 0 ? 1e300 : seed % 3 == 1 ? 1e-300 : 1;

        for (size_t i = 0; i < count; i++) {
            state = state * 1664525u + 1013904223u;
            room_of_values[i] =
                (double)(state >> 24) * scale * (seed % 2 == 0 ? 1 : 0.001);
        }
        series = each_second(room_of_values, count);
        check_sane(&series);
    }
}

void test_main(void)
{
    test_slope();
    test_exact();
    test_many();
    test_steps();
    test_correction();
    test_change();
    test_reach();
    test_average();
    test_period();
    test_degenerate();
}
