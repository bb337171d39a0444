/* SPDX-License-Identifier: MIT
 *
 * pattern_set.h - what memory and the processes that have most of it did.
 */
#ifndef WEFT_PATTERN_SET_H
#define WEFT_PATTERN_SET_H

#include "pattern.h"
#include "tool.h"

/* A process, and what it has for itself. */
typedef struct pattern_subject {
    char name[64];
    uint64_t id; /* its number; in a recording, its place there */
    leak_series *series;
    pattern found;
} pattern_subject;

typedef struct pattern_set {
    leak_series available;
    pattern found;
    double total;     /* bytes of the machine */
    bool is_recorded; /* numbers are places in a recording */
    pattern_subject *subjects;
    size_t count;
    size_t room;
} pattern_set;

/* A new one, with an empty series. NULL: no memory. */
pattern_subject *pattern_add(pattern_set *set, uint64_t id, const char *name);

/*
 * Keeps the `most` largest ones, by their last value, and looks at them and at
 * what is available. False: no memory.
 */
bool pattern_judge(pattern_set *set, double level, size_t most);

void pattern_free(pattern_set *set);

#endif
