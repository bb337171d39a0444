/* SPDX-License-Identifier: MIT
 *
 * The daemon's history: a file as that of the runs is, with another content.
 *
 * It is written to by one process that wants to stay small, so SQLite gets
 * little memory for it. What is read is taken for hostile: a word that is none
 * of ours, or a learnt state that can't be true, is left out.
 */
#include <stdlib.h>
#include <string.h>

#include "history_file.h"
#include "memory_store.h"

/* "wmem" in ASCII, in the file's application_id. */
#define APPLICATION_ID 0x776d656d
#define APPLICATION_ID_TEXT "2003658093"

/* The figures of a verdict: bit, member, in the order of the columns. */
#define FIGURES(X)                                                             \
    X(WEFT_VERDICT_CLAIMED, claimed_bytes)                                     \
    X(WEFT_VERDICT_RELEASED, released_bytes)                                   \
    X(WEFT_VERDICT_RELOCATED, relocated_bytes)                                 \
    X(WEFT_VERDICT_KEPT_10S, kept_10s_bytes)                                   \
    X(WEFT_VERDICT_KEPT_60S, kept_60s_bytes)                                   \
    X(WEFT_VERDICT_KEPT_300S, kept_300s_bytes)                                 \
    X(WEFT_VERDICT_HALF_LIFE, half_life_ns)                                    \
    X(WEFT_VERDICT_REFAULT, refault_bytes)                                     \
    X(WEFT_VERDICT_STALL, stall_ns)                                            \
    X(WEFT_VERDICT_CPU, cpu_ns)

#define COLUMN(bit, name) ", " #name " INTEGER"
#define NAME(bit, name) ", " #name
#define PLACE(bit, name) ", ?"

#define EVENT_COLUMNS                                                          \
    "time_ns, kind, was, state, verb, dry, pid, name, exe, bytes, after_ns, "  \
    "outcome, reason" FIGURES(NAME)

static const char *const steps_1[] = {
    "CREATE TABLE event (id INTEGER PRIMARY KEY AUTOINCREMENT, "
    "time_ns INTEGER NOT NULL, kind TEXT NOT NULL, was INTEGER NOT NULL, "
    "state INTEGER NOT NULL, verb INTEGER, dry INTEGER NOT NULL, pid INTEGER, "
    "name TEXT, exe TEXT, bytes INTEGER, after_ns INTEGER, outcome INTEGER, "
    "reason TEXT NOT NULL" FIGURES(COLUMN) ") STRICT",
    "CREATE INDEX event_time ON event (time_ns)",
    "CREATE TABLE app (exe TEXT PRIMARY KEY, updated_ns INTEGER NOT NULL, "
    "refault_ppm INTEGER NOT NULL, learnt BLOB NOT NULL) STRICT, WITHOUT ROWID",
    "PRAGMA application_id = " APPLICATION_ID_TEXT,
    "PRAGMA user_version = 1",
    NULL,
};

static const char *const *const forms[] = {steps_1};

struct memory_store {
    history *file;
};

/* ----------------------------------------------------------------- open --- */

/* Without them nothing is wrong but that more memory is taken. */
static void stay_small(history *file)
{
    history_problem unused;

    (void)file->call->db_config(file->database, SQLITE_DBCONFIG_LOOKASIDE, NULL,
                                0, 0);
    (void)history_execute(file, "PRAGMA cache_size = -64", &unused);
}

history_state memory_store_open(const char *path, history_use use,
                                memory_store **out, history_problem *problem)
{
    static const history_kind kind = {
        .file = "memory.db",
        .elsewhere = "the config does not name a file",
        .no_such = "it is no history of weft's memory daemon",
        .application = APPLICATION_ID,
        .forms = forms,
        .form_count = TOOL_COUNT_OF(forms)};
    memory_store *me = calloc(1, sizeof(*me));
    history_state state = HISTORY_FAILED;

    *out = NULL;
    if (me == NULL) {
        (void)snprintf(problem->text, sizeof(problem->text), "%s",
                       weft_status_text(WEFT_ENOMEM));
        return HISTORY_FAILED;
    }
    state = history_file_open(&kind, path[0] != '\0' ? path : NULL, use,
                              &me->file, problem);
    if (state != HISTORY_OPEN) {
        free(me);
        return state;
    }
    stay_small(me->file);
    *out = me;
    return HISTORY_OPEN;
}

void memory_store_close(memory_store **me)
{
    if (*me == NULL) {
        return;
    }
    history_close(&(*me)->file);
    sqlite_unload();
    free(*me);
    *me = NULL;
}

/* --------------------------------------------------------------- events --- */

static void bind_if(history_statement *statement, bool is_known, int64_t value)
{
    if (is_known) {
        history_bind_number(statement, value);
    } else {
        history_bind_null(statement);
    }
}

