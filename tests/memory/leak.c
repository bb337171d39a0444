/* SPDX-License-Identifier: MIT
 *
 * What is a leak and what is none, in series of all shapes.
 */
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "leak.h"

#define MIB (1024.0 * 1024)
#define SAMPLES 100

static leak_series series;
static uint32_t state;

/* From -1 to 1. */
static double noise(void)
{
    state = state * 1664525u + 1013904223u;
    return (double)(state >> 8) / (1u << 23) - 1;
}

typedef double shape(size_t sample);

static leak_finding decide(double level, double span_least)
{
    leak_finding finding;

    CHECK(leak_look(&series, &finding));
    leak_decide(&finding, level, span_least);
    CHECK(finding.reason != NULL);
    return finding;
}

/* A sample each second. */
static leak_finding look(shape *value, size_t count)
{
    memset(&series, 0, sizeof(series));
    for (size_t i = 0; i < count; i++) {
        leak_add(&series, (double)i, value(i));
    }
    return decide(0.01, 60);
}

static double leaks(size_t i)
{
    return 100 * MIB + (double)i * MIB + noise() * 3 * MIB;
}

/* A MiB at a time, every tenth second. */
static double leaks_in_steps(size_t i)
{
    size_t steps = i / 10;

    return 50 * MIB + (double)steps * MIB;
}

/* What warms up first, and leaks then. */
static double leaks_after_a_start(size_t i)
{
    return (i < 10 ? 10 * (double)i : 100 + (double)i / 2) * MIB;
}

/* What lies on top comes and goes, and each time more is left. */
static double leaks_below_teeth(size_t i)
{
    return 50 * MIB + (double)i * MIB / 2 + (double)(i % 7) * MIB;
}

static double stays(size_t i)
{
    return 100 * MIB + noise() * MIB + 0 * (double)i;
}

static double never_changes(size_t i)
{
    return 100 * MIB + 0 * (double)i;
}

/* Warms up for a third of the time. */
static double levels_off(size_t i)
{
    return (i < 33 ? 10 + (double)i : 43) * MIB + noise() * 0.2 * MIB;
}

/* Warms up quickly, and then ever more slowly. */
static double saturates(size_t i)
{
    return 100 * MIB * (double)i / (5 + (double)i);
}

static double steps_up_once(size_t i)
{
    return (i < 40 ? 10 : 60) * MIB + noise() * 0.2 * MIB;
}

static double has_teeth(size_t i)
{
    return (double)(i % 25) * MIB;
}

/* Two long teeth: the second half alone does rise. */
static double has_long_teeth(size_t i)
{
    return (double)(i % 50) * MIB;
}

static double shrinks(size_t i)
{
    return 200 * MIB - (double)i * MIB;
}

static double creeps(size_t i)
{
    return 100 * MIB + (double)i * 1024;
}

static void test_leaks(void)
{
    leak_finding finding;

    check_case("a leak is suspected, with its speed");
    finding = look(leaks, SAMPLES);
    CHECK(finding.verdict == LEAK_SUSPECTED);
    CHECK(finding.line.low < MIB && finding.line.high > MIB);
    CHECK(finding.line.slope > 0.9 * MIB && finding.line.slope < 1.1 * MIB);
    CHECK(finding.p < 1e-6);
    check_case("so is one that grows in steps");
    CHECK(look(leaks_in_steps, SAMPLES).verdict == LEAK_SUSPECTED);
    check_case("and one that warms up before");
    CHECK(look(leaks_after_a_start, SAMPLES).verdict == LEAK_SUSPECTED);
    check_case("and one with teeth on top");
    CHECK(look(leaks_below_teeth, SAMPLES).verdict == LEAK_SUSPECTED);
}

static void test_none(void)
{
    check_case("what stays is none");
    CHECK(look(stays, SAMPLES).verdict == LEAK_NONE);
    CHECK(look(never_changes, SAMPLES).verdict == LEAK_NONE);
    check_case("what warms up and then stays is none");
    CHECK(look(levels_off, SAMPLES).verdict == LEAK_NONE);
    CHECK(look(saturates, SAMPLES).verdict == LEAK_NONE);
    CHECK(look(steps_up_once, SAMPLES).verdict == LEAK_NONE);
    check_case("what comes back down is none");
    CHECK(look(has_teeth, SAMPLES).verdict == LEAK_NONE);
    CHECK(look(has_long_teeth, SAMPLES).verdict == LEAK_NONE);
    CHECK(look(shrinks, SAMPLES).verdict == LEAK_NONE);
    check_case("what grows by next to nothing is none");
    CHECK(look(creeps, SAMPLES).verdict == LEAK_NONE);
}

/*
 * Memory that wanders has no trend, but in half of all short walks tests
 * that take samples as independent would find a rise.
 */
static void test_walks(void)
{
    unsigned suspected = 0;
    unsigned naive = 0;

    check_case("what wanders is rarely taken for a leak");
    for (unsigned walk = 1; walk <= 200; walk++) {
        leak_finding finding;
        double value = 1000 * MIB;

        state = walk * 2654435761u;
        memset(&series, 0, sizeof(series));
        for (size_t i = 0; i < SAMPLES; i++) {
            value += noise() * MIB;
            leak_add(&series, (double)i, value);
        }
        finding = decide(0.01, 60);
        suspected += finding.verdict == LEAK_SUSPECTED;
        naive += finding.test.s > 780; /* p < 0.01 by the plain test */
    }
    (void)printf("# %u of 200 walks suspected; %u by the plain test\n",
                 suspected, naive);
    CHECK(naive > 40);
    CHECK(suspected <= 10);
}

static void test_limits(void)
{
    leak_finding finding;

    check_case("few samples are not enough, and a short time is too short");
    CHECK(look(leaks, 0).verdict == LEAK_NOT_ENOUGH);
    CHECK(look(leaks, 1).verdict == LEAK_NOT_ENOUGH);
    CHECK(look(leaks, LEAK_SAMPLES_LEAST - 1).verdict == LEAK_NOT_ENOUGH);
    finding = look(leaks, 40);
    CHECK(finding.verdict == LEAK_TOO_SHORT && finding.has_line);

    check_case("more samples than there is room for are thinned out");
    finding = look(leaks, (size_t)10 * LEAK_MOST);
    CHECK(finding.verdict == LEAK_SUSPECTED);
    CHECK(series.count <= LEAK_MOST && series.count >= LEAK_MOST / 2);
    CHECK(series.times[0] <= 0 && finding.span > 9.5 * LEAK_MOST);
    for (size_t i = 1; i < series.count; i++) {
        CHECK(series.times[i] > series.times[i - 1]);
    }

    check_case("times that stand still say nothing");
    memset(&series, 0, sizeof(series));
    for (size_t i = 0; i < SAMPLES; i++) {
        leak_add(&series, 5, (double)i);
    }
    CHECK(decide(0.01, 0).verdict == LEAK_NOT_ENOUGH);

    check_case("each verdict has its words");
    CHECK(strcmp(leak_word(LEAK_NONE), "none") == 0);
    CHECK(strcmp(leak_text(LEAK_TOO_SHORT), "too short to tell") == 0);
}

void test_main(void)
{
    test_leaks();
    test_none();
    test_walks();
    test_limits();
}
