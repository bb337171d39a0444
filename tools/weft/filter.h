/* SPDX-License-Identifier: MIT
 *
 * filter.h - a program that answers requests, one after the other: it reads a
 * record and writes one, each ended by a delimiter.
 *
 * A filter that ends, that writes what nobody has asked for, or whose answer
 * does not end, is out of step for ever: what follows could be taken for the
 * answer to another request. It is ended, and started again later.
 */
#ifndef WEFT_FILTER_H
#define WEFT_FILTER_H

#include "sys.h"

/* The longest answer. */
#define FILTER_ANSWER_MAX ((size_t)16 * 1024 * 1024)

typedef struct filter {
    sys_program program;
    char delimiter;
    const char *request; /* the one under way, with its delimiter; else NULL */
    size_t bytes;
    size_t written;
    char *answer; /* what has come of it */
    size_t got;
    size_t room;
} filter;

/* What filter_step has found. */
typedef enum filter_event {
    FILTER_WAITS,    /* nothing: look again when it is ready */
    FILTER_ANSWERED, /* `answer` and `got` are the answer, without delimiter */
    FILTER_ENDED,    /* it has closed its output or its input */
    FILTER_STRAYED,  /* it has written what nobody has asked for */
    FILTER_TOO_LONG  /* the answer is longer than FILTER_ANSWER_MAX */
} filter_event;

/* Starts it. 0, or the system's code. */
int filter_start(filter *me, char **arguments, char delimiter);

static inline bool filter_runs(const filter *me)
{
    return me->program.process != 0;
}

/* Gives it a request, which must stay until the answer; it has none now. */
void filter_ask(filter *me, const char *request, size_t bytes);

/* Goes on, as far as that is possible without waiting. */
filter_event filter_step(filter *me);

/* What to wait for before the next step. */
sys_watch filter_watch(const filter *me);

/* Ends it, see sys_program_end. It may be started again. */
void filter_end(filter *me, uint64_t deadline_ns, char *text, size_t room);

void filter_free(filter *me);

#endif
