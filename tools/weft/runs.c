/* SPDX-License-Identifier: MIT
 *
 * What the commands `weft runs ...` share.
 */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "running.h"
#include "runs.h"
#include "sys.h"

#define SECOND UINT64_C(1000000000)
#define DAY (86400 * SECOND)

const char *runs_take_age(void *place, const char *argument)
{
    uint64_t *age_ns = place;
    size_t length = strlen(argument);
    char last = length > 0 ? argument[length - 1] : '\0';
    uint64_t unit = last == 'd' ? DAY : 7 * DAY;
    char digits[32];

    if ((last == 'd' || last == 'w') && length < sizeof(digits)) {
        (void)snprintf(digits, sizeof(digits), "%.*s", (int)(length - 1),
                       argument);
        if (tool_parse_count(digits, age_ns) && *age_ns <= UINT64_MAX / unit) {
            *age_ns *= unit;
            return *age_ns > 0 ? NULL : "is too small";
        }
    } else if (tool_parse_duration(argument, age_ns)) {
        return *age_ns > 0 ? NULL : "is too small";
    }
    return "is not an age (such as 30m, 12h, 7d, 2w)";
}

history_filter runs_filter(const runs_values *values)
{
    history_filter filter = {.command = values->command,
                             .reason = values->reason,
                             .label = values->label,
                             .has_failed = values->failed,
                             .most = values->limit};
    uint64_t now = sys_unix_ns();

    if (values->since_ns > 0 && values->since_ns < now) {
        filter.since_unix_ns = now - values->since_ns;
    }
    return filter;
}

int runs_failed(const history_problem *problem)
{
    tool_error("cannot read the history of runs: %s", problem->text);
    return TOOL_FAILED;
}

history_state runs_open(const runs_values *values, history_use use,
                        history **file)
{
    history_problem problem = {""};
    history_state state = history_open(values->history, use, file, &problem);

    if (state == HISTORY_FAILED) {
        (void)runs_failed(&problem);
    } else if (state == HISTORY_EMPTY && !values->json) {
        tool_error("no run is recorded yet ('weft run --record' does)");
    }
    return state;
}

/* ----------------------------------------------------------------- text --- */

void runs_result_text(const history_run *run, char *text, size_t room)
{
    if (run->has_result && run->result.reason == WEFT_REASON_EXITED) {
        (void)snprintf(text, room, "exit %d", run->result.exit_code);
    } else if (run->has_result && run->result.reason == WEFT_REASON_SIGNALLED) {
        (void)snprintf(text, room, "signal %d", run->result.signal_number);
    } else {
        (void)snprintf(text, room, "%s", run->reason);
        tool_clean(text);
    }
}

void runs_time_text(bool is_known, uint64_t ns, char *text, size_t room)
{
    double seconds = (double)ns / 1e9;

    if (!is_known) {
        (void)snprintf(text, room, "-");
    } else if (seconds < 0.9995) {
        (void)snprintf(text, room, seconds < 0.00995 ? "%.1f ms" : "%.0f ms",
                       seconds * 1e3);
    } else if (seconds < 599.5) {
        (void)snprintf(text, room, "%.2f s", seconds);
    } else {
        uint64_t minutes = (ns + SECOND / 2) / SECOND / 60;

        (void)snprintf(text, room, "%" PRIu64 "h%02um", minutes / 60,
                       (unsigned)(minutes % 60));
    }
}

void runs_size_text(bool is_known, uint64_t bytes, char *text, size_t room)
{
    if (is_known) {
        tool_format_bytes((double)bytes, text, room);
    } else {
        (void)snprintf(text, room, "-");
    }
}

void runs_date_text(const history_run *run, char *text, size_t room)
{
    time_t when = (time_t)(run->started_unix_ns / SECOND);
    const struct tm *parts = localtime(&when);

    if (parts == NULL ||
        strftime(text, room, "%Y-%m-%d %H:%M:%S", parts) == 0) {
        (void)snprintf(text, room, "%" PRIu64, run->started_unix_ns / SECOND);
    }
}

/* Prints one argument; how many of `most` bytes are left. */
static size_t print_clean(const char *text, size_t most)
{
    size_t length;

    for (; *text != '\0' && most > 0; text += length) {
        length = tool_printable(text);
        if (length > most) {
            return 0;
        }
        printf("%.*s", length > 0 ? (int)length : 1, length > 0 ? text : "?");
        length = length > 0 ? length : 1;
        most -= length;
    }
    return most;
}

void runs_print_command(const history_run *run, size_t most)
{
    const char *at = run->arguments;
    const char *end = run->arguments + run->argument_bytes;

    most = print_clean(run->command, most);
    while (at < end && most > 1) {
        putchar(' ');
        most = print_clean(at, most - 1);
        at += strlen(at) + 1;
    }
    if (at < end || most == 0 || run->argument_state == HISTORY_ARGUMENTS_CUT) {
        fputs("...", stdout);
    }
}

/* ----------------------------------------------------------------- JSON --- */

static void add_label(void *context, const char *label)
{
    tool_json_list_item(context, label);
}

static void json_command(tool_json *json, const history_run *run)
{
    const char *end = run->arguments + run->argument_bytes;

    tool_json_text(json, "command", run->command);
    if (run->argument_state == HISTORY_ARGUMENTS_HIDDEN) {
        return;
    }
    tool_json_list_begin(json, "arguments");
    for (const char *at = run->arguments; at < end; at += strlen(at) + 1) {
        tool_json_list_item(json, at);
    }
    tool_json_list_end(json);
    tool_json_bool(json, "arguments_cut",
                   run->argument_state == HISTORY_ARGUMENTS_CUT);
}

static void json_result(tool_json *json, const history_run *run)
{
    const weft_process_result *result = &run->result;

    if (result->exited) {
        tool_json_u64(json, "exit_code", (uint64_t)result->exit_code);
    }
    if (result->signal_number > 0) {
        tool_json_u64(json, "signal", (uint64_t)result->signal_number);
        tool_json_bool(json, "core", result->dumped_core);
    }
    tool_json_bool(json, "killed", result->was_killed);
    tool_json_text(json, "exceeded", run->exceeded);
    if (result->survivors >= 0) {
        tool_json_u64(json, "survivors", (uint64_t)result->survivors);
    }
    running_json_usage(json, result);
}

bool runs_json(history *file, const history_run *run, history_problem *problem)
{
    tool_json json;
    bool is_read;

    tool_json_begin(&json, stdout);
    tool_json_text(&json, "type", "run");
    tool_json_u64(&json, "id", (uint64_t)run->id);
    tool_json_u64(&json, "started_unix_ns", run->started_unix_ns);
    json_command(&json, run);
    tool_json_text(&json, "directory", run->directory);
    tool_json_list_begin(&json, "labels");
    is_read = history_labels(file, run->id, add_label, &json, problem);
    tool_json_list_end(&json);
    tool_json_u64(&json, "exit_status",
                  run->exit_code > 0 ? (uint64_t)run->exit_code : 0);
    tool_json_text(&json, "reason", run->reason);
    if (run->has_result) {
        json_result(&json, run);
    }
    tool_json_text(&json, "evidence", run->result.evidence);
    tool_json_end(&json);
    return is_read;
}
