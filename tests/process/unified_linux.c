/* SPDX-License-Identifier: MIT
 *
 * The memory and pids files of cgroup v2, for kernels that have them in v1:
 * the root for groups is a folder of plain files here, and who makes one in
 * there gets the files that the kernel would give.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "check.h"
#include "process/tree_linux.h"

#define MIB ((uint64_t)1024 * 1024)

static const char *const files[][2] = {
    {"cgroup.procs", ""},
    {"cgroup.events", "populated 0\nfrozen 0\n"},
    {"cgroup.kill", ""},
    {"cpu.stat", "usage_usec 5000\nuser_usec 3000\nsystem_usec 2000\n"},
    {"memory.max", "max\n"},
    {"memory.swap.max", "max\n"},
    {"memory.oom.group", "0\n"},
    {"memory.events", "low 0\nhigh 0\nmax 0\noom 0\noom_kill 0\n"},
    {"memory.current", "4096\n"},
    {"memory.peak", "123456\n"},
    {"pids.max", "max\n"},
    {"pids.events", "max 3\n"},
    {"pids.current", "0\n"},
    {"pids.peak", "2\n"},
};

#define FILE_COUNT (sizeof(files) / sizeof(files[0]))

static void put(int directory, const char *name, const char *text)
{
    int file =
        openat(directory, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    if (file < 0 || write(file, text, strlen(text)) != (ssize_t)strlen(text)) {
        abort();
    }
    (void)close(file);
}

/* In place of libc's: what the library calls, too. */
/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name) */
int mkdirat(int directory, const char *name, mode_t mode)
{
    long made = syscall(SYS_mkdirat, directory, name, mode);
    int group;

    if (made != 0) {
        return -1;
    }
    group = openat(directory, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (size_t i = 0; i < FILE_COUNT; i++) {
        put(group, files[i][0], files[i][1]);
    }
    return close(group);
}

/* The one group in the root, open; its name goes into `name`. */
static int open_group(const char *root, char *name, size_t room)
{
    DIR *list = opendir(root);
    const struct dirent *entry;
    int group = -1;

    REQUIRE(list != NULL);
    while ((entry = readdir(list)) != NULL) {
        if (strncmp(entry->d_name, "weft-", 5) == 0) {
            (void)snprintf(name, room, "%s", entry->d_name);
            group = openat(dirfd(list), name, O_RDONLY | O_DIRECTORY);
        }
    }
    (void)closedir(list);
    return group;
}

/* The program: the kernel says that it has killed, and it is gone. */
static void act_killed(const char *root, const char *events)
{
    char name[256];

    put(open_group(root, name, sizeof(name)), "memory.events", events);
    (void)raise(SIGKILL);
}

static void check_file(int group, const char *name, const char *start)
{
    char text[128] = "";
    int file = openat(group, name, O_RDONLY | O_CLOEXEC);

    CHECK(file >= 0 && read(file, text, sizeof(text) - 1) >= 0);
    if (!CHECK(strncmp(text, start, strlen(start)) == 0)) {
        (void)fprintf(stderr, "%s is '%s'\n", name, text);
    }
    (void)close(file);
}

static void remove_group(const char *root, int group, const char *name)
{
    char path[512];

    for (size_t i = 0; i < FILE_COUNT; i++) {
        (void)unlinkat(group, files[i][0], 0);
    }
    (void)close(group);
    (void)snprintf(path, sizeof(path), "%s/%s", root, name);
    CHECK(rmdir(path) == 0);
}

static void run_in(const char *root, const char *events, struct tree_run *run)
{
    weft_process_spec *spec = tree_spec();
    char name[256] = "";
    int group;

    CHECK_STATUS(weft_process_spec_limit(spec, WEFT_FENCE_MEMORY, 0, 48 * MIB,
                                         WEFT_REQUIRE),
                 WEFT_OK);
    CHECK_STATUS(
        weft_process_spec_limit(spec, WEFT_FENCE_PROCESSES, 0, 7, WEFT_REQUIRE),
        WEFT_OK);
    CHECK_STATUS(weft_process_spec_fork_helper(spec), WEFT_OK);
    tree_run(spec, run, events != NULL ? "killed" : "burn",
             events != NULL ? root : "1", events);
    weft_process_spec_close(&spec);

    CHECK(run->rows[WEFT_FENCE_MEMORY].level == WEFT_LEVEL_TREE);
    CHECK(run->rows[WEFT_FENCE_MEMORY].applied == 48 * MIB);
    CHECK(strcmp(run->rows[WEFT_FENCE_MEMORY].mechanism, "cgroup v2 memory") ==
          0);
    CHECK(run->rows[WEFT_FENCE_PROCESSES].level == WEFT_LEVEL_TREE);
    CHECK(run->result.usage.memory_peak_bytes == 123456);
    CHECK(run->result.usage.processes_peak == 2);
    CHECK(run->result.usage.cpu_ns == 5000000);
    CHECK(run->result.usage.user_ns == 3000000);
    CHECK((run->result.exceeded & 1u << WEFT_FENCE_PROCESSES) != 0);
    group = open_group(root, name, sizeof(name));
    REQUIRE(group >= 0);
    check_file(group, "memory.max", "50331648");
    check_file(group, "memory.swap.max", "0");
    check_file(group, "memory.oom.group", "1");
    check_file(group, "pids.max", "7");
    check_file(group, "cgroup.procs", "0");
    remove_group(root, group, name);
}

void test_main(void)
{
    char root[] = "/tmp/weft-test-XXXXXX";
    struct tree_run run;
    int directory;

    if (check_arguments[1] != NULL &&
        strcmp(check_arguments[1], "killed") == 0) {
        act_killed(check_arguments[2], check_arguments[3]);
    }
    tree_act();
    REQUIRE(mkdtemp(root) != NULL);
    directory = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    put(directory, "cgroup.controllers", "cpu memory pids\n");
    put(directory, "cgroup.subtree_control", "\n");
    CHECK(setenv("WEFT_CGROUP_ROOT", root, 1) == 0);

    check_case("v2's files are written, and read");
    run_in(root, NULL, &run);
    CHECK(run.result.reason == WEFT_REASON_EXITED);

    check_case("a kill for the group's limit is of that reason");
    run_in(root, "oom 1\noom_kill 2\n", &run);
    CHECK(run.result.reason == WEFT_REASON_MEMORY);
    CHECK(strstr(run.evidence, "memory.events: oom_kill 0 -> 2") != NULL);

    check_case("a kill for want of memory elsewhere is not");
    run_in(root, "oom 0\noom_kill 1\n", &run);
    CHECK(run.result.reason == WEFT_REASON_HOST);

    check_case("a controller that the root has not is missed");
    put(directory, "cgroup.controllers", "cpu\n");
    put(directory, "cgroup.subtree_control", "\n");
    {
        weft_process_spec *spec = tree_spec();
        weft_enforcement rows[WEFT_FENCE_COUNT];
        char name[256];
        int group;

        CHECK_STATUS(weft_process_spec_fork_helper(spec), WEFT_OK);
        CHECK_STATUS(
            weft_process_spec_probe(spec, rows, WEFT_FENCE_COUNT, NULL),
            WEFT_OK);
        CHECK(rows[WEFT_FENCE_MEMORY].level == WEFT_LEVEL_MONITORED);
        CHECK(strstr(rows[WEFT_FENCE_MEMORY].why_not, "no such controller") !=
              NULL);
        weft_process_spec_close(&spec);
        group = open_group(root, name, sizeof(name));
        REQUIRE(group >= 0);
        remove_group(root, group, name);
    }
    CHECK(unlinkat(directory, "cgroup.controllers", 0) == 0);
    CHECK(unlinkat(directory, "cgroup.subtree_control", 0) == 0);
    (void)close(directory);
    CHECK(rmdir(root) == 0);
}
