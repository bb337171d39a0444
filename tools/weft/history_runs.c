/* SPDX-License-Identifier: MIT
 *
 * The history of runs: what is in its file.
 */
#include "history_file.h"

/* "weft" in ASCII, in the file's application_id. */
#define APPLICATION_ID 0x77656674
#define APPLICATION_ID_TEXT "2003134068"

#define FIGURE_COLUMN(bit, name) ", " #name " INTEGER"

/* What makes form N + 1 out of form N; each list ends with NULL. */
static const char *const steps_1[] = {
    "CREATE TABLE run (id INTEGER PRIMARY KEY AUTOINCREMENT, "
    "started_ns INTEGER NOT NULL, command TEXT NOT NULL, name TEXT NOT NULL, "
    "arguments BLOB, argument_state INTEGER NOT NULL, directory TEXT, "
    "exit_code INTEGER NOT NULL, reason TEXT NOT NULL, leader_exit INTEGER, "
    "signal INTEGER, dumped_core INTEGER, killed INTEGER, exceeded TEXT, "
    "survivors INTEGER, cpu_complete INTEGER, cpu_method TEXT, "
    "memory_metric TEXT, evidence TEXT, "
    "processes_peak INTEGER" HISTORY_FIGURES(FIGURE_COLUMN) ") STRICT",
    "CREATE TABLE fence (run INTEGER NOT NULL REFERENCES run(id) ON DELETE "
    "CASCADE, name TEXT NOT NULL, demand TEXT NOT NULL, level TEXT NOT NULL, "
    "requested INTEGER, applied INTEGER, granularity INTEGER, "
    "blind_ns INTEGER, mechanism TEXT NOT NULL, why_not TEXT NOT NULL, "
    "PRIMARY KEY (run, name)) STRICT, WITHOUT ROWID",
    "CREATE TABLE label (run INTEGER NOT NULL REFERENCES run(id) ON DELETE "
    "CASCADE, text TEXT NOT NULL, PRIMARY KEY (run, text)) STRICT, "
    "WITHOUT ROWID",
    "PRAGMA application_id = " APPLICATION_ID_TEXT,
    "PRAGMA user_version = 1",
    NULL,
};

static const char *const *const forms[] = {steps_1};

bool history_is_built(history_problem *problem)
{
    problem->text[0] = '\0';
    return true;
}

history_state history_open(const char *path, history_use use, history **out,
                           history_problem *problem)
{
    static const history_kind kind = {
        .file = "history.db",
        .variable = "WEFT_HISTORY",
        .elsewhere = "neither --history nor $WEFT_HISTORY names a file",
        .no_such = "it is no history of weft's",
        .application = APPLICATION_ID,
        .forms = forms,
        .form_count = TOOL_COUNT_OF(forms)};

    return history_file_open(&kind, path, use, out, problem);
}
