/* SPDX-License-Identifier: MIT
 *
 * weft usage - what a process and its descendants use: one that runs, or a
 * program that is run for it.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "process_number.h"
#include "run_report.h"
#include "run_wait.h"
#include "running.h"
#include "sys.h"
#include "usage_table.h"

typedef struct usage_values {
    bool json;
    bool tree;
    const char *output;
} usage_values;

static const tool_option options[] = {
    {.name = "tree",
     .letter = 't',
     .kind = TOOL_FLAG,
     .offset = offsetof(usage_values, tree),
     .help = "a line for each process, too"},
    {.name = "json",
     .kind = TOOL_FLAG,
     .offset = offsetof(usage_values, json),
     .help = "print JSON, one object a line"},
    {.name = "output",
     .letter = 'o',
     .kind = TOOL_TEXT,
     .offset = offsetof(usage_values, output),
     .label = "FILE|fd:N",
     .help = "with a program: print there, and not on standard error"},
};

static const tool_syntax syntax = {
    .command = "usage",
    .usage = "[options] PID | [options] -- COMMAND [ARGUMENT...]",
    .about = "Prints what a process and its descendants use now: CPU time, "
             "memory, threads,\nopen files. What this user may not look into "
             "is said to be unknown. Or runs a\nprogram without limits, and "
             "prints at its end what all of its processes used;\nthe exit code "
             "is the program's then, as with 'weft run'.\n",
    .options = options,
    .option_count = TOOL_COUNT_OF(options),
    .operands_least = 1,
    .operands_most = INT_MAX,
    .is_for_program = true,
};

/* ------------------------------------------------------- one that runs --- */

static int look(const usage_values *values, const char *text)
{
    weft_detail detail = {WEFT_OK, 0, NULL};
    weft_member *members = NULL;
    size_t count = 0;
    int64_t pid;

    if (!process_parse(text, &pid)) {
        return tool_usage_error("usage",
                                "'%s' is no process number (a program comes "
                                "after '--')",
                                text);
    }
    if (values->output != NULL) {
        return tool_usage_error("usage", "'--output' is for a program alone");
    }
    if (process_measure(pid, WEFT_MEMBER_ALL, &members, &count, &detail) !=
        WEFT_OK) {
        return process_failed("look at", pid, &detail);
    }
    if (values->json) {
        usage_print_json(members, count, values->tree);
    } else {
        if (values->tree) {
            usage_print_tree(members, count);
            putchar('\n');
        }
        usage_print_sum(members, count);
    }
    free(members);
    return TOOL_OK;
}

/* ------------------------------------------------------------- a program ---
 */

static int tell(const usage_values *values, char *const *arguments,
                const weft_process_result *result)
{
    FILE *file =
        values->output != NULL ? run_open_report(values->output) : stderr;

    if (file == NULL) {
        return RUN_EXIT_FAILED;
    }
    if (values->json) {
        running_json_result(file, arguments, result);
    } else {
        running_print_usage(file, arguments, result);
    }
    if (values->output != NULL && !run_close_report(file, values->output)) {
        return RUN_EXIT_FAILED;
    }
    return running_exit_code(result);
}

static int run_it(const usage_values *values, weft_process_spec *spec,
                  char *const *arguments)
{
    weft_process_result result = {.size = sizeof(result)};
    weft_detail detail = {WEFT_OK, 0, ""};
    weft_process *process = NULL;
    int exit_code = RUN_EXIT_FAILED;

    sys_hold_signals();
    if (weft_process_start(spec, arguments, &process, &detail) != WEFT_OK) {
        sys_release_signals();
        return run_refuse(spec, arguments[0], &detail);
    }
    if (run_await(process, NULL, NULL, NULL, &result) == WEFT_OK) {
        exit_code = tell(values, arguments, &result);
    } else {
        tool_error("cannot wait for '%s'", arguments[0]);
    }
    weft_process_close(&process);
    sys_release_signals();
    return exit_code;
}

static int run_program(const usage_values *values, char *const *arguments)
{
    weft_process_spec *spec = NULL;
    weft_status status = weft_process_spec_open(&spec);
    int exit_code = RUN_EXIT_FAILED;

    if (values->tree) {
        tool_usage_error("usage", "'--tree' is for a process that runs");
        weft_process_spec_close(&spec);
        return RUN_EXIT_FAILED;
    }
    if (status == WEFT_OK && sys_can_fork) {
        status = weft_process_spec_fork_helper(spec);
    }
    if (status == WEFT_OK) {
        status = weft_process_spec_account(spec);
    }
    if (status == WEFT_OK) {
        exit_code = run_it(values, spec, arguments);
    } else {
        tool_error("cannot set up the run: %s", weft_status_text(status));
    }
    weft_process_spec_close(&spec);
    return exit_code;
}

/* A program follows "--"; without it there is a number. */
static bool has_program(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--") == 0) {
            return true;
        }
    }
    return false;
}

int cmd_usage(int argc, char **argv)
{
    usage_values values = {.json = false};
    bool is_for_program = has_program(argc, argv);
    tool_operands operands;
    int exit_code;

    if (!tool_parse(&syntax, argc, argv, &values, &operands, &exit_code)) {
        return is_for_program && exit_code == TOOL_USAGE ? RUN_EXIT_FAILED
                                                         : exit_code;
    }
    if (is_for_program) {
        operands.items[operands.count] = NULL; /* argv has the room for it */
        return run_program(&values, operands.items);
    }
    if (operands.count != 1) {
        return tool_usage_error("usage", "one process at a time (a program "
                                         "comes after '--')");
    }
    return look(&values, operands.items[0]);
}
