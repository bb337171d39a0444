/* SPDX-License-Identifier: MIT
 *
 * What the history tells of the runs that it has, and what is pruned.
 */
#include <limits.h>
#include <string.h>

#include "history_file.h"

/* ---------------------------------------------------------------- words --- */

/* WEFT_REASON_LOST for a word that this version does not know. */
static weft_reason reason_of(const char *word)
{
    int reason = 0;

    while (reason < WEFT_REASON_LOST &&
           strcmp(weft_reason_name((weft_reason)reason), word) != 0) {
        reason++;
    }
    return (weft_reason)reason;
}

static bool fence_of(const char *word, weft_fence *fence)
{
    for (int i = 0; i < WEFT_FENCE_COUNT; i++) {
        if (strcmp(weft_fence_name((weft_fence)i), word) == 0) {
            *fence = (weft_fence)i;
            return true;
        }
    }
    return false;
}

static weft_level level_of(const char *word)
{
    int level = WEFT_LEVEL_TREE;

    while (level > WEFT_LEVEL_UNSUPPORTED &&
           strcmp(weft_level_name((weft_level)level), word) != 0) {
        level--;
    }
    return (weft_level)level;
}

/* ----------------------------------------------------------------- runs --- */

static int column_int(history_statement *statement)
{
    int64_t value = history_column_number(statement);

    return value >= INT_MIN && value <= INT_MAX ? (int)value : -1;
}

/* The blob ends with a NUL, or it is not what was written here. */
static void read_arguments(history_statement *statement, history_run *run)
{
    const sqlite_calls *call = statement->file->call;
    int column = statement->at++;
    const char *data = call->column_blob(statement->handle, column);
    int bytes = call->column_bytes(statement->handle, column);
    int64_t state = history_column_number(statement);

    run->arguments = "";
    run->argument_state = HISTORY_ARGUMENTS_HIDDEN;
    if (state == HISTORY_ARGUMENTS_ALL || state == HISTORY_ARGUMENTS_CUT) {
        run->argument_state = (history_arguments)state;
    }
    if (data != NULL && bytes > 0 && data[bytes - 1] == '\0') {
        run->arguments = data;
        run->argument_bytes = (size_t)bytes;
    }
}

static void read_figure(history_statement *statement, weft_usage *usage,
                        uint32_t bit, uint64_t *value)
{
    if (history_column_u64(statement, value)) {
        usage->valid |= bit;
    }
}

/* The columns from `reason` on. */
static void read_result(history_statement *statement, history_run *run)
{
    weft_process_result *result = &run->result;
    weft_usage *usage = &result->usage;
    uint64_t number = 0;

    result->size = sizeof(*result);
    usage->size = sizeof(*usage);
    run->reason = history_column_text(statement);
    result->reason = reason_of(run->reason);
    run->has_result = strcmp(run->reason, "refused") != 0;
    result->exited = history_column_u64(statement, &number);
    result->exit_code = result->exited ? (int)(number & INT_MAX) : -1;
    result->signal_number = column_int(statement);
    result->dumped_core = history_column_number(statement) != 0;
    result->was_killed = history_column_number(statement) != 0;
    run->exceeded = history_column_text(statement);
    result->survivors =
        history_column_u64(statement, &number) ? (int64_t)number : -1;
    if (history_column_number(statement) != 0) {
        usage->valid |= WEFT_USAGE_CPU_COMPLETE;
    }
    usage->cpu_method = history_column_text(statement);
    usage->memory_metric = history_column_text(statement);
    result->evidence = history_column_text(statement);
    (void)history_column_u64(statement, &usage->processes_peak);
#define READ_FIGURE(bit, name) read_figure(statement, usage, bit, &usage->name);
    HISTORY_FIGURES(READ_FIGURE)
#undef READ_FIGURE
}

static void read_run(history_statement *statement, history_run *run)
{
    *run = (history_run){.id = history_column_number(statement)};
    (void)history_column_u64(statement, &run->started_unix_ns);
    run->command = history_column_text(statement);
    (void)history_column_text(statement); /* its file name */
    read_arguments(statement, run);
    run->directory = history_column_text(statement);
    run->exit_code = column_int(statement);
    read_result(statement, run);
}

static void bind_filter(history_statement *statement,
                        const history_filter *filter)
{
    history_bind_number(statement, filter->id);
    history_bind_text(statement, filter->command);
    history_bind_text(statement, filter->reason);
    history_bind_text(statement, filter->label);
    history_bind_u64(statement, filter->since_unix_ns);
    history_bind_number(statement, filter->has_failed);
    history_bind_number(statement, filter->has_succeeded);
    history_bind_u64(statement, filter->most > 0 ? filter->most : INT64_MAX);
}

