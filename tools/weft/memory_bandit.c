/* SPDX-License-Identifier: MIT
 *
 * Thompson sampling with Gaussian beliefs and forgetting.
 *
 * What is believed of an arm is that of PRIOR_WEIGHT outcomes as they were
 * expected, and of those that were seen, each with the weight that time has
 * left of it. So an arm that nobody has used for days is believed to be as at
 * first.
 */
#include "memory_bandit.h"

#include <math.h>
#include <string.h>

/*
 * What an arm brings that was never used: a little less than the one before it,
 * to within a spread that leaves one try in six. The first comes after NOTHING,
 * which brings 0.
 */
#define PRIOR_STEP (-0.1)
#define PRIOR_SD 0.1
#define PRIOR_WEIGHT 1.0

/* Two-sided 95 % of a Gaussian. */
#define Z_95 1.959964

#define LAST_UNIT 32767.0

#define MINUTE_NS (UINT64_C(60) * 1000000000)
#define LONG_NS (10 * MINUTE_NS)

_Static_assert(sizeof(bandit_cell) * BANDIT_CONTEXTS <= 64,
               "an arm of an application takes more than was promised");

static const struct {
    const char *name;
    unsigned percent;
} arms[] = {
#define ARM_ROW(symbol, name, percent) [symbol] = {name, percent},
    BANDIT_ARM_LIST(ARM_ROW)
#undef ARM_ROW
};

_Static_assert(sizeof(arms) / sizeof(arms[0]) == BANDIT_ARMS,
               "the count is not that of the list");

const char *bandit_arm_name(bandit_arm arm)
{
    return arms[arm].name;
}

unsigned bandit_arm_percent(bandit_arm arm)
{
    return arms[arm].percent;
}

/* ------------------------------------------------------------ generator ---
 */

