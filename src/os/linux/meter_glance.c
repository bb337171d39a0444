/* SPDX-License-Identifier: MIT
 *
 * What a process has for itself, by the kernel's counters: its mappings are
 * not walked, nor is its memory locked against changes.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>

#include "kin.h"
#include "meter.h"
#include "text.h"

/* More than the file has up to the lines that are read. */
#define TEXT_BYTES 4096

weft_status weftos_meter_glance(weft_memory_process *process,
                                weft_detail *detail)
{
    char path[48];
    char text[TEXT_BYTES];
    uint64_t anonymous;
    uint64_t swapped;
    struct kin now;
    int error = 0;

    if (process->pid <= 0 || process->pid > INT32_MAX) {
        return weftos_fail(detail, WEFT_ENOENT, 0, "find the process");
    }
    (void)snprintf(path, sizeof(path), "/proc/%d/status", (int)process->pid);
    errno = 0;
    if (!weftos_read_text(path, text, sizeof(text))) {
        error = errno;
        text[0] = '\0';
    }
    /* Its number may have been another's while the file was read. */
    if (!weftos_kin_read((pid_t)process->pid, &now) ||
        now.start != process->started || weftos_kin_has_ended(&now)) {
        return weftos_fail(detail, WEFT_ENOENT, 0, "find the process");
    }
    if (error != 0) {
        errno = error;
        return weftos_fail_errno(detail, "look at the process");
    }
    /* The kernel's own threads have neither line. */
    if (weftos_find_bytes(text, "RssAnon:", &anonymous) &&
        weftos_find_bytes(text, "VmSwap:", &swapped)) {
        process->own_bytes = anonymous + swapped;
        process->valid |= WEFT_MEMORY_PROCESS_OWN;
    }
    return WEFT_OK;
}
