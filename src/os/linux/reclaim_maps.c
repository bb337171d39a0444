/* SPDX-License-Identifier: MIT
 *
 * What a process has mapped, and which of its pages are worth taking.
 *
 * /proc/PID/smaps tells for each mapping how much of it was used since the
 * last time that its pages were marked as unused; /proc/PID/pagemap tells for
 * each page whether it is in memory, whether it is a copy of a file, and
 * whether another process has it too.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "reclaim.h"
#include "text.h"

/* ------------------------------------------------------------- mappings --- */

/* "7f00-8000 rw-p 00000000 00:00 0    /path": a mapping begins. */
static bool begins(const char *line, struct reclaim_mapping *mapping,
                   const char **path)
{
    int length = 0;

    if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %*4s %*s %*s %*s%n",
               &mapping->start, &mapping->end, &length) != 2 ||
        length == 0 || mapping->end <= mapping->start) {
        return false;
    }
    *path = line + length + strspn(line + length, " ");
    return true;
}

/* Names that the kernel gives to what is no file. */
static bool is_shared_memory(const char *path)
{
    static const char *const begins[] = {"/memfd:", "/dev/shm/", "/SYSV",
                                         "/dev/zero (deleted)"};

    for (size_t i = 0; i < sizeof(begins) / sizeof(begins[0]); i++) {
        if (strncmp(path, begins[i], strlen(begins[i])) == 0) {
            return true;
        }
    }
    return false;
}

/*
 * Of VmFlags, what is not to be moved: locked (lo), a device's memory (io, pf),
 * huge pages of their own (ht), faults that the program serves itself (um, uw).
 */
static bool is_fixed(const char *flags)
{
    static const char *const fixed[] = {"lo", "io", "pf", "ht", "um", "uw"};

    for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {
        for (const char *at = flags; (at = strstr(at, fixed[i])) != NULL;
             at += 2) {
            if (at > flags && at[-1] == ' ' &&
                (at[2] == ' ' || at[2] == '\0')) {
                return true;
            }
        }
    }
    return false;
}

/* A line of a mapping. */
static void tell(const char *line, struct reclaim_mapping *mapping)
{
    static const struct {
        const char *label;
        size_t offset;
    } members[] = {
        {"Rss:", offsetof(struct reclaim_mapping, resident)},
        {"Private_Clean:", offsetof(struct reclaim_mapping, own)},
        {"Private_Dirty:", offsetof(struct reclaim_mapping, own)},
        {"Referenced:", offsetof(struct reclaim_mapping, referenced)},
        {"Anonymous:", offsetof(struct reclaim_mapping, anonymous)},
        {"Swap:", offsetof(struct reclaim_mapping, away)},
    };
    uint64_t bytes;

    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        if (weftos_find_bytes(line, members[i].label, &bytes)) {
            uint64_t *member =
                (uint64_t *)(void *)((char *)mapping + members[i].offset);

            *member += bytes;
            return;
        }
    }
    if (strncmp(line, "VmFlags:", 8) == 0 && is_fixed(line + 8)) {
        mapping->is_fixed = true;
    }
}

static struct reclaim_mapping *add(struct reclaim_mappings *mappings)
{
    if (mappings->count == mappings->room) {
        size_t room = mappings->room > 0 ? mappings->room * 2 : 64;
        void *items = realloc(mappings->items, room * sizeof(*mappings->items));

        if (items == NULL) {
            return NULL;
        }
        mappings->items = items;
        mappings->room = room;
    }
    return &mappings->items[mappings->count++];
}

static weft_status read_all(FILE *file, char *line,
                            struct reclaim_mappings *mappings,
                            weft_detail *detail)
{
    struct reclaim_mapping *mapping = NULL;

    errno = 0;
    while (weftos_read_line(file, line)) {
        struct reclaim_mapping begun = {0};
        const char *path;

        if (begins(line, &begun, &path)) {
            mapping = add(mappings);
            if (mapping == NULL) {
                return weftos_fail(detail, WEFT_ENOMEM, 0, "allocate memory");
            }
            *mapping = begun;
            mapping->is_shared_memory = is_shared_memory(path);
            /* "[vvar]", "[vdso]", "[vsyscall]": the kernel's own. */
            mapping->is_fixed = path[0] == '[' && path[1] == 'v';
        } else if (mapping != NULL) {
            tell(line, mapping);
        }
    }
    return ferror(file) == 0 ? WEFT_OK
           : errno == ESRCH
               ? weftos_fail(detail, WEFT_ENOENT, errno, "find the process")
               : weftos_fail_errno(detail, "read /proc/PID/smaps");
}

weft_status weftos_mappings_read(pid_t pid, struct reclaim_mappings *mappings,
                                 weft_detail *detail)
{
    char path[48];
    char *line;
    FILE *file;
    weft_status status;

    mappings->count = 0;
    (void)snprintf(path, sizeof(path), "/proc/%d/smaps", (int)pid);
    file = fopen(path, "re");
    if (file == NULL) {
        return errno == ENOENT || errno == ESRCH
                   ? weftos_fail(detail, WEFT_ENOENT, errno, "find the process")
                   : weftos_fail_errno(detail, "open /proc/PID/smaps");
    }
    line = malloc(WEFTOS_LINE_BYTES);
    status = line != NULL
                 ? read_all(file, line, mappings, detail)
                 : weftos_fail(detail, WEFT_ENOMEM, 0, "allocate memory");
    free(line);
    (void)fclose(file);
    return status;
}