static uint64_t splitmix(uint64_t *state)
{
    uint64_t word = (*state += UINT64_C(0x9e3779b97f4a7c15));

    word = (word ^ word >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    word = (word ^ word >> 27) * UINT64_C(0x94d049bb133111eb);
    return word ^ word >> 31;
}

void bandit_seed(bandit_random *random, uint64_t seed)
{
    for (int i = 0; i < 4; i++) {
        random->words[i] = splitmix(&seed);
    }
}

static uint64_t rotate(uint64_t word, int by)
{
    return word << by | word >> (64 - by);
}

uint64_t bandit_next(bandit_random *random)
{
    uint64_t *words = random->words;
    uint64_t result = rotate(words[1] * 5, 7) * 9;
    uint64_t shifted = words[1] << 17;

    words[2] ^= words[0];
    words[3] ^= words[1];
    words[1] ^= words[2];
    words[0] ^= words[3];
    words[2] ^= shifted;
    words[3] = rotate(words[3], 45);
    return result;
}

double bandit_uniform(bandit_random *random)
{
    return (double)(bandit_next(random) >> 11) * 0x1p-53;
}

/* Marsaglia's polar method; the second of the two numbers is not kept. */
double bandit_normal(bandit_random *random)
{
    double x;
    double square;

    do {
        double y;

        x = 2 * bandit_uniform(random) - 1;
        y = 2 * bandit_uniform(random) - 1;
        square = x * x + y * y;
    } while (square >= 1 || square <= 0);
    return x * sqrt(-2 * log(square) / square);
}

/* -------------------------------------------------------------- context ---
 */

bandit_context bandit_context_of(weft_pressure state, uint64_t background_ns)
{
    bool is_long = background_ns >= LONG_NS;

    if (state >= WEFT_PRESSURE_TIGHT) {
        return is_long ? BANDIT_SCARCE_LONG : BANDIT_SCARCE_RECENT;
    }
    return is_long ? BANDIT_WATCH_LONG : BANDIT_WATCH_RECENT;
}

const char *bandit_context_name(bandit_context context)
{
    static const char *const names[] = {
        [BANDIT_WATCH_RECENT] = "memory is watched, in use lately",
        [BANDIT_WATCH_LONG] = "memory is watched, long in the background",
        [BANDIT_SCARCE_RECENT] = "memory is scarce, in use lately",
        [BANDIT_SCARCE_LONG] = "memory is scarce, long in the background"};

    return names[context];
}

/* ------------------------------------------------------------- learning ---
 */

void bandit_init(bandit *learnt)
{
    memset(learnt, 0, sizeof(*learnt));
}

static bool is_sound_cell(const bandit_cell *cell)
{
    return cell->weight >= 0 && cell->weight <= (float)UINT16_MAX &&
           cell->mean >= -1 && cell->mean <= 1 && cell->squares >= 0 &&
           cell->squares <= 4 * (float)UINT16_MAX && cell->last >= -INT16_MAX &&
           (cell->count > 0 || cell->weight <= 0);
}

bool bandit_is_sound(const bandit *learnt)
{
    for (size_t i = 0; i < BANDIT_CONTEXTS; i++) {
        for (size_t j = 0; j < BANDIT_ARMS; j++) {
            if (!is_sound_cell(&learnt->cells[i][j])) {
                return false;
            }
        }
    }
    return true;
}

/* What is left of a weight by now. */
static double left_of(const bandit *learnt, uint64_t now_ns)
{
    if (now_ns <= learnt->updated_ns) {
        return 1;
    }
    return exp2(-(double)(now_ns - learnt->updated_ns) /
                (double)BANDIT_HALF_LIFE_NS);
}

static void age(bandit *learnt, uint64_t now_ns)
{
    float left = (float)left_of(learnt, now_ns);

    for (size_t i = 0; i < BANDIT_CONTEXTS; i++) {
        for (size_t j = 0; j < BANDIT_ARMS; j++) {
            learnt->cells[i][j].weight *= left;
            learnt->cells[i][j].squares *= left;
        }
    }
    if (now_ns > learnt->updated_ns) {
        learnt->updated_ns = now_ns;
    }
}

void bandit_learn(bandit *learnt, bandit_context context, bandit_arm arm,
                  double reward, uint64_t now_ns)
{
    bandit_cell *cell = &learnt->cells[context][arm];
    double before;
    double mean;

    if (isunordered(reward, 0.0)) { /* not a number */
        return;
    }
    reward = fmin(fmax(reward, -1), 1);
    age(learnt, now_ns);
    /* Welford's update, with weights. */
    cell->weight += 1;
    before = reward - (double)cell->mean;
    mean = (double)cell->mean + before / (double)cell->weight;
    cell->squares += (float)(before * (reward - mean));
    cell->mean = (float)mean;
    cell->last = (int16_t)lrint(reward * LAST_UNIT);
    if (cell->count < UINT16_MAX) {
        cell->count++;
    }
}

/* The mean of an arm, and how far off that may be. */
typedef struct belief {
    double mean;
    double sd;
} belief;

static bool is_known(const bandit_cell *cell)
{
    return cell->count >= BANDIT_LEAST_OUTCOMES;
}

/* `before`: what is believed of the arm before it. */
static belief believe(const bandit_cell *cell, double left,
                      const belief *before)
{
    double expected = before->mean + PRIOR_STEP;
    double seen = is_known(cell) ? (double)cell->weight * left : 0;
    double weight = PRIOR_WEIGHT + seen;
    double mean =
        (PRIOR_WEIGHT * expected + seen * (double)cell->mean) / weight;
    /* The two parts lie apart from their common mean: that is spread, too. */
    double apart = (double)cell->mean - expected;
    double squares = PRIOR_WEIGHT * PRIOR_SD * PRIOR_SD;

    if (is_known(cell)) {
        squares += (double)cell->squares * left +
                   PRIOR_WEIGHT * seen / weight * apart * apart;
    }
    return (belief){mean, sqrt(squares) / weight};
}

/* Of all arms: NOTHING brings 0, which is certain. */
static void believe_all(const bandit *learnt, bandit_context context,
                        uint64_t now_ns, belief beliefs[BANDIT_ARMS])
{
    double left = left_of(learnt, now_ns);

    beliefs[BANDIT_NOTHING] = (belief){0, 0};
    for (int arm = BANDIT_COLD; arm < BANDIT_ARMS; arm++) {
        beliefs[arm] =
            believe(&learnt->cells[context][arm], left, &beliefs[arm - 1]);
    }
}

bool bandit_has_learnt(const bandit *learnt, bandit_context context)
{
    for (int arm = BANDIT_COLD; arm < BANDIT_ARMS; arm++) {
        if (is_known(&learnt->cells[context][arm])) {
            return true;
        }
    }
    return false;
}

bandit_arm bandit_choose(const bandit *learnt, bandit_context context,
                         bandit_arm most, uint64_t now_ns,
                         bandit_random *random)
{
    belief beliefs[BANDIT_ARMS];
    bandit_arm best = BANDIT_NOTHING;
    double largest = 0;
    bool may_try = true;

    believe_all(learnt, context, now_ns, beliefs);
    for (int arm = BANDIT_COLD; arm <= (int)most; arm++) {
        const belief *about = &beliefs[arm];
        bool known = is_known(&learnt->cells[context][arm]);

        if (known || may_try) {
            double draw = about->mean + about->sd * bandit_normal(random);

            if (draw > largest) {
                largest = draw;
                best = (bandit_arm)arm;
            }
        }
        may_try &= known && about->mean + Z_95 * about->sd >= 0;
    }
    return best;
}

void bandit_explain(const bandit *learnt, bandit_context context,
                    bandit_arm arm, uint64_t now_ns, bandit_view *view)
{
    const bandit_cell *cell = &learnt->cells[context][arm];
    belief beliefs[BANDIT_ARMS];
    const belief *about = &beliefs[arm];

    believe_all(learnt, context, now_ns, beliefs);
    *view =
        (bandit_view){.count = cell->count,
                      .weight = (double)cell->weight * left_of(learnt, now_ns),
                      .mean = about->mean,
                      .low = about->mean - Z_95 * about->sd,
                      .high = about->mean + Z_95 * about->sd,
                      .has_last = cell->count > 0,
                      .last = (double)cell->last / LAST_UNIT,
                      .is_used = arm == BANDIT_NOTHING || is_known(cell)};
}

/* --------------------------------------------------------- safety bound ---
 */

uint64_t bandit_age_ns(size_t age)
{
    static const unsigned seconds[BANDIT_AGES] = {0,   10,  30,  60,
                                                  120, 300, 600, 1800};

    return (uint64_t)seconds[age] * 1000000000;
}

/* Of one minute: what was used again that was of this age or older. */
static uint64_t promoted_from(const bandit_minute *minute, size_t age)
{
    const uint64_t *promoted = minute->promoted_bytes;
    uint64_t bytes = 0;

    for (size_t i = age; i < BANDIT_AGES; i++) {
        bytes =
            promoted[i] > UINT64_MAX - bytes ? UINT64_MAX : bytes + promoted[i];
    }
    return bytes;
}

bool bandit_cold_age(const bandit_minute *minutes, size_t count,
                     uint64_t working_set_bytes, double rate, double percentile,
                     uint64_t *age_ns)
{
    double most = (double)working_set_bytes * rate / 100;

    for (size_t i = 0; i < BANDIT_AGES; i++) {
        size_t within = 0;

        for (size_t j = 0; j < count; j++) {
            within += (double)promoted_from(&minutes[j], i) <= most;
        }
        if (count > 0 && (double)within * 100 >= percentile * (double)count) {
            *age_ns = bandit_age_ns(i);
            return true;
        }
    }
    return false;
}
