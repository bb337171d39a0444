/* SPDX-License-Identifier: MIT
 *
 * running.h - what weft run asks for, and how it tells what came of it.
 */
#ifndef WEFT_RUNNING_H
#define WEFT_RUNNING_H

#include "tool.h"

/* The exit codes of weft run that are no program's. */
enum {
    RUN_EXIT_LIMIT = 123,
    RUN_EXIT_TIME = 124,
    RUN_EXIT_FAILED = 125,
    RUN_EXIT_NOT_EXECUTABLE = 126,
    RUN_EXIT_NOT_FOUND = 127,
    RUN_EXIT_SIGNAL = 128 /* and the signal's number */
};

/* The code for a result. */
int running_exit_code(const weft_process_result *result);

/* One line that says why it has ended, such as "ended by the cpu limit". */
void running_reason_text(const weft_process_result *result, char *text,
                         size_t room);

/* A value with its unit, such as "512 MiB", "1.5 s" or "64". */
void running_value_text(weft_fence fence, uint64_t value, char *text,
                        size_t room);

/* A table of rows for people; those that nobody asked for only with `all`. */
void running_print_rows(FILE *file, const weft_enforcement *rows, size_t count,
                        bool all);

/* The same as JSON, an object a line. */
void running_json_rows(FILE *file, const weft_enforcement *rows, size_t count);

/* The usage with the names that GNU time has for it. */
void running_print_usage(FILE *file, char *const *arguments,
                         const weft_process_result *result);

/* The figures of a result, as members of an object that is begun. */
void running_json_usage(tool_json *json, const weft_process_result *result);

/* The result as one JSON object in a line. */
void running_json_result(FILE *file, char *const *arguments,
                         const weft_process_result *result);

/* The result in the key:value lines of the judge isolate. */
void running_print_meta(FILE *file, const weft_process_result *result);

#endif
