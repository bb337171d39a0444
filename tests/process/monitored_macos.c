/* SPDX-License-Identifier: MIT
 *
 * Limits that are looked at, and who is found of a tree, where nobody adopts
 * orphans. The double runs this: the programs are Linux's.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "os/macos/run_clock.h"
#include "peer.h"
#include "process/tree_linux.h"

#define MIB ((uint64_t)1024 * 1024)

static void check_memory(void)
{
    weft_process_spec *spec = tree_spec();
    struct tree_run run;

    CHECK_STATUS(weft_process_spec_limit(spec, WEFT_FENCE_MEMORY, 0, 200 * MIB,
                                         WEFT_REQUIRE),
                 WEFT_OK);
    check_case("who needs less is let be, and the peak is told");
    tree_run(spec, &run, "eat", "30", "1");
    CHECK(run.result.reason == WEFT_REASON_EXITED);
    CHECK(run.result.exceeded == 0);
    CHECK((run.result.usage.valid & WEFT_USAGE_PEAK) != 0);
    CHECK(run.rows[WEFT_FENCE_MEMORY].level == WEFT_LEVEL_MONITORED);
    CHECK(run.rows[WEFT_FENCE_MEMORY].blind_ns > 0);

    check_case("the processes of a tree count together");
    tree_run(spec, &run, "eat", "60", "4");
    CHECK(run.result.reason == WEFT_REASON_MEMORY);
    CHECK(run.result.exceeded == 1u << WEFT_FENCE_MEMORY);
    CHECK(run.result.was_killed);
    CHECK(run.result.usage.memory_peak_bytes > 200 * MIB);
    CHECK(strstr(run.evidence, "sum of footprints: ") != NULL);
    weft_process_spec_close(&spec);
}

static void check_processes(void)
{
    weft_process_spec *spec = tree_spec();
    struct tree_run run;

    CHECK_STATUS(weft_process_spec_limit(spec, WEFT_FENCE_PROCESSES, 0, 20,
                                         WEFT_REQUIRE),
                 WEFT_OK);
    check_case("who has too many processes is ended");
    tree_run(spec, &run, "grow", "1", NULL);
    CHECK(run.result.reason == WEFT_REASON_PROCESSES);
    CHECK(run.result.exceeded == 1u << WEFT_FENCE_PROCESSES);
    CHECK(run.result.usage.processes_peak > 20);
    weft_process_spec_close(&spec);
}

/* ------------------------------------------------------------- orphans --- */

/* Leaves one behind, without the mark, which says that it is there. */
static void act_escape(void)
{
    char *const none[] = {NULL};
    char *const arguments[] = {
        (char *)(uintptr_t) "/bin/sh", (char *)(uintptr_t) "-c",
        (char *)(uintptr_t) "echo $$; exec sleep 20", NULL};
    int ends[2];
    char byte;

    if (pipe(ends) != 0) {
        _exit(9);
    }
    if (fork() == 0) {
        (void)setsid();
        if (fork() == 0) {
            (void)alarm(20);
            (void)close(ends[0]);
            (void)dup2(ends[1], 9); /* open as long as this one runs */
            (void)execve(arguments[0], arguments, none);
        }
        _exit(0);
    }
    (void)close(ends[1]);
    (void)!read(STDIN_FILENO, &byte, 1); /* until the test has heard of it */
    _exit(0);
}

static void check_escape(void)
{
    weft_process_spec *spec = tree_spec();
    char *arguments[] = {NULL, (char *)(uintptr_t) "escape", NULL};
    weft_process_result result = {.size = sizeof(result)};
    weft_process *process = NULL;
    char self[4096] = "";
    char text[32] = "";
    int in[2] = {-1, -1};
    int out[2] = {-1, -1};
    pid_t escaped;

    check_case("one that can't be found is said to be unknown");
    REQUIRE(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
    arguments[0] = self;
    REQUIRE(pipe(in) == 0 && pipe(out) == 0);
    CHECK_STATUS(weft_process_spec_stream(spec, 0, WEFT_STREAM_HANDLE, in[0]),
                 WEFT_OK);
    CHECK_STATUS(weft_process_spec_stream(spec, 1, WEFT_STREAM_HANDLE, out[1]),
                 WEFT_OK);
    CHECK_STATUS(weft_process_start(spec, arguments, &process, NULL), WEFT_OK);
    REQUIRE(process != NULL);
    (void)close(in[0]);
    (void)close(out[1]);
    REQUIRE(read(out[0], text, sizeof(text) - 1) > 0);
    escaped = (pid_t)atoi(text);
    REQUIRE(escaped > 1);
    (void)close(in[1]);
    CHECK_STATUS(weft_process_wait(process, peer_soon(), &result), WEFT_OK);
    CHECK(result.reason == WEFT_REASON_EXITED);
    CHECK(result.survivors == -1);
    CHECK(kill(escaped, SIGKILL) == 0);
    weft_process_close(&process);
    weft_process_spec_close(&spec);
    (void)close(out[0]);
}

/* ----------------------------------------------------------- temporary --- */

static void check_temp(void)
{
    weft_process_spec *spec = tree_spec();
    char *arguments[] = {
        (char *)(uintptr_t) "/bin/sh", (char *)(uintptr_t) "-c",
        (char *)(uintptr_t) "mkdir \"$TMPDIR/a\" && ln -s / \"$TMPDIR/a/b\" && "
                            "chmod 0 \"$TMPDIR/a\" && printf %s \"$TMPDIR\"",
        NULL};
    weft_process_result result = {.size = sizeof(result)};
    weft_process *process = NULL;
    char path[1024] = "";
    struct stat file;
    int ends[2];

    check_case("a temporary directory goes with the tree");
    REQUIRE(pipe(ends) == 0);
    CHECK_STATUS(weft_process_spec_stream(spec, 1, WEFT_STREAM_HANDLE, ends[1]),
                 WEFT_OK);
    CHECK_STATUS(weft_process_spec_isolate(spec, WEFT_FENCE_TEMP, WEFT_REQUIRE),
                 WEFT_OK);
    CHECK_STATUS(weft_process_start(spec, arguments, &process, NULL), WEFT_OK);
    REQUIRE(process != NULL);
    (void)close(ends[1]);
    CHECK_STATUS(weft_process_wait(process, peer_soon(), &result), WEFT_OK);
    CHECK(result.exit_code == 0);
    CHECK(read(ends[0], path, sizeof(path) - 1) > 0);
    CHECK(strstr(path, "/weft-run.") != NULL);
    CHECK(stat(path, &file) != 0 && errno == ENOENT);
    weft_process_close(&process);
    weft_process_spec_close(&spec);
    (void)close(ends[0]);
}

static void check_clock(void)
{
    check_case("ticks are told from nanoseconds");
    CHECK(weftos_run_clock_has_ticks(2400, 100000, 125, 3));
    CHECK(!weftos_run_clock_has_ticks(100000, 100000, 125, 3));
    CHECK(!weftos_run_clock_has_ticks(90000, 100000, 125, 3));
    CHECK(weftos_run_clock_has_ticks(100000, 100000, 1, 1));
}

void test_main(void)
{
    if (check_arguments[1] != NULL &&
        strcmp(check_arguments[1], "escape") == 0) {
        act_escape();
    }
    tree_act();

    check_memory();
    check_processes();
    check_escape();
    check_temp();
    check_clock();
}
