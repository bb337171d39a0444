/* SPDX-License-Identifier: MIT
 *
 * What processes take of the memory: one call of the system tells it of all,
 * and to everybody. GetProcessMemoryInfo() would tell no more, and needs a
 * right to each process.
 *
 * The private working set is what a process has in memory for itself. Wine,
 * which does not count it, tells 0.
 */
#include <stdlib.h>
#include <string.h>

#include "../meter.h"
#include "process_list.h"
#include "win.h"

/* The process of the system's own threads has this number, always. */
#define SYSTEM_PID 4

/* What it has started is its own, unless it is the first program. */
static bool is_kernels(const struct weftos_process_entry *entry,
                       const char *name)
{
    return entry->pid == SYSTEM_PID ||
           (entry->parent == SYSTEM_PID && strcmp(name, "smss.exe") != 0);
}

static void tell_amounts(const struct weftos_process_entry *entry,
                         weft_memory_process *process)
{
    process->resident_bytes = entry->working_set[1];
    process->committed_bytes = entry->commit;
    process->cpu_ns = (entry->user + entry->kernel) * 100;
    process->valid |= WEFT_MEMORY_PROCESS_RESIDENT |
                      WEFT_MEMORY_PROCESS_COMMITTED | WEFT_MEMORY_PROCESS_CPU;
    if (entry->private_working_set > 0 &&
        entry->private_working_set <= entry->working_set[1]) {
        process->footprint_bytes = entry->private_working_set;
        process->private_bytes = entry->private_working_set;
        process->valid |=
            WEFT_MEMORY_PROCESS_FOOTPRINT | WEFT_MEMORY_PROCESS_PRIVATE;
    }
}

static void tell(const struct weftos_process_list *list,
                 const struct weftos_process_entry *entry,
                 weft_memory_process *process)
{
    *process = (weft_memory_process){.pid = (int64_t)entry->pid,
                                     .parent = (int64_t)entry->parent,
                                     .started = entry->created};
    weftos_process_name(list, entry, process->name, sizeof(process->name));
    process->is_kernel = is_kernels(entry, process->name);
    tell_amounts(entry, process);
}

static int compare(const void *a, const void *b)
{
    int64_t one = ((const weft_memory_process *)a)->pid;
    int64_t other = ((const weft_memory_process *)b)->pid;

    return (one > other) - (one < other);
}

/*
 * The system keeps the number of who has started a process, and gives it to
 * another one when that has ended: who is younger has started nobody.
 */
static void drop_late_parents(weft_memory_process *all, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        weft_memory_process key = {.pid = all[i].parent};
        const weft_memory_process *parent =
            bsearch(&key, all, count, sizeof(*all), compare);

        if (parent == NULL || parent->started > all[i].started) {
            all[i].parent = 0;
        }
    }
}

/* 0 is the time that nobody uses, and no process. */
static bool is_process(const struct weftos_process_entry *entry)
{
    return entry->pid > 0 && entry->pid <= UINT32_MAX;
}

static weft_status ask(struct weftos_process_list *list, weft_detail *detail)
{
    DWORD error = weftos_list_processes(list);

    return error == 0 ? WEFT_OK
                      : weftos_fail(detail, weftos_error_status(error), error,
                                    "list the processes");
}

/* What is left of the list when it has been read. */
static weft_status finish(struct weftos_process_list *list, weft_detail *detail)
{
    free(list->data);
    return list->is_broken
               ? weftos_fail(detail, WEFT_EOS, 0, "read the list of processes")
               : WEFT_OK;
}

/*
 * They are sorted as a whole before the first ones are taken: the system has
 * them in the order in which they began.
 */
weft_status weftos_meter_list(weft_memory_process *processes, size_t room,
                              size_t *count, weft_detail *detail)
{
    struct weftos_process_list list;
    struct weftos_process_entry entry;
    weft_memory_process *all;
    weft_status status = ask(&list, detail);

    if (status != WEFT_OK) {
        return status;
    }
    all = calloc(list.bytes / sizeof(entry) + 1, sizeof(*all));
    if (all == NULL) {
        free(list.data);
        return weftos_fail(detail, WEFT_ENOMEM, 0, "allocate memory");
    }
    while (weftos_process_next(&list, &entry)) {
        if (is_process(&entry)) {
            tell(&list, &entry, &all[(*count)++]);
        }
    }
    qsort(all, *count, sizeof(*all), compare);
    drop_late_parents(all, *count);
    if (room > 0) {
        memcpy(processes, all, (*count < room ? *count : room) * sizeof(*all));
    }
    free(all);
    return finish(&list, detail);
}

weft_status weftos_meter_measure(weft_memory_process *process,
                                 weft_detail *detail)
{
    struct weftos_process_list list;
    struct weftos_process_entry entry;
    bool found = false;
    weft_status status;

    if (process->pid <= 0 || process->pid > UINT32_MAX) {
        return weftos_fail(detail, WEFT_ENOENT, 0, "find the process");
    }
    status = ask(&list, detail);
    if (status != WEFT_OK) {
        return status;
    }
    while (!found && weftos_process_next(&list, &entry)) {
        found = entry.pid == (uint64_t)process->pid &&
                entry.created == process->started;
    }
    if (found) {
        tell_amounts(&entry, process);
    }
    status = finish(&list, detail);
    return status != WEFT_OK || found
               ? status
               : weftos_fail(detail, WEFT_ENOENT, 0, "find the process");
}
