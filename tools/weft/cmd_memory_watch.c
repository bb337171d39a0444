/* SPDX-License-Identifier: MIT
 *
 * weft memory watch - a line each time that programs wait for memory.
 */
#include "sys.h"
#include "tool.h"

typedef struct watch_values {
    uint64_t stall_ns;
    uint64_t window_ns;
    uint64_t count;
    uint64_t timeout_ns;
    bool json;
} watch_values;

static const tool_option options[] = {
    {.name = "stall",
     .kind = TOOL_DURATION,
     .offset = offsetof(watch_values, stall_ns),
     .label = "TIME",
     .help = "how long programs have waited for memory within a window "
             "(default 20ms)",
     .least = 1000},
    {.name = "window",
     .kind = TOOL_DURATION,
     .offset = offsetof(watch_values, window_ns),
     .label = "TIME",
     .help = "the window: 2s, 4s, 6s, 8s or 10s; other ones take privileges "
             "(default 2s)",
     .least = 1000},
    {.name = "count",
     .letter = 'n',
     .kind = TOOL_COUNT,
     .offset = offsetof(watch_values, count),
     .label = "N",
     .help = "end after N events",
     .least = 1},
    {.name = "timeout",
     .kind = TOOL_DURATION,
     .offset = offsetof(watch_values, timeout_ns),
     .label = "TIME",
     .help = "end after so long without one, with exit code 124"},
    {.name = "json",
     .kind = TOOL_FLAG,
     .offset = offsetof(watch_values, json),
     .help = "print one JSON object a line"},
};

static const tool_syntax syntax = {
    .command = "memory watch",
    .usage = "[options]",
    .about = "Prints a line each time that programs have waited for memory for "
             "too long.\nNothing is polled: the system tells.\n",
    .options = options,
    .option_count = TOOL_COUNT_OF(options),
};

static void print_event(const weft_memory_figures *figures, bool json)
{
    char available[32];

    if (json) {
        tool_json line;

        tool_json_begin(&line, stdout);
        tool_json_text(&line, "pressure",
                       weft_pressure_name(figures->pressure));
        tool_json_text(&line, "pressure_reason", figures->pressure_reason);
        tool_json_u64(&line, "available_bytes", figures->available_bytes);
        tool_json_u64(&line, "total_bytes", figures->total_bytes);
        if (figures->has_stalls) {
            tool_json_u64(&line, "stall_some_ns", figures->stall_some_ns);
            tool_json_u64(&line, "stall_all_ns", figures->stall_all_ns);
        }
        tool_json_end(&line);
    } else {
        tool_format_bytes((double)figures->available_bytes, available,
                          sizeof(available));
        printf("%s: %s available; %s\n", weft_pressure_name(figures->pressure),
               available, figures->pressure_reason);
    }
    (void)fflush(stdout);
}

static int fail(const weft_detail *detail)
{
    char text[256];

    weft_detail_text(detail, text, sizeof(text));
    tool_error("cannot watch the memory: %s", text);
    return TOOL_FAILED;
}

static int watch_on(weft_memory_watch *watch, weft_memory *memory,
                    const watch_values *values)
{
    weft_memory_figures figures = {.size = sizeof(figures)};
    weft_detail detail = {WEFT_OK, 0, NULL};
    weft_status status = WEFT_OK;

    for (uint64_t i = 0; values->count == 0 || i < values->count; i++) {
        status = weft_memory_watch_next(watch,
                                        values->timeout_ns > 0
                                            ? weft_now_ns() + values->timeout_ns
                                            : WEFT_FOREVER,
                                        &detail);
        if (status == WEFT_OK) {
            status = weft_memory_look(memory, &figures, &detail);
        }
        if (status != WEFT_OK) {
            break;
        }
        print_event(&figures, values->json);
        if (ferror(stdout)) {
            return TOOL_FAILED; /* main() says why */
        }
    }
    if (status == WEFT_ETIMEDOUT) {
        tool_error("programs have not waited for memory");
        return TOOL_TIMEOUT;
    }
    return status == WEFT_OK ? TOOL_OK : fail(&detail);
}

int cmd_memory_watch(int argc, char **argv)
{
    watch_values values = {0};
    weft_memory_watch_options taken = WEFT_MEMORY_WATCH_OPTIONS_INIT;
    weft_detail detail = {WEFT_OK, 0, NULL};
    tool_operands operands;
    weft_memory *memory = NULL;
    weft_memory_watch *watch = NULL;
    weft_status status;
    int exit_code;

    if (!tool_parse(&syntax, argc, argv, &values, &operands, &exit_code)) {
        return exit_code;
    }
    taken.stall_ns = values.stall_ns;
    taken.window_ns = values.window_ns;
    status = weft_memory_open(&memory, &detail);
    if (status == WEFT_OK) {
        status = weft_memory_watch_open(&taken, &watch, &detail);
    }
    if (status == WEFT_EINVAL) {
        exit_code = tool_usage_error(
            "memory watch", "the system takes no such '--stall' or '--window'");
    } else if (status != WEFT_OK) {
        exit_code = fail(&detail);
    } else {
        exit_code = watch_on(watch, memory, &values);
    }
    weft_memory_watch_close(&watch);
    weft_memory_close(&memory);
    return exit_code;
}
