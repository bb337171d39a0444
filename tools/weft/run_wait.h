/* SPDX-License-Identifier: MIT
 *
 * run_wait.h - waiting for a program's end, and what goes on meanwhile.
 */
#ifndef WEFT_RUN_WAIT_H
#define WEFT_RUN_WAIT_H

#include "alerting.h"
#include "run_status.h"
#include "run_talk.h"
#include "tool.h"

/*
 * Waits for the end. The first signal that asks this process to end is passed
 * on to the program, the next one ends the tree: sys_hold_signals comes before
 * it. `line`, `talk` and `alerts` may be NULL.
 */
weft_status run_await(weft_process *process, run_status *line, run_talk *talk,
                      alerting *alerts, weft_process_result *result);

#endif
