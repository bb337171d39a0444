/* SPDX-License-Identifier: MIT
 *
 * What is learnt about applications: from nothing, from outcomes, and in time.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "memory_bandit.h"

#define S UINT64_C(1000000000)
#define MINUTE (60 * S)
#define DAY (1440 * MINUTE)
#define CONTEXT BANDIT_WATCH_LONG

/* What the arms bring in a world, on average. */
typedef struct world {
    double means[BANDIT_ARMS];
    double spread;
} world;

static const world harmful = {{0, -0.05, -0.2, -0.4, -0.8}, 0.2};
static const world helpful = {{0, 0.02, 0.2, 0.4, 0.7}, 0.2};
static const world middling = {{0, 0.02, 0.2, 0.1, -0.3}, 0.2};

/* Plays for some minutes; counts the arms of the last half; the regret. */
static double play(bandit *learnt, const world *truth, unsigned minutes,
                   uint64_t *now_ns, bandit_random *random,
                   unsigned counts[BANDIT_ARMS])
{
    double best = 0;
    double regret = 0;

    for (unsigned i = 0; i < BANDIT_ARMS; i++) {
        best = fmax(best, truth->means[i]);
        counts[i] = 0;
    }
    for (unsigned i = 0; i < minutes; i++) {
        bandit_arm arm =
            bandit_choose(learnt, CONTEXT, BANDIT_PAGEOUT_100, *now_ns, random);

        *now_ns += MINUTE;
        regret += best - truth->means[arm];
        counts[arm] += i >= minutes / 2;
        if (arm != BANDIT_NOTHING) {
            bandit_learn(learnt, CONTEXT, arm,
                         truth->means[arm] +
                             truth->spread * bandit_normal(random),
                         *now_ns);
        }
    }
    return regret;
}

static void test_generator(void)
{
    bandit_random one;
    bandit_random two;
    double sum = 0;
    double squares = 0;

    check_case("the generator is reproducible, and Gaussian");
    bandit_seed(&one, 42);
    bandit_seed(&two, 42);
    for (unsigned i = 0; i < 100000; i++) {
        double x = bandit_normal(&one);

        CHECK(x <= bandit_normal(&two) && x > -7 && x < 7);
        sum += x;
        squares += x * x;
    }
    CHECK(fabs(sum / 1e5) < 0.02);
    CHECK(fabs(squares / 1e5 - 1) < 0.03);
    bandit_seed(&two, 43);
    CHECK(bandit_next(&one) != bandit_next(&two));
}

static void test_prior(void)
{
    bandit learnt;
    bandit_random random;
    unsigned tries[BANDIT_ARMS] = {0};

    check_case("without experience nothing is mostly done, and little at most");
    bandit_init(&learnt);
    bandit_seed(&random, 7);
    for (unsigned i = 0; i < 10000; i++) {
        tries[bandit_choose(&learnt, CONTEXT, BANDIT_PAGEOUT_100, DAY,
                            &random)]++;
    }
    CHECK(tries[BANDIT_NOTHING] > 7500);
    CHECK(tries[BANDIT_COLD] > 500);
    CHECK(tries[BANDIT_PAGEOUT_25] == 0 && tries[BANDIT_PAGEOUT_100] == 0);

    check_case("four outcomes are not used yet, however good; five are");
    for (unsigned i = 1; i <= BANDIT_LEAST_OUTCOMES; i++) {
        bandit_view view;

        bandit_learn(&learnt, CONTEXT, BANDIT_COLD, 1, DAY);
        bandit_explain(&learnt, CONTEXT, BANDIT_COLD, DAY, &view);
        CHECK(view.count == i && view.has_last);
        CHECK(view.is_used == (i == BANDIT_LEAST_OUTCOMES));
        CHECK(view.mean < 0 || view.is_used);
        CHECK(bandit_has_learnt(&learnt, CONTEXT) == view.is_used);
        CHECK(!bandit_has_learnt(&learnt, BANDIT_SCARCE_LONG));
    }

    check_case("nor one arm's in another context");
    for (unsigned i = 0; i < 1000; i++) {
        CHECK(bandit_choose(&learnt, BANDIT_SCARCE_RECENT, BANDIT_PAGEOUT_100,
                            DAY, &random) <= BANDIT_COLD);
    }
}

