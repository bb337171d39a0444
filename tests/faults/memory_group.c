/* SPDX-License-Identifier: MIT
 *
 * The memory of a group of processes is used up: a cgroup, version 1.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "guard.h"
#include "os/os.h"
#include "peer.h"
#include "sides.h"

#define SECONDS 20

#define CGROUP_ROOT "/sys/fs/cgroup/memory"
#define CGROUP_BYTES "8388608"
#define OBJECT_BYTES (1 << 20)
#define OBJECTS 64

static char group[512];

static bool put(const char *file, const char *text)
{
    char path[600];
    int fd;
    bool done;

    (void)snprintf(path, sizeof(path), "%s/%s", group, file);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    done = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    (void)close(fd);
    return done;
}

/* A group within this process's own, by version 1's rules. */
static bool make_group(void)
{
    char line[400];
    bool made = false;
    FILE *list = fopen("/proc/self/cgroup", "r");

    if (list == NULL) {
        return false;
    }
    while (!made && fgets(line, sizeof(line), list) != NULL) {
        const char *path = strstr(line, ":memory:");

        line[strcspn(line, "\n")] = '\0';
        if (path != NULL) {
            (void)snprintf(group, sizeof(group), CGROUP_ROOT "%s/weft-%ld",
                           path + strlen(":memory:"), (long)getpid());
            made = mkdir(group, 0700) == 0;
        }
    }
    (void)fclose(list);
    if (made && !put("memory.limit_in_bytes", CGROUP_BYTES)) {
        (void)rmdir(group);
        made = false;
    }
    return made;
}

/* In a child within the group: makes objects until there is no memory. */
static void fill_group(void *context)
{
    void *bases[OBJECTS];
    weft_handle objects[OBJECTS];
    weft_detail detail = {WEFT_OK, 0, NULL};
    weft_status status = WEFT_OK;
    size_t count = 0;
    char pid[32];
    struct sides_holdings before = sides_hold();

    (void)context;
    guard_watch("who fills the group", SECONDS);
    (void)snprintf(pid, sizeof(pid), "%ld", (long)getpid());
    REQUIRE(put("cgroup.procs", pid));
    while (status == WEFT_OK && count < OBJECTS) {
        status = weftos_shm_create(OBJECT_BYTES, &objects[count], &bases[count],
                                   &detail);
        count += status == WEFT_OK;
    }
    CHECK_STATUS(status, WEFT_ENOMEM);
    CHECK(detail.status == WEFT_ENOMEM && detail.operation != NULL);
    printf("# %zu MiB, then: %s\n", count, detail.operation);
    while (count > 0) {
        count--;
        weftos_close(objects[count]);
        weftos_shm_unmap(bases[count], OBJECT_BYTES);
    }
    sides_check_holdings(&before);
}

/*
 * A full group is the kernel's to deal with. As a rule it kills a process of
 * the group, in the midst of the call that asked for memory, and nobody can
 * return anything. Where the group says not to kill, the call gets ENOMEM.
 */
void test_main(void)
{
    peer_process child;

    if (!make_group()) {
        SKIP("no group of memory cgroup version 1 can be made here");
    }
    check_case("a memory cgroup that is full and does not kill: an error");
    CHECK(put("memory.oom_control", "1"));
    child = peer_run(fill_group, NULL, 0);
    CHECK(peer_ended_well(&child));
    check_case("a memory cgroup that is full and kills: no call returns");
    CHECK(put("memory.oom_control", "0"));
    child = peer_run(fill_group, NULL, 0);
    CHECK(peer_was_killed(&child));
    CHECK(rmdir(group) == 0);
}
