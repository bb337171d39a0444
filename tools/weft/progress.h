/* SPDX-License-Identifier: MIT
 *
 * progress.h - one line on the terminal about work that takes long.
 *
 * It appears after a second, is redrawn ten times a second at most, and is
 * wiped at the end. It shows the bytes done and the rate, and if the total is
 * known also a bar and the time left.
 */
#ifndef WEFT_PROGRESS_H
#define WEFT_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct progress {
    bool on;
    bool drawn;
    uint64_t total_bytes; /* 0: not known */
    uint64_t looked_at_bytes;
    uint64_t drawn_bytes;
    uint64_t drawn_ns;
    uint64_t next_ns;
    double rate; /* bytes a second, smoothed */
} progress;

/* Overwrites the line at stderr, a terminal, with `text`; "" wipes it. */
void progress_show(const char *text);

/* Stays silent if `quiet`, or if stderr is not a terminal. */
void progress_begin(progress *bar, bool quiet, uint64_t total_bytes);

/* Looks at the clock, and redraws the line if it is time to. */
void progress_look(progress *bar, uint64_t bytes);

/* Wipes the line. May be called again. */
void progress_end(progress *bar);

/* The same as progress_look, for tight loops: looks only now and then. */
static inline void progress_update(progress *bar, uint64_t bytes)
{
    if (bar->on && bytes - bar->looked_at_bytes >= UINT64_C(256) * 1024) {
        progress_look(bar, bytes);
    }
}

#endif
