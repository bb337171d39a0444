/* SPDX-License-Identifier: MIT
 *
 * Nothing is left of a tree, however it ends and whoever is killed.
 *
 * All processes of the tree have one end of a pipe: who reads the other end
 * sees the last of them go.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "process/tree_linux.h"

#define HIDDEN "5"
#define MS UINT64_C(1000000)

static weft_process_spec *spec_to(int output, bool needs_group)
{
    weft_process_spec *spec = tree_spec();

    CHECK_STATUS(weft_process_spec_stream(spec, 1, WEFT_STREAM_HANDLE, output),
                 WEFT_OK);
    if (needs_group) {
        CHECK_STATUS(
            weft_process_spec_isolate(spec, WEFT_FENCE_TREE_KILL, WEFT_REQUIRE),
            WEFT_OK);
    }
    return spec;
}

static void wait_for_all(int pipe)
{
    char bytes[8];

    for (size_t i = 0; i < 5;) {
        ssize_t more = read(pipe, bytes, 5 - i);

        REQUIRE(more > 0);
        i += (size_t)more;
    }
}

/* Who writes to the pipe is the tree's from its start on. */
static void run_to_end(weft_process_spec *spec, const char *action,
                       const int *ends)
{
    weft_process_result result = {.size = sizeof(result)};
    weft_process *process = tree_start(spec, action, HIDDEN);

    (void)close(ends[1]);
    CHECK_STATUS(weft_process_wait(process, WEFT_FOREVER, &result), WEFT_OK);
    CHECK(result.reason == WEFT_REASON_EXITED && tree_has_ended(&result));
    CHECK(tree_is_closed(ends[0]));
    weft_process_close(&process);
    (void)close(ends[0]);
}

static void check_end(bool needs_group)
{
    int ends[2];
    weft_process_spec *spec;

    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    spec = spec_to(ends[1], needs_group);
    run_to_end(spec, "hide", ends);
    weft_process_spec_close(&spec);
}

/*
 * Who is left, and whose end the supervisor does not see: he has another
 * parent, in a pid namespace or in no group.
 */
static void check_unseen(const char *action, bool has_namespace)
{
    int ends[2];
    weft_process_spec *spec;

    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    spec = spec_to(ends[1], true);
    CHECK_STATUS(
        weft_process_spec_limit(spec, WEFT_FENCE_PROCESSES, 0, 99, WEFT_TRY),
        WEFT_OK);
    if (has_namespace) {
        CHECK_STATUS(weft_process_spec_isolate(spec, WEFT_FENCE_PIDS, WEFT_TRY),
                     WEFT_OK);
    }
    run_to_end(spec, action, ends);
    weft_process_spec_close(&spec);
}

/* Who lives on in threads only, which cgroup.kill passes over. */
static void check_headless(bool needs_group)
{
    weft_process_result result = {.size = sizeof(result)};
    weft_process *process;
    weft_process_spec *spec;
    struct tree_run run;
    int ends[2];
    char byte;

    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    spec = spec_to(ends[1], needs_group);
    tree_run(spec, &run, "headless", "1", NULL);
    CHECK(run.result.reason == WEFT_REASON_EXITED);

    process = tree_start(spec, "headless", "0");
    (void)close(ends[1]);
    REQUIRE(read(ends[0], &byte, 1) == 1);
    CHECK_STATUS(weft_process_kill(process), WEFT_OK);
    CHECK_STATUS(weft_process_wait(process, WEFT_FOREVER, &result), WEFT_OK);
    CHECK(result.reason == WEFT_REASON_CANCELLED);
    CHECK(tree_is_closed(ends[0]));
    weft_process_close(&process);
    weft_process_spec_close(&spec);
    (void)close(ends[0]);
}

static pid_t parent_of(int64_t pid)
{
    char path[64];
    FILE *file;
    int parent = -1;

    (void)snprintf(path, sizeof(path), "/proc/%lld/stat", (long long)pid);
    file = fopen(path, "re");
    REQUIRE(file != NULL);
    REQUIRE(fscanf(file, "%*d (%*[^)]) %*c %d", &parent) == 1);
    (void)fclose(file);
    return parent;
}

