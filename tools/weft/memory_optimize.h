/* SPDX-License-Identifier: MIT
 *
 * memory_optimize.h - the parts of weft memory optimize: what it is applied
 * to, and what it says.
 */
#ifndef WEFT_MEMORY_OPTIMIZE_H
#define WEFT_MEMORY_OPTIMIZE_H

#include "tool.h"

#define OPTIMIZE_TARGETS 64

/* "pid:1" and so on, in argv. */
typedef struct optimize_targets {
    const char *items[OPTIMIZE_TARGETS];
    size_t count;
} optimize_targets;

/* What the command was asked for. */
typedef struct optimize_values {
    optimize_targets targets;
    int verb; /* a weft_reclaim_verb; 0: what fits the target */
    bool aggressive;
    bool for_hypervisor;
    bool dry_run;
    bool undo_if_hurt;
    bool json;
    uint64_t bytes;
    uint64_t idle_ns;
    uint64_t watch_ns;
    uint64_t follow_ns;
    uint64_t limit;
    const char *rules;
} optimize_values;

/* One request, and what becomes of it. */
typedef struct optimize_job {
    weft_reclaim_request request;
    char name[128]; /* of the target; anything may be in it */
    bool is_named;  /* the user asked for this very one */
    weft_reclaim_plan plan;
    weft_reclaim *reclaim; /* NULL: it does not run */
    uint64_t acted_ns;     /* 0: not yet */
    bool is_over;          /* and its verdict was told */
    bool is_restored;
} optimize_job;

typedef struct optimize_jobs {
    optimize_job *items;
    size_t count;
    size_t room;
    uint64_t looked_at;    /* processes that were planned for */
    uint64_t protected_by; /* of them, those that may not be touched */
    uint64_t idle;         /* those with nothing to gain */
    uint64_t small;        /* those with less than is worth it */
    uint64_t gone;         /* those that have ended meanwhile */
    uint64_t over_limit;   /* those that are more than was asked for */
    char idle_reason[160]; /* of the first of them */
} optimize_jobs;

/*
 * Makes a job, with its plan, for each target; without one for the processes
 * that would gain most, `values->limit` at most. False: something failed, and
 * was said; `*exit_code` is the command's.
 */
bool optimize_find(weft_memory *memory, const optimize_values *values,
                   const weft_memory_rules *rules, optimize_jobs *jobs,
                   int *exit_code);

/* Frees the jobs, and what runs for them. */
void optimize_end(optimize_jobs *jobs);

/* What would be done; and what came of it. */
void optimize_print_plan(const optimize_job *job, bool json);
void optimize_print_verdict(const optimize_job *job,
                            const weft_verdict *verdict, bool json);

/* It has ended before anything was taken from it. */
void optimize_print_gone(const optimize_job *job, bool json);

/* Where nothing was named: what was looked at, and why nothing is done. */
void optimize_print_sum(const optimize_jobs *jobs, bool json);

#endif
