/* SPDX-License-Identifier: MIT
 *
 * weft memory gpu - the memory of graphics devices, and who uses it.
 */
#include <stdlib.h>
#include <string.h>

#include "gpu_lists.h"
#include "memory_processes.h"

typedef struct gpu_values {
    bool json;
} gpu_values;

static const tool_option options[] = {
    {.name = "json",
     .kind = TOOL_FLAG,
     .offset = offsetof(gpu_values, json),
     .help = "print one JSON object a line"},
};

static const tool_syntax syntax = {
    .command = "memory gpu",
    .usage = "[options]",
    .about = "Tells what memory graphics devices have, and who uses it, as "
             "their drivers\ntell it. SYSTEM is memory of the system's that a "
             "device may use, or uses.\nWhat a driver does not tell is '-'.\n",
    .options = options,
    .option_count = TOOL_COUNT_OF(options),
};

/* ----------------------------------------------------------------- text --- */

static void print_size(bool is_known, uint64_t bytes)
{
    char text[32] = "-";

    if (is_known) {
        tool_format_bytes((double)bytes, text, sizeof(text));
    }
    printf("%11s ", text);
}

/* A text of a driver's, which may have anything in it. */
static void print_foreign(const char *text)
{
    char clean[256];

    (void)snprintf(clean, sizeof(clean), "%s", text);
    tool_clean(clean);
    fputs(clean[0] != '\0' ? clean : "-", stdout);
}

static void print_device(const weft_gpu_device *device)
{
    if ((device->valid & WEFT_GPU_UNIFIED) != 0 && device->is_unified) {
        printf("%11s ", "unified");
    } else {
        print_size((device->valid & WEFT_GPU_TOTAL) != 0, device->total_bytes);
    }
    print_size((device->valid & WEFT_GPU_USED) != 0, device->used_bytes);
    print_size((device->valid & WEFT_GPU_RESERVED) != 0,
               device->reserved_bytes);
    print_size((device->valid & WEFT_GPU_SYSTEM_TOTAL) != 0,
               device->system_total_bytes);
    fputs(" ", stdout);
    print_foreign(device->name[0] != '\0' ? device->name : device->id);
    if (device->problem[0] != '\0') {
        fputs(": ", stdout);
        print_foreign(device->problem);
    }
    putchar('\n');
    if ((device->valid & WEFT_GPU_BUDGET) != 0) {
        print_size(true, device->budget_bytes);
        puts("is what one process should use of it at most");
    }
}

static void print_process(const weft_gpu_process *process,
                          const memory_processes *all)
{
    const weft_memory_process *found = memory_find_process(all, process->pid);

    printf("%11lld ", (long long)process->pid);
    print_size((process->valid & WEFT_GPU_PROCESS_USED) != 0,
               process->used_bytes);
    printf("%11s ", "");
    print_size((process->valid & WEFT_GPU_PROCESS_SYSTEM) != 0,
               process->system_bytes);
    fputs(" ", stdout);
    print_foreign(found != NULL ? found->name : "");
    putchar('\n');
}

static void print_text(const gpu_lists *lists, const memory_processes *all)
{
    if (lists->device_count == 0) {
        puts("no graphics device was found");
        for (size_t i = 0; i < lists->source_count; i++) {
            if (!lists->sources[i].is_there) {
                printf("  %s: ", lists->sources[i].name);
                print_foreign(lists->sources[i].reason);
                putchar('\n');
            }
        }
        return;
    }
    printf("%11s %11s %11s %11s  %s\n", "TOTAL", "USED", "RESERVED", "SYSTEM",
           "DEVICE");
    for (size_t i = 0; i < lists->device_count; i++) {
        print_device(&lists->devices[i]);
    }
    if (lists->process_count > 0) {
        printf("\n%11s %11s %11s %11s  %s\n", "PID", "USED", "", "SYSTEM",
               "NAME");
    }
    for (size_t i = 0; i < lists->process_count; i++) {
        print_process(&lists->processes[i], all);
    }
}

/* ----------------------------------------------------------------- JSON --- */

static void add(tool_json *json, bool is_known, const char *key, uint64_t value)
{
    if (is_known) {
        tool_json_u64(json, key, value);
    }
}

static void add_text(tool_json *json, const char *key, const char *text)
{
    if (text[0] != '\0') {
        tool_json_text(json, key, text);
    }
}

