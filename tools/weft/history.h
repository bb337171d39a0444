/* SPDX-License-Identifier: MIT
 *
 * history.h - the runs that weft run has recorded, in a file of SQLite's.
 *
 * history_*.c implement it; history_none.c stands for them in a build without
 * SQLite. No call here prints anything: what went wrong is a line of text.
 * Nothing waits longer than HISTORY_WAIT_MS for other processes.
 */
#ifndef WEFT_HISTORY_H
#define WEFT_HISTORY_H

#include <weft/process.h>

#include "tool.h"

#define HISTORY_WAIT_MS 2000

/* So many runs are kept; each new one lets the oldest one go. */
#define HISTORY_RUNS_MAX 10000

/* Of the arguments, and of the evidence, so many bytes are kept. */
#define HISTORY_TEXT_MAX 16384

#define HISTORY_LABELS_MAX 16

typedef struct history history;

/* Why something could not be done. */
typedef struct history_problem {
    char text[512];
} history_problem;

/* False: this build has none, and says so in the problem. */
bool history_is_built(history_problem *problem);

typedef enum history_use {
    HISTORY_ADD, /* the file is made if it is not there */
    HISTORY_READ,
    HISTORY_CHANGE
} history_use;

typedef enum history_state {
    HISTORY_OPEN,
    HISTORY_EMPTY, /* there is no file yet, or nothing in it */
    HISTORY_FAILED /* the problem says why */
} history_state;

/*
 * Opens the file at `path`, or, if that is NULL, $WEFT_HISTORY, or the usual
 * one. The caller ends it with history_close.
 */
history_state history_open(const char *path, history_use use, history **out,
                           history_problem *problem);
void history_close(history **me);

/* -------------------------------------------------------------- adding --- */

typedef struct history_entry {
    uint64_t started_unix_ns;
    char *const *arguments;
    bool hides_arguments; /* the program alone is recorded */
    const char *directory;
    int exit_code;       /* of weft run */
    const char *refusal; /* nothing was started: why; then there is no result */
    const weft_process_result *result;
    const char *const *labels;
    size_t label_count;
} history_entry;

bool history_add(history *me, const history_entry *entry,
                 history_problem *problem);

/* ------------------------------------------------------------- reading --- */

typedef enum history_arguments {
    HISTORY_ARGUMENTS_HIDDEN = 0,
    HISTORY_ARGUMENTS_ALL = 1,
    HISTORY_ARGUMENTS_CUT = 2 /* there were more */
} history_arguments;

/*
 * A run as it was recorded; what points is valid in the visit only. All text
 * is to be taken for hostile.
 */
typedef struct history_run {
    int64_t id;
    uint64_t started_unix_ns;
    const char *command;
    const char *arguments; /* those behind the command, each with a NUL */
    size_t argument_bytes;
    history_arguments argument_state;
    const char *directory; /* "" if it is not known */
    int exit_code;
    const char *reason; /* as weft_reason_name, or "refused" */
    const char *exceeded;
    bool has_result; /* of `result` nothing is set but for what is recorded */
    weft_process_result result;
} history_run;

/* What a run must be to be visited; what is not set does not matter. */
typedef struct history_filter {
    int64_t id;          /* this one alone; -1: the newest one */
    const char *command; /* a pattern, of the program or its file name */
    const char *reason;
    const char *label;
    uint64_t since_unix_ns;
    bool has_failed; /* another reason than exited, or a code but 0 */
    bool has_succeeded;
    uint64_t most; /* runs; 0: all */
} history_filter;

/* False: no more, please. */
typedef bool history_visit(void *context, const history_run *run);

/* Visits the runs, the newest one first. */
bool history_each(history *me, const history_filter *filter,
                  history_visit *visit, void *context,
                  history_problem *problem);

/* The rows of a run's report, WEFT_FENCE_COUNT at most. */
bool history_rows(history *me, int64_t id, weft_enforcement *rows,
                  size_t *count, history_problem *problem);

typedef void history_visit_label(void *context, const char *label);

bool history_labels(history *me, int64_t id, history_visit_label *visit,
                    void *context, history_problem *problem);

/*
 * Removes runs that began before the time, and all but the newest `keep`;
 * gives the room back to the system.
 */
bool history_prune(history *me, uint64_t before_unix_ns, uint64_t keep,
                   uint64_t *removed, history_problem *problem);

#endif
