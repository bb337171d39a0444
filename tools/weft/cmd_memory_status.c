/* SPDX-License-Identifier: MIT
 *
 * weft memory status - the figures of this machine's memory.
 */
#include "gpu_lists.h"
#include "memory_ask.h"
#include "memory_json.h"
#include "tool.h"

typedef struct status_values {
    bool json;
    bool all;
} status_values;

static const tool_option options[] = {
    {.name = "all",
     .letter = 'a',
     .kind = TOOL_FLAG,
     .offset = offsetof(status_values, all),
     .help = "print every figure that this system tells"},
    {.name = "json",
     .kind = TOOL_FLAG,
     .offset = offsetof(status_values, json),
     .help = "print one JSON object"},
};

static const tool_syntax syntax = {
    .command = "memory status",
    .usage = "[options]",
    .about = "Prints how much memory there is, what it holds, and how scarce "
             "it is.\nWhat this system does not tell is not printed.\n",
    .options = options,
    .option_count = TOOL_COUNT_OF(options),
};

/* How a figure is printed. */
static const struct {
    const char *label;
    weft_memory_figure figure;
    bool is_detail; /* printed with --all only */
    size_t offset;
} rows[] = {
#define AT(symbol, member) symbol, false, offsetof(weft_memory_figures, member)
#define MORE(symbol, member) symbol, true, offsetof(weft_memory_figures, member)
    {"total", AT(WEFT_MEMORY_TOTAL, total_bytes)},
    {"available", AT(WEFT_MEMORY_AVAILABLE, available_bytes)},
    {"used", AT(WEFT_MEMORY_USED, used_bytes)},
    {"free", MORE(WEFT_MEMORY_FREE, free_bytes)},
    {"lists of CPUs", MORE(WEFT_MEMORY_LISTED, listed_bytes)},
    {"cached", AT(WEFT_MEMORY_CACHED, cached_bytes)},
    {"anonymous", MORE(WEFT_MEMORY_ANONYMOUS, anonymous_bytes)},
    {"shared", MORE(WEFT_MEMORY_SHARED, shared_bytes)},
    {"kernel", MORE(WEFT_MEMORY_KERNEL, kernel_bytes)},
    {"dirty", MORE(WEFT_MEMORY_DIRTY, dirty_bytes)},
    {"locked", MORE(WEFT_MEMORY_LOCKED, locked_bytes)},
    {"swap", AT(WEFT_MEMORY_SWAP_TOTAL, swap_total_bytes)},
    {"swap free", AT(WEFT_MEMORY_SWAP_FREE, swap_free_bytes)},
    {"compressed", AT(WEFT_MEMORY_PACKED, packed_bytes)},
    {"compressed to", AT(WEFT_MEMORY_PACK, pack_bytes)},
    {"committed", MORE(WEFT_MEMORY_COMMITTED, committed_bytes)},
    {"commit limit", MORE(WEFT_MEMORY_COMMIT_LIMIT, commit_limit_bytes)},
    {"limit", AT(WEFT_MEMORY_LIMIT, limit_bytes)},
    {"limit used", AT(WEFT_MEMORY_LIMIT_USED, limit_used_bytes)},
#undef AT
#undef MORE
};

static bool knows(const weft_memory_figures *figures, weft_memory_figure figure)
{
    return (figures->valid >> figure & 1) != 0;
}

static uint64_t value_of(const weft_memory_figures *figures, size_t row)
{
    return *(const uint64_t *)(const void *)((const char *)figures +
                                             rows[row].offset);
}

/* ----------------------------------------------------------------- text --- */

/* What is behind a figure, or "". */
static const char *note_of(const weft_memory_figures *figures,
                           weft_memory_figure figure)
{
    switch (figure) {
    case WEFT_MEMORY_AVAILABLE:
        return figures->available_method;
    case WEFT_MEMORY_LIMIT:
        return figures->limit_source;
    default:
        return "";
    }
}

static void print_row(const weft_memory_figures *figures, size_t row)
{
    char size[32];
    const char *note = note_of(figures, rows[row].figure);

    tool_format_bytes((double)value_of(figures, row), size, sizeof(size));
    printf("%-14s %11s", rows[row].label, size);
    if (figures->total_bytes > 0 &&
        (rows[row].figure == WEFT_MEMORY_AVAILABLE ||
         rows[row].figure == WEFT_MEMORY_USED)) {
        printf("  %3.0f %%", 100.0 * (double)value_of(figures, row) /
                                 (double)figures->total_bytes);
    }
    if (note[0] != '\0') {
        printf("  (%s)", note);
    }
    putchar('\n');
}

/* Nothing is compressed or swapped: then a line says nothing. */
static bool is_worth_a_line(const weft_memory_figures *figures, size_t row,
                            bool all)
{
    if (!knows(figures, rows[row].figure)) {
        return false;
    }
    switch (rows[row].figure) {
    case WEFT_MEMORY_SWAP_FREE:
        return all || figures->swap_total_bytes > 0;
    case WEFT_MEMORY_PACKED:
    case WEFT_MEMORY_PACK:
        return all || figures->packed_bytes > 0;
    default:
        return all || !rows[row].is_detail;
    }
}

