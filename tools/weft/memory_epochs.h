/* SPDX-License-Identifier: MIT
 *
 * memory_epochs.h - what a recording says about how a process uses memory.
 */
#ifndef MEMORY_EPOCHS_H
#define MEMORY_EPOCHS_H

#include <stdbool.h>
#include <stddef.h>

#include "memory_trace.h"

/* Ages in seconds; the last one is of all that is older. */
#define MODEL_AGES 256

/*
 * An epoch begins with the system forgetting what was used, and counts from
 * then on. What it has not counted at the end is dormant. The rest is the
 * working set W(t), the amount that is used within t seconds, once what is new
 * is left out. W'(t) is the rate at which memory reaches the age t without
 * being used (Denning and Schwartz 1972: the miss rate of that window), so what
 * it loses from t to t + 1 is used at that age: the hazard.
 */
typedef struct epoch {
    size_t end_tick; /* the first one that is not in it */
    double resident; /* all of it, at the end */
    double fresh;    /* of that, what is new in it */
    double dormant;  /* not used in it */
    double working;  /* used in it, and not new */
    double hazard[MODEL_AGES];
    /* Found afterwards. */
    double dormant_share;
    double fresh_dormant_share; /* of what is new: not used afterwards */
    size_t taught_by;           /* whose hazards hold */
} epoch;

typedef struct epochs {
    epoch *items;
    size_t count;
    size_t room;
    size_t at; /* the one of the present */
    bool is_new;
    /* Of the epoch that is being read. */
    double demand; /* when it began */
    epoch now;
    size_t samples;
    double seconds[MODEL_AGES];
    double used[MODEL_AGES];
} epochs;

/*
 * Of all processes of a recording: `all` has as many, all zero before. False:
 * no memory; epochs_free frees what there is.
 */
bool epochs_find(const trace *recorded, epochs *all);

void epochs_free(epochs *all, size_t count);

/* The epoch of a tick, which is not before that of the last call. */
const epoch *epochs_at(epochs *of, size_t tick);

#endif