bool memory_store_add(memory_store *me, const memory_event *event,
                      history_problem *problem)
{
    bool is_act = event->kind == MEMORY_EVENT_ACTION ||
                  event->kind == MEMORY_EVENT_VERDICT;
    bool is_verdict = event->kind == MEMORY_EVENT_VERDICT;
    history_statement statement;

    history_statement_begin(
        &statement, me->file,
        "INSERT INTO event (" EVENT_COLUMNS
        ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?" FIGURES(PLACE) ")");
    history_bind_u64(&statement, event->unix_ns);
    history_bind_text(&statement, memory_event_name(event->kind));
    history_bind_number(&statement, event->from);
    history_bind_number(&statement, event->to);
    bind_if(&statement, is_act, event->verb);
    history_bind_number(&statement, event->is_dry);
    bind_if(&statement, event->pid != 0, event->pid);
    history_bind_text(&statement, event->pid != 0 ? event->name : NULL);
    history_bind_text(&statement, event->pid != 0 ? event->exe : NULL);
    history_bind_u64(&statement, event->bytes);
    history_bind_u64(&statement, event->after_ns);
    bind_if(&statement, is_verdict, event->verdict.outcome);
    history_bind_text(&statement, event->reason);
#define BIND(bit, name)                                                        \
    bind_if(&statement, is_verdict && (event->verdict.valid & (bit)) != 0,     \
            (int64_t)event->verdict.name);
    FIGURES(BIND)
#undef BIND
    (void)history_step(&statement);
    return history_statement_end(&statement, problem);
}

/* A number between two bounds; what is none of ours becomes the lower one. */
static int64_t bounded(history_statement *statement, int64_t least,
                       int64_t most)
{
    int64_t value = history_column_number(statement);

    return value >= least && value <= most ? value : least;
}

static bool is_null(history_statement *statement)
{
    return statement->file->call->column_type(statement->handle,
                                              statement->at) == SQLITE_NULL;
}

/* False: a row that this version does not know. */
static bool read_event(history_statement *statement, memory_event *event)
{
    *event = (memory_event){.unix_ns = 0};
    (void)history_column_u64(statement, &event->unix_ns);
    if (!memory_event_find(history_column_text(statement), &event->kind)) {
        return false;
    }
    event->from = (weft_pressure)bounded(statement, WEFT_PRESSURE_CALM,
                                         WEFT_PRESSURE_EMERGENCY);
    event->to = (weft_pressure)bounded(statement, WEFT_PRESSURE_CALM,
                                       WEFT_PRESSURE_EMERGENCY);
    event->verb = (policy_verb)bounded(statement, POLICY_OWN, POLICY_TELL);
    event->is_dry = history_column_number(statement) != 0;
    event->pid = history_column_number(statement);
    (void)snprintf(event->name, sizeof(event->name), "%s",
                   history_column_text(statement));
    (void)snprintf(event->exe, sizeof(event->exe), "%s",
                   history_column_text(statement));
    (void)history_column_u64(statement, &event->bytes);
    (void)history_column_u64(statement, &event->after_ns);
    event->verdict.outcome = (weft_outcome)bounded(
        statement, WEFT_OUTCOME_UNKNOWN, WEFT_OUTCOME_HURT);
    (void)snprintf(event->reason, sizeof(event->reason), "%s",
                   history_column_text(statement));
#define READ(bit, member)                                                      \
    event->verdict.valid |= is_null(statement) ? 0 : (bit);                    \
    event->verdict.member =                                                    \
        (__typeof__(event->verdict.member))history_column_number(statement);
    FIGURES(READ)
#undef READ
    return true;
}

bool memory_store_each(memory_store *me, uint64_t most,
                       memory_store_visit *visit, void *context,
                       history_problem *problem)
{
    history_statement statement;
    memory_event event;

    history_statement_begin(&statement, me->file,
                            "SELECT " EVENT_COLUMNS
                            " FROM event ORDER BY id DESC LIMIT ?");
    history_bind_u64(&statement, most > 0 ? most : INT64_MAX);
    while (history_step(&statement)) {
        if (read_event(&statement, &event) && !visit(context, &event)) {
            break;
        }
    }
    return history_statement_end(&statement, problem);
}

