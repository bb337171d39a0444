/* SPDX-License-Identifier: MIT
 *
 * What the processes of a tree have and use, as /proc says.
 *
 * For where there is no group that counts. What lives shorter than the time
 * between two looks is not seen.
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "run_group.h"

static bool read_of(pid_t pid, const char *name, char *text, size_t room)
{
    char path[64];

    (void)snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
    return weftos_run_file_read(-1, path, text, room);
}

/* The fields after the name, which may contain anything. */
static void add_times(pid_t pid, struct run_sample *sum)
{
    static long ticks;
    char text[1024];
    const char *rest;
    uint64_t used[4];
    uint64_t threads;

    if (ticks == 0) {
        ticks = sysconf(_SC_CLK_TCK);
    }
    if (!read_of(pid, "stat", text, sizeof(text)) ||
        (rest = strrchr(text, ')')) == NULL ||
        sscanf(rest + 1,
               " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNu64
               " %" SCNu64 " %" SCNu64 " %" SCNu64 " %*d %*d %" SCNu64,
               &used[0], &used[1], &used[2], &used[3], &threads) != 5) {
        return; /* it has ended */
    }
    sum->processes++;
    sum->tasks += threads;
    for (int i = 0; i < 4; i++) {
        sum->cpu_ns += used[i] * (UINT64_C(1000000000) / (uint64_t)ticks);
    }
}

static void add_memory(pid_t pid, struct run_sample *sum)
{
    uint64_t page = weftos_get_facts()->page_bytes;
    char text[256];
    uint64_t resident;
    uint64_t shared;

    if (read_of(pid, "statm", text, sizeof(text)) &&
        sscanf(text, "%*u %" SCNu64 " %" SCNu64, &resident, &shared) == 2) {
        sum->resident += resident * page;
        sum->private_ += resident > shared ? (resident - shared) * page : 0;
    }
}

bool weftos_run_sample(struct run *run, struct run_sample *sum)
{
    struct run_members members = {.count = 0};
    bool is_short;

    weftos_run_list_members(run, &members);
    for (size_t i = 0; i < members.count; i++) {
        add_times(members.pids[i], sum);
        add_memory(members.pids[i], sum);
    }
    is_short = members.is_short;
    weftos_run_free_members(&members);
    return !is_short;
}

/* "Pss_Anon:    1234 kB". */
static uint64_t value_of(const char *text, const char *key)
{
    const char *line = strstr(text, key);
    uint64_t value;

    return line != NULL && sscanf(line + strlen(key), " %" SCNu64, &value) == 1
               ? value * 1024
               : 0;
}

uint64_t weftos_run_sample_memory(struct run *run)
{
    struct run_members members = {.count = 0};
    uint64_t bytes = 0;

    weftos_run_list_members(run, &members);
    for (size_t i = 0; i < members.count; i++) {
        struct run_sample one = {0};
        char text[2048];

        if (read_of(members.pids[i], "smaps_rollup", text, sizeof(text)) &&
            strstr(text, "\nPss_Anon:") != NULL) {
            bytes += value_of(text, "\nPss_Anon:") +
                     value_of(text, "\nPss_Shmem:") +
                     value_of(text, "\nSwapPss:");
        } else {
            add_memory(members.pids[i], &one); /* it may not be looked into */
            bytes += one.private_;
        }
    }
    weftos_run_free_members(&members);
    return bytes;
}
