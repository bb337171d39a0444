/* SPDX-License-Identifier: MIT
 *
 * The file of a history: where it is, whose it is, and which form it has.
 *
 * It is in WAL mode on a local file system: a run is added without waiting for
 * the disk, and readers and writers do not wait for each other. Over a network
 * WAL would need memory that two machines share, so the older journal is used
 * there. Two that add at once take turns, for HISTORY_WAIT_MS at most.
 *
 * The form has a number, user_version. A file of an older form is brought up
 * to date step by step in one transaction; one of a newer form, or of another
 * program, is left as it is.
 */
#include <stdlib.h>
#include <string.h>

#include <weft/system.h>

#include "history_file.h"
#include "sys.h"

/* A text in the file longer than this is none that was written here. */
#define VALUE_MAX (1 << 20)

/*
 * Pages of the log, of 4 KiB, from which on it is brought into the file: when
 * the last process closes that, or, if there is always another one, at once.
 * Each that opens the file reads the log, so it is to stay short.
 */
#define LOG_PAGES_AT_CLOSE 128
#define LOG_PAGES_AT_ONCE 1000

/* ---------------------------------------------------------------- place --- */

static bool fits(int length)
{
    return length > 0 && length < HISTORY_PATH_MAX;
}

/* A relative path is made one that SQLite can't take for something else. */
static bool take_path(history *me, const char *path)
{
    return fits(weft_path_join(path[0] == '/' ? "" : ".", path, me->path,
                               sizeof(me->path)));
}

static const char *why_not_own(int code, char *text, size_t room)
{
    switch (code) {
    case SYS_NOT_OURS:
        return "it belongs to another user";
    case SYS_EXPOSED:
        return "others may write to it";
    case SYS_NO_FILE:
        return "it is no file";
    default:
        return sys_error_text(code, text, room);
    }
}

static bool fail_by_code(const history *me, int code, history_problem *problem)
{
    char text[128];

    return history_failed(me, why_not_own(code, text, sizeof(text)), problem);
}

/* The usual place; its directory is made if something is to be written. */
static bool take_usual(history *me, bool make, history_problem *problem)
{
    const history_kind *kind = me->kind;
    char state[HISTORY_PATH_MAX];
    int code = 0;

    if (!sys_state_directory(state, sizeof(state)) ||
        !fits(weft_path_join(state, "weft", me->path, sizeof(me->path)))) {
        (void)snprintf(problem->text, sizeof(problem->text),
                       "there is no home directory to keep it in, and %s",
                       kind->elsewhere);
        return false;
    }
    if (make || sys_file_exists(me->path)) {
        code = sys_own_directory(me->path);
    }
    if (code != 0) {
        return fail_by_code(me, code, problem);
    }
    (void)snprintf(state, sizeof(state), "%s", me->path);
    return fits(
               weft_path_join(state, kind->file, me->path, sizeof(me->path))) ||
           history_failed(me, "the path is too long", problem);
}

static bool find_place(history *me, const char *path, bool make,
                       history_problem *problem)
{
    const char *own =
        me->kind->variable != NULL ? getenv(me->kind->variable) : NULL;

    if (path == NULL && own != NULL && own[0] != '\0') {
        path = own;
    }
    if (path == NULL) {
        return take_usual(me, make, problem);
    }
    if (!take_path(me, path)) {
        me->path[0] = '\0';
        return history_failed(me, "the path is too long", problem);
    }
    return true;
}

/* ----------------------------------------------------------------- form --- */

static bool take_steps(history *me, int64_t form, history_problem *problem)
{
    for (; form < me->kind->form_count; form++) {
        for (const char *const *step = me->kind->forms[form]; *step != NULL;
             step++) {
            if (!history_execute(me, *step, problem)) {
                return false;
            }
        }
    }
    return true;
}

/*
 * The form that the file has; 0: it is empty. False: it is none of ours, or
 * can't be read.
 */
static bool read_form(history *me, int64_t *form, history_problem *problem)
{
    int64_t application;
    int64_t things;

    if (!history_ask(me, "PRAGMA application_id", &application, problem) ||
        !history_ask(me, "PRAGMA user_version", form, problem) ||
        !history_ask(me, "SELECT count(*) FROM sqlite_schema", &things,
                     problem)) {
        return false;
    }
    if (application == 0 && *form == 0 && things == 0) {
        return true;
    }
    if (application != me->kind->application || *form < 1) {
        return history_failed(me, me->kind->no_such, problem);
    }
    return *form <= me->kind->form_count ||
           history_failed(me, "a newer version of weft has made it", problem);
}

/* All of it as it was at one time: another process may make it just now. */
static bool look_at_form(history *me, int64_t *form, history_problem *problem)
{
    history_problem unused;
    bool is_read =
        history_execute(me, "BEGIN", problem) && read_form(me, form, problem);

    (void)history_execute(me, "ROLLBACK", &unused);
    return is_read;
}

