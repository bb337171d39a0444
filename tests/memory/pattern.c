/* SPDX-License-Identifier: MIT
 *
 * What figures did: slopes, steps, periods, the time left, and nothing.
 */
#include <math.h>
#include <string.h>

#include "check.h"
#include "pattern_set.h"

#define MIB (1024.0 * 1024)
#define SAMPLES 120

static leak_series series;
static uint32_t state = 1;

/* From -1 to 1. */
static double noise(void)
{
    state = state * 1664525u + 1013904223u;
    return (double)(state >> 8) / (1u << 23) - 1;
}

typedef double shape(size_t sample);

/* A sample each second; half a MiB is worth a word. */
static pattern look(shape *value, size_t count)
{
    pattern found;

    memset(&series, 0, sizeof(series));
    for (size_t i = 0; i < count; i++) {
        leak_add(&series, (double)i, value(i));
    }
    CHECK(pattern_look(&series, 0.01, MIB / 2, &found));
    return found;
}

static double falls(size_t i)
{
    return (1000 - (double)i) * MIB + noise() * MIB;
}

static double stays(size_t i)
{
    return 1000 * MIB + noise() * 20 * MIB + 0 * (double)i;
}

static double never_changes(size_t i)
{
    return 1000 * MIB + 0 * (double)i;
}

static double steps_down(size_t i)
{
    return (i < 50 ? 1000 : 600) * MIB + noise() * 5 * MIB;
}

static double repeats(size_t i)
{
    return (i / 10 % 2 == 0 ? 1000 : 900) * MIB + noise() * 3 * MIB;
}

static void test_trend(void)
{
    pattern found = look(falls, SAMPLES);
    trend_eta eta;

    check_case("what falls has a speed, and an end");
    CHECK(found.is_known && found.has_trend && !found.has_step);
    CHECK(fabs(found.line.slope + MIB) < 0.05 * MIB);
    CHECK(pattern_end(&found, &eta));
    CHECK(fabs(eta.likely - 881) < 30 && eta.early < eta.likely);
    CHECK(eta.has_late && eta.late > eta.likely);
    CHECK(found.level > found.now - 20 * MIB);
    CHECK(found.level < found.now + 40 * MIB);
}

static void test_none(void)
{
    pattern found = look(stays, SAMPLES);
    trend_eta eta;

    check_case("what stays has no trend, no step and no end");
    CHECK(found.is_known && !found.has_trend && !found.has_step);
    CHECK(!found.has_period && !pattern_end(&found, &eta));
    found = look(never_changes, SAMPLES);
    CHECK(found.is_known && !found.has_trend && !found.has_step);
    CHECK(!found.has_period && !pattern_end(&found, &eta));

    check_case("of few samples nothing is known");
    CHECK(!look(falls, LEAK_SAMPLES_LEAST - 1).is_known);
    CHECK(!look(falls, 0).is_known);
}

static void test_step(void)
{
    pattern found = look(steps_down, SAMPLES);
    trend_eta eta;

    check_case("a step is told as one, and does not go on");
    CHECK(found.has_step && !found.has_trend);
    CHECK(fabs(found.step + 400 * MIB) < 10 * MIB);
    CHECK(fabs(found.step_at - 50) < 2);
    CHECK(!pattern_end(&found, &eta));
}

static void test_period(void)
{
    pattern found = look(repeats, SAMPLES);

    check_case("what repeats itself has a period");
    CHECK(found.has_period && fabs(found.period - 20) < 1.5);
    CHECK(!found.has_trend);
}

static void test_set(void)
{
    static const double last[] = {5, 30, 10, 20};
    pattern_set *set = NULL;
    static pattern_set room;

    check_case("the largest are kept, by what they have at the end");
    set = &room;
    for (size_t i = 0; i < sizeof(last) / sizeof(last[0]); i++) {
        pattern_subject *subject = pattern_add(set, i, "name");

        if (subject == NULL) {
            CHECK_NOT_HERE("no memory");
            return;
        }
        leak_add(subject->series, 0, 100 * MIB);
        leak_add(subject->series, 1, last[i] * MIB);
    }
    CHECK(pattern_judge(set, 0.01, 2));
    REQUIRE(set->count == 2);
    CHECK(set->subjects[0].id == 1 && set->subjects[1].id == 3);
    CHECK(!set->subjects[0].found.is_known);
    CHECK(fabs(set->subjects[0].found.now - 30 * MIB) < 1);
    CHECK(pattern_judge(set, 0.01, 10) && set->count == 2);
    pattern_free(set);
    CHECK(pattern_judge(set, 0.01, 10) && set->count == 0);
    pattern_free(set);
}

void test_main(void)
{
    test_trend();
    test_none();
    test_step();
    test_period();
    test_set();
}
