/* SPDX-License-Identifier: MIT
 *
 * Memory is taken back on macOS: no process's; copies of files, by root; and
 * what this process's heap has free.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <weft/reclaim.h>

#include "check.h"
#include "os/double/machine.h"

#define MS UINT64_C(1000000)
#define NOBODY 65533

static weft_reclaim_request ask_for(weft_reclaim_verb verb, int64_t pid)
{
    weft_reclaim_request request = WEFT_RECLAIM_REQUEST_INIT;

    request.verb = verb;
    request.pid = pid;
    request.flags = WEFT_RECLAIM_NAMED;
    request.watch_ns = 100 * MS;
    return request;
}

static weft_reclaim_plan plan(weft_memory *memory,
                              const weft_reclaim_request *request)
{
    weft_reclaim_plan made = {.size = sizeof(made)};

    CHECK_STATUS(weft_reclaim_plan_make(memory, request, &made, NULL), WEFT_OK);
    CHECK(made.reason[0] != '\0');
    return made;
}

static void test_processes(weft_memory *memory)
{
    static const weft_reclaim_verb verbs[] = {
        WEFT_RECLAIM_COLD, WEFT_RECLAIM_PAGEOUT, WEFT_RECLAIM_TRIM};

    check_case("no verb takes memory from a process, and the plan says why");
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        weft_reclaim_request request = ask_for(verbs[i], getppid());
        weft_reclaim_plan made = plan(memory, &request);
        weft_reclaim *reclaim = NULL;

        CHECK(made.obstacle == WEFT_RECLAIM_UNSUPPORTED && !made.may_run);
        CHECK(strstr(made.reason, "no call that takes memory") != NULL);
        CHECK_STATUS(weft_reclaim_run(memory, &request, &reclaim, NULL),
                     WEFT_ENOTSUP);
        CHECK(reclaim == NULL);
    }
}

static void test_missing(weft_memory *memory)
{
    weft_reclaim_request request = ask_for(WEFT_RECLAIM_PURGE, 0);

    check_case("a macOS without the call says so");
    CHECK(setenv("WEFT_DOUBLE_WITHOUT", "vfs_purge", 1) == 0);
    CHECK(plan(memory, &request).obstacle == WEFT_RECLAIM_UNSUPPORTED);
    CHECK(unsetenv("WEFT_DOUBLE_WITHOUT") == 0);

    check_case("an amount can't be had");
    request.bytes = 4096;
    CHECK(plan(memory, &request).obstacle == WEFT_RECLAIM_UNSUPPORTED);
}

static void test_purge(weft_memory *memory)
{
    weft_reclaim_request request = ask_for(WEFT_RECLAIM_PURGE, 0);
    weft_verdict verdict = {.size = sizeof(verdict)};
    weft_reclaim *reclaim = NULL;
    weft_reclaim_plan made = plan(memory, &request);

    check_case("but by root, for no gain");
    CHECK(double_purges() == 0);
    CHECK(made.may_run && made.valid == WEFT_RECLAIM_PLAN_EXPECTED);
    CHECK(made.expected_bytes == 0);
    CHECK(strstr(made.reason, "cold caches, no memory gained") != NULL);
    REQUIRE(weft_reclaim_run(memory, &request, &reclaim, NULL) == WEFT_OK);
    CHECK(double_purges() == 1);
    CHECK_STATUS(weft_reclaim_verdict(reclaim, &verdict, NULL), WEFT_OK);
    CHECK((verdict.valid & WEFT_VERDICT_RELEASED) != 0);
    CHECK((verdict.valid & WEFT_VERDICT_CLAIMED) == 0);
    CHECK_STATUS(weft_reclaim_undo(reclaim, NULL), WEFT_ENOTSUP);
    weft_reclaim_close(&reclaim);
}

static void test_nobody(void)
{
    pid_t child;
    int how = 0;

    check_case("copies of files are not dropped by others than root");
    (void)fflush(stdout);
    child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        weft_reclaim_request request = ask_for(WEFT_RECLAIM_PURGE, 0);
        weft_memory *memory = NULL;
        weft_reclaim *reclaim = NULL;
        weft_reclaim_plan made;

        REQUIRE(setuid(NOBODY) == 0);
        REQUIRE(weft_memory_open(&memory, NULL) == WEFT_OK);
        made = plan(memory, &request);
        CHECK(made.obstacle == WEFT_RECLAIM_PRIVILEGE);
        CHECK(strstr(made.reason, "root") != NULL);
        CHECK_STATUS(weft_reclaim_run(memory, &request, &reclaim, NULL),
                     WEFT_EACCES);
        CHECK(double_purges() == 0);
        weft_memory_close(&memory);
        check_exit_child();
    }
    REQUIRE(waitpid(child, &how, 0) == child);
    CHECK(WIFEXITED(how) && WEXITSTATUS(how) == 0);
}

static void test_heap(weft_memory *memory)
{
    weft_reclaim_request request = ask_for(WEFT_RECLAIM_HEAP, 0);
    weft_verdict verdict = {.size = sizeof(verdict)};
    weft_reclaim *reclaim = NULL;

    check_case("the heap gives back, and its footprint is measured");
    CHECK(plan(memory, &request).may_run);
    CHECK_STATUS(weft_reclaim_run(memory, &request, &reclaim, NULL), WEFT_OK);
    REQUIRE(reclaim != NULL);
    CHECK_STATUS(weft_reclaim_verdict(reclaim, &verdict, NULL), WEFT_OK);
    CHECK((verdict.valid & WEFT_VERDICT_CLAIMED) != 0);
    CHECK((verdict.valid & WEFT_VERDICT_RELOCATED) == 0);
    CHECK(verdict.released_bytes == verdict.available_bytes);
    weft_reclaim_close(&reclaim);
}

void test_main(void)
{
    weft_memory *memory = NULL;

    /* An interrupted wait would end a run, as it should. */
    REQUIRE(setenv("WEFT_DOUBLE_FAULTS", "0", 1) == 0);
    REQUIRE(weft_memory_open(&memory, NULL) == WEFT_OK);
    test_processes(memory);
    test_missing(memory);
    if (geteuid() == 0) {
        test_nobody();
        test_purge(memory);
    }
    test_heap(memory);
    weft_memory_close(&memory);
}
