/* SPDX-License-Identifier: MIT
 *
 * What came of a run: for people, as JSON, and as isolate's and GNU time's
 * users know it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "running.h"

int running_exit_code(const weft_process_result *result)
{
    switch (result->reason) {
    case WEFT_REASON_EXITED:
        return result->exit_code;
    case WEFT_REASON_CPU:
    case WEFT_REASON_WALL:
    case WEFT_REASON_IDLE:
        return RUN_EXIT_TIME;
    case WEFT_REASON_LOST:
        return RUN_EXIT_FAILED;
    case WEFT_REASON_SIGNALLED:
    case WEFT_REASON_CANCELLED:
        return result->exited ? result->exit_code
                              : RUN_EXIT_SIGNAL + result->signal_number;
    default:
        return RUN_EXIT_LIMIT;
    }
}

void running_reason_text(const weft_process_result *result, char *text,
                         size_t room)
{
    switch (result->reason) {
    case WEFT_REASON_EXITED:
        (void)snprintf(text, room, "ended with exit code %d",
                       result->exit_code);
        break;
    case WEFT_REASON_SIGNALLED:
        (void)snprintf(text, room, "ended by signal %d%s",
                       result->signal_number,
                       result->dumped_core ? ", core dumped" : "");
        break;
    case WEFT_REASON_VIOLATION:
        (void)snprintf(text, room, "ended by the filter of system calls");
        break;
    case WEFT_REASON_CANCELLED:
        (void)snprintf(text, room, "ended on request");
        break;
    case WEFT_REASON_HOST:
        (void)snprintf(text, room,
                       "ended because the system ran out of "
                       "memory");
        break;
    case WEFT_REASON_LOST:
        (void)snprintf(text, room, "lost: the helper died");
        break;
    default:
        (void)snprintf(text, room, "ended by the %s limit",
                       weft_reason_name(result->reason));
        break;
    }
}

static double seconds(uint64_t ns)
{
    return (double)ns / 1e9;
}

void running_value_text(weft_fence fence, uint64_t value, char *text,
                        size_t room)
{
    const char *unit = weft_fence_unit(fence);

    if (strcmp(unit, "bytes") == 0) {
        tool_format_bytes((double)value, text, room);
    } else if (strcmp(unit, "ns") == 0) {
        (void)snprintf(text, room, "%.6g s", seconds(value));
    } else {
        (void)snprintf(text, room, "%" PRIu64, value);
    }
}

/* ---------------------------------------------------------------- rows --- */

static const char *demand_word(weft_demand demand)
{
    return demand == WEFT_REQUIRE ? "require" : "try";
}

static void print_row(FILE *file, const weft_enforcement *row)
{
    char value[32] = "";

    if (row->has_value) {
        running_value_text(row->fence, row->applied, value, sizeof(value));
    }
    fprintf(file, "%-10s  %-14s  %-12s  %s", weft_fence_name(row->fence),
            weft_level_name(row->level), value, row->mechanism);
    if (row->why_not[0] != '\0') {
        bool has_more = row->mechanism[0] != '\0';

        fprintf(file, has_more ? " (not firmer: %s)" : "%s", row->why_not);
    }
    fputc('\n', file);
}

void running_print_rows(FILE *file, const weft_enforcement *rows, size_t count,
                        bool all)
{
    fprintf(file, "%-10s  %-14s  %-12s  %s\n", "WHAT", "LEVEL", "VALUE", "HOW");
    for (size_t i = 0; i < count; i++) {
        /* A row that nobody asked for is empty. */
        if (all || rows[i].mechanism[0] != '\0' || rows[i].why_not[0] != '\0') {
            print_row(file, &rows[i]);
        }
    }
}

void running_json_rows(FILE *file, const weft_enforcement *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const weft_enforcement *row = &rows[i];
        tool_json json;

        if (row->mechanism[0] == '\0' && row->why_not[0] == '\0') {
            continue;
        }
        tool_json_begin(&json, file);
        tool_json_text(&json, "type", "enforcement");
        tool_json_text(&json, "name", weft_fence_name(row->fence));
        tool_json_text(&json, "demand", demand_word(row->demand));
        tool_json_text(&json, "level", weft_level_name(row->level));
        if (row->has_value) {
            tool_json_text(&json, "unit", weft_fence_unit(row->fence));
            tool_json_u64(&json, "requested", row->requested);
            tool_json_u64(&json, "applied", row->applied);
        }
        if (row->granularity != 0) {
            tool_json_u64(&json, "granularity", row->granularity);
        }
        if (row->blind_ns != 0) {
            tool_json_u64(&json, "blind_ns", row->blind_ns);
        }
        tool_json_text(&json, "mechanism", row->mechanism);
        tool_json_text(&json, "why_not", row->why_not);
        tool_json_end(&json);
    }
}

