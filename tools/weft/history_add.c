/* SPDX-License-Identifier: MIT
 *
 * One more run in the history, and those that are let go for it.
 */
#include <stdlib.h>
#include <string.h>

#include <weft/system.h>

#include "history_file.h"
#include "sys.h"

#define TEXT_OF(number) #number
#define NUMBER_TEXT(number) TEXT_OF(number)

/* What follows the last separator. */
static const char *file_name(const char *command)
{
    const char *slash = strrchr(command, '/');

    return slash != NULL && slash[1] != '\0' ? slash + 1 : command;
}

/* ------------------------------------------------------------ arguments --- */

/* The arguments behind the command, each with a NUL, as far as there is room.
 */
static history_arguments join_arguments(char *const *arguments, char *joined,
                                        size_t *bytes)
{
    *bytes = 0;
    for (char *const *at = arguments + 1; *at != NULL; at++) {
        size_t length = strlen(*at) + 1;

        if (length > HISTORY_TEXT_MAX - *bytes) {
            return HISTORY_ARGUMENTS_CUT;
        }
        (void)snprintf(joined + *bytes, length, "%s", *at);
        *bytes += length;
    }
    return HISTORY_ARGUMENTS_ALL;
}

/* The text must live until the statement's end. */
static void bind_arguments(history_statement *statement,
                           const history_entry *entry, char *joined)
{
    history_arguments state = HISTORY_ARGUMENTS_HIDDEN;
    size_t bytes = 0;
    int code;

    if (entry->hides_arguments) {
        history_bind_null(statement);
    } else {
        state = join_arguments(entry->arguments, joined, &bytes);
        code = statement->file->call->bind_blob(
            statement->handle, ++statement->at, joined, (int)bytes, NULL);
        if (statement->code == SQLITE_OK) {
            statement->code = code;
        }
    }
    history_bind_number(statement, state);
}

/* Where the program was started, as an absolute path; "" if it is not known. */
static void find_directory(const char *given, char *path, size_t room)
{
    char here[HISTORY_PATH_MAX];
    int length;

    if (sys_directory(here, sizeof(here)) == NULL) {
        here[0] = '\0';
    }
    length = weft_path_join(here, given != NULL ? given : "", path, room);
    if (length <= 0 || (size_t)length >= room || path[0] != '/') {
        path[0] = '\0';
    }
}

/* --------------------------------------------------------------- result --- */

static void bind_figure(history_statement *statement,
                        const weft_process_result *result, uint32_t bit,
                        uint64_t value)
{
    if (result != NULL && (result->usage.valid & bit) != 0) {
        history_bind_u64(statement, value);
    } else {
        history_bind_null(statement);
    }
}

static void exceeded_names(uint32_t exceeded, char *text, size_t room)
{
    size_t used = 0;

    text[0] = '\0';
    for (unsigned i = 0; i < WEFT_FENCE_COUNT; i++) {
        if ((exceeded >> i & 1) != 0 && used < room) {
            int bytes =
                snprintf(text + used, room - used, "%s%s", used > 0 ? " " : "",
                         weft_fence_name((weft_fence)i));

            used += bytes > 0 ? (size_t)bytes : 0;
        }
    }
}

/* The columns from `reason` to `processes_peak`, of a run that has ended. */
static void bind_ended(history_statement *statement,
                       const weft_process_result *result, char *exceeded,
                       size_t room)
{
    const weft_usage *usage = &result->usage;

    exceeded_names(result->exceeded, exceeded, room);
    history_bind_text(statement, weft_reason_name(result->reason));
    if (result->exited) {
        history_bind_number(statement, result->exit_code);
    } else {
        history_bind_null(statement);
    }
    history_bind_number(statement, result->signal_number);
    history_bind_number(statement, result->dumped_core);
    history_bind_number(statement, result->was_killed);
    history_bind_text(statement, exceeded);
    if (result->survivors >= 0) {
        history_bind_number(statement, result->survivors);
    } else {
        history_bind_null(statement);
    }
    history_bind_number(statement,
                        (usage->valid & WEFT_USAGE_CPU_COMPLETE) != 0);
    history_bind_text(statement, usage->cpu_method);
    history_bind_text(statement, usage->memory_metric);
    history_bind_text(statement, result->evidence);
    bind_figure(statement, result, usage->processes_peak != 0 ? UINT32_MAX : 0,
                usage->processes_peak);
}

/* The same columns of one that was not started. */
static void bind_refused(history_statement *statement, const char *refusal)
{
    history_bind_text(statement, "refused");
    for (int i = 0; i < 9; i++) {
        history_bind_null(statement);
    }
    history_bind_text(statement, refusal);
    history_bind_null(statement);
}

static void bind_figures(history_statement *statement,
                         const weft_process_result *result)
{
    static const weft_usage nothing;
    const weft_usage *usage = result != NULL ? &result->usage : &nothing;

#define BIND_FIGURE(bit, name) bind_figure(statement, result, bit, usage->name);
    HISTORY_FIGURES(BIND_FIGURE)
#undef BIND_FIGURE
}

