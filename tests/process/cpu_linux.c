/* SPDX-License-Identifier: MIT
 *
 * The CPU time of a tree is counted, and limited.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "process/tree_linux.h"

#define MS UINT64_C(1000000)

static void check_limit(const char *action, const char *processes)
{
    weft_process_spec *spec = tree_spec();
    struct tree_run run;

    CHECK_STATUS(
        weft_process_spec_limit(spec, WEFT_FENCE_CPU, 0, 60 * MS, WEFT_REQUIRE),
        WEFT_OK);
    tree_run(spec, &run, action, "10000", processes);
    CHECK(run.result.reason == WEFT_REASON_CPU);
    CHECK((run.result.exceeded & 1u << WEFT_FENCE_CPU) != 0);
    CHECK(run.result.was_killed);
    CHECK(run.result.usage.cpu_ns >= 60 * MS);
    CHECK(run.result.usage.cpu_ns < 1000 * MS);
    CHECK(strstr(run.evidence, "ns of 60000000") != NULL);
    CHECK(run.rows[WEFT_FENCE_CPU].level == WEFT_LEVEL_MONITORED);
    weft_process_spec_close(&spec);
}

static void check_soft_limit(void)
{
    weft_process_spec *spec = tree_spec();
    struct tree_run run;

    CHECK_STATUS(weft_process_spec_limit(spec, WEFT_FENCE_CPU, 30 * MS,
                                         10000 * MS, WEFT_REQUIRE),
                 WEFT_OK);
    tree_run(spec, &run, "burn", "5000", "1");
    CHECK(run.result.reason == WEFT_REASON_SIGNALLED);
    CHECK(run.result.signal_number == 15);
    CHECK((run.result.exceeded & 1u << WEFT_FENCE_CPU) != 0);
    weft_process_spec_close(&spec);
}

/* Within 15 %, and complete if the method says so. */
static void check_count(const char *action, const char *method)
{
    weft_process_spec *spec = tree_spec();
    struct tree_run run;

    CHECK_STATUS(weft_process_spec_limit(spec, WEFT_FENCE_CPU, 0, 10000 * MS,
                                         WEFT_REQUIRE),
                 WEFT_OK);
    tree_run(spec, &run, action, "200", "1");
    CHECK(run.result.reason == WEFT_REASON_EXITED);
    CHECK(run.result.exceeded == 0);
    if (strncmp(run.cpu_method, method, strlen(method)) == 0) {
        CHECK(run.result.usage.cpu_ns >= 170 * MS);
        CHECK(run.result.usage.cpu_ns <= 230 * MS);
        CHECK(((run.result.usage.valid & WEFT_USAGE_CPU_COMPLETE) != 0) ==
              (method[0] == 'c'));
    }
    weft_process_spec_close(&spec);
}

/* CPU time of the parent of a process. */
static uint64_t parents_ns(int64_t pid)
{
    char path[64];
    unsigned long long used = 0;
    int parent = 0;
    FILE *file;

    (void)snprintf(path, sizeof(path), "/proc/%lld/stat", (long long)pid);
    file = fopen(path, "re");
    REQUIRE(file != NULL);
    REQUIRE(fscanf(file, "%*d (%*[^)]) %*c %d", &parent) == 1);
    (void)fclose(file);
    (void)snprintf(path, sizeof(path), "/proc/%d/schedstat", parent);
    file = fopen(path, "re");
    if (file == NULL) {
        SKIP("the kernel does not tell who runs for how long");
    }
    REQUIRE(fscanf(file, "%llu", &used) == 1);
    (void)fclose(file);
    return used;
}

/* While another program burns CPU time. */
static void check_supervisor_sleeps(void)
{
    weft_process_spec *plain = tree_spec();
    weft_process_spec *spec = tree_spec();
    weft_process *process;
    struct tree_run run;
    uint64_t before;

    CHECK_STATUS(weft_process_spec_limit(spec, WEFT_FENCE_MEMORY, 0, 64u << 20,
                                         WEFT_TRY),
                 WEFT_OK);
    CHECK_STATUS(
        weft_process_spec_limit(spec, WEFT_FENCE_PROCESSES, 0, 8, WEFT_TRY),
        WEFT_OK);
    CHECK_STATUS(weft_process_spec_account(spec), WEFT_OK);
    process = tree_start(spec, "stay", "0");
    before = parents_ns(weft_process_pid(process));
    tree_run(plain, &run, "burn", "200", NULL);
    CHECK(parents_ns(weft_process_pid(process)) - before < 50 * MS);
    weft_process_close(&process);
    weft_process_spec_close(&plain);
    weft_process_spec_close(&spec);
}

void test_main(void)
{
    tree_act();

    check_case("a limit of CPU time ends who burns it");
    check_limit("burn", "1");
    check_limit("burn", "4");
    check_limit("threads", NULL);

    check_case("it reaches who has left its parent");
    check_limit("orphan", NULL);
    check_limit("unreaped", NULL);

    check_case("the soft value sends SIGTERM");
    check_soft_limit();

    check_case("a group misses nobody");
    check_count("burn", "cgroup");
    check_count("threads", "cgroup");
    check_count("orphan", "cgroup");
    check_count("unreaped", "cgroup");

    check_case("who watches a program that sleeps sleeps, too");
    check_supervisor_sleeps();

    check_case("without groups it ends as well, and says how it counts");
    CHECK(setenv("WEFT_CGROUP_ROOT", "", 1) == 0);
    check_limit("burn", "4");
    check_limit("orphan", NULL);
    check_count("orphan", "perf");
    check_count("unreaped", "perf");
}
