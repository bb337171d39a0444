/* SPDX-License-Identifier: MIT
 *
 * What a thread does and where it runs, and how a child ends, as Linux tells.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "check.h"
#include "peer.h"

#define SOON_MS 10000

/* It stays to be reaped. */
bool peer_await_end(const peer_process *child)
{
    int handle = (int)syscall(SYS_pidfd_open, child->id, 0);
    struct pollfd entry = {.fd = handle, .events = POLLIN};
    int count;

    REQUIRE(handle >= 0);
    do {
        count = poll(&entry, 1, SOON_MS);
    } while (count < 0);
    (void)close(handle);
    return count > 0;
}

int peer_thread(void)
{
    return (int)syscall(SYS_gettid);
}

/* The state is a letter that follows the name's ')'. */
bool peer_is_asleep(int thread)
{
    char path[64];
    char text[512];
    const char *state = NULL;
    FILE *file;

    (void)snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", thread, thread);
    file = fopen(path, "re");
    if (file == NULL) {
        return false;
    }
    if (fgets(text, sizeof(text), file) != NULL) {
        state = strrchr(text, ')');
    }
    (void)fclose(file);
    return state != NULL && strncmp(state, ") S", 3) == 0;
}

/* Whether a thread of ours is neither asleep nor gone. */
static bool is_busy(int thread)
{
    return thread != peer_thread() && !peer_is_asleep(thread) &&
           kill(thread, 0) == 0;
}

static int find_busy_thread(void)
{
    DIR *threads = opendir("/proc/self/task");
    const struct dirent *entry;
    int busy = 0;

    REQUIRE(threads != NULL);
    while (busy == 0 && (entry = readdir(threads)) != NULL) {
        int thread = (int)strtol(entry->d_name, NULL, 10);

        busy = thread > 0 && is_busy(thread) ? thread : 0;
    }
    (void)closedir(threads);
    return busy;
}

void peer_await_quiet(void)
{
    uint64_t late = peer_soon();
    int busy;

    while ((busy = find_busy_thread()) != 0 && weft_now_ns() < late) {
    }
    CHECK(busy == 0);
}

unsigned peer_cpus(void)
{
    cpu_set_t all;

    CPU_ZERO(&all);
    (void)sched_getaffinity(0, sizeof(all), &all);
    return (unsigned)CPU_COUNT(&all);
}

bool peer_pin(unsigned nth)
{
    cpu_set_t all;
    cpu_set_t one;

    if (sched_getaffinity(0, sizeof(all), &all) != 0) {
        return false;
    }
    for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (CPU_ISSET(cpu, &all) && nth-- == 0) {
            CPU_ZERO(&one);
            CPU_SET(cpu, &one);
            return sched_setaffinity(0, sizeof(one), &one) == 0;
        }
    }
    return false;
}
