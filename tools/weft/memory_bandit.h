/* SPDX-License-Identifier: MIT
 *
 * memory_bandit.h - what experience says about an application's cold memory.
 *
 * For each application and context some arms; what an arm has brought is
 * remembered as a mean and its spread, in which older outcomes count for less.
 * An arm is chosen by Thompson sampling: one draw from what is known of each,
 * and the largest wins, so an arm is tried as often as it may be the best one.
 * That nothing is best is believed until outcomes say otherwise.
 *
 * Thompson (1933); Russo et al., "A Tutorial on Thompson Sampling", 2018.
 *
 * Pure functions: the caller has the clock and the generator's seed.
 */
#ifndef MEMORY_BANDIT_H
#define MEMORY_BANDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <weft/memory.h>

/* Symbol, name, the part of the cold memory that is paged out, in percent. */
#define BANDIT_ARM_LIST(X)                                                     \
    X(BANDIT_NOTHING, "nothing", 0)                                            \
    X(BANDIT_COLD, "cold", 0)                                                  \
    X(BANDIT_PAGEOUT_25, "page out 25 %", 25)                                  \
    X(BANDIT_PAGEOUT_50, "page out 50 %", 50)                                  \
    X(BANDIT_PAGEOUT_100, "page out 100 %", 100)

typedef enum bandit_arm {
#define BANDIT_ARM_ENUM(symbol, name, percent) symbol,
    BANDIT_ARM_LIST(BANDIT_ARM_ENUM)
#undef BANDIT_ARM_ENUM
} bandit_arm;

#define BANDIT_ARMS 5

/* "nothing" and so on; static. */
const char *bandit_arm_name(bandit_arm arm);

/* 0 to 100. */
unsigned bandit_arm_percent(bandit_arm arm);

/* Outcomes of an arm before what they say is used. */
#define BANDIT_LEAST_OUTCOMES 5

/* After so long an outcome counts half. */
#define BANDIT_HALF_LIFE_NS (UINT64_C(24) * 3600 * 1000000000)

/* ---------------------------------------------------------- generator --- */

/* xoshiro256** 1.0 (Blackman and Vigna), seeded by splitmix64. */
typedef struct bandit_random {
    uint64_t words[4];
} bandit_random;

void bandit_seed(bandit_random *random, uint64_t seed);
uint64_t bandit_next(bandit_random *random);
double bandit_uniform(bandit_random *random); /* [0, 1) */
double bandit_normal(bandit_random *random);  /* mean 0, variance 1 */

/* ------------------------------------------------------------- context --- */

/*
 * What an outcome depends on besides the application: whether memory was
 * scarce (TIGHT and EMERGENCY) or only watched, and whether the process had
 * been in the background for 10 minutes.
 */
typedef enum bandit_context {
    BANDIT_WATCH_RECENT,
    BANDIT_WATCH_LONG,
    BANDIT_SCARCE_RECENT,
    BANDIT_SCARCE_LONG
} bandit_context;

#define BANDIT_CONTEXTS 4

bandit_context bandit_context_of(weft_pressure state, uint64_t background_ns);

/* "watched, in the background for less than 10 minutes" and so on; static. */
const char *bandit_context_name(bandit_context context);

/* ------------------------------------------------------------ learning --- */

/*
 * What is remembered of an arm in a context: 16 bytes, so 64 for an arm of an
 * application. Widths are fixed, for it is kept in files.
 */
typedef struct bandit_cell {
    float weight;   /* of the outcomes that still count */
    float mean;     /* of the rewards */
    float squares;  /* weighted sum of their squared deviations */
    int16_t last;   /* the last reward, in 32767ths */
    uint16_t count; /* of all outcomes; 65535: or more */
} bandit_cell;

/* An application. */
typedef struct bandit {
    uint64_t updated_ns; /* wall-clock time to which the weights are aged */
    bandit_cell cells[BANDIT_CONTEXTS][BANDIT_ARMS];
} bandit;

void bandit_init(bandit *learnt);

/* Whether what was read from a file can be one. */
bool bandit_is_sound(const bandit *learnt);

/*
 * Whether there are outcomes enough of any arm. Until then the law decides
 * alone, within the safety bound, and what comes of that is learnt.
 */
bool bandit_has_learnt(const bandit *learnt, bandit_context context);

/*
 * The arm for the next action. None above `most`: that is the safety bound's
 * word. NOTHING brings 0, and each other arm a draw. Of the arms with less than
 * BANDIT_LEAST_OUTCOMES outcomes only the first may be tried, by what is
 * believed beforehand, and only if the one before it is not known to hurt.
 */
bandit_arm bandit_choose(const bandit *learnt, bandit_context context,
                         bandit_arm most, uint64_t now_ns,
                         bandit_random *random);

/*
 * An outcome: from -1 to 1 (beyond counts as that; what is not a number, not at
 * all), in units of the memory acted on, kept where it was needed for a whole
 * window. Time that goes back ages nothing.
 */
void bandit_learn(bandit *learnt, bandit_context context, bandit_arm arm,
                  double reward, uint64_t now_ns);

/* What is known of an arm. */
typedef struct bandit_view {
    unsigned count;
    double weight; /* as many outcomes of today it is worth */
    double mean;   /* with what is believed beforehand; so are the bounds */
    double low;    /* it is between these with a probability of 95 % */
    double high;
    bool has_last;
    double last;
    bool is_used; /* there are outcomes enough */
} bandit_view;

void bandit_explain(const bandit *learnt, bandit_context context,
                    bandit_arm arm, uint64_t now_ns, bandit_view *view);

/* -------------------------------------------------------- safety bound --- */

/*
 * By how long it has not been used, memory falls into classes: class I from
 * bandit_age_ns(I) on.
 */
#define BANDIT_AGES 8

/* 0, 10, 30, 60, 120, 300, 600 and 1800 s. */
uint64_t bandit_age_ns(size_t age);

/* What was used again within a minute, by the age that it had, in bytes. */
typedef struct bandit_minute {
    uint64_t promoted_bytes[BANDIT_AGES];
} bandit_minute;

/*
 * The least age from which on memory may count as cold: in `percentile` percent
 * of the minutes not more than `rate` percent of the working set has been used
 * again that had not been used for that long. False: not at any age, or no
 * minute is known.
 */
bool bandit_cold_age(const bandit_minute *minutes, size_t count,
                     uint64_t working_set_bytes, double rate, double percentile,
                     uint64_t *age_ns);

#endif
