/* SPDX-License-Identifier: MIT
 *
 * memory_model.h - a recording that is lived through again, in a machine with
 * less memory, and with pages that leave it at other times.
 *
 * Memory is amounts, not pages: how much of a process has been unused for how
 * many seconds. In each second some of each age is used again, at a rate that
 * the recording tells; if it had left memory somebody waits for it.
 */
#ifndef MEMORY_MODEL_H
#define MEMORY_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "memory_epochs.h"
#include "memory_trace.h"

typedef enum model_kind { MODEL_FILE, MODEL_ANONYMOUS } model_kind;
#define MODEL_KINDS 2

/* Who has sent memory away. */
typedef enum model_cause { MODEL_KERNEL, MODEL_POLICY } model_cause;
#define MODEL_CAUSES 2

/*
 * What of a process is used within the present epoch, and what is not. A leak
 * and a set that is in use all the time are of the same ages when they are
 * new: this tells them apart.
 */
typedef enum model_part { MODEL_ACTIVE, MODEL_DORMANT } model_part;
#define MODEL_PARTS 2

/* Bytes by age. */
typedef struct model_pool {
    double in[MODEL_AGES];
    double out[MODEL_CAUSES][MODEL_AGES];
} model_pool;

typedef struct model_process {
    const char *name;
    bool lives;
    bool is_protected;
    bool was_killed;
    size_t ticks; /* that it has lived for */
    model_pool pools[MODEL_KINDS][MODEL_PARTS];
    /* Of this tick: sent away by the policy, and come back of that. */
    double released_bytes;
    double refault_bytes;
    double used_again[MODEL_AGES]; /* of this tick, wherever it was */
} model_process;

typedef struct model_options {
    double memory_bytes;
    double swap_bytes;    /* compressed, in memory */
    double packed_share;  /* what compression leaves of a byte */
    double scale;         /* programs of so many times the size */
    double random_share;  /* of what the kernel reclaims, without look at age */
    const char *protects; /* the name of processes that nobody may touch */
} model_options;

typedef struct model {
    const trace *trace;
    model_options options;
    model_process *processes; /* as in the trace */
    size_t process_count;
    epochs *epochs; /* as in the trace */
    size_t tick;
    /* Of this tick. */
    double stall_s;    /* programs have waited for memory */
    double io_stall_s; /* of that, for files */
    double policy_cpu_s;
    double refault_bytes; /* all that had left memory and came back */
    /* Of all ticks. */
    double stall_total_s;
    double io_stall_total_s;
    double refault_total_bytes;
    unsigned kills;      /* by the kernel, for want of memory */
    unsigned violations; /* a protected process was touched */
} model;

/* False: no memory. The trace must outlive it. */
bool model_open(model *it, const trace *recorded, const model_options *options);
void model_close(model *it);

/* Lives through one tick; false: there is none left. */
bool model_step(model *it);

/* ---------------------------------------------------------------- figures ---
 */

double model_in(const model_process *process, model_kind kind, size_t age);
double model_used(const model *it); /* with what is compressed */
double model_resident(const model *it);
/* Free, and what can be dropped at once. */
double model_available(const model *it);
double model_swap_used(const model *it); /* before compression */
/* What the policy has sent away and is still gained by that. */
double model_kept(const model *it);

/* The most that the recording ever wants, at its own size. */
double model_peak(const trace *recorded);

/* ---------------------------------------------------------------- actions ---
 */

/* Each gives the bytes that left memory, and adds to the policy's time. */

/* Oldest first, of all processes, as the kernel does. */
double model_reclaim(model *it, double bytes, model_cause cause);

/* Oldest first, of one process, anonymous, unused for `age` seconds or more. */
double model_pageout(model *it, size_t process, size_t age, double bytes);

/* The same of what will not be used, for those who know that. */
double model_pageout_dormant(model *it, size_t process, double bytes);

/* All of a process, or all files. */
double model_trim(model *it, size_t process);
double model_purge(model *it);

/* Ends a process. */
void model_kill(model *it, size_t process);

/* Seconds to send a page away or to have it back (docs/memory-policy.md). */
#define MODEL_PAGEOUT_S 4.6e-6
#define MODEL_DROP_S 0.5e-6
#define MODEL_SWAP_REFAULT_S 3.55e-6
#define MODEL_FILE_REFAULT_S 2.45e-6

#endif
