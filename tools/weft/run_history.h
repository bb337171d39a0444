/* SPDX-License-Identifier: MIT
 *
 * run_history.h - how weft run keeps what came of it, when it is asked to.
 *
 * Whatever goes wrong with the history is one warning; neither the run nor its
 * exit code changes.
 */
#ifndef WEFT_RUN_HISTORY_H
#define WEFT_RUN_HISTORY_H

#include "run_options.h"

/*
 * Settles, from the options and $WEFT_RECORD, whether the run is recorded.
 * False: it was said what is wrong; nothing is to be run.
 */
bool run_history_settle(run_values *values);

/* Records a run that has ended. */
void run_history_add(const run_values *values, char *const *arguments,
                     uint64_t started_unix_ns, int exit_code,
                     const weft_process_result *result);

/* Records one that was not started, and why. */
void run_history_refused(const run_values *values, char *const *arguments,
                         uint64_t started_unix_ns, int exit_code,
                         const char *refusal);

#endif