/* --------------------------------------------------------------- usage --- */

static bool has(const weft_process_result *result, uint32_t what)
{
    return (result->usage.valid & what) != 0;
}

static void print_command(FILE *file, char *const *arguments)
{
    for (size_t i = 0; arguments[i] != NULL; i++) {
        const char *text = arguments[i];

        fputs(i > 0 ? " " : "", file);
        for (size_t length; *text != '\0'; text += length) {
            length = tool_printable(text);
            fprintf(file, "%.*s", length > 0 ? (int)length : 1,
                    length > 0 ? text : "?");
            length = length > 0 ? length : 1;
        }
    }
}

void running_print_usage(FILE *file, char *const *arguments,
                         const weft_process_result *result)
{
    const weft_usage *usage = &result->usage;

    fputs("\tCommand being timed: \"", file);
    print_command(file, arguments);
    fputs("\"\n", file);
    if (has(result, WEFT_USAGE_CPU_SPLIT)) {
        fprintf(file, "\tUser time (seconds): %.3f\n", seconds(usage->user_ns));
        fprintf(file, "\tSystem time (seconds): %.3f\n",
                seconds(usage->system_ns));
    }
    if (has(result, WEFT_USAGE_CPU) && usage->wall_ns > 0) {
        fprintf(file, "\tPercent of CPU this job got: %.0f%%\n",
                100.0 * (double)usage->cpu_ns / (double)usage->wall_ns);
    }
    fprintf(file, "\tElapsed (wall clock) time (seconds): %.3f\n",
            seconds(usage->wall_ns));
    if (has(result, WEFT_USAGE_RSS_PEAK)) {
        fprintf(file, "\tMaximum resident set size (kbytes): %" PRIu64 "\n",
                usage->rss_peak_bytes / 1024);
    }
    if (has(result, WEFT_USAGE_PEAK)) {
        fprintf(file, "\tPeak memory of the tree (kbytes): %" PRIu64 " (%s)\n",
                usage->memory_peak_bytes / 1024, usage->memory_metric);
    }
    if (has(result, WEFT_USAGE_FAULTS)) {
        fprintf(file, "\tMajor (requiring I/O) page faults: %" PRIu64 "\n",
                usage->major_faults);
        fprintf(file, "\tMinor (reclaiming a frame) page faults: %" PRIu64 "\n",
                usage->minor_faults);
    }
    if (has(result, WEFT_USAGE_SWITCHES)) {
        fprintf(file, "\tVoluntary context switches: %" PRIu64 "\n",
                usage->switches_voluntary);
        fprintf(file, "\tInvoluntary context switches: %" PRIu64 "\n",
                usage->switches_involuntary);
    }
    fprintf(file, "\tExit status: %d\n", running_exit_code(result));
}

/* One number, if it is known. */
static void json_known(tool_json *json, const weft_process_result *result,
                       uint32_t what, const char *key, uint64_t value)
{
    if (has(result, what)) {
        tool_json_u64(json, key, value);
    }
}

void running_json_usage(tool_json *json, const weft_process_result *result)
{
    const weft_usage *usage = &result->usage;

    json_known(json, result, WEFT_USAGE_WALL, "wall_ns", usage->wall_ns);
    json_known(json, result, WEFT_USAGE_CPU, "cpu_ns", usage->cpu_ns);
    json_known(json, result, WEFT_USAGE_CPU_SPLIT, "user_ns", usage->user_ns);
    json_known(json, result, WEFT_USAGE_CPU_SPLIT, "system_ns",
               usage->system_ns);
    json_known(json, result, WEFT_USAGE_PEAK, "memory_peak_bytes",
               usage->memory_peak_bytes);
    json_known(json, result, WEFT_USAGE_RSS_PEAK, "rss_peak_bytes",
               usage->rss_peak_bytes);
    json_known(json, result, WEFT_USAGE_OUTPUT, "output_bytes",
               usage->output_bytes);
    if (usage->processes_peak != 0) {
        tool_json_u64(json, "processes_peak", usage->processes_peak);
    }
    json_known(json, result, WEFT_USAGE_FAULTS, "minor_faults",
               usage->minor_faults);
    json_known(json, result, WEFT_USAGE_FAULTS, "major_faults",
               usage->major_faults);
    json_known(json, result, WEFT_USAGE_SWITCHES, "switches_voluntary",
               usage->switches_voluntary);
    json_known(json, result, WEFT_USAGE_SWITCHES, "switches_involuntary",
               usage->switches_involuntary);
    tool_json_bool(json, "cpu_complete", has(result, WEFT_USAGE_CPU_COMPLETE));
    tool_json_text(json, "cpu_method", usage->cpu_method);
    tool_json_text(json, "memory_metric", usage->memory_metric);
}

