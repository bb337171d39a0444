/* SPDX-License-Identifier: MIT
 *
 * memory_policy.h - what to do about scarce memory, when, and how much of it.
 *
 * Pure functions of what they are given: no clock, no system, no allocation.
 * The daemon and the simulation call the same ones. docs/memory-policy.md
 * explains the law.
 *
 * Each look: fill in a policy_sample and a policy_target for each process that
 * may be acted on, call policy_decide, carry out the steps in their order, and
 * look again after `next_look_ns` or when the system's alarm goes off. A minute
 * after a step tell policy_settle what has become of it.
 *
 * Nothing is ever killed, frozen or trimmed as a whole.
 */
#ifndef MEMORY_POLICY_H
#define MEMORY_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <weft/memory.h>

#include "memory_bandit.h"

/* ----------------------------------------------------------- constants --- */

/*
 * Member, default, unit and source. "law": section "The law" of
 * docs/memory-policy.md, where the choice is argued.
 */
#define POLICY_CONSTANT_LIST(X)                                                \
    X(watch_available, 20, "% of memory", "law; as <weft/memory.h>")           \
    X(tight_available, 10, "% of memory", "law; as <weft/memory.h>")           \
    X(emergency_available, 3, "% of memory", "law; as <weft/memory.h>")        \
    X(emergency_swap, 5, "% of swap", "law; as <weft/memory.h>")               \
    X(stall_target, 0.1, "% of time", "oomd Senpai.cpp: max some avg10/60")    \
    X(emergency_stall, 10, "% of time", "law; as <weft/memory.h>")             \
    X(watch_eta, 600, "s", "law: time for a user to react")                    \
    X(average, 10, "s", "the kernel's avg10")                                  \
    X(dwell, 30, "s", "law: three averages")                                   \
    X(gap, 1.5, "", "law: leave at 1.5 times the distance")                    \
    X(swap_full, 80, "% of swap", "oomd Senpai.cpp: no swap-out beyond")       \
    X(gain_start, 0.5, "of cold memory", "simulation: half of gain_most")      \
    X(gain_step, 0.05, "of cold memory", "law: ten good windows to gain_most") \
    X(gain_most, 1, "of cold memory", "law: all of it")                        \
    X(action_memory, 1, "% of memory", "oomd Senpai.cpp: max_probe")           \
    X(action_cpu, 0.050, "s", "simulation; DAMON quota of 50 ms a second")     \
    X(action_interval, 1, "s", "simulation; DAMON quota interval")             \
    X(window, 60, "s", "law: the verdict's second look")                       \
    X(refault_share, 5, "% of released", "law")                                \
    X(refault_rate, 0.2, "% of working set a minute",                          \
      "Lagar-Cavilla et al., ASPLOS 2019: promotion rate")                     \
    X(cooloff_least, 30, "s", "law: one dwell")                                \
    X(cooloff_most, 600, "s", "law")                                           \
    X(cooldown, 60, "s", "law: one window")                                    \
    X(half_lives, 4, "", "law: 1/16 is left of what comes back")               \
    X(round, 10, "s", "simulation: from cold to paged out")                    \
    X(stall_price, 30, "GB s for a second",                                    \
      "law: a page out for a minute pays its round trip of 8 us")              \
    X(ask_interval, 60, "s", "law: one window")                                \
    X(tell_interval, 300, "s", "law: five windows")                            \
    X(look_calm, 1, "s", "law")                                                \
    X(look_edge, 0.2, "s", "law")

typedef struct policy_constants {
#define POLICY_CONSTANT_MEMBER(member, value, unit, source) double member;
    POLICY_CONSTANT_LIST(POLICY_CONSTANT_MEMBER)
#undef POLICY_CONSTANT_MEMBER
} policy_constants;

typedef struct policy_constant {
    const char *name;
    const char *unit;
    const char *source;
    double value;  /* the default */
    size_t offset; /* in policy_constants */
} policy_constant;

extern const policy_constant policy_constant_table[];
extern const size_t policy_constant_count;
extern const policy_constants policy_defaults;

/* NULL if there is none of this name. */
const policy_constant *policy_find_constant(const char *name);

/* -------------------------------------------------------------- inputs --- */

/* One look at the machine, or at the group whose limit counts. */
typedef struct policy_sample {
    uint64_t now_ns;           /* of any clock that does not go back */
    uint64_t total_bytes;      /* not 0 */
    uint64_t available_bytes;  /* with the lists of the CPUs */
    uint64_t swap_total_bytes; /* 0: nothing anonymous can leave memory */
    uint64_t swap_free_bytes;
    uint64_t page_bytes; /* not 0 */
    /* Running totals of the time that programs waited. */
    bool has_stalls;
    uint64_t stall_some_ns;
    uint64_t stall_all_ns;
    bool has_io_stalls;
    uint64_t stall_io_ns;
    /* What the system says itself; CALM where it says nothing. */
    weft_pressure told;
} policy_sample;

