/* SPDX-License-Identifier: MIT
 *
 * memory_store.h - what the daemon keeps from one run to the next: its events,
 * and what it has learnt of each application. A file of SQLite's.
 *
 * memory_store.c implements it; memory_store_none.c stands for it in a build
 * without SQLite. No call here prints anything.
 */
#ifndef WEFT_MEMORY_STORE_H
#define WEFT_MEMORY_STORE_H

#include "history.h"
#include "memory_bandit.h"
#include "memory_event.h"

/* An application: all that runs one file. */
typedef struct memory_app {
    char exe[256]; /* "": this place is free */
    bandit learnt;
    uint64_t used_ns;     /* when it was last looked at; not kept */
    double refault_share; /* of what was paged out, so much came back */
} memory_app;

typedef struct memory_store memory_store;

/*
 * Opens the file at `path`, or, if that is "", the usual one: "memory.db"
 * beside the history of runs. The caller ends it with memory_store_close.
 */
history_state memory_store_open(const char *path, history_use use,
                                memory_store **out, history_problem *problem);
/* Lets go of SQLite's library, too: nobody else in this process has it. */
void memory_store_close(memory_store **me);

bool memory_store_add(memory_store *me, const memory_event *event,
                      history_problem *problem);
bool memory_store_save(memory_store *me, const memory_app *app,
                       history_problem *problem);

/* False and no problem (""): nothing is known, or nothing that can be true. */
bool memory_store_load(memory_store *me, const char *exe, memory_app *app,
                       history_problem *problem);

/* Lets go of what is older, and of the oldest while the file is larger. */
bool memory_store_prune(memory_store *me, uint64_t before_unix_ns,
                        uint64_t most_bytes, history_problem *problem);

/* False: no more, please. */
typedef bool memory_store_visit(void *context, const memory_event *event);

/* The newest `most` events, the newest first; 0: all of them. */
bool memory_store_each(memory_store *me, uint64_t most,
                       memory_store_visit *visit, void *context,
                       history_problem *problem);

/* What came of actions, by application. */
typedef struct memory_gain {
    char exe[256];
    char name[64];
    uint64_t helped;
    uint64_t no_effect;
    uint64_t hurt;
    uint64_t since_unix_ns;
    int64_t kept_bytes; /* the mean of what was kept for a minute */
} memory_gain;

typedef bool memory_store_visit_gain(void *context, const memory_gain *gain);

bool memory_store_gains(memory_store *me, memory_store_visit_gain *visit,
                        void *context, history_problem *problem);

#endif
