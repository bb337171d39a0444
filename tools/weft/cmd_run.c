/* SPDX-License-Identifier: MIT
 *
 * weft run - a program under limits, and the truth about it.
 *
 * The command itself is small and has one thread, so its helper is a fork of
 * it where there is such a thing. While the program runs, the signals that ask
 * this process to end are passed on: the first one as it is, the next one ends
 * the tree.
 */
#include "alerting.h"
#include "run_history.h"
#include "run_options.h"
#include "run_report.h"
#include "run_status.h"
#include "run_streams.h"
#include "run_talk.h"
#include "run_wait.h"
#include "running.h"
#include "sys.h"

/* What goes on beside a run; NULL: not in this one. */
typedef struct run_sides {
    run_streams streams;
    run_status status;
    run_talk talk;
    run_status *has_status;
    run_talk *has_talk;
    alerting *alerts;
} run_sides;

static bool open_sides(run_sides *sides, const run_values *values,
                       weft_process_spec *spec)
{
    if (!run_streams_open(&sides->streams, values, spec)) {
        return false;
    }
    if (values->channel) {
        sides->has_talk = &sides->talk;
        if (!run_talk_begin(&sides->talk, values, spec)) {
            return false;
        }
    }
    if (run_status_wanted(values)) {
        if (!run_status_begin(&sides->status, values, spec)) {
            return false;
        }
        sides->has_status = &sides->status;
    }
    return true;
}

static void close_sides(run_sides *sides)
{
    if (sides->has_status != NULL) {
        run_status_end(&sides->status);
    }
    if (sides->has_talk != NULL) {
        run_talk_free(&sides->talk);
    }
    run_streams_close(&sides->streams);
}

static int refuse(const run_values *values, const weft_process_spec *spec,
                  char *const *arguments, uint64_t started_unix_ns,
                  const weft_detail *detail)
{
    int exit_code = run_refuse(spec, arguments[0], detail);

    run_history_refused(values, arguments, started_unix_ns, exit_code,
                        run_refusal_text(spec, detail));
    return exit_code;
}

/* It runs: tells the sides, and sees it through. */
static weft_status await(run_sides *sides, const run_values *values,
                         weft_process *process, weft_process_result *result)
{
    run_streams_close(&sides->streams);
    if (sides->has_status != NULL) {
        run_status_started(&sides->status);
    }
    if (sides->has_talk != NULL) {
        run_talk_started(&sides->talk, process, sides->has_status);
    }
    sides->alerts = alerting_begin(values, process);
    return run_await(process, sides->has_status, sides->has_talk, sides->alerts,
                     result);
}

/* Starts it, and tells what came of it. */
static int run_started(run_sides *sides, const run_values *values,
                       weft_process_spec *spec, char *const *arguments)
{
    weft_process_result result = {.size = sizeof(result)};
    weft_process *process = NULL;
    weft_detail detail = {WEFT_OK, 0, ""};
    uint64_t started_unix_ns = sys_unix_ns();
    int exit_code = RUN_EXIT_FAILED;

    if (weft_process_start(spec, arguments, &process, &detail) != WEFT_OK) {
        return refuse(values, spec, arguments, started_unix_ns, &detail);
    }
    if (await(sides, values, process, &result) == WEFT_OK) {
        exit_code = run_tell(values, arguments, &result);
        if (sides->has_talk != NULL && sides->talk.has_failed) {
            exit_code = RUN_EXIT_FAILED;
        }
        run_history_add(values, arguments, started_unix_ns, exit_code, &result);
        alerting_end(&sides->alerts, &result.usage);
    } else {
        tool_error("cannot wait for '%s'", arguments[0]);
        alerting_end(&sides->alerts, NULL);
    }
    weft_process_close(&process);
    return exit_code;
}

static int run_program(const run_values *values, weft_process_spec *spec,
                       char *const *arguments)
{
    static run_sides sides;
    int exit_code = RUN_EXIT_FAILED;

    if (open_sides(&sides, values, spec)) {
        sys_hold_signals();
        exit_code = run_started(&sides, values, spec, arguments);
        close_sides(&sides);
        sys_release_signals();
    } else {
        close_sides(&sides);
    }
    return exit_code;
}

/* What can be enforced; `all`: of everything there is. */
static int probe(const run_values *values, weft_process_spec *spec, bool all)
{
    weft_enforcement rows[WEFT_FENCE_COUNT];
    weft_detail detail = {WEFT_OK, 0, ""};
    FILE *file;

    if (weft_process_spec_probe(spec, rows, TOOL_COUNT_OF(rows), &detail) !=
        WEFT_OK) {
        return run_refuse(spec, "weft-helper", &detail);
    }
    if (values->json == NULL) {
        running_print_rows(stdout, rows, TOOL_COUNT_OF(rows), all);
        return TOOL_OK;
    }
    file = run_open_report(values->json);
    if (file == NULL) {
        return RUN_EXIT_FAILED;
    }
    running_json_rows(file, rows, TOOL_COUNT_OF(rows));
    return run_close_report(file, values->json) ? TOOL_OK : RUN_EXIT_FAILED;
}

int cmd_run(int argc, char **argv)
{
    static run_values values;
    tool_operands operands;
    weft_process_spec *spec = NULL;
    int exit_code = TOOL_OK;

    if (!tool_parse(&run_syntax, argc, argv, &values, &operands, &exit_code)) {
        /* 2 may be the program's own code. */
        return exit_code == TOOL_USAGE ? RUN_EXIT_FAILED : exit_code;
    }
    if (operands.count == 0 && !values.check && !values.explain) {
        tool_usage_error("run", "which program? (after '--')");
        return RUN_EXIT_FAILED;
    }
    if (!values.channel && (values.lines || values.block_bytes != 0)) {
        tool_usage_error("run", "'--lines' and '--size' are for '--channel'");
        return RUN_EXIT_FAILED;
    }
    if (values.lines && values.block_bytes != 0) {
        tool_usage_error("run", "'--lines' and '--size' exclude each other");
        return RUN_EXIT_FAILED;
    }
    if (!run_history_settle(&values) || !alerting_check(&values) ||
        !run_make_spec(&values, &spec)) {
        return RUN_EXIT_FAILED;
    }
    operands.items[operands.count] = NULL; /* argv has the room for it */
    if (values.check || values.explain) {
        exit_code = probe(&values, spec, values.check);
    } else {
        exit_code = run_program(&values, spec, operands.items);
    }
    weft_process_spec_close(&spec);
    return exit_code;
}
