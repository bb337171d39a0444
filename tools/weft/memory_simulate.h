/* SPDX-License-Identifier: MIT
 *
 * memory_simulate.h - policies on recordings: what each of them would have
 * brought, and what programs would have paid for it.
 */
#ifndef MEMORY_SIMULATE_H
#define MEMORY_SIMULATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "memory_bandit.h"
#include "memory_model.h"
#include "memory_policy.h"

/* --------------------------------------------------------------- options ---
 */

/* What was learnt of applications, by their names. */
typedef struct sim_application {
    char name[64];
    bandit learnt;
} sim_application;

typedef struct sim_memory {
    sim_application *items;
    size_t count;
    size_t room;
    uint64_t now_ns; /* goes on from one recording to the next */
} sim_memory;

void sim_forget(sim_memory *memory);

/* A copy that learns on by itself; sim_forget ends it. False: no memory. */
bool sim_remember(const sim_memory *memory, sim_memory *copy);

typedef struct sim_options {
    double memory_percent; /* of the most that the recording wants */
    double memory_bytes;   /* instead, unless it is 0 */
    double swap_percent;   /* of memory */
    double packed_share;
    double scale;
    double random_share;
    const char *protects;
    uint64_t seed;
    policy_constants constants;
} sim_options;

/* --------------------------------------------------------------- results ---
 */

/* Member, unit, what it is. Per run. */
#define SIM_FIGURE_LIST(X)                                                     \
    X(useful_gb_s, "GB s", "memory kept free where it was needed")             \
    X(stall_s, "s", "programs waited for memory")                              \
    X(score_gb_s, "GB s", "useful, less the price of waiting and work")        \
    X(stall_p99_s, "s", "in the worst minute but one in a hundred")            \
    X(cpu_s, "s", "the policy's own work")                                     \
    X(refault_mb, "MB", "came back")                                           \
    X(actions_h, "/h", "actions")                                              \
    X(wrong, "", "verdicts of its own that were wrong")                        \
    X(kills, "", "processes ended for want of memory")                         \
    X(violations, "", "protected processes touched")

typedef struct sim_result {
#define SIM_FIGURE_MEMBER(name, unit, about) double name;
    SIM_FIGURE_LIST(SIM_FIGURE_MEMBER)
#undef SIM_FIGURE_MEMBER
} sim_result;

/* -------------------------------------------------------------- policies ---
 */

typedef struct sim_run sim_run;

typedef struct sim_policy {
    const char *name;
    const char *about;
    void (*step)(sim_run *run);
    bool has_verdicts; /* it says what its actions have brought */
    bool learns;       /* from the recordings before */
    bool ignores_damage;
    bool is_proactive; /* acts with plenty of memory, too */
} sim_policy;

extern const sim_policy sim_policies[];
extern const size_t sim_policy_count;

/* NULL: there is none of this name. */
const sim_policy *sim_find_policy(const char *name);

/*
 * One policy on one recording. `memory` is what the policy has learnt, and is
 * added to. False: no memory.
 */
bool sim_play(const sim_policy *chosen, const trace *recorded,
              const sim_options *options, sim_memory *memory,
              sim_result *result);

/* ------------------------------------------------------------- statistics ---
 */

/* A mean, and the middle 95 % of where it may be. */
typedef struct sim_interval {
    double mean;
    double low;
    double high;
} sim_interval;

/*
 * Percentile bootstrap of the mean (Efron 1979), 4000 times. `count` is at
 * least 1; with 1 the interval is the value.
 */
void sim_bootstrap(const double *values, size_t count, uint64_t seed,
                   sim_interval *interval);

/* ----------------------------------------------------- for the policies --- */

/* What has become of that which was sent away since a window began. */
typedef struct sim_window {
    size_t begin; /* tick */
    double released_bytes;
    double refault_bytes;
    double kept_s;     /* gained, where it was needed, times seconds */
    double released_s; /* all of it, times seconds */
    double cost_s;
} sim_window;

/*
 * Above 0: it was worth it. In units of what was sent away, kept for a whole
 * minute where it was needed. Something must have been sent away.
 */
double sim_reward(const sim_window *window, const sim_options *options);

/* A process, as our policy knows it. */
typedef struct sim_process {
    bandit_arm arm;
    bool has_marked;
    size_t marked_tick;
    sim_window window;
    double refault_share;
    uint64_t ready_ns;
    bandit_minute minutes[16]; /* the last ones */
    size_t minute_count;
    bandit_minute minute; /* the present one */
} sim_process;

/* A run; `state` numbers are the policy's own. */
struct sim_run {
    const sim_policy *policy;
    const sim_options *options;
    sim_memory *memory;
    bool failed; /* no memory */
    model model;
    bandit_random random;
    uint64_t base_ns;
    /* What the system counts. */
    double stall_ns;
    double io_stall_ns;
    double avg10, avg60, io_avg10, io_avg60; /* shares of time */
    /* This tick's. */
    double need_bytes; /* without what the policy keeps */
    unsigned tick_actions;
    /* Ours. */
    policy law;
    policy_target *targets;
    size_t *target_processes;
    sim_process *processes;
    /* Of others. */
    double state[4];
    /* For the result. */
    sim_window window;
    unsigned actions;
    unsigned kills;
    unsigned wrong;
    double useful_byte_s;
    double policy_cpu_s;
    double *stalls; /* by tick */
};

/* The policies' steps, in files of their own. */
void sim_step_ours(sim_run *run);
/* At the end of a window; true: by its own account it has helped. */
bool sim_settle_ours(sim_run *run);

#endif
