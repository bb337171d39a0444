/* SPDX-License-Identifier: MIT
 *
 * What can't be seen is not taken for absent: neither a mark for want of
 * descriptors, nor a process that /proc hides, nor who is in a group that may
 * not be looked into.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <weft/protect.h>
#include <weft/reclaim.h>

#include "check.h"
#include "stand_linux.h"

#define NOBODY 65533
#define GROUPS "/sys/fs/cgroup/memory"
#define FILE_BYTES ((size_t)4 << 20)

/* ------------------------------------------------------------ few means --- */

/* With any number of descriptors it is found to be nothing else. */
static void look_with_few(weft_memory *memory, const char *act,
                          const char *word, bool is_protected)
{
    struct stand stand =
        stand_start(&(struct stand_plan){.act = act, .word = word});
    weft_memory_identity all = {.size = sizeof(all)};
    weft_memory_identity few = {.size = sizeof(few)};
    struct rlimit limit;
    struct rlimit low;
    unsigned failures = 0;

    if (stand.pid == 0) {
        printf("# '%s' can't be done here\n", act);
        return;
    }
    REQUIRE(weft_memory_identify(memory, stand.pid, &all, NULL) == WEFT_OK);
    CHECK(weft_memory_protection(&all, NULL, true, NULL) == is_protected);
    REQUIRE(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    low = limit;
    for (rlim_t most = 3; most < 64; most++) {
        weft_status status;

        low.rlim_cur = most;
        REQUIRE(setrlimit(RLIMIT_NOFILE, &low) == 0);
        status = weft_memory_identify(memory, stand.pid, &few, NULL);
        if (status != WEFT_OK) {
            CHECK_STATUS(status, WEFT_ELIMIT);
            failures++;
            continue;
        }
        CHECK((few.marks & ~all.marks) == 0);
        CHECK((few.marks & few.marks_known) == (all.marks & few.marks_known));
        failures += few.marks_known != all.marks_known;
        CHECK(weft_memory_protection(&few, NULL, true, NULL) || !is_protected);
    }
    REQUIRE(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    CHECK(failures >= 2 && few.marks_known == all.marks_known);
    stand_stop(&stand);
}

/* -------------------------------------------------------------- hiding --- */

/* In a child with a view of its own, as a user who is nobody. */
static void apart(void (*look)(weft_memory *memory), const char *proc)
{
    pid_t child = fork();
    weft_memory *memory;
    int how;

    REQUIRE(child >= 0);
    if (child == 0) {
        if (proc != NULL &&
            (unshare(CLONE_NEWNS) != 0 ||
             mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
             mount("proc", "/proc", "proc", 0, proc) != 0)) {
            printf("# /proc can't be mounted here\n");
            check_exit_child();
        }
        REQUIRE(setgid(NOBODY) == 0 && setuid(NOBODY) == 0);
        REQUIRE(weft_memory_open(&memory, NULL) == WEFT_OK);
        look(memory);
        weft_memory_close(&memory);
        check_exit_child();
    }
    CHECK(waitpid(child, &how, 0) == child && how == 0);
}

static void look_at_parent(weft_memory *memory)
{
    weft_memory_identity identity = {.size = sizeof(identity)};
    weft_reclaim_request request = WEFT_RECLAIM_REQUEST_INIT;
    weft_reclaim_plan plan = {.size = sizeof(plan)};

    CHECK_STATUS(weft_memory_identify(memory, getppid(), &identity, NULL),
                 WEFT_EACCES);
    request.verb = WEFT_RECLAIM_COLD;
    request.pid = getppid();
    CHECK_STATUS(weft_reclaim_plan_make(memory, &request, &plan, NULL),
                 WEFT_OK);
    CHECK(plan.obstacle == WEFT_RECLAIM_PROTECTED && plan.reason[0] != '\0');
}

/* -------------------------------------------------------------- groups --- */

static char group[64];
static char below[80];

static bool put(const char *folder, const char *file, long number)
{
    char path[128];
    char text[32];
    int length = snprintf(text, sizeof(text), "%ld", number);
    int open_file;
    bool done;

    (void)snprintf(path, sizeof(path), "%s/%s", folder, file);
    open_file = open(path, O_WRONLY | O_CLOEXEC);
    done = open_file >= 0 && write(open_file, text, (size_t)length) == length;
    if (open_file >= 0) {
        (void)close(open_file);
    }
    return done;
}

/* Is in the group below, and has made a file there, so that it has memory. */
static pid_t join(int *end)
{
    int ready[2] = {-1, -1};
    int stop[2] = {-1, -1};
    char byte = 0;
    pid_t child;

    REQUIRE(pipe2(ready, O_CLOEXEC) == 0 && pipe2(stop, O_CLOEXEC) == 0);
    child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        FILE *file;
        char *block = calloc(1, FILE_BYTES);

        (void)close(stop[1]);
        if (!put(below, "cgroup.procs", getpid())) {
            _exit(1);
        }
        file = tmpfile();
        if (block == NULL || file == NULL ||
            fwrite(block, FILE_BYTES, 1, file) != 1 || fflush(file) != 0 ||
            write(ready[1], "", 1) != 1) {
            _exit(1);
        }
        (void)read(stop[0], &byte, 1);
        _exit(0);
    }
    (void)close(ready[1]);
    (void)close(stop[0]);
    REQUIRE(read(ready[0], &byte, 1) == 1);
    (void)close(ready[0]);
    *end = stop[1];
    return child;
}

static void plan_group(weft_memory *memory)
{
    weft_reclaim_request request = WEFT_RECLAIM_REQUEST_INIT;
    weft_reclaim_plan plan = {.size = sizeof(plan)};

    request.verb = WEFT_RECLAIM_GROUP;
    request.path = group + strlen(GROUPS);
    CHECK_STATUS(weft_reclaim_plan_make(memory, &request, &plan, NULL),
                 WEFT_OK);
    printf("# %s\n", plan.reason);
    CHECK(!plan.may_run);
    /* Without pidfd there is no way to any process, whoever sees it. */
    if (plan.obstacle == WEFT_RECLAIM_UNSUPPORTED) {
        return;
    }
    CHECK(plan.obstacle == WEFT_RECLAIM_PROTECTED);
    CHECK(strstr(plan.reason, "is in it") != NULL ||
          strstr(plan.reason, "not in sight") != NULL);
}

static void test_groups(void)
{
    char lever[96];
    pid_t member;
    int how;
    int end;

    (void)snprintf(group, sizeof(group), GROUPS "/weft-blind-%ld",
                   (long)getpid());
    (void)snprintf(below, sizeof(below), "%s/below", group);
    (void)snprintf(lever, sizeof(lever), "%s/memory.force_empty", group);
    if (mkdir(group, 0755) != 0 || mkdir(below, 0755) != 0) {
        printf("# no group of memory (version 1) can be made\n");
        return;
    }
    REQUIRE(chown(lever, NOBODY, NOBODY) == 0);
    member = join(&end);

    check_case("who is hidden by /proc is a member of his group all the same");
    apart(plan_group, NULL);
    apart(plan_group, "hidepid=1");
    apart(plan_group, "hidepid=2");

    check_case("a group that may be listed, and not entered, has members");
    REQUIRE(chmod(below, 0744) == 0);
    apart(plan_group, NULL);

    (void)close(end);
    CHECK(waitpid(member, &how, 0) == member && how == 0);
    CHECK(rmdir(below) == 0 && rmdir(group) == 0);
}

void test_main(void)
{
    weft_memory *memory;

    stand_begin();
    REQUIRE(weft_memory_open(&memory, NULL) == WEFT_OK);
    check_case("a mark that there were no means to look for is not absent");
    look_with_few(memory, "realtime", "", true);
    look_with_few(memory, "lock", "", true);
    look_with_few(memory, "threads", "3", false);
    weft_memory_close(&memory);
    if (geteuid() == 0) {
        check_case("a process that /proc hides is one that may not be seen");
        apart(look_at_parent, "hidepid=1");
        apart(look_at_parent, "hidepid=2");
        test_groups();
    }
}
