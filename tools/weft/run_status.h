/* SPDX-License-Identifier: MIT
 *
 * run_status.h - one line on the terminal about a program that runs.
 *
 * What the program writes to the same terminal comes through a pipe and is
 * written above the line, in the order in which it came. While it has written
 * a part of a line, such as a question, the status is not shown.
 */
#ifndef WEFT_RUN_STATUS_H
#define WEFT_RUN_STATUS_H

#include "run_options.h"
#include "sys.h"

typedef struct run_status {
    const run_values *values;
    weft_handle to_read; /* what the program writes; WEFT_HANDLE_NONE: nothing
                            of it comes to the terminal */
    weft_handle to_write;
    uint64_t began_ns;
    uint64_t next_ns; /* when it is drawn again */
    bool is_drawn;
    bool is_amid_line;
    char text[160];
} run_status;

/* Whether there is to be one: it was asked for, and there is a terminal. */
bool run_status_wanted(const run_values *values);

/*
 * Begins, and leads standard output and error of the program here if they are
 * the terminal and were not led to files. False: it was said why not.
 */
bool run_status_begin(run_status *line, const run_values *values,
                      weft_process_spec *spec);

/* The program has its end of the pipe. */
void run_status_started(run_status *line);

/*
 * Writes what the program has written, draws the line if it is time to, adds
 * the pipe to what is waited for, and gives the time of the next drawing.
 */
uint64_t run_status_prepare(run_status *line, weft_process *process,
                            sys_waits *waits);

/* Wipes the line until it is drawn again, as something else is written. */
void run_status_hide(run_status *line);

/* Writes what is left, and wipes the line for good. May be called again. */
void run_status_end(run_status *line);

#endif
