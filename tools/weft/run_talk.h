/* SPDX-License-Identifier: MIT
 *
 * run_talk.h - a program's channel, joined to standard input and output.
 *
 * Standard input is cut into messages for the program; what it sends is
 * written to standard output, byte for byte. Nothing here waits: what can't be
 * sent or written yet is kept, and nothing more is read until it is gone.
 */
#ifndef WEFT_RUN_TALK_H
#define WEFT_RUN_TALK_H

#include "records.h"
#include "run_options.h"
#include "run_status.h"
#include "sys.h"

typedef struct run_talk {
    weft_channel *channel; /* NULL: it has come to an end */
    run_status *line;      /* hidden while something is written, or NULL */
    records input;
    bool is_raw;        /* each read is a message */
    bool is_greeted;    /* the program has opened its end */
    bool sends;         /* there may be input, and somebody for it */
    bool has_failed;    /* it was said why */
    const char *unsent; /* the message that the channel has no room for */
    size_t unsent_bytes;
    char *raw;      /* where it is, if it was read raw */
    char *gathered; /* small ones that are written together */
    size_t gathered_bytes;
    const void *held; /* a message that is in the ring still */
    size_t held_bytes;
    bool is_held_written;  /* not gathered, and perhaps in part */
    const char *unwritten; /* what is being written: those, or the held one */
    size_t unwritten_bytes;
} run_talk;

/*
 * Leads the program's own streams elsewhere, but for those that are files: its
 * input is empty, its output is our standard error. False: it was said why
 * not; run_talk_free follows in both cases.
 */
bool run_talk_begin(run_talk *talk, const run_values *values,
                    weft_process_spec *spec);

/* The program runs: its channel is taken over. */
void run_talk_started(run_talk *talk, weft_process *process, run_status *line);

/*
 * Does what can be done at once, and adds what is to be waited for. True: there
 * is more, so the wait only looks.
 */
bool run_talk_prepare(run_talk *talk, sys_waits *waits);

/* Standard input has something, or its end, as the wait has told. */
void run_talk_hear(run_talk *talk, const sys_waits *waits);

/* The program has ended: writes what is left of what it sent. */
void run_talk_end(run_talk *talk);

void run_talk_free(run_talk *talk);

#endif
