/* SPDX-License-Identifier: MIT
 *
 * Where weft run tells what came of it.
 */
#include <errno.h>
#include <string.h>

#include "run_report.h"
#include "running.h"
#include "sys.h"

FILE *run_open_report(const char *where)
{
    bool is_number = strncmp(where, "fd:", 3) == 0;
    char path[64];
    FILE *file;

    if (strcmp(where, "-") == 0) {
        return stdout;
    }
    if (is_number) {
        (void)snprintf(path, sizeof(path), "/dev/fd/%s", where + 3);
        where = path;
    }
    file = fopen(where, is_number ? "a" : "w");
    if (file == NULL) {
        tool_error("cannot write to '%s': %s", where, strerror(errno));
    }
    return file;
}

bool run_close_report(FILE *file, const char *where)
{
    bool failed = ferror(file) != 0;

    if (file != stdout && fclose(file) != 0) {
        failed = true;
    }
    if (failed) {
        tool_error("cannot write to '%s': %s", where, strerror(errno));
    }
    return !failed;
}

static bool write_json(const run_values *values, char *const *arguments,
                       const weft_process_result *result)
{
    FILE *file = run_open_report(values->json);

    if (file == NULL) {
        return false;
    }
    running_json_rows(file, result->enforcement, result->enforcement_count);
    running_json_result(file, arguments, result);
    return run_close_report(file, values->json);
}

static bool write_meta(const run_values *values,
                       const weft_process_result *result)
{
    FILE *file = run_open_report(values->meta);

    if (file == NULL) {
        return false;
    }
    running_print_meta(file, result);
    return run_close_report(file, values->meta);
}

const char *run_refusal_text(const weft_process_spec *spec,
                             const weft_detail *detail)
{
    const char *refusal = weft_process_spec_refusal(spec);

    return refusal[0] != '\0' ? refusal : detail->operation;
}

int run_refuse(const weft_process_spec *spec, const char *program,
               const weft_detail *detail)
{
    char text[256];

    if (detail->os_code == 0) {
        (void)snprintf(text, sizeof(text), "%s",
                       weft_status_text(detail->status));
    } else {
        (void)sys_error_text(detail->os_code, text, sizeof(text));
    }
    tool_error("cannot run '%s': %s (%s)", program,
               run_refusal_text(spec, detail), text);
    if (strcmp(detail->operation, "execute the program") != 0) {
        return RUN_EXIT_FAILED;
    }
    return detail->status == WEFT_ENOENT ? RUN_EXIT_NOT_FOUND
                                         : RUN_EXIT_NOT_EXECUTABLE;
}

int run_tell(const run_values *values, char *const *arguments,
             const weft_process_result *result)
{
    int exit_code = running_exit_code(result);
    char text[96];

    if (result->reason > WEFT_REASON_SIGNALLED && !values->quiet) {
        running_reason_text(result, text, sizeof(text));
        tool_error("'%s' %s", arguments[0], text);
    }
    if (values->verbose) {
        running_print_usage(stderr, arguments, result);
        running_print_rows(stderr, result->enforcement,
                           result->enforcement_count, false);
        (void)fputs(result->evidence, stderr);
    }
    if ((values->json != NULL && !write_json(values, arguments, result)) ||
        (values->meta != NULL && !write_meta(values, result))) {
        exit_code = RUN_EXIT_FAILED;
    }
    return exit_code;
}
