/* SPDX-License-Identifier: MIT
 *
 * Where weft runs: in groups within groups that have limits, in a container
 * that sees its own group alone, and where /proc hides what it can. Real ones.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "memory/pressure.h"

#define GROUPS "/sys/fs/cgroup/memory"
#define MIB ((uint64_t)1 << 20)
#define NOBODY 65533
#define ROOM 4096 /* more than a machine for tests has */

static char outer[64];
static char inner[80];

static bool write_file(const char *group, const char *name, const char *text)
{
    char path[128];
    int file;
    bool done;

    (void)snprintf(path, sizeof(path), "%s/%s", group, name);
    file = open(path, O_WRONLY | O_CLOEXEC);
    done = file >= 0 && write(file, text, strlen(text)) > 0;
    if (file >= 0) {
        (void)close(file);
    }
    return done;
}

/* Runs it in a child, with mounts of its own. */
static void apart(void (*run)(void))
{
    pid_t child = fork();
    int how;

    REQUIRE(child >= 0);
    if (child == 0) {
        REQUIRE(unshare(CLONE_NEWNS) == 0);
        REQUIRE(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
        run();
        check_exit_child();
    }
    CHECK(waitpid(child, &how, 0) == child && how == 0);
}

/* --------------------------------------------------------------- limits --- */

static weft_memory_figures look(void)
{
    weft_memory_figures figures = {.size = sizeof(figures)};
    weft_memory *memory;

    REQUIRE(weft_memory_open(&memory, NULL) == WEFT_OK);
    CHECK_STATUS(weft_memory_look(memory, &figures, NULL), WEFT_OK);
    weft_memory_close(&memory);
    return figures;
}

static void check_limit(uint64_t bytes, const char *group)
{
    weft_memory_figures figures = look();
    char source[sizeof(figures.limit_source)];

    (void)snprintf(source, sizeof(source),
                   "cgroup v1 memory.limit_in_bytes of %s",
                   group + strlen(GROUPS));
    CHECK(wefti_knows(&figures, WEFT_MEMORY_LIMIT));
    CHECK(figures.limit_bytes == bytes);
    CHECK(figures.limit_used_bytes <= bytes);
    CHECK(strcmp(figures.limit_source, source) == 0);
    CHECK(figures.total_bytes > bytes);
}

static void look_nested(void)
{
    REQUIRE(write_file(inner, "tasks", "0"));
    check_limit(64 * MIB, outer);
    REQUIRE(write_file(inner, "memory.limit_in_bytes", "33554432"));
    check_limit(32 * MIB, inner);
    REQUIRE(write_file(inner, "memory.limit_in_bytes", "134217728"));
}

/* As container engines show it: the group is mounted where all of them are. */
static void look_contained(void)
{
    REQUIRE(write_file(inner, "tasks", "0"));
    REQUIRE(write_file(inner, "memory.limit_in_bytes", "33554432"));
    REQUIRE(mount(inner, GROUPS, NULL, MS_BIND, NULL) == 0);
    check_limit(32 * MIB, inner);
}

static void look_without(void)
{
    weft_memory_figures figures;

    REQUIRE(write_file(inner, "tasks", "0"));
    REQUIRE(mount("none", "/sys/fs/cgroup", "tmpfs", 0, NULL) == 0);
    figures = look();
    CHECK(!wefti_knows(&figures, WEFT_MEMORY_LIMIT));
    CHECK(figures.limit_source[0] == '\0');
    CHECK(wefti_knows(&figures, WEFT_MEMORY_AVAILABLE));
}

static void test_limits(void)
{
    (void)snprintf(outer, sizeof(outer), "%s/weft-places-%ld", GROUPS,
                   (long)getpid());
    (void)snprintf(inner, sizeof(inner), "%s/inner", outer);
    if (mkdir(outer, 0700) != 0 || mkdir(inner, 0700) != 0) {
        printf("# no group of memory (version 1) can be made\n");
        return;
    }
    REQUIRE(write_file(outer, "memory.limit_in_bytes", "67108864"));
    REQUIRE(write_file(inner, "memory.limit_in_bytes", "134217728"));
    check_case("of groups within groups the limit counts that leaves least");
    apart(look_nested);
    check_case("in a container that sees its own group alone, too");
    apart(look_contained);
    check_case("where no groups are to be seen there is no limit");
    apart(look_without);
    CHECK(rmdir(inner) == 0 && rmdir(outer) == 0);
}

/* ---------------------------------------------------------------- /proc --- */

static bool mount_proc(const char *options)
{
    return mount("proc", "/proc", "proc", 0, options) == 0;
}

/* Of other users nothing is to be seen, and nothing is invented. */
static void list_hidden(void)
{
    static weft_memory_process all[ROOM];
    weft_memory_process parent = {.pid = getppid()};
    weft_memory *memory;
    size_t count = 0;

    if (!mount_proc("hidepid=2")) {
        printf("# /proc can't be mounted here\n");
        return;
    }
    REQUIRE(setgid(NOBODY) == 0 && setuid(NOBODY) == 0);
    REQUIRE(weft_memory_open(&memory, NULL) == WEFT_OK);
    CHECK_STATUS(weft_memory_processes(memory, all, ROOM, &count, NULL),
                 WEFT_OK);
    CHECK(count > 0 && count <= ROOM);
    for (size_t i = 0; i < count && i < ROOM; i++) {
        CHECK(all[i].owner == NOBODY && all[i].pid != parent.pid);
    }
    CHECK_STATUS(weft_memory_measure(memory, &parent, NULL), WEFT_ENOENT);
    weft_memory_close(&memory);
}

/* Processes alone: of the machine it tells nothing, and that is said. */
static void list_subset(void)
{
    weft_memory_figures figures = {.size = sizeof(figures)};
    weft_memory_process one;
    weft_memory *memory;
    weft_memory_watch *watch;
    weft_detail detail = {WEFT_OK, 0, NULL};
    size_t count = 0;

    if (!mount_proc("subset=pid")) {
        printf("# /proc can't be mounted so here\n");
        return;
    }
    REQUIRE(weft_memory_open(&memory, NULL) == WEFT_OK);
    CHECK_STATUS(weft_memory_look(memory, &figures, &detail), WEFT_EOS);
    CHECK(strcmp(detail.operation, "read /proc/meminfo") == 0);
    CHECK(detail.os_code != 0);
    CHECK_STATUS(weft_memory_processes(memory, &one, 1, &count, NULL), WEFT_OK);
    CHECK(count > 0 && one.resident_bytes > 0);
    weft_memory_close(&memory);
    CHECK_STATUS(weft_memory_watch_open(NULL, &watch, &detail), WEFT_ENOTSUP);
    CHECK(strcmp(detail.operation, "open /proc/pressure/memory") == 0);
}

/* That is not the same as a machine without processes. */
static void list_nothing(void)
{
    weft_memory_process one;
    weft_memory *memory;
    size_t count = 7;

    REQUIRE(mount("none", "/proc", "tmpfs", 0, NULL) == 0);
    REQUIRE(weft_memory_open(&memory, NULL) == WEFT_OK);
    CHECK_STATUS(weft_memory_processes(memory, &one, 1, &count, NULL),
                 WEFT_EOS);
    CHECK(count == 0);
    weft_memory_close(&memory);
}

/* A kernel that was built or started without stalls. */
static void look_unstalled(void)
{
    weft_memory_figures figures;
    weft_memory_watch *watch;
    weft_detail detail = {WEFT_OK, 0, NULL};

    if (mount("none", "/proc/pressure", "tmpfs", 0, NULL) != 0) {
        return; /* it has none anyway */
    }
    figures = look();
    CHECK(!figures.has_stalls);
    CHECK(strstr(figures.pressure_reason, "is not told") != NULL);
    CHECK_STATUS(weft_memory_watch_open(NULL, &watch, &detail), WEFT_ENOTSUP);
}

static void test_proc(void)
{
    check_case("of processes that are hidden nothing is told");
    apart(list_hidden);
    check_case("where /proc shows processes alone these are listed");
    apart(list_subset);
    check_case("where there is no /proc that is said");
    apart(list_nothing);
    check_case("without stalls the rest is told");
    apart(look_unstalled);
}

void test_main(void)
{
    if (geteuid() != 0 || unshare(CLONE_NEWNS) != 0) {
        SKIP("mounts of its own take privileges");
    }
    test_limits();
    test_proc();
}