/* A process, or a group of them, that something may be done with. */
typedef struct policy_target {
    uint64_t key;           /* the caller's; the policy does not look at it */
    uint64_t private_bytes; /* what comes free when it ends */
    /* Not referenced for the cold age, not marked as cold yet; anonymous. */
    uint64_t cold_bytes;
    /* Marked as cold a round ago, and not referenced since; anonymous. */
    uint64_t idle_bytes;
    /* Memory gained by a byte that is paged out: 1 to disk, 1 - the share that
     * compression leaves to zram; 0 or less: nothing to gain. */
    double gain;
    /* Of what is paged out, the part that comes back within a window. */
    double refault_share;
    uint64_t refault_ns; /* for a page that comes back */
    uint64_t pageout_ns; /* for a page that goes */
    uint64_t ready_ns;   /* not before: policy_ready_ns */
    bandit_arm arm;      /* the most that experience allows */
    bool is_protected;   /* only ever named to the user */
} policy_target;

/* ------------------------------------------------------------ decision --- */

/*
 * What is done, in this order: symbol, name.
 *
 * OWN: give back the caches of this process. ASK: the low-memory signal to
 * programs that listen. COLD: mark `bytes` of the target as the first to go.
 * PAGEOUT: page out `bytes` of what has stayed idle since. TELL: the user, with
 * the processes in `top`.
 */
#define POLICY_VERB_LIST(X)                                                    \
    X(POLICY_OWN, own)                                                         \
    X(POLICY_ASK, ask)                                                         \
    X(POLICY_COLD, cold)                                                       \
    X(POLICY_PAGEOUT, pageout)                                                 \
    X(POLICY_TELL, tell)

typedef enum policy_verb {
#define POLICY_VERB_ENUM(symbol, name) symbol,
    POLICY_VERB_LIST(POLICY_VERB_ENUM)
#undef POLICY_VERB_ENUM
} policy_verb;

/* "own" and so on; static. */
const char *policy_verb_name(policy_verb verb);

#define POLICY_STEPS_MOST 16
#define POLICY_TOP_MOST 3
#define POLICY_NO_TARGET SIZE_MAX

typedef struct policy_step {
    policy_verb verb;
    size_t target;   /* of those given to policy_decide, or POLICY_NO_TARGET */
    uint64_t bytes;  /* at most; COLD and PAGEOUT, whole pages */
    uint64_t cpu_ns; /* what it is expected to cost, within the budget */
    char reason[96];
} policy_step;

typedef struct policy_decision {
    weft_pressure state;
    bool has_changed; /* the state, with this look */
    size_t step_count;
    policy_step steps[POLICY_STEPS_MOST];
    uint64_t budget_bytes; /* what the law would have paged out by now */
    uint64_t budget_cpu_ns;
    uint64_t next_look_ns; /* from now */
    bool has_eta;
    uint64_t eta_ns; /* until nothing is available, as it goes now */
    size_t top_count;
    size_t top[POLICY_TOP_MOST]; /* targets: the largest, protected ones too */
    char reason[160];            /* for the state, and for doing nothing */
} policy_decision;

/* -------------------------------------------------------------- policy --- */

#define POLICY_SLOPE_SAMPLES 30

/* In caller's storage; for policy_* alone to look at, but for tests. */
typedef struct policy {
    policy_constants constants;
    bool is_proactive;   /* also with plenty: as if memory cost money */
    bool ignores_damage; /* no brake: to measure what the brake is worth */
    bool has_sample;
    policy_sample last;
    double some, all, io; /* averages, and the last interval; shares of time */
    double some_now, all_now, io_now;
    weft_pressure state;
    weft_pressure rising;     /* to which the last sample pointed */
    uint64_t calmer_since_ns; /* UINT64_MAX: it is not calmer */
    size_t slope_count;       /* of the last seconds, oldest first */
    uint64_t slope_ns[POLICY_SLOPE_SAMPLES];
    double slope_available[POLICY_SLOPE_SAMPLES]; /* share of memory */
    double gain; /* k: the part of the cold memory that a step may take */
    uint64_t cooloff_ns;
    uint64_t cool_until_ns;
    uint64_t act_ns; /* not before, each */
    uint64_t own_ns;
    uint64_t ask_ns;
    uint64_t tell_ns;
} policy;

/* `constants` NULL: the defaults. */
void policy_init(policy *state, const policy_constants *constants);

/*
 * One look. `now_ns` must not be before that of the last one. `targets` may be
 * NULL if there are none. The decision is all that changes but the policy.
 */
void policy_decide(policy *state, const policy_sample *sample,
                   const policy_target *targets, size_t count,
                   policy_decision *decision);

/* What has become of the steps of a window. */
typedef struct policy_outcome {
    uint64_t window_ns; /* how long ago the steps were; not 0 */
    uint64_t released_bytes;
    uint64_t refault_bytes; /* of those, what has come back */
    uint64_t working_set_bytes;
} policy_outcome;

/*
 * Too much has come back: half the gain, and nothing for a while that doubles
 * each time. Else the gain grows by a step. True: it was too much.
 */
bool policy_settle(policy *state, uint64_t now_ns,
                   const policy_outcome *outcome);

/*
 * When a target may be acted on again. `half_life_ns`: until half of what was
 * released had come back; UINT64_MAX: not within the windows looked at.
 */
uint64_t policy_ready_ns(const policy_constants *constants, uint64_t now_ns,
                         uint64_t half_life_ns);

/*
 * What paging out a byte of it is worth, in bytes kept for a window; below 0:
 * less than nothing.
 */
double policy_value(const policy_constants *constants,
                    const policy_target *target, uint64_t page_bytes);

#endif
