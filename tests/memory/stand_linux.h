/* SPDX-License-Identifier: MIT
 *
 * stand_linux.h - processes that stand still to be looked at.
 *
 * Each is this very program, run again: so its file can be copied to any place
 * before. It belongs to nobody: it has a session of its own, no terminal, and
 * an environment that is given, and its parent is not the test. What remains
 * is what the test asked for.
 */
#ifndef WEFT_TESTS_STAND_H
#define WEFT_TESTS_STAND_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* What one does before it stands: a word, and what it needs. */
struct stand_plan {
    const char *exe;          /* NULL: this program's own file */
    const char *act;          /* NULL: nothing; see stand_linux.c */
    const char *word;         /* an argument of that */
    char *const *environment; /* NULL: none */
};

struct stand {
    pid_t pid; /* 0: it could not do what was asked, and is gone */
    int end;   /* it ends when this is closed */
};

/* Call it first: it does not return in a process that is one of them. */
void stand_begin(void);

struct stand stand_start(const struct stand_plan *plan);

/* Ends it, and waits until it has ended. */
void stand_stop(struct stand *stand);

/* Copies this program into a file. */
void stand_copy(const char *path);

#endif