/* --------------------------------------------------------------- adding --- */

/* What is bound must live while the statement does. */
typedef struct run_texts {
    char arguments[HISTORY_TEXT_MAX];
    char evidence[HISTORY_TEXT_MAX];
    char directory[HISTORY_PATH_MAX];
    char exceeded[256];
} run_texts;

static bool add_run(history *me, const history_entry *entry, run_texts *texts,
                    history_problem *problem)
{
    static const char insert[] =
        "INSERT INTO run (" HISTORY_COLUMNS
        ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
        "?" HISTORY_FIGURES(HISTORY_FIGURE_PLACE) ")";
    weft_process_result result;
    history_statement statement;

    find_directory(entry->directory, texts->directory,
                   sizeof(texts->directory));
    history_statement_begin(&statement, me, insert);
    history_bind_u64(&statement, entry->started_unix_ns);
    history_bind_text(&statement, entry->arguments[0]);
    history_bind_text(&statement, file_name(entry->arguments[0]));
    bind_arguments(&statement, entry, texts->arguments);
    history_bind_text(&statement, texts->directory);
    history_bind_number(&statement, entry->exit_code);
    if (entry->result != NULL) {
        result = *entry->result;
        (void)snprintf(texts->evidence, sizeof(texts->evidence), "%s",
                       result.evidence);
        result.evidence = texts->evidence;
        bind_ended(&statement, &result, texts->exceeded,
                   sizeof(texts->exceeded));
    } else {
        bind_refused(&statement, entry->refusal);
    }
    bind_figures(&statement, entry->result);
    (void)history_step(&statement);
    return history_statement_end(&statement, problem);
}

static bool add_row(history *me, int64_t run, const weft_enforcement *row,
                    history_problem *problem)
{
    history_statement statement;

    history_statement_begin(
        &statement, me,
        "INSERT INTO fence (run, name, demand, level, requested, applied, "
        "granularity, blind_ns, mechanism, why_not) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    history_bind_number(&statement, run);
    history_bind_text(&statement, weft_fence_name(row->fence));
    history_bind_text(&statement,
                      row->demand == WEFT_REQUIRE ? "require" : "try");
    history_bind_text(&statement, weft_level_name(row->level));
    if (row->has_value) {
        history_bind_u64(&statement, row->requested);
        history_bind_u64(&statement, row->applied);
    } else {
        history_bind_null(&statement);
        history_bind_null(&statement);
    }
    history_bind_u64(&statement, row->granularity);
    history_bind_u64(&statement, row->blind_ns);
    history_bind_text(&statement, row->mechanism);
    history_bind_text(&statement, row->why_not);
    (void)history_step(&statement);
    return history_statement_end(&statement, problem);
}

static bool add_label(history *me, int64_t run, const char *label,
                      history_problem *problem)
{
    history_statement statement;

    history_statement_begin(
        &statement, me,
        "INSERT OR IGNORE INTO label (run, text) VALUES (?, ?)");
    history_bind_number(&statement, run);
    history_bind_text(&statement, label);
    (void)history_step(&statement);
    return history_statement_end(&statement, problem);
}

/* Numbers are never used again, so this is the oldest that may stay. */
static bool let_go(history *me, int64_t run, history_problem *problem)
{
    history_statement statement;

    history_statement_begin(&statement, me,
                            "DELETE FROM run WHERE id <= "
                            "? - " NUMBER_TEXT(HISTORY_RUNS_MAX));
    history_bind_number(&statement, run);
    (void)history_step(&statement);
    return history_statement_end(&statement, problem);
}

static bool add_all(history *me, const history_entry *entry, run_texts *texts,
                    history_problem *problem)
{
    const weft_process_result *result = entry->result;
    bool is_added = add_run(me, entry, texts, problem);
    int64_t run = me->call->last_insert_rowid(me->database);

    for (size_t i = 0;
         is_added && result != NULL && i < result->enforcement_count; i++) {
        const weft_enforcement *row = &result->enforcement[i];

        /* A row that nobody asked for is empty. */
        if (row->mechanism[0] != '\0' || row->why_not[0] != '\0') {
            is_added = add_row(me, run, row, problem);
        }
    }
    for (size_t i = 0; is_added && i < entry->label_count; i++) {
        is_added = add_label(me, run, entry->labels[i], problem);
    }
    return is_added && let_go(me, run, problem);
}

bool history_add(history *me, const history_entry *entry,
                 history_problem *problem)
{
    run_texts *texts = malloc(sizeof(*texts));
    history_problem unused;
    bool is_added;

    if (texts == NULL) {
        return history_failed(me, weft_status_text(WEFT_ENOMEM), problem);
    }
    is_added = history_execute(me, "BEGIN IMMEDIATE", problem);
    if (is_added) {
        is_added = add_all(me, entry, texts, problem) &&
                   history_execute(me, "COMMIT", problem);
        if (!is_added) {
            (void)history_execute(me, "ROLLBACK", &unused);
        }
    }
    free(texts);
    return is_added;
}