bool history_each(history *me, const history_filter *filter,
                  history_visit *visit, void *context, history_problem *problem)
{
    static const char select[] =
        "SELECT id, " HISTORY_COLUMNS " FROM run WHERE (?1 <= 0 OR id = ?1) "
        "AND (?1 >= 0 OR id = (SELECT max(id) FROM run)) "
        "AND (?2 IS NULL OR command GLOB ?2 OR name GLOB ?2) "
        "AND (?3 IS NULL OR reason = ?3) "
        "AND (?4 IS NULL OR EXISTS (SELECT 1 FROM label "
        "WHERE label.run = run.id AND label.text = ?4)) "
        "AND started_ns >= ?5 "
        "AND (?6 = 0 OR reason <> 'exited' OR exit_code <> 0) "
        "AND (?7 = 0 OR (reason = 'exited' AND exit_code = 0)) "
        "ORDER BY id DESC LIMIT ?8";
    history_statement statement;
    history_run run;

    history_statement_begin(&statement, me, select);
    bind_filter(&statement, filter);
    while (history_step(&statement)) {
        read_run(&statement, &run);
        if (!visit(context, &run)) {
            break;
        }
    }
    return history_statement_end(&statement, problem);
}

/* ------------------------------------------------------- rows and labels ---
 */

/* False: a row of a fence that this version does not know. */
static bool read_row(history_statement *statement, weft_enforcement *row)
{
    *row = (weft_enforcement){0};
    if (!fence_of(history_column_text(statement), &row->fence)) {
        return false;
    }
    row->demand = strcmp(history_column_text(statement), "try") == 0
                      ? WEFT_TRY
                      : WEFT_REQUIRE;
    row->level = level_of(history_column_text(statement));
    row->has_value = history_column_u64(statement, &row->requested);
    row->has_value =
        history_column_u64(statement, &row->applied) && row->has_value;
    (void)history_column_u64(statement, &row->granularity);
    (void)history_column_u64(statement, &row->blind_ns);
    (void)snprintf(row->mechanism, sizeof(row->mechanism), "%s",
                   history_column_text(statement));
    (void)snprintf(row->why_not, sizeof(row->why_not), "%s",
                   history_column_text(statement));
    tool_clean(row->mechanism);
    tool_clean(row->why_not);
    return true;
}

bool history_rows(history *me, int64_t id, weft_enforcement *rows,
                  size_t *count, history_problem *problem)
{
    history_statement statement;

    *count = 0;
    history_statement_begin(
        &statement, me,
        "SELECT name, demand, level, requested, applied, granularity, "
        "blind_ns, mechanism, why_not FROM fence WHERE run = ? ORDER BY name");
    history_bind_number(&statement, id);
    while (*count < WEFT_FENCE_COUNT && history_step(&statement)) {
        if (read_row(&statement, &rows[*count])) {
            ++*count;
        }
    }
    return history_statement_end(&statement, problem);
}

bool history_labels(history *me, int64_t id, history_visit_label *visit,
                    void *context, history_problem *problem)
{
    history_statement statement;

    history_statement_begin(&statement, me,
                            "SELECT text FROM label WHERE run = ? "
                            "ORDER BY text");
    history_bind_number(&statement, id);
    while (history_step(&statement)) {
        visit(context, history_column_text(&statement));
    }
    return history_statement_end(&statement, problem);
}

/* -------------------------------------------------------------- pruning --- */

bool history_prune(history *me, uint64_t before_unix_ns, uint64_t keep,
                   uint64_t *removed, history_problem *problem)
{
    history_statement statement;

    history_statement_begin(
        &statement, me,
        "DELETE FROM run WHERE started_ns < ?1 OR id NOT IN "
        "(SELECT id FROM run ORDER BY id DESC LIMIT ?2)");
    history_bind_u64(&statement, before_unix_ns);
    history_bind_u64(&statement, keep);
    (void)history_step(&statement);
    *removed = statement.code == SQLITE_OK
                   ? (uint64_t)me->call->changes(me->database)
                   : 0;
    /* What was removed is not to stay behind in pages that are free. */
    return history_statement_end(&statement, problem) &&
           history_execute(me, "VACUUM", problem) &&
           history_execute(me, "PRAGMA wal_checkpoint(TRUNCATE)", problem);
}
