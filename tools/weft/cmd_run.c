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
#include "running.h"
#include "sys.h"

/*
 * Waits for the end, passes on the signals that ask this process to, and looks
 * when an alert is due.
 */
static weft_status await_end(weft_process *process, alerting *alerts,
                             weft_process_result *result)
{
    bool has_passed_on = false;
    weft_status status;
    int code;

    for (;;) {
        status = weft_process_wait(process, WEFT_NOW, result);
        if (status != WEFT_EAGAIN) {
            return status;
        }
        alerting_look(alerts);
        if (sys_wait_handle(weft_process_handle(process),
                            alerting_deadline_ns(alerts),
                            &code) == SYS_INTERRUPTED) {
            int number = sys_take_signal();

            if (has_passed_on) {
                (void)weft_process_kill(process);
            } else {
                (void)weft_process_signal(process, number, false);
            }
            has_passed_on = true;
        }
    }
}

static int run_program(const run_values *values, weft_process_spec *spec,
                       char *const *arguments)
{
    weft_process_result result = {.size = sizeof(result)};
    weft_process *process = NULL;
    weft_detail detail = {WEFT_OK, 0, ""};
    uint64_t started_unix_ns = sys_unix_ns();
    alerting *alerts;
    int exit_code;

    sys_hold_signals();
    if (weft_process_start(spec, arguments, &process, &detail) != WEFT_OK) {
        sys_release_signals();
        exit_code = run_refuse(spec, arguments[0], &detail);
        run_history_refused(values, arguments, started_unix_ns, exit_code,
                            run_refusal_text(spec, &detail));
        return exit_code;
    }
    alerts = alerting_begin(values, process);
    if (await_end(process, alerts, &result) == WEFT_OK) {
        exit_code = run_tell(values, arguments, &result);
        run_history_add(values, arguments, started_unix_ns, exit_code, &result);
        alerting_end(&alerts, &result.usage);
    } else {
        tool_error("cannot wait for '%s'", arguments[0]);
        exit_code = RUN_EXIT_FAILED;
        alerting_end(&alerts, NULL);
    }
    weft_process_close(&process);
    sys_release_signals();
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