void weftos_mappings_free(struct reclaim_mappings *mappings)
{
    free(mappings->items);
    *mappings = (struct reclaim_mappings){NULL, 0, 0};
}

/* ----------------------------------------------------------------- pages ---
 */

static bool make_room(struct reclaim_ranges *ranges)
{
    size_t room = ranges->room > 0 ? ranges->room * 2 : 64;
    void *items;

    if (ranges->items != NULL && ranges->count < ranges->room) {
        return true;
    }
    items = realloc(ranges->items, room * sizeof(*ranges->items));
    if (items == NULL) {
        return false;
    }
    ranges->items = items;
    ranges->room = room;
    return true;
}

bool weftos_ranges_add(struct reclaim_ranges *ranges, uint64_t start,
                       uint64_t bytes)
{
    struct reclaim_range *last =
        ranges->count > 0 ? &ranges->items[ranges->count - 1] : NULL;

    if (last != NULL && last->start + last->bytes == start) {
        last->bytes += bytes;
        return true;
    }
    if (!make_room(ranges)) {
        return false;
    }
    ranges->items[ranges->count++] = (struct reclaim_range){start, bytes};
    return true;
}

/* Bits of an entry of /proc/PID/pagemap. */
#define PAGE_PRESENT (UINT64_C(1) << 63)
#define PAGE_OF_FILE (UINT64_C(1) << 61) /* or of shared memory */
#define PAGE_EXCLUSIVE (UINT64_C(1) << 56)

/* That are read at a time: they stand for 16 MiB. */
#define ENTRIES 4096

static bool is_wanted(uint64_t entry, bool with_files)
{
    return (entry & PAGE_PRESENT) != 0 && (entry & PAGE_EXCLUSIVE) != 0 &&
           (with_files || (entry & PAGE_OF_FILE) == 0);
}

/* Where a search is. */
struct search {
    uint64_t page_bytes;
    bool with_files;
    size_t most;
    uint64_t most_bytes;
    struct reclaim_ranges *ranges;
    uint64_t at;
    uint64_t bytes;
};

/* Another range would be one too many. */
static bool is_full(const struct search *search)
{
    const struct reclaim_ranges *ranges = search->ranges;

    return search->bytes >= search->most_bytes ||
           (ranges->count >= search->most &&
            ranges->items[ranges->count - 1].start +
                    ranges->items[ranges->count - 1].bytes !=
                search->at);
}

/* False: there is no memory. `*is_over`: there is no room for more. */
static bool sift(struct search *search, const uint64_t *entries, size_t count,
                 bool *is_over)
{
    for (size_t i = 0; i < count; i++) {
        if (is_wanted(entries[i], search->with_files)) {
            if (is_full(search)) {
                *is_over = true;
                return true;
            }
            if (!weftos_ranges_add(search->ranges, search->at,
                                   search->page_bytes)) {
                return false;
            }
            search->bytes += search->page_bytes;
        }
        search->at += search->page_bytes;
    }
    return true;
}

static weft_status find(int pagemap, uint64_t end, struct search *search,
                        weft_detail *detail)
{
    uint64_t entries[ENTRIES];
    bool is_over = false;

    while (search->at < end && !is_over) {
        uint64_t pages = (end - search->at) / search->page_bytes;
        size_t wanted = pages < ENTRIES ? (size_t)pages : ENTRIES;
        ssize_t got =
            pread(pagemap, entries, wanted * sizeof(*entries),
                  (off_t)(search->at / search->page_bytes * sizeof(*entries)));

        if (got < 0) {
            return errno == ESRCH
                       ? weftos_fail(detail, WEFT_ENOENT, errno,
                                     "find the process")
                       : weftos_fail_errno(detail, "read /proc/PID/pagemap");
        }
        if (got < (ssize_t)sizeof(*entries)) {
            search->at = end; /* it has ended, and has no pages any more */
        } else if (!sift(search, entries, (size_t)got / sizeof(*entries),
                         &is_over)) {
            return weftos_fail(detail, WEFT_ENOMEM, 0, "allocate memory");
        }
    }
    return WEFT_OK;
}

weft_status weftos_pages_find(int pagemap,
                              const struct reclaim_mapping *mapping,
                              bool with_files, uint64_t page_bytes,
                              struct reclaim_ranges *ranges, size_t most,
                              uint64_t most_bytes, uint64_t *at,
                              uint64_t *bytes, weft_detail *detail)
{
    struct search search = {
        .page_bytes = page_bytes,
        /* A page of shared memory looks as one of a file. */
        .with_files = with_files || mapping->is_shared_memory,
        .most = most,
        .most_bytes = most_bytes,
        .ranges = ranges,
        .at = *at,
        .bytes = *bytes};
    weft_status status = find(pagemap, mapping->end, &search, detail);

    *at = search.at;
    *bytes = search.bytes;
    return status;
}