/* Another process may have done it since the form was read. */
static bool bring_up_to_date(history *me, history_problem *problem)
{
    history_problem unused;
    int64_t form = 0;

    if (!history_execute(me, "BEGIN IMMEDIATE", problem)) {
        return false;
    }
    if (!read_form(me, &form, problem) || !take_steps(me, form, problem) ||
        !history_execute(me, "COMMIT", problem)) {
        (void)history_execute(me, "ROLLBACK", &unused);
        return false;
    }
    return true;
}

/*
 * Without it nothing is lost but speed: if somebody uses the file just now the
 * next one will do it.
 */
static void choose_log(history *me)
{
    history_problem unused;

    if (sys_is_local(me->path)) {
        (void)me->call->busy_timeout(me->database, 0);
        (void)history_execute(me, "PRAGMA journal_mode = WAL", &unused);
        (void)me->call->busy_timeout(me->database, HISTORY_WAIT_MS);
    }
}

static bool prepare_file(history *me, history_use use, bool *is_empty,
                         history_problem *problem)
{
    int64_t form = 0;

    if (!look_at_form(me, &form, problem)) {
        return false;
    }
    *is_empty = form == 0 && use != HISTORY_ADD;
    if (*is_empty) {
        return true;
    }
    if (use != HISTORY_READ) {
        choose_log(me);
    }
    return (form == me->kind->form_count || bring_up_to_date(me, problem)) &&
           history_execute(me, "PRAGMA synchronous = NORMAL", problem) &&
           history_execute(me, "PRAGMA foreign_keys = ON", problem);
}

/* ----------------------------------------------------------------- open --- */

/* The log has been written to. */
static int note_log(void *context, sqlite3 *database, const char *name,
                    int pages)
{
    history *me = context;

    (void)database;
    (void)name;
    me->log_pages = pages;
    return SQLITE_OK;
}

static bool open_database(history *me, history_problem *problem)
{
    const sqlite_calls *call = me->call;
    int code = call->open_v2(me->path, &me->database,
                             SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX |
                                 SQLITE_OPEN_PRIVATECACHE,
                             NULL);

    if (code != SQLITE_OK) {
        return history_failed(me, call->errstr(code), problem);
    }
    (void)call->busy_timeout(me->database, HISTORY_WAIT_MS);
    (void)call->limit(me->database, SQLITE_LIMIT_LENGTH, VALUE_MAX);
    /* What the file says is data, and no program. */
    (void)call->db_config(me->database, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    (void)call->db_config(me->database, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0,
                          NULL);
    (void)call->wal_hook(me->database, note_log, me);
    return true;
}

static history_state open_file(history *me, history_use use,
                               history_problem *problem)
{
    bool is_empty = false;
    int code = sys_own_file(me->path, use == HISTORY_ADD);
    char why[256];

    if (code != 0) {
        if (use != HISTORY_ADD && !sys_file_exists(me->path)) {
            return HISTORY_EMPTY;
        }
        (void)fail_by_code(me, code, problem);
        return HISTORY_FAILED;
    }
    me->call = sqlite_load(why, sizeof(why));
    if (me->call == NULL) {
        (void)snprintf(problem->text, sizeof(problem->text), "%s", why);
        return HISTORY_FAILED;
    }
    if (!open_database(me, problem) ||
        !prepare_file(me, use, &is_empty, problem)) {
        return HISTORY_FAILED;
    }
    return is_empty ? HISTORY_EMPTY : HISTORY_OPEN;
}

history_state history_file_open(const history_kind *kind, const char *path,
                                history_use use, history **out,
                                history_problem *problem)
{
    history *me = calloc(1, sizeof(*me));
    history_state state = HISTORY_FAILED;

    *out = NULL;
    if (me == NULL) {
        (void)snprintf(problem->text, sizeof(problem->text), "%s",
                       weft_status_text(WEFT_ENOMEM));
        return HISTORY_FAILED;
    }
    me->kind = kind;
    if (find_place(me, path, use == HISTORY_ADD, problem)) {
        state = open_file(me, use, problem);
    }
    if (state != HISTORY_OPEN) {
        history_close(&me);
    }
    *out = me;
    return state;
}

/*
 * To bring the log into the file waits for the disk, so not each run does. The
 * file is whole without it.
 */
static void shorten_log(history *me)
{
    history_problem unused;

    if (me->log_pages >= LOG_PAGES_AT_ONCE) {
        (void)history_execute(me, "PRAGMA wal_checkpoint", &unused);
    }
    (void)me->call->db_config(me->database, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE,
                              me->log_pages < LOG_PAGES_AT_CLOSE, NULL);
}

void history_close(history **me)
{
    if (*me == NULL) {
        return;
    }
    if ((*me)->database != NULL) {
        shorten_log(*me);
        (void)(*me)->call->close((*me)->database);
    }
    free(*me);
    *me = NULL;
}
