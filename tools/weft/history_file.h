/* SPDX-License-Identifier: MIT
 *
 * history_file.h - what the files of the history share: the open database, and
 * statements that are stepped through in order.
 */
#ifndef WEFT_HISTORY_FILE_H
#define WEFT_HISTORY_FILE_H

#include "history.h"
#include "sqlite_posix.h"

#define HISTORY_PATH_MAX 4096

/* What is in a file, and which one is the usual one. */
typedef struct history_kind {
    const char *file;      /* its name in the state directory's "weft" */
    const char *variable;  /* that names another one, or NULL */
    const char *elsewhere; /* what else could name one and does not */
    const char *no_such;   /* why a file is of another kind */
    int64_t application;   /* the file's application_id */
    /* What makes form N + 1 out of form N; each list ends with NULL. */
    const char *const *const *forms;
    int64_t form_count;
} history_kind;

struct history {
    const history_kind *kind;
    const sqlite_calls *call;
    sqlite3 *database;
    int log_pages; /* after the last commit here */
    char path[HISTORY_PATH_MAX];
};

/* As history_open, for a file of this kind, which must be static. */
history_state history_file_open(const history_kind *kind, const char *path,
                                history_use use, history **out,
                                history_problem *problem);

/* Writes "'PATH': " and the reason; false. */
bool history_failed(const history *me, const char *why,
                    history_problem *problem);

/* A statement; its parameters and columns are used from the left. */
typedef struct history_statement {
    history *file;
    sqlite3_stmt *handle;
    int at;
    int code; /* the first one that was not SQLITE_OK */
} history_statement;

/* The caller ends it with history_statement_end, also after a failure. */
void history_statement_begin(history_statement *me, history *file,
                             const char *text);

void history_bind_number(history_statement *me, int64_t value);
/* What SQLite has no room for becomes the most that it has. */
void history_bind_u64(history_statement *me, uint64_t value);
/* NULL is NULL there, too. The text must live until the end. */
void history_bind_text(history_statement *me, const char *text);
void history_bind_null(history_statement *me);

/* True: there is a row. */
bool history_step(history_statement *me);

int64_t history_column_number(history_statement *me);
/* False: it is NULL, or negative. */
bool history_column_u64(history_statement *me, uint64_t *value);
/* "" for NULL. */
const char *history_column_text(history_statement *me);

/* False: something has failed, and the problem says what. */
bool history_statement_end(history_statement *me, history_problem *problem);

/* One statement without parameters or rows. */
bool history_execute(history *me, const char *text, history_problem *problem);

/* The one number that a statement gives. */
bool history_ask(history *me, const char *text, int64_t *value,
                 history_problem *problem);

/*
 * The figures of a run, each with the bit that says whether it is known, in
 * the order of the columns.
 */
#define HISTORY_FIGURES(X)                                                     \
    X(WEFT_USAGE_WALL, wall_ns)                                                \
    X(WEFT_USAGE_CPU, cpu_ns)                                                  \
    X(WEFT_USAGE_CPU_SPLIT, user_ns)                                           \
    X(WEFT_USAGE_CPU_SPLIT, system_ns)                                         \
    X(WEFT_USAGE_PEAK, memory_peak_bytes)                                      \
    X(WEFT_USAGE_RSS_PEAK, rss_peak_bytes)                                     \
    X(WEFT_USAGE_OUTPUT, output_bytes)                                         \
    X(WEFT_USAGE_FAULTS, minor_faults)                                         \
    X(WEFT_USAGE_FAULTS, major_faults)                                         \
    X(WEFT_USAGE_SWITCHES, switches_voluntary)                                 \
    X(WEFT_USAGE_SWITCHES, switches_involuntary)

#define HISTORY_FIGURE_COLUMN(bit, name) ", " #name
#define HISTORY_FIGURE_PLACE(bit, name) ", ?"

/* The columns of a run but for its id, in the order of the table. */
#define HISTORY_COLUMNS                                                        \
    "started_ns, command, name, arguments, argument_state, directory, "        \
    "exit_code, reason, leader_exit, signal, dumped_core, killed, exceeded, "  \
    "survivors, cpu_complete, cpu_method, memory_metric, evidence, "           \
    "processes_peak" HISTORY_FIGURES(HISTORY_FIGURE_COLUMN)

#endif
