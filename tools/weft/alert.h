/* SPDX-License-Identifier: MIT
 *
 * alert.h - what weft run --alert asks for: its text, when it fires, and when
 * to look again. Nothing here waits or starts anything.
 */
#ifndef WEFT_ALERT_H
#define WEFT_ALERT_H

#include "tool.h"

#define ALERTS_MAX 32

typedef enum alert_what {
    ALERT_MEM = 0,
    ALERT_CPU,
    ALERT_WALL,
    ALERT_PROCS,
    ALERT_OUTPUT,
    ALERT_IDLE,
    ALERT_WHATS
} alert_what;

/* One alert: WHAT>VALUE:COMMAND. */
typedef struct alert {
    alert_what what;
    uint64_t percent;    /* of the limit; 0: `least` is what was given */
    uint64_t least;      /* the lowest value that fires */
    char condition[64];  /* such as "mem>80%" */
    const char *command; /* for the shell; a part of the option's text */
} alert;

typedef struct alert_list {
    alert items[ALERTS_MAX];
    size_t count;
} alert_list;

/*
 * Reads the text, which must live as long as the alert. Returns NULL, or what
 * is wrong with it.
 */
const char *alert_parse(const char *text, alert *parsed);

/* The limit that a percentage is of. */
weft_fence alert_fence(alert_what what);

/*
 * Settles `least` for a limit, of which 0 says that there is none. Returns
 * NULL, or why the alert makes no sense with it.
 */
const char *alert_resolve(alert *resolved, uint64_t limit);

/* What is known when an alert has not fired. */
typedef struct alert_pace {
    uint64_t value;   /* now; below `least` */
    uint64_t before;  /* at the look before this one */
    uint64_t wall_ns; /* since the start */
    uint64_t step_ns; /* since the look before this one */
    unsigned cpus;    /* that the program can keep busy at once */
} alert_pace;

/*
 * When to look again: so much later the value can have reached `least` at the
 * earliest. What can't move faster than the clock (wall, CPU) is met exactly
 * while it moves; else the looks are ALERT_LEAST_NS to ALERT_MOST_NS apart,
 * and the rarer the longer nothing has moved.
 */
uint64_t alert_pause_ns(const alert *waiting, const alert_pace *pace);

#define ALERT_LEAST_NS UINT64_C(50000000)
#define ALERT_MOST_NS UINT64_C(1000000000)

#endif
