/* SPDX-License-Identifier: MIT
 *
 * weft memory list - the processes that take most of the memory.
 *
 * What a process takes for itself the list tells already, or it is at most what
 * it has in memory, which all are asked for. So they are measured in the order
 * of that, until the next one can't be among those to be shown.
 */
#include <stdlib.h>
#include <string.h>

#include "memory_processes.h"
#include "tool.h"

typedef struct list_values {
    uint64_t limit;
    bool all;
    bool json;
} list_values;

static const tool_option options[] = {
    {.name = "limit",
     .letter = 'n',
     .kind = TOOL_COUNT,
     .offset = offsetof(list_values, limit),
     .label = "N",
     .help = "show the N largest (default 20)",
     .least = 1},
    {.name = "all",
     .letter = 'a',
     .kind = TOOL_FLAG,
     .offset = offsetof(list_values, all),
     .help = "show all processes, threads of the system's own too"},
    {.name = "json",
     .kind = TOOL_FLAG,
     .offset = offsetof(list_values, json),
     .help = "print one JSON object a line"},
};

static const tool_syntax syntax = {
    .command = "memory list",
    .usage = "[options]",
    .about =
        "Lists the processes that take most of the memory. SHARE counts what\n"
        "several have in common in parts, PRIVATE what comes free with the end "
        "of\nthis one; they are '-' where this user may not look.\n",
    .options = options,
    .option_count = TOOL_COUNT_OF(options),
};

static bool knows(const weft_memory_process *process, uint32_t what)
{
    return (process->valid & what) != 0;
}

/* What it counts for: its share, or what it has in memory. */
static uint64_t weight(const weft_memory_process *process)
{
    return knows(process, WEFT_MEMORY_PROCESS_FOOTPRINT)
               ? process->footprint_bytes
               : process->resident_bytes;
}

static int compare_numbers(uint64_t a, uint64_t b)
{
    return (a < b) - (a > b);
}

static int compare_weights(const void *a, const void *b)
{
    return compare_numbers(weight(a), weight(b));
}

/* ----------------------------------------------------------------- read --- */

/* Drops what has ended, and what is the system's own unless all is asked. */
static void drop(memory_processes *found, bool all)
{
    size_t kept = 0;

    for (size_t i = 0; i < found->count; i++) {
        const weft_memory_process *process = &found->items[i];

        if (process->pid != 0 && (all || !process->is_kernel)) {
            found->items[kept++] = *process;
        }
    }
    found->count = kept;
}

/* How many of the first `count`, which are measured, are above a weight. */
static size_t count_above(const memory_processes *found, size_t count,
                          uint64_t bytes)
{
    size_t above = 0;

    for (size_t i = 0; i < count; i++) {
        above += weight(&found->items[i]) >= bytes;
    }
    return above;
}

static weft_status measure(weft_memory *memory, memory_processes *found,
                           size_t limit, weft_detail *detail)
{
    qsort(found->items, found->count, sizeof(*found->items), compare_weights);
    for (size_t i = 0; i < found->count; i++) {
        weft_memory_process *process = &found->items[i];
        weft_status status;

        if (i >= limit && count_above(found, i, weight(process)) >= limit) {
            break;
        }
        if (knows(process, WEFT_MEMORY_PROCESS_FOOTPRINT)) {
            continue; /* the list has told it */
        }
        status = weft_memory_measure(memory, process, detail);
        if (status == WEFT_ENOENT) {
            *process = (weft_memory_process){.pid = 0};
        } else if (status != WEFT_OK && status != WEFT_EACCES) {
            return status;
        }
    }
    drop(found, true);
    qsort(found->items, found->count, sizeof(*found->items), compare_weights);
    if (found->count > limit) {
        found->count = limit;
    }
    return WEFT_OK;
}

/*
 * Where users have numbers process 1 always lives: who does not see it sees
 * other users' processes neither.
 */
static void tell_hidden(const memory_processes *found)
{
    if (found->count > 0 && found->items[0].pid != 1 &&
        knows(&found->items[0], WEFT_MEMORY_PROCESS_OWNER)) {
        tool_error("other users' processes are hidden from this one");
    }
}

