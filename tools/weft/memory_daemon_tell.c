/* SPDX-License-Identifier: MIT
 *
 * What the daemon tells: the log, the history, the topic, and the commands of
 * alerts. None of them may stop it: a log that nobody reads, or a full disk, is
 * said once, and the daemon goes on.
 */
#include "memory_daemon.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* Lines that may be logged at once, and how often one more may be. */
#define LINES_AT_ONCE 30
#define LINE_NS UINT64_C(2000000000)

/* A reliable subscriber that takes nothing for so long is let go of, and so
 * long a message may wait for that. */
#define CUT_OFF_NS UINT64_C(100000000)
#define PUBLISH_NS UINT64_C(300000000)

/* ------------------------------------------------------------------ log --- */

/* Whether a line may be logged now: a bucket that fills up slowly. */
static bool may_log(daemon_log *log, uint64_t now_ns)
{
    uint64_t lines = (now_ns - log->filled_ns) / LINE_NS;

    if (lines >= LINES_AT_ONCE || log->filled_ns == 0) {
        log->room = LINES_AT_ONCE;
        log->filled_ns = now_ns;
    } else if (lines > 0) {
        log->room += (unsigned)lines;
        log->room = log->room < LINES_AT_ONCE ? log->room : LINES_AT_ONCE;
        log->filled_ns += lines * LINE_NS;
    }
    if (log->room == 0) {
        log->dropped++;
        return false;
    }
    log->room--;
    return true;
}

static void put_line(const daemon_log *log, const memory_event *event)
{
    if (log->json) {
        memory_event_json(stdout, event);
    } else {
        memory_event_print(stdout, event);
    }
}

static void log_event(daemon_log *log, const memory_event *event)
{
    memory_event left = {
        .kind = MEMORY_EVENT_NOTE, .unix_ns = event->unix_ns, .to = event->to};

    if (log->dropped > 0) {
        (void)snprintf(left.reason, sizeof(left.reason),
                       "%llu lines were left out",
                       (unsigned long long)log->dropped);
        put_line(log, &left);
        log->dropped = 0;
    }
    put_line(log, event);
    if (fflush(stdout) == 0 && !ferror(stdout)) {
        log->is_lost = false;
        return;
    }
    clearerr(stdout);
    if (!log->is_lost) {
        log->is_lost = true;
        tool_error("the log can't be written, and goes on without it");
    }
}

/* -------------------------------------------------------------- history --- */

static void store_failed(memory_daemon *me, const history_problem *problem)
{
    me->store_failures++;
    if (me->store_problem[0] == '\0') {
        tool_error("the history is not kept: %s", problem->text);
    }
    (void)snprintf(me->store_problem, sizeof(me->store_problem), "%s",
                   problem->text);
}

memory_store *daemon_open_store(memory_daemon *me)
{
    history_problem problem = {""};

    me->store_ns = weft_now_ns();
    if (me->config.keeps_history && me->store == NULL &&
        memory_store_open(me->config.history_file, HISTORY_ADD, &me->store,
                          &problem) != HISTORY_OPEN) {
        store_failed(me, &problem);
    }
    return me->store;
}

static void keep_event(memory_daemon *me, const memory_event *event)
{
    history_problem problem = {""};
    memory_store *store = daemon_open_store(me);

    me->events[me->event_count++ % DAEMON_EVENTS_MOST] = *event;
    if (store == NULL) {
        return;
    }
    if (!memory_store_add(store, event, &problem)) {
        store_failed(me, &problem);
    } else if (me->store_problem[0] != '\0') {
        me->store_problem[0] = '\0';
        tool_error("the history is kept again");
    }
}

void daemon_save_app(memory_daemon *me, const memory_app *app)
{
    history_problem problem = {""};

    memory_store *store = daemon_open_store(me);

    if (store != NULL && !memory_store_save(store, app, &problem)) {
        store_failed(me, &problem);
    }
}

/* ---------------------------------------------------------------- topic --- */

void daemon_open_topic(memory_daemon *me)
{
    weft_publisher_options options = WEFT_PUBLISHER_OPTIONS_INIT;
    weft_detail detail = {WEFT_OK, 0, NULL};
    char text[128];

    /* The least of rings has room for the last 40 changes or so. */
    options.ring_bytes = (size_t)16 << 10;
    options.flags = WEFT_PUBLISHER_SOLE;
    options.subscribers_max = 64;
    options.cut_off_ns = CUT_OFF_NS;
    if (weft_publisher_open(DAEMON_TOPIC, &options, &me->publisher, &detail) !=
        WEFT_OK) {
        weft_detail_text(&detail, text, sizeof(text));
        daemon_note(me, "nothing is published at '%s': %s", DAEMON_TOPIC, text);
    }
}

