/* SPDX-License-Identifier: MIT
 *
 * run_report.h - where weft run tells what came of it.
 */
#ifndef WEFT_RUN_REPORT_H
#define WEFT_RUN_REPORT_H

#include "run_options.h"

/*
 * Opens what --json or --meta names; "-" is standard output. NULL: it was said
 * why not.
 */
FILE *run_open_report(const char *where);

/* False: not all was written, and it was said why not. */
bool run_close_report(FILE *file, const char *where);

/* Why nothing was started; the spec's, or static. */
const char *run_refusal_text(const weft_process_spec *spec,
                             const weft_detail *detail);

/* Says why nothing was started, and gives the exit code. */
int run_refuse(const weft_process_spec *spec, const char *program,
               const weft_detail *detail);

/* Tells the result in each way that was asked for; gives the exit code. */
int run_tell(const run_values *values, char *const *arguments,
             const weft_process_result *result);

#endif
