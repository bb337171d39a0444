/* SPDX-License-Identifier: MIT
 *
 * What memory and the processes that have most of it did.
 */
#include "pattern_set.h"

#include <stdlib.h>
#include <string.h>

/* A change of memory by less than this part of all is not worth a word. */
#define LEAST_PART 0.005

pattern_subject *pattern_add(pattern_set *set, uint64_t id, const char *name)
{
    pattern_subject *subject;

    if (set->count == set->room) {
        size_t room = set->room * 2 + 64;
        pattern_subject *grown = realloc(set->subjects, room * sizeof(*grown));

        if (grown == NULL) {
            return NULL;
        }
        set->subjects = grown;
        set->room = room;
    }
    subject = &set->subjects[set->count];
    memset(subject, 0, sizeof(*subject));
    subject->series = calloc(1, sizeof(*subject->series));
    if (subject->series == NULL) {
        return NULL;
    }
    subject->id = id;
    (void)snprintf(subject->name, sizeof(subject->name), "%s", name);
    set->count++;
    return subject;
}

static double last_of(const leak_series *series)
{
    return series->count > 0 ? series->values[series->count - 1] : 0;
}

static int compare(const void *left, const void *right)
{
    double a = last_of(((const pattern_subject *)left)->series);
    double b = last_of(((const pattern_subject *)right)->series);

    return (a < b) - (a > b);
}

static void drop(pattern_set *set, size_t most)
{
    while (set->count > most) {
        free(set->subjects[--set->count].series);
    }
}

bool pattern_judge(pattern_set *set, double level, size_t most)
{
    double least = set->total * LEAST_PART;

    if (set->count > 1) {
        qsort(set->subjects, set->count, sizeof(*set->subjects), compare);
    }
    drop(set, most);
    least = least > LEAK_GROWTH_LEAST ? least : LEAK_GROWTH_LEAST;
    for (size_t i = 0; i < set->count; i++) {
        if (!pattern_look(set->subjects[i].series, level, LEAK_GROWTH_LEAST,
                          &set->subjects[i].found)) {
            return false;
        }
    }
    return pattern_look(&set->available, level, least, &set->found);
}

void pattern_free(pattern_set *set)
{
    drop(set, 0);
    free(set->subjects);
    memset(set, 0, sizeof(*set));
}
