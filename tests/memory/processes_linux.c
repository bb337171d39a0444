/* SPDX-License-Identifier: MIT
 *
 * What processes take of the memory: private and shared pages, processes that
 * end, and users who may not look.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <weft/memory.h>

#include "check.h"

#define MIB ((uint64_t)1 << 20)
#define PRIVATE_BYTES (24 * MIB)
#define SHARED_BYTES (16 * MIB)
#define NOBODY 65533
#define ROOM 4096 /* more than a machine for tests has */

/* What a process of this test has besides, sanitizers' shadows included. */
#define SLACK_BYTES ((CHECK_SANITIZED ? 96 : 4) * MIB)

static weft_memory *memory;

struct child {
    pid_t pid;
    int end; /* it ends when this is closed */
};

/* Touches its own memory and what it shares with its parent, and waits. */
static struct child start(char *shared)
{
    int ready[2] = {-1, -1};
    int end[2] = {-1, -1};
    struct child child;
    char byte;

    REQUIRE(pipe(ready) == 0 && pipe(end) == 0);
    child.pid = fork();
    REQUIRE(child.pid >= 0);
    if (child.pid == 0) {
        char *own = mmap(NULL, PRIVATE_BYTES, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        (void)close(end[1]);
        if (own == MAP_FAILED) {
            _exit(1);
        }
        memset(own, 'x', PRIVATE_BYTES);
        memset(shared, 'y', SHARED_BYTES);
        _exit(write(ready[1], "", 1) == 1 && read(end[0], &byte, 1) == 0 ? 0
                                                                         : 1);
    }
    child.end = end[1];
    (void)close(ready[1]);
    (void)close(end[0]);
    REQUIRE(read(ready[0], &byte, 1) == 1);
    (void)close(ready[0]);
    return child;
}

static void finish(struct child *child)
{
    int how;

    (void)close(child->end);
    CHECK(waitpid(child->pid, &how, 0) == child->pid && how == 0);
}

/* The row of a process. */
static weft_memory_process find(pid_t pid)
{
    static weft_memory_process all[ROOM];
    weft_memory_process found = {.pid = 0};
    size_t count = 0;

    REQUIRE(weft_memory_processes(memory, all, ROOM, &count, NULL) == WEFT_OK);
    REQUIRE(count <= ROOM);
    for (size_t i = 0; i < count; i++) {
        CHECK(i == 0 || all[i - 1].pid < all[i].pid);
        if (all[i].pid == pid) {
            found = all[i];
        }
    }
    return found;
}

static bool is_near(uint64_t value, uint64_t expected)
{
    return value >= expected && value <= expected + SLACK_BYTES;
}

static void test_figures(void)
{
    char *shared = mmap(NULL, SHARED_BYTES, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct child first;
    struct child second;
    weft_memory_process process;

    REQUIRE(shared != MAP_FAILED);
    check_case("private memory counts whole, and shared memory in parts");
    first = start(shared);
    second = start(shared);
    process = find(first.pid);
    CHECK(process.pid == first.pid && process.parent == getpid());
    CHECK(!process.is_kernel && process.owner == getuid());
    CHECK(process.valid ==
          (WEFT_MEMORY_PROCESS_RESIDENT | WEFT_MEMORY_PROCESS_OWNER |
           WEFT_MEMORY_PROCESS_CPU));
    CHECK_STATUS(weft_memory_measure(memory, &process, NULL), WEFT_OK);
    CHECK((process.valid & WEFT_MEMORY_PROCESS_FOOTPRINT) != 0);
    CHECK((process.valid & WEFT_MEMORY_PROCESS_PRIVATE) != 0);
    CHECK(is_near(process.private_bytes, PRIVATE_BYTES));
    CHECK(is_near(process.footprint_bytes, PRIVATE_BYTES + SHARED_BYTES / 2));
    CHECK_STATUS(weft_memory_glance(memory, &process, NULL), WEFT_OK);
    CHECK((process.valid & WEFT_MEMORY_PROCESS_OWN) != 0);
    CHECK(is_near(process.own_bytes + MIB, PRIVATE_BYTES));
    /* The quick counters may be some pages behind on each CPU. */
    CHECK(is_near(process.resident_bytes + MIB, PRIVATE_BYTES + SHARED_BYTES));

    check_case("what the other one shared is this one's when that has ended");
    finish(&second);
    CHECK_STATUS(weft_memory_measure(memory, &process, NULL), WEFT_OK);
    CHECK(is_near(process.footprint_bytes, PRIVATE_BYTES + SHARED_BYTES));

    check_case("who has ended is not measured, nor who has his number");
    process.started++;
    CHECK_STATUS(weft_memory_measure(memory, &process, NULL), WEFT_ENOENT);
    CHECK_STATUS(weft_memory_glance(memory, &process, NULL), WEFT_ENOENT);
    process.started--;
    finish(&first);
    CHECK_STATUS(weft_memory_measure(memory, &process, NULL), WEFT_ENOENT);
    CHECK(munmap(shared, SHARED_BYTES) == 0);
}

/* A thread of the kernel's own has no memory. */
static void test_kernel(void)
{
    weft_memory_process process = find(2);

    if (process.pid != 2 || !process.is_kernel) {
        return; /* in a namespace of its own */
    }
    check_case("a thread of the kernel's takes nothing");
    CHECK(process.resident_bytes == 0);
    CHECK_STATUS(weft_memory_measure(memory, &process, NULL), WEFT_OK);
    CHECK_STATUS(weft_memory_glance(memory, &process, NULL), WEFT_OK);
    CHECK((process.valid & WEFT_MEMORY_PROCESS_OWN) == 0);
}

static void test_other_user(void)
{
    weft_memory_process process;
    pid_t child;
    int how;

    if (geteuid() != 0) {
        return;
    }
    check_case("who may not look is told so, and keeps what he knows");
    child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        weft_memory *own;

        REQUIRE(setgid(NOBODY) == 0 && setuid(NOBODY) == 0);
        REQUIRE(weft_memory_open(&own, NULL) == WEFT_OK);
        weft_memory_close(&memory);
        memory = own;
        process = find(getppid());
        CHECK(process.resident_bytes > 0 && process.owner == 0);
        CHECK_STATUS(weft_memory_measure(memory, &process, NULL), WEFT_EACCES);
        CHECK(process.resident_bytes > 0);
        CHECK(process.valid ==
              (WEFT_MEMORY_PROCESS_RESIDENT | WEFT_MEMORY_PROCESS_OWNER |
               WEFT_MEMORY_PROCESS_CPU));
        weft_memory_close(&memory);
        check_exit_child();
    }
    CHECK(waitpid(child, &how, 0) == child && how == 0);
}

static void test_fork(void)
{
    size_t count;
    pid_t child;
    int how;

    check_case("a forked child can only close it");
    child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        weft_memory_figures figures = {.size = sizeof(figures)};
        weft_memory_counters counters = {.size = sizeof(counters)};
        weft_memory_process process = {.pid = 1};

        CHECK_STATUS(weft_memory_look(memory, &figures, NULL), WEFT_EFORKED);
        CHECK_STATUS(weft_memory_count(memory, &counters, NULL), WEFT_EFORKED);
        CHECK_STATUS(weft_memory_processes(memory, NULL, 0, &count, NULL),
                     WEFT_EFORKED);
        CHECK_STATUS(weft_memory_measure(memory, &process, NULL), WEFT_EFORKED);
        weft_memory_close(&memory);
        check_exit_child();
    }
    CHECK(waitpid(child, &how, 0) == child && how == 0);
}

void test_main(void)
{
    REQUIRE(weft_memory_open(&memory, NULL) == WEFT_OK);
    test_figures();
    test_kernel();
    test_other_user();
    test_fork();
    weft_memory_close(&memory);
}
