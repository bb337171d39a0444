/* SPDX-License-Identifier: MIT
 *
 * What the kernel counts of its memory, from /proc/vmstat. It does so in pages.
 */
#define _GNU_SOURCE
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "linux.h"
#include "meter.h"
#include "text.h"

/* Some 200 lines of 30 bytes; what would be beyond is not found. */
#define TEXT_BYTES 16384

/* Before Linux 5.9 all refaults are those of files. */
static const struct {
    weft_memory_counter counter;
    size_t offset;
    const char *label;
    bool is_in_pages;
} lines[] = {
#define LINE(symbol, member) symbol, offsetof(weft_memory_counters, member)
    {LINE(WEFT_MEMORY_REFAULTED_FILE, refaulted_file_bytes),
     "workingset_refault ", true},
    {LINE(WEFT_MEMORY_REFAULTED_FILE, refaulted_file_bytes),
     "workingset_refault_file ", true},
    {LINE(WEFT_MEMORY_REFAULTED_ANONYMOUS, refaulted_anonymous_bytes),
     "workingset_refault_anon ", true},
    {LINE(WEFT_MEMORY_SWAPPED_IN, swapped_in_bytes), "pswpin ", true},
    {LINE(WEFT_MEMORY_SWAPPED_OUT, swapped_out_bytes), "pswpout ", true},
    {LINE(WEFT_MEMORY_MAJOR_FAULTS, major_faults), "pgmajfault ", false},
#undef LINE
};

weft_status weftos_meter_count(const char *root, weft_memory_counters *counters,
                               weft_detail *detail)
{
    uint64_t page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
    char path[PATH_MAX + 64];
    char text[TEXT_BYTES];

    (void)snprintf(path, sizeof(path), "%s/proc/vmstat", root);
    if (!weftos_read_text(path, text, sizeof(text))) {
        return weftos_fail_errno(detail, "read /proc/vmstat");
    }
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        uint64_t unit = lines[i].is_in_pages ? page_bytes : 1;
        uint64_t value;

        if (weftos_find_number(text, lines[i].label, &value) &&
            value <= UINT64_MAX / unit) {
            value *= unit;
            memcpy((char *)counters + lines[i].offset, &value, sizeof(value));
            counters->valid |= UINT32_C(1) << lines[i].counter;
        }
    }
    return WEFT_OK;
}