/* With all that it may have to poll, a supervisor uses next to no CPU time. */
static void check_sleep(void)
{
    weft_process_result result = {.size = sizeof(result)};
    weft_process_spec *spec = tree_spec();
    weft_process *process;
    struct timespec used = {0, 0};
    clockid_t clock;

    CHECK_STATUS(
        weft_process_spec_isolate(spec, WEFT_FENCE_TREE_KILL, WEFT_REQUIRE),
        WEFT_OK);
    CHECK_STATUS(
        weft_process_spec_limit(spec, WEFT_FENCE_PROCESSES, 0, 99, WEFT_TRY),
        WEFT_OK);
    CHECK_STATUS(weft_process_spec_limit(spec, WEFT_FENCE_MEMORY, 0,
                                         UINT64_C(1) << 30, WEFT_TRY),
                 WEFT_OK);
    process = tree_start(spec, "stay", HIDDEN);
    CHECK_STATUS(weft_process_wait(process, weft_after_ns(300 * MS), &result),
                 WEFT_ETIMEDOUT);
    REQUIRE(clock_getcpuclockid(parent_of(weft_process_pid(process)), &clock) ==
            0);
    CHECK(clock_gettime(clock, &used) == 0);
    CHECK(used.tv_sec == 0 && (uint64_t)used.tv_nsec < 60 * MS);
    weft_process_close(&process);
    weft_process_spec_close(&spec);
}

static void check_supervisor_killed(bool needs_group)
{
    weft_process_result result = {.size = sizeof(result)};
    weft_process *process;
    weft_process_spec *spec;
    int ends[2];

    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    spec = spec_to(ends[1], needs_group);
    process = tree_start(spec, "stay", HIDDEN);
    (void)close(ends[1]);
    wait_for_all(ends[0]);
    REQUIRE(kill(parent_of(weft_process_pid(process)), SIGKILL) == 0);
    CHECK_STATUS(weft_process_wait(process, WEFT_FOREVER, &result), WEFT_OK);
    CHECK(result.reason == WEFT_REASON_LOST);
    CHECK(result.survivors == -1);
    CHECK(tree_is_closed(ends[0]));
    weft_process_close(&process);

    /* The helper is as good as before. */
    check_case("the helper starts the next one");
    process = tree_start(spec, "burn", "1");
    CHECK_STATUS(weft_process_wait(process, WEFT_FOREVER, &result), WEFT_OK);
    CHECK(result.reason == WEFT_REASON_EXITED);
    weft_process_close(&process);
    weft_process_spec_close(&spec);
    (void)close(ends[0]);
}

static void check_host_killed(bool needs_group)
{
    int ends[2];
    pid_t host;
    int status;

    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    host = fork();
    if (host == 0) {
        weft_process_spec *spec = spec_to(ends[1], needs_group);

        (void)tree_start(spec, "stay", HIDDEN);
        for (;;) {
            (void)pause();
        }
    }
    REQUIRE(host > 0);
    (void)close(ends[1]);
    wait_for_all(ends[0]);
    CHECK(kill(host, SIGKILL) == 0);
    CHECK(waitpid(host, &status, 0) == host);
    CHECK(tree_is_closed(ends[0]));
    (void)close(ends[0]);
}

void test_main(void)
{
    tree_act();

    check_case("who hides is found when the leader ends");
    check_end(true);
    check_end(false);

    check_case("so is whose end is seen by another");
    check_unseen("hide", true);
    check_unseen("escape", false);

    if (tree_finds_headless) {
        check_case("so is who has lost his first thread");
        check_headless(true);
        check_headless(false);
    }

    check_case("a supervisor sleeps until there is something to do");
    check_sleep();

    check_case("the tree ends with its host");
    check_host_killed(true);
    check_host_killed(false);

    check_case("the tree ends with its supervisor");
    check_supervisor_killed(true);
    check_supervisor_killed(false);
}
