/* SPDX-License-Identifier: MIT
 *
 * run_report.h - what a supervisor says of its run, on every system that has
 * one: each has a `struct run` of its own, with the members that run_report.c
 * uses.
 */
#ifndef WEFTOS_RUN_REPORT_H
#define WEFTOS_RUN_REPORT_H

#include "../process/wire.h"
#include "run.h"

/* As WEFTI_LIKE_PRINTF in base/log.h, which has fixed places. */
#if defined(__clang__)
#define RUN_LIKE_PRINTF(format_, first)                                        \
    __attribute__((format(printf, format_, first)))
#elif defined(__GNUC__)
#define RUN_LIKE_PRINTF(format_, first)                                        \
    __attribute__((format(gnu_printf, format_, first)))
#else
#define RUN_LIKE_PRINTF(format_, first)
#endif

struct run;

/* What the request asks of a fence; in a probe everything is tried. */
bool weftos_run_is_asked(const struct run *run, weft_fence fence);

/*
 * Fills in the row of a fence: what is enforced, by what, and why nothing
 * firmer; NULL for nothing to say. The values are those of the request.
 */
void weftos_run_row(struct run *run, weft_fence fence, weft_level level,
                    const char *mechanism, const char *why_not);

/* The row itself, to change more of it; filled in by weftos_run_row before. */
weft_enforcement *weftos_run_row_of(struct run *run, weft_fence fence);

/* Adds a line to the evidence; what has no room is left out. */
RUN_LIKE_PRINTF(2, 3)
void weftos_run_evidence(struct run *run, const char *format, ...);

/*
 * Tells the host that nothing was started, and why. Only the first call says
 * anything.
 */
RUN_LIKE_PRINTF(4, 5)
void weftos_run_refuse(struct run *run, weft_status status, int64_t os_code,
                       const char *format, ...);

/* Refuses if something required can't be enforced. False: it did. */
bool weftos_run_check_rows(struct run *run);

/* The first reason of an end stays. */
void weftos_run_set_reason(struct run *run, weft_reason reason);

#endif