static void publish(memory_daemon *me, const memory_event *event)
{
    sys_text line = {.data = NULL};
    FILE *file = me->publisher != NULL ? sys_text_open(&line) : NULL;
    weft_status status = WEFT_ENOMEM;

    if (me->publisher == NULL) {
        return;
    }
    if (file != NULL) {
        memory_event_json(file, event);
        /* Whoever prints a message ends the line. */
        if (sys_text_close(&line) && line.bytes > 0) {
            status =
                weft_publisher_send(me->publisher, line.data, line.bytes - 1,
                                    weft_after_ns(PUBLISH_NS));
        }
        free(line.data);
    }
    if (status != WEFT_OK) {
        tool_error("a change was not published: %s", weft_status_text(status));
    }
}

/* --------------------------------------------------------------- alerts --- */

static sys_shell *free_shell(memory_daemon *me)
{
    for (size_t i = 0; i < TOOL_COUNT_OF(me->shells); i++) {
        if (me->shells[i].process == 0) {
            return &me->shells[i];
        }
    }
    return NULL;
}

/* Only on the way up, and not too often. */
static void alert(memory_daemon *me, const memory_event *event)
{
    char state[64];
    char available[64];
    char reason[288];
    char *variables[] = {state, available, reason, NULL};
    sys_shell *shell = free_shell(me);
    const char *command;
    uint64_t now_ns = weft_now_ns();
    char text[128];
    int code;

    if (event->to <= event->from || event->to == WEFT_PRESSURE_CALM) {
        return;
    }
    command = me->config.alerts[event->to - 1];
    if (command[0] == '\0' || now_ns < me->alert_ns[event->to - 1]) {
        return;
    }
    if (shell == NULL) {
        tool_error("no alert: the commands of earlier ones still run");
        return;
    }
    me->alert_ns[event->to - 1] = now_ns + me->config.alert_pause_ns;
    (void)snprintf(state, sizeof(state), "WEFT_ALERT=memory %s",
                   weft_pressure_name(event->to));
    (void)snprintf(available, sizeof(available), "WEFT_ALERT_AVAILABLE=%llu",
                   (unsigned long long)me->figures.available_bytes);
    (void)snprintf(reason, sizeof(reason), "WEFT_ALERT_REASON=%s",
                   event->reason);
    code = sys_shell_start(command, variables, shell);
    if (code != 0) {
        tool_error("cannot start the command of an alert: %s",
                   sys_error_text(code, text, sizeof(text)));
    }
}

void daemon_look_at_alerts(memory_daemon *me)
{
    for (size_t i = 0; i < TOOL_COUNT_OF(me->shells); i++) {
        sys_shell *shell = &me->shells[i];

        if (shell->process != 0 && sys_shell_has_ended(shell) &&
            shell->ending[0] != '\0') {
            tool_error("the command of an alert %s", shell->ending);
            shell->ending[0] = '\0';
        }
    }
}

void daemon_end_alerts(memory_daemon *me)
{
    bool has_any = false;

    for (size_t i = 0; i < TOOL_COUNT_OF(me->shells); i++) {
        has_any = has_any || me->shells[i].process != 0;
    }
    if (has_any) {
        sys_shells_end(me->shells, TOOL_COUNT_OF(me->shells),
                       weft_after_ns(UINT64_C(1000000000)));
    }
}

/* ---------------------------------------------------------------- events -- */

void daemon_tell(memory_daemon *me, memory_event *event)
{
    event->unix_ns = sys_unix_ns();
    event->to = me->policy.state;
    if (event->kind != MEMORY_EVENT_STATE) {
        event->from = event->to;
    }
    keep_event(me, event);
    if (may_log(&me->log, weft_now_ns())) {
        log_event(&me->log, event);
    }
    if (event->kind == MEMORY_EVENT_STATE) {
        publish(me, event);
        alert(me, event);
    }
}

void daemon_note(memory_daemon *me, const char *format, ...)
{
    memory_event event = {.kind = MEMORY_EVENT_NOTE};
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(event.reason, sizeof(event.reason), format, arguments);
    va_end(arguments);
    daemon_tell(me, &event);
}
