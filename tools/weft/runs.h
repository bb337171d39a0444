/* SPDX-License-Identifier: MIT
 *
 * runs.h - what the commands `weft runs ...` share.
 */
#ifndef WEFT_RUNS_H
#define WEFT_RUNS_H

#include "history.h"
#include "tool.h"

/* What most of them accept. */
typedef struct runs_values {
    const char *history;
    const char *command;
    const char *reason;
    const char *label;
    uint64_t since_ns; /* before now */
    uint64_t limit;
    bool failed;
    bool json;
} runs_values;

/* Takes 7d and 2w beside other durations. */
const char *runs_take_age(void *place, const char *argument);

/* Rows of the option tables. */
#define RUNS_FILE_ROW                                                          \
    {                                                                          \
        .name = "history", .kind = TOOL_TEXT,                                  \
        .offset = offsetof(runs_values, history), .label = "FILE",             \
        .help = "of this file"                                                 \
    }

#define RUNS_JSON_ROW(HELP)                                                    \
    {                                                                          \
        .name = "json", .kind = TOOL_FLAG,                                     \
        .offset = offsetof(runs_values, json), .help = (HELP)                  \
    }

#define RUNS_SINCE_ROW                                                         \
    {                                                                          \
        .name = "since", .letter = 's', .kind = TOOL_CALL,                     \
        .offset = offsetof(runs_values, since_ns), .label = "AGE",             \
        .call = runs_take_age,                                                 \
        .help = "started so long ago at most, such as 30m or 7d"               \
    }

#define RUNS_LABEL_ROW                                                         \
    {                                                                          \
        .name = "label", .kind = TOOL_TEXT,                                    \
        .offset = offsetof(runs_values, label), .label = "TEXT",               \
        .help = "with this label"                                              \
    }

#define RUNS_COMMAND_ROW                                                       \
    {                                                                          \
        .name = "command", .letter = 'c', .kind = TOOL_TEXT,                   \
        .offset = offsetof(runs_values, command), .label = "GLOB",             \
        .help = "of programs whose path or file name matches"                  \
    }

/* The filter that the options ask for. */
history_filter runs_filter(const runs_values *values);

/*
 * Opens the history to read it. HISTORY_FAILED: it was said why;
 * HISTORY_EMPTY: it was said that there is nothing, unless it is to be JSON.
 */
history_state runs_open(const runs_values *values, history_use use,
                        history **file);

/* Says what went wrong; TOOL_FAILED. */
int runs_failed(const history_problem *problem);

/* Such as "exit 1", "signal 9", "memory". */
void runs_result_text(const history_run *run, char *text, size_t room);

/* Times and sizes in few columns; "-" if they are not known. */
void runs_time_text(bool is_known, uint64_t ns, char *text, size_t room);
void runs_size_text(bool is_known, uint64_t bytes, char *text, size_t room);

/* When it began, by the clock of this place. */
void runs_date_text(const history_run *run, char *text, size_t room);

/* Command and arguments, `most` bytes of them; foreign text is made harmless.
 */
void runs_print_command(const history_run *run, size_t most);

/* All of it as one JSON object in a line. */
bool runs_json(history *file, const history_run *run, history_problem *problem);

#endif
