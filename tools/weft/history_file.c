/* SPDX-License-Identifier: MIT
 *
 * Statements of the history's database. Each is prepared; no text of a user's
 * ever becomes a part of one.
 */
#include <string.h>

#include "history_file.h"

bool history_failed(const history *me, const char *why,
                    history_problem *problem)
{
    (void)snprintf(problem->text, sizeof(problem->text), "'%.200s': %s",
                   me->path, why);
    return false;
}

void history_statement_begin(history_statement *me, history *file,
                             const char *text)
{
    *me = (history_statement){.file = file};
    me->code =
        file->call->prepare_v2(file->database, text, -1, &me->handle, NULL);
}

static void note(history_statement *me, int code)
{
    if (me->code == SQLITE_OK) {
        me->code = code;
    }
}

void history_bind_number(history_statement *me, int64_t value)
{
    note(me, me->file->call->bind_int64(me->handle, ++me->at, value));
}

void history_bind_u64(history_statement *me, uint64_t value)
{
    history_bind_number(me, value < INT64_MAX ? (int64_t)value : INT64_MAX);
}

/* A text that is NULL is bound as NULL. */
void history_bind_text(history_statement *me, const char *text)
{
    note(me, me->file->call->bind_text(me->handle, ++me->at, text, -1, NULL));
}

void history_bind_null(history_statement *me)
{
    history_bind_text(me, NULL);
}

bool history_step(history_statement *me)
{
    int code = SQLITE_DONE;

    me->at = 0;
    if (me->code == SQLITE_OK) {
        code = me->file->call->step(me->handle);
    }
    if (code != SQLITE_ROW && code != SQLITE_DONE) {
        note(me, code);
    }
    return code == SQLITE_ROW;
}

int64_t history_column_number(history_statement *me)
{
    return me->file->call->column_int64(me->handle, me->at++);
}

bool history_column_u64(history_statement *me, uint64_t *value)
{
    int column = me->at;
    int64_t number = history_column_number(me);

    if (number < 0 ||
        me->file->call->column_type(me->handle, column) == SQLITE_NULL) {
        return false;
    }
    *value = (uint64_t)number;
    return true;
}

const char *history_column_text(history_statement *me)
{
    const unsigned char *text =
        me->file->call->column_text(me->handle, me->at++);

    return text != NULL ? (const char *)text : "";
}

bool history_statement_end(history_statement *me, history_problem *problem)
{
    const history *file = me->file;

    if (me->code != SQLITE_OK) {
        /* What it says of a file in use is not clear to who has not opened it.
         */
        (void)history_failed(file,
                             me->code == SQLITE_BUSY
                                 ? "other processes use it all the time"
                                 : file->call->errmsg(file->database),
                             problem);
    }
    (void)file->call->finalize(me->handle);
    me->handle = NULL;
    return me->code == SQLITE_OK;
}

bool history_execute(history *me, const char *text, history_problem *problem)
{
    history_statement statement;

    history_statement_begin(&statement, me, text);
    while (history_step(&statement)) {
    }
    return history_statement_end(&statement, problem);
}

bool history_ask(history *me, const char *text, int64_t *value,
                 history_problem *problem)
{
    history_statement statement;

    history_statement_begin(&statement, me, text);
    *value = history_step(&statement) ? history_column_number(&statement) : 0;
    return history_statement_end(&statement, problem);
}
