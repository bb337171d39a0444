/* SPDX-License-Identifier: MIT
 *
 * memory_pace.h - what samples figures at equal steps for a while.
 */
#ifndef MEMORY_PACE_H
#define MEMORY_PACE_H

#include "tool.h"

/* Takes a sample, at seconds since the first one. */
typedef weft_status memory_sample(void *context, double time,
                                  weft_detail *detail);

typedef struct memory_pace {
    uint64_t interval_ns;
    uint64_t duration_ns;
    const char *what; /* for the line on the terminal, such as "watching" */
    memory_sample *sample;
    void *context;
} memory_pace;

/*
 * Samples from now on, the last time when the duration is over. Who asks this
 * process to end gets the answer at once, from what there is. Steps that this
 * process came too late for are left out.
 */
weft_status memory_keep_pace(const memory_pace *pace, weft_detail *detail);

/* A TOOL_CALL that takes a probability, between 0 and 1, to a double. */
const char *memory_take_level(void *place, const char *argument);

/* A speed as people read it, such as "1.5 MiB/h", of bytes per second. */
void memory_format_speed(double bytes_per_s, char *text, size_t room);

/* A time as people read it, such as "3.5 h", of seconds. */
void memory_format_time(double seconds, char *text, size_t room);

#endif