static void print_daemon(void)
{
    memory_daemon_state daemon;

    if (memory_ask_state(&daemon)) {
        printf("%-14s %11s  (running%s)\n", "daemon", daemon.state,
               daemon.is_dry ? ", as a dry run" : "");
    }
}

static void print_text(const weft_memory_figures *figures, bool all)
{
    for (size_t i = 0; i < TOOL_COUNT_OF(rows); i++) {
        if (is_worth_a_line(figures, i, all)) {
            print_row(figures, i);
        }
    }
    if (figures->pressure_reason[0] != '\0') {
        printf("%-14s %11s  (%s)\n", "pressure",
               weft_pressure_name(figures->pressure), figures->pressure_reason);
    }
    print_daemon();
    if (all && figures->has_stalls) {
        printf("%-14s %9.3f s  (programs that waited for memory; all of them: "
               "%.3f s)\n",
               "stalls", (double)figures->stall_some_ns / 1e9,
               (double)figures->stall_all_ns / 1e9);
    }
}

/* ------------------------------------------------------------------ GPU --- */

/* A line for each device that tells how much it has, or that it has none. */
static void print_gpus(const gpu_lists *lists)
{
    for (size_t i = 0; i < lists->device_count; i++) {
        const weft_gpu_device *device = &lists->devices[i];
        char name[sizeof(device->name)];
        char total[32];
        char used[32] = "?";

        (void)snprintf(name, sizeof(name), "%s", device->name);
        tool_clean(name);
        if ((device->valid & WEFT_GPU_USED) != 0) {
            tool_format_bytes((double)device->used_bytes, used, sizeof(used));
        }
        if ((device->valid & WEFT_GPU_TOTAL) != 0) {
            tool_format_bytes((double)device->total_bytes, total,
                              sizeof(total));
            printf("%-14s %11s  (%s used; %s)\n", "GPU", total, used, name);
        } else if (device->is_unified) {
            printf("%-14s %11s  (uses the system's memory; %s)\n", "GPU",
                   "unified", name);
        }
    }
}

/* ----------------------------------------------------------------- JSON --- */

void memory_json_figures(tool_json *json, const weft_memory_figures *figures)
{
    char key[48];

    for (size_t i = 0; i < TOOL_COUNT_OF(rows); i++) {
        if (knows(figures, rows[i].figure)) {
            (void)snprintf(key, sizeof(key), "%s_bytes",
                           weft_memory_figure_name(rows[i].figure));
            tool_json_u64(json, key, value_of(figures, i));
        }
    }
    if (figures->available_method[0] != '\0') {
        tool_json_text(json, "available_method", figures->available_method);
    }
    if (figures->limit_source[0] != '\0') {
        tool_json_text(json, "limit_source", figures->limit_source);
    }
    if (figures->has_stalls) {
        tool_json_u64(json, "stall_some_ns", figures->stall_some_ns);
        tool_json_u64(json, "stall_all_ns", figures->stall_all_ns);
        tool_json_u64(json, "stall_some_ppm", figures->stall_some_ppm);
        tool_json_u64(json, "stall_all_ppm", figures->stall_all_ppm);
    }
    if (figures->pressure_reason[0] != '\0') {
        tool_json_text(json, "pressure", weft_pressure_name(figures->pressure));
        tool_json_text(json, "pressure_reason", figures->pressure_reason);
    }
}

static void print_json(const weft_memory_figures *figures)
{
    memory_daemon_state daemon;
    tool_json json;

    tool_json_begin(&json, stdout);
    memory_json_figures(&json, figures);
    if (memory_ask_state(&daemon)) {
        tool_json_text(&json, "daemon_state", daemon.state);
    }
    tool_json_end(&json);
}

int cmd_memory_status(int argc, char **argv)
{
    status_values values = {false, false};
    weft_memory_figures figures = {.size = sizeof(figures)};
    weft_detail detail = {WEFT_OK, 0, NULL};
    tool_operands operands;
    weft_memory *memory;
    weft_status status;
    gpu_lists lists;
    char text[256];
    int exit_code;

    if (!tool_parse(&syntax, argc, argv, &values, &operands, &exit_code)) {
        return exit_code;
    }
    status = weft_memory_open(&memory, &detail);
    if (status == WEFT_OK) {
        status = weft_memory_look(memory, &figures, &detail);
        weft_memory_close(&memory);
    }
    if (status != WEFT_OK) {
        weft_detail_text(&detail, text, sizeof(text));
        tool_error("cannot look at the memory: %s", text);
        return TOOL_FAILED;
    }
    if (values.json) {
        print_json(&figures);
    } else {
        print_text(&figures, values.all);
        if (gpu_lists_read(&lists, false, &detail) == WEFT_OK) {
            print_gpus(&lists);
        }
        gpu_lists_end(&lists);
    }
    return TOOL_OK;
}