static void test_convergence(void)
{
    static const struct {
        const world *truth;
        bandit_arm best;
        double regret; /* bound for a day, on average over the seeds */
    } worlds[] = {{&harmful, BANDIT_NOTHING, 10},
                  {&helpful, BANDIT_PAGEOUT_100, 140},
                  {&middling, BANDIT_PAGEOUT_25, 45}};

    check_case("it comes to the best arm, and what that costs is bounded");
    for (size_t i = 0; i < 3; i++) {
        unsigned right = 0;
        unsigned all = 0;
        double regret = 0;

        for (uint64_t seed = 1; seed <= 50; seed++) {
            bandit learnt;
            bandit_random random;
            uint64_t now_ns = DAY;
            unsigned counts[BANDIT_ARMS];

            bandit_init(&learnt);
            bandit_seed(&random, seed);
            regret +=
                play(&learnt, worlds[i].truth, 1440, &now_ns, &random, counts);
            right += counts[worlds[i].best];
            all += 720;
            CHECK(bandit_is_sound(&learnt));
        }
        printf("# world %zu: %.1f %% right, regret %.1f a day\n", i,
               100.0 * right / all, regret / 50);
        CHECK(right > all * 9 / 10);
        CHECK(regret / 50 < worlds[i].regret);
    }
}

static void test_forgetting(void)
{
    bandit learnt;
    bandit_random random;
    bandit_view view;
    uint64_t now_ns = DAY;
    unsigned counts[BANDIT_ARMS];
    double before;

    check_case("an outcome counts half after a day");
    bandit_init(&learnt);
    for (unsigned i = 0; i < 8; i++) {
        bandit_learn(&learnt, CONTEXT, BANDIT_COLD, 0.5, now_ns);
    }
    bandit_explain(&learnt, CONTEXT, BANDIT_COLD, now_ns + DAY, &view);
    CHECK(fabs(view.weight - 4) < 1e-6);
    bandit_explain(&learnt, CONTEXT, BANDIT_COLD, now_ns + 100 * DAY, &view);
    CHECK(view.weight < 1e-6 && view.mean < 0 && view.count == 8);

    check_case("what has become harmful is left in a day or two");
    bandit_seed(&random, 3);
    bandit_init(&learnt);
    (void)play(&learnt, &helpful, 1440, &now_ns, &random, counts);
    CHECK(counts[BANDIT_PAGEOUT_100] > 600);
    (void)play(&learnt, &harmful, 2880, &now_ns, &random, counts);
    printf("# tried again %u times\n", counts[BANDIT_PAGEOUT_100]);
    CHECK(counts[BANDIT_PAGEOUT_100] < 72); /* one in 20 */

    check_case("time that goes back ages nothing");
    bandit_explain(&learnt, CONTEXT, BANDIT_COLD, now_ns, &view);
    before = view.weight;
    bandit_learn(&learnt, CONTEXT, BANDIT_COLD, 0, DAY);
    bandit_explain(&learnt, CONTEXT, BANDIT_COLD, DAY, &view);
    CHECK(view.weight > before);
}

