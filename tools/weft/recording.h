/* SPDX-License-Identifier: MIT
 *
 * recording.h - recordings as files of the system, for the commands that write
 * and read them: what is wrong with one is told on stderr.
 */
#ifndef WEFT_RECORDING_H
#define WEFT_RECORDING_H

#include "record_file.h"
#include "transfer.h"

/* A recording that is read, and what was found in it so far. */
typedef struct recording {
    transfer *job; /* for messages */
    const char *path;
    weft_handle file;
    record_reader reader;
    uint64_t messages;
    uint64_t bytes; /* of their data */
    uint64_t lost;  /* messages that were never recorded */
    uint64_t gaps;  /* places at which those are missing */
    uint64_t first_ns;
    uint64_t last_ns;
    uint64_t end;           /* of the last whole frame */
    uint64_t damages;       /* places that are damaged */
    uint64_t damaged_bytes; /* there */
    uint64_t torn_bytes;    /* at the end, where writing broke off */
} recording;

/*
 * Reads the header of the file `me->file`. The exit code: of TOOL_OK it may be
 * damaged, or torn, and then there are no frames.
 */
int recording_open(recording *me);

/*
 * The next whole message, or stop. False: that was the last one, or, if the
 * exit code says so, reading failed.
 */
bool recording_next(recording *me, record_frame *frame, int *exit_code);

/* Is the file as it was written, to the end? */
static inline bool recording_is_whole(const recording *me)
{
    return me->damages == 0 && me->torn_bytes == 0;
}

/* Says that a call on the file failed. The exit code. */
int recording_failed(transfer *job, const char *action, const char *path,
                     int code);

#endif
