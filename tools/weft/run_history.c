/* SPDX-License-Identifier: MIT
 *
 * How weft run keeps what came of it.
 *
 * Nothing is recorded unless somebody asks: arguments may hold passwords, and
 * who runs a thousand programs a minute does not expect a file that grows.
 */
#include <stdlib.h>
#include <string.h>

#include "run_history.h"

/* What $WEFT_RECORD says; false, and said, if that is no word of ours. */
static bool read_variable(int *record)
{
    static const tool_choice words[] = {{"all", RUN_RECORD_ALL},
                                        {"command", RUN_RECORD_COMMAND},
                                        {"none", RUN_RECORD_NONE},
                                        {"", RUN_RECORD_NONE},
                                        {NULL, 0}};
    const char *text = getenv("WEFT_RECORD");

    *record = RUN_RECORD_NONE;
    for (const tool_choice *word = words; text != NULL && word->word != NULL;
         word++) {
        if (strcmp(word->word, text) == 0) {
            *record = word->value;
            return true;
        }
    }
    if (text != NULL) {
        tool_error("$WEFT_RECORD is '%s', not all, command or none", text);
    }
    return text == NULL;
}

/* What the options say; RUN_RECORD_UNSET: nothing. */
static bool read_options(run_values *values)
{
    history_problem problem;

    if (values->history != NULL) {
        if (values->record == RUN_RECORD_NONE) {
            tool_usage_error("run", "options '--history' and '--no-record' "
                                    "exclude each other");
            return false;
        }
        if (values->record == RUN_RECORD_UNSET) {
            values->record = RUN_RECORD_ALL;
        }
    }
    if (values->record != RUN_RECORD_UNSET &&
        values->record != RUN_RECORD_NONE && !history_is_built(&problem)) {
        tool_error("cannot record the run: %s", problem.text);
        return false;
    }
    return true;
}

bool run_history_settle(run_values *values)
{
    if (!read_options(values) || (values->record == RUN_RECORD_UNSET &&
                                  !read_variable(&values->record))) {
        return false;
    }
    if (values->record == RUN_RECORD_NONE && values->label_count > 0) {
        tool_usage_error("run", "option '--label' needs '--record'");
        return false;
    }
    return true;
}

static void add(const run_values *values, history_entry *entry)
{
    history_problem problem = {""};
    history *file = NULL;
    bool is_added = false;

    if (values->record == RUN_RECORD_NONE) {
        return;
    }
    entry->hides_arguments = values->record == RUN_RECORD_COMMAND;
    entry->directory = values->directory;
    entry->labels = values->labels;
    entry->label_count = values->label_count;
    if (history_open(values->history, HISTORY_ADD, &file, &problem) ==
        HISTORY_OPEN) {
        is_added = history_add(file, entry, &problem);
        history_close(&file);
    }
    if (!is_added) {
        tool_error("the run is not recorded: %s", problem.text);
    }
}

void run_history_add(const run_values *values, char *const *arguments,
                     uint64_t started_unix_ns, int exit_code,
                     const weft_process_result *result)
{
    history_entry entry = {.started_unix_ns = started_unix_ns,
                           .arguments = arguments,
                           .exit_code = exit_code,
                           .result = result};

    add(values, &entry);
}

void run_history_refused(const run_values *values, char *const *arguments,
                         uint64_t started_unix_ns, int exit_code,
                         const char *refusal)
{
    history_entry entry = {.started_unix_ns = started_unix_ns,
                           .arguments = arguments,
                           .exit_code = exit_code,
                           .refusal = refusal};

    add(values, &entry);
}
