/* SPDX-License-Identifier: MIT
 *
 * What processes take of the memory: the kernel's quick counters for all of
 * them, and the sum over its mappings for one.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kin.h"
#include "meter.h"
#include "text.h"

/* More than smaps_rollup has. */
#define TEXT_BYTES 4096

#define NS_PER_S UINT64_C(1000000000)

static void tell(const struct kin *kin, uint64_t page_bytes,
                 uint64_t ticks_per_s, weft_memory_process *process)
{
    char path[32];
    struct stat info;

    *process = (weft_memory_process){
        .valid = WEFT_MEMORY_PROCESS_RESIDENT | WEFT_MEMORY_PROCESS_CPU,
        .pid = kin->pid,
        .parent = kin->parent,
        .started = kin->start,
        .is_kernel = kin->is_kernels,
        .resident_bytes = kin->pages * page_bytes,
        .cpu_ns = (kin->ticks[0] + kin->ticks[1]) * (NS_PER_S / ticks_per_s)};
    WEFTOS_SET_TEXT(process->name, kin->name);
    (void)snprintf(path, sizeof(path), "/proc/%d", kin->pid);
    if (stat(path, &info) == 0) {
        process->owner = info.st_uid;
        process->valid |= WEFT_MEMORY_PROCESS_OWNER;
    }
}

weft_status weftos_meter_list(weft_memory_process *processes, size_t room,
                              size_t *count, weft_detail *detail)
{
    struct kin_list list = {NULL, 0, 0};
    weft_status status = weftos_kin_list(&list, detail);
    uint64_t page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t ticks_per_s = (uint64_t)sysconf(_SC_CLK_TCK);

    /* This process is always there, unless /proc is something else. */
    if (status == WEFT_OK && list.count == 0) {
        status = weftos_fail(detail, WEFT_EOS, 0, "find processes in /proc");
    }
    if (status == WEFT_OK) {
        *count = list.count;
        for (size_t i = 0; i < list.count && i < room; i++) {
            tell(&list.items[i], page_bytes, ticks_per_s, &processes[i]);
        }
    }
    free(list.items);
    return status;
}

/* ------------------------------------------------------------------ one --- */

static void tell_rollup(const char *text, weft_memory_process *process)
{
    uint64_t clean;
    uint64_t dirty;

    if (weftos_find_bytes(text, "Pss:", &process->footprint_bytes)) {
        process->valid |= WEFT_MEMORY_PROCESS_FOOTPRINT;
    }
    if (weftos_find_bytes(text, "Private_Clean:", &clean) &&
        weftos_find_bytes(text, "Private_Dirty:", &dirty)) {
        process->private_bytes = clean + dirty;
        process->valid |= WEFT_MEMORY_PROCESS_PRIVATE;
    }
    if (weftos_find_bytes(text, "SwapPss:", &process->swapped_bytes)) {
        process->valid |= WEFT_MEMORY_PROCESS_SWAPPED;
    }
}

/* Whether it is still the one that was listed. */
static bool is_same(const weft_memory_process *process, struct kin *now)
{
    return weftos_kin_read((pid_t)process->pid, now) &&
           now->start == process->started && !weftos_kin_has_ended(now);
}

/*
 * What reading its mappings failed with, if that means anything. The kernel's
 * own threads have none, nor has a first thread that has ended before the
 * others; who else has none is about to end.
 */
static weft_status judge(int error, const struct kin *now, weft_detail *detail)
{
    if (error == 0 || now->is_kernels ||
        (error == ESRCH && now->state == 'Z')) {
        return WEFT_OK;
    }
    if (error == ESRCH) {
        return weftos_fail(detail, WEFT_ENOENT, error, "find the process");
    }
    errno = error;
    return weftos_fail_errno(detail, "look at the process");
}

weft_status weftos_meter_measure(weft_memory_process *process,
                                 weft_detail *detail)
{
    char path[48];
    char text[TEXT_BYTES];
    struct kin now;
    weft_status status;
    int error = 0;

    if (process->pid <= 0 || process->pid > INT32_MAX) {
        return weftos_fail(detail, WEFT_ENOENT, 0, "find the process");
    }
    (void)snprintf(path, sizeof(path), "/proc/%d/smaps_rollup",
                   (int)process->pid);
    errno = 0;
    if (!weftos_read_text(path, text, sizeof(text))) {
        error = errno;
        text[0] = '\0';
    }
    /* Its number may have been another's while the file was read. */
    if (!is_same(process, &now)) {
        return weftos_fail(detail, WEFT_ENOENT, 0, "find the process");
    }
    status = judge(error, &now, detail);
    if (status == WEFT_OK) {
        tell_rollup(text, process);
    }
    return status;
}