static void print_device_json(const weft_gpu_device *device)
{
    uint32_t valid = device->valid;
    tool_json json;

    tool_json_begin(&json, stdout);
    tool_json_text(&json, "kind", "device");
    tool_json_text(&json, "device", device->id);
    tool_json_text(&json, "source", device->source);
    add_text(&json, "place", device->place);
    add_text(&json, "name", device->name);
    add_text(&json, "problem", device->problem);
    if ((valid & WEFT_GPU_UNIFIED) != 0) {
        tool_json_bool(&json, "unified", device->is_unified);
    }
    add(&json, (valid & WEFT_GPU_TOTAL) != 0, "total_bytes",
        device->total_bytes);
    add(&json, (valid & WEFT_GPU_USED) != 0, "used_bytes", device->used_bytes);
    add(&json, (valid & WEFT_GPU_RESERVED) != 0, "reserved_bytes",
        device->reserved_bytes);
    add(&json, (valid & WEFT_GPU_SYSTEM_TOTAL) != 0, "system_total_bytes",
        device->system_total_bytes);
    add(&json, (valid & WEFT_GPU_SYSTEM_USED) != 0, "system_used_bytes",
        device->system_used_bytes);
    add(&json, (valid & WEFT_GPU_BUDGET) != 0, "budget_bytes",
        device->budget_bytes);
    tool_json_end(&json);
}

static void print_process_json(const weft_gpu_process *process,
                               const memory_processes *all)
{
    const weft_memory_process *found = memory_find_process(all, process->pid);
    tool_json json;

    tool_json_begin(&json, stdout);
    tool_json_text(&json, "kind", "process");
    tool_json_u64(&json, "pid", (uint64_t)process->pid);
    add_text(&json, "name", found != NULL ? found->name : "");
    tool_json_text(&json, "device", process->device);
    add(&json, (process->valid & WEFT_GPU_PROCESS_USED) != 0, "used_bytes",
        process->used_bytes);
    add(&json, (process->valid & WEFT_GPU_PROCESS_SYSTEM) != 0, "system_bytes",
        process->system_bytes);
    tool_json_end(&json);
}

static void print_json(const gpu_lists *lists, const memory_processes *all)
{
    for (size_t i = 0; i < lists->source_count; i++) {
        tool_json json;

        tool_json_begin(&json, stdout);
        tool_json_text(&json, "kind", "source");
        tool_json_text(&json, "source", lists->sources[i].name);
        tool_json_bool(&json, "there", lists->sources[i].is_there);
        add_text(&json, "reason", lists->sources[i].reason);
        tool_json_end(&json);
    }
    for (size_t i = 0; i < lists->device_count; i++) {
        print_device_json(&lists->devices[i]);
    }
    for (size_t i = 0; i < lists->process_count; i++) {
        print_process_json(&lists->processes[i], all);
    }
}

/* ---------------------------------------------------------------- whole --- */

/* What processes are called; where that is not told, they have no names. */
static void read_names(memory_processes *all)
{
    weft_detail detail = {WEFT_OK, 0, NULL};
    weft_memory *memory = NULL;

    if (weft_memory_open(&memory, &detail) != WEFT_OK ||
        memory_read_processes(memory, all, &detail) != WEFT_OK) {
        all->count = 0;
    }
    weft_memory_close(&memory);
}

int cmd_memory_gpu(int argc, char **argv)
{
    gpu_values values = {false};
    memory_processes all = {NULL, 0};
    weft_detail detail = {WEFT_OK, 0, NULL};
    tool_operands operands;
    gpu_lists lists;
    weft_status status;
    char text[256];
    int exit_code;

    if (!tool_parse(&syntax, argc, argv, &values, &operands, &exit_code)) {
        return exit_code;
    }
    status = gpu_lists_read(&lists, true, &detail);
    if (status != WEFT_OK) {
        weft_detail_text(&detail, text, sizeof(text));
        tool_error("cannot look at graphics devices: %s", text);
    } else {
        if (lists.process_count > 0) {
            read_names(&all);
        }
        if (values.json) {
            print_json(&lists, &all);
        } else {
            print_text(&lists, &all);
        }
    }
    gpu_lists_end(&lists);
    free(all.items);
    return status == WEFT_OK ? TOOL_OK : TOOL_FAILED;
}
