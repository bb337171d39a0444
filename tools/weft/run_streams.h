/* SPDX-License-Identifier: MIT
 *
 * run_streams.h - files as a program's standard streams.
 */
#ifndef WEFT_RUN_STREAMS_H
#define WEFT_RUN_STREAMS_H

#include "run_options.h"

typedef struct run_streams {
    weft_handle files[3]; /* WEFT_HANDLE_NONE: not a file of the options */
} run_streams;

/*
 * Opens the files that the options name, and tells the spec. Only when all of
 * them are open those for output are emptied. False: it was said why not;
 * run_streams_close follows in both cases.
 */
bool run_streams_open(run_streams *streams, const run_values *values,
                      weft_process_spec *spec);

/* The program has its own. May be called again. */
void run_streams_close(run_streams *streams);

#endif
