/* SPDX-License-Identifier: MIT
 *
 * Files of /proc, read and not looked at.
 */
#define _GNU_SOURCE
#include "bench_memory.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

const char *const bench_figures_name = "read /proc/meminfo";
const char *const bench_processes_name = "read statm of each process";
const char *const bench_mappings_name = "read smaps_rollup";
const char *const bench_counters_name = "read status";

/* More than any of the files has. */
#define TEXT_BYTES 16384

/* What is read is the cost. */
static bool read_file(const char *path)
{
    char text[TEXT_BYTES];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got;

    if (fd < 0) {
        return false;
    }
    do {
        got = read(fd, text, sizeof(text));
    } while (got > 0);
    (void)close(fd);
    return got == 0;
}

bool bench_read_figures(void)
{
    return read_file("/proc/meminfo");
}

bool bench_read_processes(void)
{
    DIR *folder = opendir("/proc");
    const struct dirent *entry;
    char path[300];

    if (folder == NULL) {
        return false;
    }
    while ((entry = readdir(folder)) != NULL) {
        if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9') {
            (void)snprintf(path, sizeof(path), "/proc/%s/statm", entry->d_name);
            (void)read_file(path); /* it may have ended */
        }
    }
    (void)closedir(folder);
    return true;
}

bool bench_read_mappings(void)
{
    return read_file("/proc/self/smaps_rollup");
}

bool bench_read_counters(void)
{
    return read_file("/proc/self/status");
}
