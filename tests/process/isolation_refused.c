/* SPDX-License-Identifier: MIT
 *
 * Where the kernel makes no namespaces: what is required is refused before
 * anything runs, and what is tried is done by other means, and said to be.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "isolation.h"

static bool has_landlock(void)
{
    return syscall(444, NULL, 0, 1L) > 0; /* landlock_create_ruleset */
}

static void be_marker(void)
{
    int file = open(getenv("MARK"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

    _exit(file >= 0 ? 0 : 1);
}

static void be_worker(void)
{
    const char *outside = getenv("OUTSIDE");

    check_case("the network is out of reach, and all files but those named");
    CHECK(socket(AF_INET, SOCK_DGRAM, 0) < 0);
    CHECK(socket(AF_INET6, SOCK_STREAM, 0) < 0);
    CHECK(socket(AF_NETLINK, SOCK_RAW, 0) < 0);
    CHECK(syscall(425, 1, NULL) < 0 && errno == EPERM); /* io_uring_setup */
    CHECK(outside == NULL || (access(outside, F_OK) == 0 &&
                              open(outside, O_RDONLY | O_CLOEXEC) < 0));
    CHECK(outside == NULL || open("/etc/passwd", O_RDONLY | O_CLOEXEC) < 0);
    check_exit_child();
}

static void test_required(void)
{
    char *arguments[] = {isolation_self, "--mark", NULL};
    static const weft_fence fences[] = {WEFT_FENCE_PIDS, WEFT_FENCE_IPC,
                                        WEFT_FENCE_TEMP};
    weft_process *process = NULL;

    check_case("what is required and can't be had is refused, and says why");
    for (size_t i = 0; i < sizeof(fences) / sizeof(fences[0]); i++) {
        weft_process_spec *spec = isolation_spec(WEFT_SANDBOX_NONE);
        const char *refusal;

        CHECK_STATUS(weft_process_spec_variable(spec, "MARK",
                                                isolation_path("write/new")),
                     WEFT_OK);
        CHECK_STATUS(weft_process_spec_isolate(spec, fences[i], WEFT_REQUIRE),
                     WEFT_OK);
        CHECK_STATUS(weft_process_start(spec, arguments, &process, NULL),
                     WEFT_ENOTSUP);
        CHECK(process == NULL);
        refusal = weft_process_spec_refusal(spec);
        CHECK(strstr(refusal, weft_fence_name(fences[i])) != NULL);
        CHECK(strstr(refusal, "namespace") != NULL);
        CHECK(strstr(refusal, strerror(EPERM)) != NULL);
        CHECK(access(isolation_path("write/new"), F_OK) != 0);
        weft_process_spec_close(&spec);
    }
}

static void expect_row(const weft_process *process, weft_fence fence,
                       weft_level level, const char *mechanism)
{
    size_t count = 0;
    const weft_enforcement *rows = weft_process_enforcement(process, &count);

    if (!CHECK(count > (size_t)fence && rows[fence].level == level) ||
        !CHECK(strstr(rows[fence].mechanism, mechanism) != NULL)) {
        printf("# %s: %s: %s\n", weft_fence_name(fence), rows[fence].mechanism,
               rows[fence].why_not);
    }
    CHECK(fence == WEFT_FENCE_CALLS || rows[fence].why_not[0] != '\0' ||
          fence == WEFT_FENCE_TREE_KILL);
}

static void ask(weft_process_spec *spec, weft_fence fence)
{
    CHECK_STATUS(weft_process_spec_isolate(spec, fence, WEFT_TRY), WEFT_OK);
}

static void test_tried(void)
{
    weft_process_spec *spec = isolation_spec(WEFT_SANDBOX_NONE);
    weft_process *process;

    check_case("what is tried is done by filters and Landlock");
    ask(spec, WEFT_FENCE_NETWORK);
    ask(spec, WEFT_FENCE_PIDS);
    ask(spec, WEFT_FENCE_IPC);
    ask(spec, WEFT_FENCE_TEMP);
    if (has_landlock()) {
        CHECK_STATUS(weft_process_spec_variable(spec, "OUTSIDE",
                                                isolation_path("outside")),
                     WEFT_OK);
        isolation_rule(spec, "/usr", WEFT_ACCESS_READ);
        isolation_rule(spec, "/lib", WEFT_ACCESS_READ);
        isolation_rule(spec, "/proc", WEFT_ACCESS_READ);
        isolation_rule(spec, "/etc/ld.so.cache", WEFT_ACCESS_READ);
        isolation_rule(spec, isolation_self, WEFT_ACCESS_READ);
    }
    /* Twice: what was found out the first time is known the second time. */
    for (int i = 0; i < 2; i++) {
        process = isolation_start(spec, "--worker");
        expect_row(process, WEFT_FENCE_NETWORK, WEFT_LEVEL_PROCESS, "filter");
        expect_row(process, WEFT_FENCE_PIDS, WEFT_LEVEL_UNSUPPORTED, "");
        expect_row(process, WEFT_FENCE_IPC, WEFT_LEVEL_UNSUPPORTED, "");
        expect_row(process, WEFT_FENCE_TEMP, WEFT_LEVEL_UNSUPPORTED, "");
        if (has_landlock()) {
            expect_row(process, WEFT_FENCE_PATHS, WEFT_LEVEL_PROCESS,
                       "Landlock");
        }
        isolation_expect_well(process);
    }
    weft_process_spec_close(&spec);
}

/*
 * Here the leader fails in its namespaces, and the next attempt goes without:
 * nobody of the first may be left, or the tree would not end.
 */
static void test_late(void)
{
    weft_process_spec *spec = isolation_spec(WEFT_SANDBOX_BASIC);
    weft_process *process;

    if (!isolation_refuse_mounts()) {
        printf("# there is no filter to refuse them: left out\n");
        return;
    }
    check_case("what fails late is done without, and ends as ever");
    for (int i = 0; i < 2; i++) {
        process = isolation_start(spec, "--nothing");
        expect_row(process, WEFT_FENCE_TEMP, WEFT_LEVEL_UNSUPPORTED, "");
        expect_row(process, WEFT_FENCE_PIDS, WEFT_LEVEL_UNSUPPORTED, "");
        isolation_expect_well(process);
    }
    weft_process_spec_close(&spec);
}

static void test_all(void)
{
    if (!isolation_refuse_namespaces()) {
        printf("# there is no filter to refuse them: left out\n");
        return;
    }
    isolation_folder_make();
    test_required();
    test_tried();
    isolation_folder_remove();
}

void test_main(void)
{
    const char *role = check_arguments[1] != NULL ? check_arguments[1] : "";

    if (strcmp(role, "--mark") == 0) {
        be_marker();
    }
    if (strcmp(role, "--worker") == 0) {
        be_worker();
    }
    if (strcmp(role, "--nothing") == 0) {
        _exit(0);
    }
    REQUIRE(readlink("/proc/self/exe", isolation_self, 4000) > 0);
    check_case("root and others go without namespaces");
    isolation_as_users(test_all);
    check_case("root and others go without mounts");
    isolation_as_users(test_late);
}