/* The names of the limits that were reached, with spaces between. */
static void exceeded_text(uint32_t exceeded, char *text, size_t room)
{
    size_t used = 0;

    text[0] = '\0';
    for (unsigned i = 0; i < WEFT_FENCE_COUNT; i++) {
        if ((exceeded >> i & 1) != 0 && used < room) {
            int bytes =
                snprintf(text + used, room - used, "%s%s", used > 0 ? " " : "",
                         weft_fence_name((weft_fence)i));

            used += bytes > 0 ? (size_t)bytes : 0;
        }
    }
}

void running_json_result(FILE *file, char *const *arguments,
                         const weft_process_result *result)
{
    char exceeded[256];
    tool_json json;

    exceeded_text(result->exceeded, exceeded, sizeof(exceeded));
    tool_json_begin(&json, file);
    tool_json_text(&json, "type", "result");
    tool_json_text(&json, "command", arguments[0]);
    tool_json_text(&json, "reason", weft_reason_name(result->reason));
    if (result->exited) {
        /* Those of Windows have 32 bits, of which the first is no sign. */
        tool_json_u64(&json, "exit_code", (uint32_t)result->exit_code);
    }
    if (result->signal_number != 0) {
        tool_json_u64(&json, "signal", (uint64_t)result->signal_number);
        tool_json_bool(&json, "core", result->dumped_core);
    }
    tool_json_bool(&json, "killed", result->was_killed);
    tool_json_text(&json, "exceeded", exceeded);
    if (result->survivors >= 0) {
        tool_json_u64(&json, "survivors", (uint64_t)result->survivors);
    }
    running_json_usage(&json, result);
    tool_json_text(&json, "evidence", result->evidence);
    tool_json_end(&json);
}

static const char *meta_status(const weft_process_result *result)
{
    switch (result->reason) {
    case WEFT_REASON_EXITED:
        return result->exit_code != 0 ? "RE" : NULL;
    case WEFT_REASON_CPU:
    case WEFT_REASON_WALL:
    case WEFT_REASON_IDLE:
        return "TO";
    case WEFT_REASON_LOST:
        return "XX";
    default:
        return "SG";
    }
}

void running_print_meta(FILE *file, const weft_process_result *result)
{
    const weft_usage *usage = &result->usage;
    const char *status = meta_status(result);
    char text[96];

    if (has(result, WEFT_USAGE_CPU)) {
        fprintf(file, "time:%.3f\n", seconds(usage->cpu_ns));
    }
    fprintf(file, "time-wall:%.3f\n", seconds(usage->wall_ns));
    if (has(result, WEFT_USAGE_RSS_PEAK)) {
        fprintf(file, "max-rss:%" PRIu64 "\n", usage->rss_peak_bytes / 1024);
    }
    if (has(result, WEFT_USAGE_PEAK)) {
        fprintf(file, "cg-mem:%" PRIu64 "\n", usage->memory_peak_bytes / 1024);
    }
    if (has(result, WEFT_USAGE_SWITCHES)) {
        fprintf(file, "csw-voluntary:%" PRIu64 "\ncsw-forced:%" PRIu64 "\n",
                usage->switches_voluntary, usage->switches_involuntary);
    }
    if (result->exited) {
        fprintf(file, "exitcode:%d\n", result->exit_code);
    } else {
        fprintf(file, "exitsig:%d\n", result->signal_number);
    }
    if (result->was_killed) {
        fputs("killed:1\n", file);
    }
    if (result->reason == WEFT_REASON_MEMORY) {
        fputs("cg-oom-killed:1\n", file);
    }
    if (status != NULL) {
        running_reason_text(result, text, sizeof(text));
        fprintf(file, "status:%s\nmessage:%s\n", status, text);
    }
}
