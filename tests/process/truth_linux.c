/* SPDX-License-Identifier: MIT
 *
 * The figures of a tree are true: its CPU time, whoever used it and whoever
 * waited for that, and its peak memory, whatever the host has. Beside them is
 * printed what GNU time and wait4() say of the same work.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "peer.h"
#include "process/tree_linux.h"

#define NOBODY 65533
#define MIB ((uint64_t)1024 * 1024)
#define WORK "200"

/*
 * Of the truth, a fifth. On a quiet machine it is 2 % or 2 ms, as the table in
 * docs/limits.md shows; on a busy one the ends of processes, which they can't
 * count themselves, take longer, and a performance counter counts too much.
 */
#define OFF_PART 5

static char self[4096];

/* ------------------------------------------------------------- CPU time --- */

/* What GNU time says, in ms; -1: it is not installed. */
static int gnu_time_ms(const char *action)
{
    char command[8192];
    double user = 0;
    double system_ = 0;
    FILE *output;
    int found;

    if (access("/usr/bin/time", X_OK) != 0) {
        return -1;
    }
    (void)snprintf(command, sizeof(command),
                   "/usr/bin/time -f '%%U %%S' '%s' %s " WORK " 1 2>&1", self,
                   action);
    output = popen(command, "re"); /* NOLINT(cert-env33-c) */
    REQUIRE(output != NULL);
    found = fscanf(output, "%lf %lf", &user, &system_);
    (void)pclose(output);
    return found == 2 ? (int)((user + system_) * 1000) : -1;
}

/* The sum of what the processes say themselves. */
static uint64_t read_truth(int pipe)
{
    uint64_t sum = 0;
    uint64_t ns;

    while (read(pipe, &ns, sizeof(ns)) == (ssize_t)sizeof(ns)) {
        sum += ns;
    }
    return sum;
}

static weft_process_spec *work_spec(int truth, bool has_namespace)
{
    weft_process_spec *spec = tree_spec();

    CHECK_STATUS(weft_process_spec_limit(spec, WEFT_FENCE_CPU, 0, 9 * PEER_S,
                                         WEFT_REQUIRE),
                 WEFT_OK);
    CHECK_STATUS(weft_process_spec_stream(spec, 0, WEFT_STREAM_HANDLE, truth),
                 WEFT_OK);
    CHECK_STATUS(weft_process_spec_variable(spec, "WEFT_TRUTH", "yes"),
                 WEFT_OK);
    if (has_namespace) {
        CHECK_STATUS(weft_process_spec_isolate(spec, WEFT_FENCE_PIDS, WEFT_TRY),
                     WEFT_OK);
    }
    return spec;
}

static void check_work(const char *action, bool has_namespace)
{
    weft_process_spec *spec;
    const weft_usage *usage;
    struct tree_run run;
    uint64_t truth;
    uint64_t off;
    int ends[2];

    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    spec = work_spec(ends[1], has_namespace);
    tree_run(spec, &run, action, WORK, "1");
    (void)close(ends[1]);
    weft_process_spec_close(&spec);
    truth = read_truth(ends[0]);
    (void)close(ends[0]);
    usage = &run.result.usage;
    off = usage->cpu_ns > truth ? usage->cpu_ns - truth : truth - usage->cpu_ns;
    printf("# | %s%s | %s | %.1f ms | %.1f ms | %d ms |\n", action,
           has_namespace ? ", pid namespace" : "", run.cpu_method,
           (double)truth / 1e6, (double)usage->cpu_ns / 1e6,
           has_namespace ? -1 : gnu_time_ms(action));
    /* Where there is no counter it is said that some may be missing. */
    CHECK(off <= truth / OFF_PART || strncmp(run.cpu_method, "wait4", 5) == 0);
}

static void check_all_work(void)
{
    static const char *const actions[] = {"burn", "threads", "orphan",
                                          "unreaped", "zapped"};

    for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
        check_work(actions[i], false);
        check_work(actions[i], true);
    }
}

/* --------------------------------------------------------------- memory --- */

#define EATEN_MIB "20"
#define EATEN (20 * MIB)
#define MORE (12 * MIB) /* the program itself, with a sanitizer's room */

/* What wait4() says of the same program, started in the usual way. */
static uint64_t usual_peak(void)
{
    char action[] = "eat";
    char mib[] = EATEN_MIB;
    char *arguments[] = {self, action, mib, NULL};
    struct rusage usage = {.ru_maxrss = 0};
    pid_t child;
    int status;

    REQUIRE(posix_spawn(&child, self, NULL, NULL, arguments, environ) == 0);
    CHECK(wait4(child, &status, 0, &usage) == child);
    return (uint64_t)usage.ru_maxrss * 1024;
}

static void check_peak(size_t host_bytes, bool is_limited)
{
    char *ballast = mmap(NULL, host_bytes, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    weft_process_spec *spec = tree_spec();
    const weft_usage *usage;
    struct tree_run run;

    REQUIRE(ballast != MAP_FAILED);
    memset(ballast, 1, host_bytes);
    if (is_limited) {
        CHECK_STATUS(weft_process_spec_limit(spec, WEFT_FENCE_MEMORY, 0,
                                             200 * MIB, WEFT_REQUIRE),
                     WEFT_OK);
    }
    tree_run(spec, &run, "eat", EATEN_MIB, "1");
    usage = &run.result.usage;
    CHECK(usage->rss_peak_bytes >= EATEN);
    CHECK(usage->rss_peak_bytes < EATEN + MORE);
    CHECK(((usage->valid & WEFT_USAGE_PEAK) != 0) == is_limited);
    CHECK(!is_limited || (usage->memory_peak_bytes >= EATEN &&
                          usage->memory_peak_bytes < EATEN + MORE));
    printf("# | %zu MB | %.1f MB | %.1f MB | %.1f MB |\n", host_bytes / 1000000,
           (double)usage->rss_peak_bytes / 1e6,
           (double)usage->memory_peak_bytes / 1e6, (double)usual_peak() / 1e6);
    (void)munmap(ballast, host_bytes);
    weft_process_spec_close(&spec);
}

static void check_all_peaks(void)
{
    check_peak(10000000, false);
    check_peak(10000000, true);
    if (peer_free_memory() > 3000 * MIB) {
        check_peak(1000000000, false);
        check_peak(1000000000, true);
    } else {
        printf("# not enough memory for a host of 1 GB: left out\n");
    }
}

/* ---------------------------------------------------------------- users --- */

static void check_all(void)
{
    check_case("the CPU time of all is counted");
    check_all_work();
    if (!CHECK_SANITIZED) {
        check_case("peak memory is the tree's, whatever the host has");
        check_all_peaks();
    }
}

void test_main(void)
{
    ssize_t bytes = readlink("/proc/self/exe", self, sizeof(self) - 1);
    pid_t child;
    int status = 0;

    tree_act();
    REQUIRE(bytes > 0);
    self[bytes] = '\0';
    check_all();
    if (geteuid() != 0) {
        return;
    }
    child = fork();
    if (child == 0) {
        if (setgid(NOBODY) != 0 || setuid(NOBODY) != 0 ||
            access(self, X_OK) != 0 ||
            access(getenv("WEFT_HELPER"), X_OK) != 0) {
            printf("# user 65533 can't be had, or can't reach this\n");
            check_exit_child();
        }
        printf("# user 65533\n");
        check_all();
        check_exit_child();
    }
    CHECK(waitpid(child, &status, 0) == child && status == 0);
}