/* ---------------------------------------------------------------- print --- */

static void print_size(const weft_memory_process *process, uint32_t what,
                       uint64_t bytes)
{
    char text[32] = "-";

    if (knows(process, what)) {
        tool_format_bytes((double)bytes, text, sizeof(text));
    }
    printf(" %11s", text);
}

static void print_text(const memory_processes *found)
{
    printf("%8s %11s %11s %11s %11s  %s\n", "PID", "SHARE", "PRIVATE",
           "RESIDENT", "SWAPPED", "NAME");
    for (size_t i = 0; i < found->count; i++) {
        const weft_memory_process *process = &found->items[i];
        char name[sizeof(process->name)];

        (void)snprintf(name, sizeof(name), "%s", process->name);
        tool_clean(name);
        printf("%8lld", (long long)process->pid);
        print_size(process, WEFT_MEMORY_PROCESS_FOOTPRINT,
                   process->footprint_bytes);
        print_size(process, WEFT_MEMORY_PROCESS_PRIVATE,
                   process->private_bytes);
        print_size(process, WEFT_MEMORY_PROCESS_RESIDENT,
                   process->resident_bytes);
        print_size(process, WEFT_MEMORY_PROCESS_SWAPPED,
                   process->swapped_bytes);
        printf("  %s\n", name);
    }
}

static void add(tool_json *json, const weft_memory_process *process,
                uint32_t what, const char *key, uint64_t value)
{
    if (knows(process, what)) {
        tool_json_u64(json, key, value);
    }
}

static void print_json(const memory_processes *found)
{
    for (size_t i = 0; i < found->count; i++) {
        const weft_memory_process *process = &found->items[i];
        tool_json json;

        tool_json_begin(&json, stdout);
        tool_json_u64(&json, "pid", (uint64_t)process->pid);
        tool_json_u64(&json, "parent", (uint64_t)process->parent);
        tool_json_text(&json, "name", process->name);
        tool_json_bool(&json, "kernel", process->is_kernel);
        add(&json, process, WEFT_MEMORY_PROCESS_OWNER, "owner", process->owner);
        add(&json, process, WEFT_MEMORY_PROCESS_RESIDENT, "resident_bytes",
            process->resident_bytes);
        add(&json, process, WEFT_MEMORY_PROCESS_FOOTPRINT, "footprint_bytes",
            process->footprint_bytes);
        add(&json, process, WEFT_MEMORY_PROCESS_PRIVATE, "private_bytes",
            process->private_bytes);
        add(&json, process, WEFT_MEMORY_PROCESS_SWAPPED, "swapped_bytes",
            process->swapped_bytes);
        add(&json, process, WEFT_MEMORY_PROCESS_COMMITTED, "committed_bytes",
            process->committed_bytes);
        tool_json_end(&json);
    }
}

int cmd_memory_list(int argc, char **argv)
{
    list_values values = {.limit = 20};
    memory_processes found = {NULL, 0};
    weft_detail detail = {WEFT_OK, 0, NULL};
    tool_operands operands;
    weft_memory *memory = NULL;
    weft_status status;
    char text[256];
    int exit_code;

    if (!tool_parse(&syntax, argc, argv, &values, &operands, &exit_code)) {
        return exit_code;
    }
    status = weft_memory_open(&memory, &detail);
    if (status == WEFT_OK) {
        status = memory_read_processes(memory, &found, &detail);
    }
    if (status == WEFT_OK) {
        tell_hidden(&found);
        drop(&found, values.all);
        status = measure(memory, &found,
                         values.all || values.limit > found.count
                             ? found.count
                             : (size_t)values.limit,
                         &detail);
    }
    weft_memory_close(&memory);
    if (status != WEFT_OK) {
        weft_detail_text(&detail, text, sizeof(text));
        tool_error("cannot list the processes: %s", text);
    } else if (values.json) {
        print_json(&found);
    } else {
        print_text(&found);
    }
    free(found.items);
    return status == WEFT_OK ? TOOL_OK : TOOL_FAILED;
}
