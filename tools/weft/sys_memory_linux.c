/* SPDX-License-Identifier: MIT
 *
 * When pages were used last: the kernel's Referenced counts pages with the bit
 * that the processor sets, and clear_refs clears that (proc(5)).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sys_memory.h"

/* More than any of the files that are read here has. */
#define TEXT_BYTES 8192

#define US_NS 1000

/* False: not there, or too long. */
static bool read_text(const char *path, char *text, size_t room)
{
    size_t length = 0;
    ssize_t got = 0;
    int file = open(path, O_RDONLY | O_CLOEXEC);

    if (file < 0) {
        return false;
    }
    do {
        got = read(file, text + length, room - 1 - length);
        if (got > 0) {
            length += (size_t)got;
        }
    } while (length < room - 1 && (got > 0 || (got < 0 && errno == EINTR)));
    (void)close(file);
    text[length] = '\0';
    return got == 0 && length > 0;
}

/* The number after a label at the beginning of a line. */
static bool find_number(const char *text, const char *label, uint64_t *number)
{
    size_t length = strlen(label);

    for (const char *line = text; line != NULL;
         line = strchr(line, '\n') != NULL ? strchr(line, '\n') + 1 : NULL) {
        if (strncmp(line, label, length) == 0) {
            char *end;

            errno = 0;
            *number = strtoull(line + length, &end, 10);
            return errno == 0 && end != line + length;
        }
    }
    return false;
}

static bool find_kib(const char *text, const char *label, uint64_t *bytes)
{
    if (!find_number(text, label, bytes) || *bytes > UINT64_MAX / 1024) {
        return false;
    }
    *bytes *= 1024;
    return true;
}

/* ---------------------------------------------------------------- pages --- */

/* minflt and majflt: the 10th and 12th word; the 2nd may have blanks in it. */
static bool find_faults(const char *text, uint64_t *minor, uint64_t *major)
{
    const char *rest = strrchr(text, ')');

    return rest != NULL &&
           sscanf(rest,
                  ") %*c %*d %*d %*d %*d %*d %*u %" SCNu64 " %*u %" SCNu64,
                  minor, major) == 2;
}

void sys_pages_look(int64_t pid, sys_pages *pages)
{
    char path[64];
    char text[TEXT_BYTES];

    memset(pages, 0, sizeof(*pages));
    (void)snprintf(path, sizeof(path), "/proc/%" PRId64 "/smaps_rollup", pid);
    if (read_text(path, text, sizeof(text))) {
        if (find_kib(text, "Rss:", &pages->resident_bytes) &&
            find_kib(text, "Anonymous:", &pages->anonymous_bytes) &&
            find_kib(text, "Swap:", &pages->swapped_bytes)) {
            pages->valid |= SYS_PAGES_SIZES;
        }
        if (find_kib(text, "Referenced:", &pages->referenced_bytes)) {
            pages->valid |= SYS_PAGES_USED;
        }
    }
    (void)snprintf(path, sizeof(path), "/proc/%" PRId64 "/stat", pid);
    if (read_text(path, text, sizeof(text)) &&
        find_faults(text, &pages->minor_faults, &pages->major_faults)) {
        pages->valid |= SYS_PAGES_FAULTS;
    }
}

bool sys_pages_forget(int64_t pid)
{
    char path[64];
    bool done = false;
    int file;

    (void)snprintf(path, sizeof(path), "/proc/%" PRId64 "/clear_refs", pid);
    file = open(path, O_WRONLY | O_CLOEXEC);
    if (file >= 0) {
        done = write(file, "1", 1) == 1;
        (void)close(file);
    }
    return done;
}

/* ---------------------------------------------------------------- group --- */

/* Where a group of one version has its figures. */
typedef struct group_files {
    const char *mark; /* of its line in /proc/PID/cgroup */
    const char *root;
    const char *used;
    const char *limit;
    const char *refaults; /* in memory.stat; the kernel counts pages */
} group_files;

static const group_files versions[] = {
    {":memory:", "/sys/fs/cgroup/memory", "memory.usage_in_bytes",
     "memory.limit_in_bytes", "total_workingset_refault_"},
    {"0::", "/sys/fs/cgroup", "memory.current", "memory.max",
     "workingset_refault_"}};

/* No limit is the largest number of whole pages, or a word. */
#define NO_LIMIT (UINT64_C(1) << 62)

static bool read_group_text(const group_files *files, const char *group,
                            const char *name, char *text, size_t room)
{
    char path[PATH_MAX];
    int length =
        snprintf(path, sizeof(path), "%s%s/%s", files->root, group, name);

    return length > 0 && (size_t)length < sizeof(path) &&
           read_text(path, text, room);
}

static bool read_group(const group_files *files, const char *path,
                       sys_memory_group *group)
{
    char text[TEXT_BYTES];
    char label[64];
    uint64_t page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);

    if (!read_group_text(files, path, files->limit, text, sizeof(text)) ||
        !find_number(text, "", &group->limit_bytes) ||
        group->limit_bytes >= NO_LIMIT ||
        !read_group_text(files, path, files->used, text, sizeof(text)) ||
        !find_number(text, "", &group->used_bytes) ||
        !read_group_text(files, path, "memory.stat", text, sizeof(text))) {
        return false;
    }
    group->refaulted_bytes = 0;
    for (int anon = 0; anon < 2; anon++) {
        uint64_t pages;

        (void)snprintf(label, sizeof(label), "%s%s ", files->refaults,
                       anon != 0 ? "anon" : "file");
        if (find_number(text, label, &pages) &&
            pages <= UINT64_MAX / 2 / page_bytes) {
            group->refaulted_bytes += pages * page_bytes;
        }
    }
    return true;
}

bool sys_memory_group_look(int64_t pid, sys_memory_group *group)
{
    char path[64];
    char text[TEXT_BYTES];
    bool found = false;

    (void)snprintf(path, sizeof(path), "/proc/%" PRId64 "/cgroup", pid);
    if (!read_text(path, text, sizeof(text))) {
        return false;
    }
    for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]) && !found;
         i++) {
        char own[PATH_MAX];
        const char *line = strstr(text, versions[i].mark);

        if (line == NULL) {
            continue;
        }
        line += strlen(versions[i].mark);
        (void)snprintf(own, sizeof(own), "%.*s", (int)strcspn(line, "\n"),
                       line);
        found = read_group(&versions[i], own, group);
    }
    return found;
}

/* ---------------------------------------------------------------- stall --- */

bool sys_io_stall(uint64_t *stall_ns)
{
    char text[TEXT_BYTES];
    const char *total;
    uint64_t us;

    if (!read_text("/proc/pressure/io", text, sizeof(text))) {
        return false;
    }
    total = strstr(text, "total=");
    if (total == NULL || sscanf(total, "total=%" SCNu64, &us) != 1 ||
        us > UINT64_MAX / US_NS) {
        return false;
    }
    *stall_ns = us * US_NS;
    return true;
}