static void test_bounds(void)
{
    bandit learnt;
    bandit_random random;
    bandit_view view;

    check_case("the safety bound has the last word");
    bandit_init(&learnt);
    bandit_seed(&random, 11);
    for (int arm = BANDIT_COLD; arm < BANDIT_ARMS; arm++) {
        for (unsigned i = 0; i < 20; i++) {
            bandit_learn(&learnt, CONTEXT, (bandit_arm)arm, 1, DAY);
        }
    }
    for (int most = BANDIT_NOTHING; most < BANDIT_ARMS; most++) {
        for (unsigned i = 0; i < 200; i++) {
            CHECK(bandit_choose(&learnt, CONTEXT, (bandit_arm)most, DAY,
                                &random) <= (bandit_arm)most);
        }
    }

    check_case("outcomes beyond all bounds stay within them");
    bandit_learn(&learnt, CONTEXT, BANDIT_COLD, 1e300, DAY);
    bandit_learn(&learnt, CONTEXT, BANDIT_COLD, -1e300, DAY);
    bandit_explain(&learnt, CONTEXT, BANDIT_COLD, DAY, &view);
    CHECK(view.count == 22 && view.last <= -1 && view.last >= -1);
    bandit_learn(&learnt, CONTEXT, BANDIT_COLD, nan(""), DAY);
    bandit_explain(&learnt, CONTEXT, BANDIT_COLD, DAY, &view);
    CHECK(view.count == 22);
    CHECK(view.low < view.mean && view.mean < view.high);

    check_case("what a file can't have been is seen");
    CHECK(bandit_is_sound(&learnt));
    for (size_t i = 0; i < sizeof(learnt); i += 4) {
        bandit wild = learnt;

        memset((char *)&wild + i, 0xff, 4); /* not a number, if it is one */
        CHECK(bandit_is_sound(&wild) == (i < sizeof(learnt.updated_ns) ||
                                         (i - 8) % sizeof(bandit_cell) == 12));
    }

    check_case("names");
    CHECK(strcmp(bandit_arm_name(BANDIT_PAGEOUT_25), "page out 25 %") == 0);
    CHECK(bandit_arm_percent(BANDIT_PAGEOUT_100) == 100);
    CHECK(bandit_context_of(WEFT_PRESSURE_TIGHT, 600 * S) ==
          BANDIT_SCARCE_LONG);
    CHECK(bandit_context_of(WEFT_PRESSURE_CALM, 0) == BANDIT_WATCH_RECENT);
    CHECK(bandit_context_name(BANDIT_SCARCE_LONG)[0] != '\0');
}

static void test_cold_age(void)
{
    bandit_minute minutes[50] = {{{0}}};
    uint64_t age_ns = 1;

    check_case("memory is cold from the age on at which little comes back");
    CHECK(bandit_cold_age(minutes, 50, 1000000, 0.2, 98, &age_ns));
    CHECK(age_ns == 0);
    CHECK(!bandit_cold_age(minutes, 0, 1000000, 0.2, 98, &age_ns));
    for (size_t i = 0; i < 50; i++) {
        minutes[i].promoted_bytes[3] = 2000; /* from 60 s on; 0.2 % */
        minutes[i].promoted_bytes[4] = 1;    /* from 120 s on */
    }
    CHECK(bandit_cold_age(minutes, 50, 1000000, 0.2, 98, &age_ns));
    CHECK(age_ns == 120 * S);

    check_case("one bad minute in fifty does not count, two do");
    minutes[7].promoted_bytes[5] = 1000000;
    CHECK(bandit_cold_age(minutes, 50, 1000000, 0.2, 98, &age_ns));
    CHECK(age_ns == 120 * S);
    minutes[8].promoted_bytes[5] = 1000000;
    CHECK(bandit_cold_age(minutes, 50, 1000000, 0.2, 98, &age_ns));
    CHECK(age_ns == 600 * S);

    check_case("or at none");
    for (size_t i = 0; i < 50; i++) {
        minutes[i].promoted_bytes[BANDIT_AGES - 1] = UINT64_MAX;
    }
    CHECK(!bandit_cold_age(minutes, 50, 1000000, 0.2, 98, &age_ns));
}

void test_main(void)
{
    test_generator();
    test_prior();
    test_convergence();
    test_forgetting();
    test_bounds();
    test_cold_age();
}