bool memory_store_gains(memory_store *me, memory_store_visit_gain *visit,
                        void *context, history_problem *problem)
{
    history_statement statement;

    history_statement_begin(
        &statement, me->file,
        "SELECT exe, max(name), sum(outcome = 1), sum(outcome = 2), "
        "sum(outcome = 3), min(time_ns), "
        "CAST(avg(kept_60s_bytes) AS INTEGER) AS kept FROM event "
        "WHERE kind = 'verdict' AND after_ns = 60000000000 AND dry = 0 "
        "AND exe IS NOT NULL AND kept_60s_bytes IS NOT NULL "
        "GROUP BY exe ORDER BY kept DESC");
    while (history_step(&statement)) {
        memory_gain gain = {.helped = 0};

        (void)snprintf(gain.exe, sizeof(gain.exe), "%s",
                       history_column_text(&statement));
        (void)snprintf(gain.name, sizeof(gain.name), "%s",
                       history_column_text(&statement));
        (void)history_column_u64(&statement, &gain.helped);
        (void)history_column_u64(&statement, &gain.no_effect);
        (void)history_column_u64(&statement, &gain.hurt);
        (void)history_column_u64(&statement, &gain.since_unix_ns);
        gain.kept_bytes = history_column_number(&statement);
        if (!visit(context, &gain)) {
            break;
        }
    }
    return history_statement_end(&statement, problem);
}

/* ------------------------------------------------------------------ apps ---
 */

static void bind_blob(history_statement *statement, const void *data,
                      size_t bytes)
{
    int code = statement->file->call->bind_blob(
        statement->handle, ++statement->at, data, (int)bytes, NULL);

    if (statement->code == SQLITE_OK) {
        statement->code = code;
    }
}

bool memory_store_save(memory_store *me, const memory_app *app,
                       history_problem *problem)
{
    history_statement statement;

    history_statement_begin(
        &statement, me->file,
        "INSERT INTO app (exe, updated_ns, refault_ppm, learnt) VALUES (?, ?, "
        "?, ?) ON CONFLICT (exe) DO UPDATE SET updated_ns = "
        "excluded.updated_ns, refault_ppm = excluded.refault_ppm, "
        "learnt = excluded.learnt");
    history_bind_text(&statement, app->exe);
    history_bind_u64(&statement, app->learnt.updated_ns);
    history_bind_number(&statement, (int64_t)(app->refault_share * 1e6));
    bind_blob(&statement, &app->learnt, sizeof(app->learnt));
    (void)history_step(&statement);
    return history_statement_end(&statement, problem);
}

bool memory_store_load(memory_store *me, const char *exe, memory_app *app,
                       history_problem *problem)
{
    const sqlite_calls *call = me->file->call;
    history_statement statement;
    bool is_found = false;

    problem->text[0] = '\0';
    history_statement_begin(
        &statement, me->file,
        "SELECT refault_ppm, learnt FROM app WHERE exe = ?");
    history_bind_text(&statement, exe);
    if (history_step(&statement)) {
        int64_t ppm = bounded(&statement, 0, 1000000);
        const void *data = call->column_blob(statement.handle, 1);
        bandit learnt;

        if (data != NULL &&
            call->column_bytes(statement.handle, 1) == (int)sizeof(learnt)) {
            memcpy(&learnt, data, sizeof(learnt));
            is_found = bandit_is_sound(&learnt);
        }
        if (is_found) {
            app->learnt = learnt;
            app->refault_share = (double)ppm / 1e6;
            (void)snprintf(app->exe, sizeof(app->exe), "%s", exe);
        }
    }
    return history_statement_end(&statement, problem) && is_found;
}

/* ---------------------------------------------------------------- prune --- */

static bool used_bytes(history *file, int64_t *bytes, history_problem *problem)
{
    return history_ask(file,
                       "SELECT (page_count - freelist_count) * page_size FROM "
                       "pragma_page_count, pragma_freelist_count, "
                       "pragma_page_size",
                       bytes, problem);
}

static bool remove_before(history *file, uint64_t before_unix_ns,
                          history_problem *problem)
{
    history_statement statement;

    history_statement_begin(&statement, file,
                            "DELETE FROM event WHERE time_ns < ?");
    history_bind_u64(&statement, before_unix_ns);
    (void)history_step(&statement);
    return history_statement_end(&statement, problem);
}

bool memory_store_prune(memory_store *me, uint64_t before_unix_ns,
                        uint64_t most_bytes, history_problem *problem)
{
    history *file = me->file;
    int64_t bytes = 0;
    int64_t left = 0;
    bool is_done = remove_before(file, before_unix_ns, problem) &&
                   used_bytes(file, &bytes, problem);

    /* A quarter each time: 40 times leave nothing of any file. */
    for (int i = 0; is_done && bytes > (int64_t)most_bytes && i < 40; i++) {
        is_done =
            history_execute(file,
                            "DELETE FROM event WHERE id <= (SELECT min(id) + "
                            "(max(id) - min(id)) / 4 FROM event)",
                            problem) &&
            used_bytes(file, &bytes, problem);
    }
    is_done =
        is_done && history_ask(file,
                               "SELECT freelist_count * 4 > page_count FROM "
                               "pragma_freelist_count, pragma_page_count",
                               &left, problem);
    return is_done && (left == 0 || history_execute(file, "VACUUM", problem));
}
