/* SPDX-License-Identifier: MIT
 *
 * alerting.h - the alerts of a program that runs.
 *
 * Each fires once at most: at a look while the program runs, or at its end, if
 * the final figures say that it should have. Its command runs beside the
 * program and is waited for when that has ended, ALERTING_WAIT_NS at most.
 */
#ifndef WEFT_ALERTING_H
#define WEFT_ALERTING_H

#include "alert.h"
#include "run_options.h"

#define ALERTING_WAIT_NS UINT64_C(5000000000)

typedef struct alerting alerting;

/*
 * Checks the alerts against the limits and settles their values. False: it was
 * said which one makes no sense.
 */
bool alerting_check(run_values *values);

/*
 * Watches a program that has just started; both must outlive it. The caller
 * ends it with alerting_end. NULL: there are no alerts, or no memory, which was
 * said.
 */
alerting *alerting_begin(const run_values *values, weft_process *process);

/* When to look next; WEFT_FOREVER: never. NULL is allowed, here and below. */
uint64_t alerting_deadline_ns(const alerting *me);

/* Looks, if it is time to, and fires what is to fire. */
void alerting_look(alerting *me);

/*
 * The last look, at the final figures, which may be NULL; then waits for the
 * commands, says which have failed, and frees it.
 */
void alerting_end(alerting **me, const weft_usage *usage);

#endif
