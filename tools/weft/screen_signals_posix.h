/* SPDX-License-Identifier: MIT
 *
 * screen_signals_posix.h - the signals of a process that has a terminal for its
 * own. All are blocked but for the time of a wait, which lets them in and goes
 * to sleep in one step: so none is missed, and none comes while the picture is
 * half sent.
 */
#ifndef WEFT_SCREEN_SIGNALS_POSIX_H
#define WEFT_SCREEN_SIGNALS_POSIX_H

#include <stdbool.h>
#include <stdint.h>

void screen_signals_hold(void);

/* The one that asks this process to end takes effect then. */
void screen_signals_release(void);

typedef enum screen_signal {
    SCREEN_SIGNAL_NONE,
    SCREEN_SIGNAL_END,
    SCREEN_SIGNAL_STOP,     /* then call screen_signals_stop */
    SCREEN_SIGNAL_CONTINUE, /* the terminal may have been another's meanwhile */
    SCREEN_SIGNAL_RESIZE
} screen_signal;

/* The next one that a wait has let in; but END stays. */
screen_signal screen_signals_take(void);

/* Stops this process; returns when it is continued. */
void screen_signals_stop(void);

/*
 * Waits until standard input can be read, or, if `for_output`, standard output
 * takes more. False: neither, for the time is up or a signal came.
 */
bool screen_signals_wait(bool for_output, uint64_t deadline_ns);

#endif
