/* SPDX-License-Identifier: MIT
 *
 * What other processes take of the memory: a child, and those of users who
 * keep it to themselves.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <weft/memory.h>

#include "check.h"

#define MIB ((uint64_t)1 << 20)
#define PRIVATE_BYTES (24 * MIB)
#define NOBODY 65533
#define ROOM 4096 /* more than a machine for tests has */

static weft_memory *memory;

static weft_memory_process find(pid_t pid)
{
    static weft_memory_process all[ROOM];
    weft_memory_process found = {.pid = 0};
    size_t count = 0;

    REQUIRE(weft_memory_processes(memory, all, ROOM, &count, NULL) == WEFT_OK);
    REQUIRE(count <= ROOM);
    for (size_t i = 0; i < count; i++) {
        if (all[i].pid == pid) {
            found = all[i];
        }
    }
    return found;
}

/* Touches its own memory, says so, and ends when it is let. */
static void live(int ready, int end)
{
    char *own = mmap(NULL, PRIVATE_BYTES, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANON, -1, 0);
    char byte;

    if (own == MAP_FAILED) {
        _exit(1);
    }
    memset(own, 'x', PRIVATE_BYTES);
    _exit(write(ready, "", 1) == 1 && read(end, &byte, 1) == 0 ? 0 : 1);
}

static void test_child(void)
{
    int ready[2];
    int end[2];
    weft_memory_process process;
    siginfo_t info;
    pid_t child;
    char byte;
    int how;

    check_case("a child is in the list, with what it takes");
    REQUIRE(pipe(ready) == 0 && pipe(end) == 0);
    child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        (void)close(end[1]);
        live(ready[1], end[0]);
    }
    REQUIRE(read(ready[0], &byte, 1) == 1);
    process = find(child);
    CHECK(process.pid == child && process.parent == getpid());
    CHECK(process.owner == geteuid());
    /* The ledgers are cheap, so the list has them already. */
    CHECK(process.valid ==
          (WEFT_MEMORY_PROCESS_RESIDENT | WEFT_MEMORY_PROCESS_FOOTPRINT |
           WEFT_MEMORY_PROCESS_OWNER | WEFT_MEMORY_PROCESS_CPU));
    CHECK(process.footprint_bytes >= PRIVATE_BYTES);
    CHECK(process.resident_bytes >= PRIVATE_BYTES);
    CHECK_STATUS(weft_memory_measure(memory, &process, NULL), WEFT_OK);
    CHECK(process.footprint_bytes >= PRIVATE_BYTES);

    check_case("who has ended is not measured, nor listed until it is buried");
    CHECK(close(end[1]) == 0);
    CHECK(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT) == 0);
    CHECK_STATUS(weft_memory_measure(memory, &process, NULL), WEFT_ENOENT);
    CHECK(find(child).pid == 0);
    CHECK(waitpid(child, &how, 0) == child && how == 0);
    CHECK_STATUS(weft_memory_measure(memory, &process, NULL), WEFT_ENOENT);
    (void)close(ready[0]);
    (void)close(ready[1]);
    (void)close(end[0]);
}

static void test_other_user(void)
{
    weft_memory_process process;
    uint64_t started = find(getpid()).started;
    pid_t child;
    int how;

    if (geteuid() != 0) {
        return;
    }
    check_case("of others everybody is told who they are, not what they take");
    child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        weft_memory *own;

        REQUIRE(setgid(NOBODY) == 0 && setuid(NOBODY) == 0);
        REQUIRE(weft_memory_open(&own, NULL) == WEFT_OK);
        weft_memory_close(&memory);
        memory = own;
        process = find(getppid());
        CHECK(process.valid == WEFT_MEMORY_PROCESS_OWNER);
        CHECK(process.owner == 0 && process.started == started);
        CHECK(process.name[0] != '\0' && process.resident_bytes == 0);
        CHECK_STATUS(weft_memory_measure(memory, &process, NULL), WEFT_EACCES);
        CHECK(process.valid == WEFT_MEMORY_PROCESS_OWNER);
        process.started++;
        CHECK_STATUS(weft_memory_measure(memory, &process, NULL), WEFT_ENOENT);
        weft_memory_close(&memory);
        check_exit_child();
    }
    CHECK(waitpid(child, &how, 0) == child && how == 0);
}

void test_main(void)
{
    REQUIRE(weft_memory_open(&memory, NULL) == WEFT_OK);
    test_child();
    test_other_user();
    weft_memory_close(&memory);
}
