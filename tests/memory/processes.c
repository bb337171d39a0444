/* SPDX-License-Identifier: MIT
 *
 * What processes take of the memory: this one among them, and wrong use.
 */
#include <string.h>

#include <weft/memory.h>

#include "check.h"
#include "os/os.h"

#define MIB ((uint64_t)1 << 20)
#define OWN_BYTES (32 * MIB)
#define ROOM 4096 /* more than a machine for tests has */

static weft_memory *memory;

static void test_room(void)
{
    weft_memory_process few[2];
    size_t count = 0;

    check_case(
        "with less room the first ones are told, and how many there are");
    few[1].pid = -7;
    CHECK_STATUS(weft_memory_processes(memory, few, 1, &count, NULL), WEFT_OK);
    CHECK(count > 1 && few[0].pid >= 1 && few[1].pid == -7);
    CHECK_STATUS(weft_memory_processes(memory, NULL, 0, &count, NULL), WEFT_OK);
    CHECK(count > 1);

    check_case("wrong use is refused");
    CHECK_STATUS(weft_memory_processes(memory, NULL, 1, &count, NULL),
                 WEFT_EINVAL);
    CHECK_STATUS(weft_memory_processes(memory, few, 1, NULL, NULL),
                 WEFT_EINVAL);
    CHECK_STATUS(weft_memory_processes(NULL, few, 1, &count, NULL),
                 WEFT_EINVAL);
    CHECK_STATUS(weft_memory_measure(memory, NULL, NULL), WEFT_EINVAL);
}

/* The row of this process; all of them are looked at. */
static weft_memory_process find_self(void)
{
    static weft_memory_process all[ROOM];
    weft_memory_process found = {.pid = 0};
    weftos_process_id self;
    size_t count = 0;

    REQUIRE(weftos_process_mark(&self, NULL, NULL) == WEFT_OK);
    REQUIRE(weft_memory_processes(memory, all, ROOM, &count, NULL) == WEFT_OK);
    REQUIRE(count <= ROOM);
    for (size_t i = 0; i < count; i++) {
        CHECK(i == 0 || all[i - 1].pid < all[i].pid);
        CHECK(memchr(all[i].name, '\0', sizeof(all[i].name)) != NULL);
        if (all[i].pid == self.pid) {
            found = all[i];
        }
    }
    CHECK(found.pid == self.pid && found.parent != self.pid);
    return found;
}

/* What it takes of memory, by the best figure that there is. */
static uint64_t amount(const weft_memory_process *process)
{
    return (process->valid & WEFT_MEMORY_PROCESS_FOOTPRINT) != 0
               ? process->footprint_bytes
               : process->resident_bytes;
}

/* Nobody has touched it yet, so it takes nothing. */
static volatile char own[OWN_BYTES];

static void test_self(void)
{
    weft_memory_process process = find_self();
    uint64_t before;

    check_case("this process is in the list");
    CHECK(!process.is_kernel && process.name[0] != '\0');
    CHECK(process.started != 0);
    CHECK((process.valid & WEFT_MEMORY_PROCESS_RESIDENT) != 0);
    CHECK(process.resident_bytes > 0);
    CHECK_STATUS(weft_memory_measure(memory, &process, NULL), WEFT_OK);
    before = amount(&process);

    check_case("what it takes then is measured");
    for (size_t i = 0; i < OWN_BYTES; i += 1024) {
        own[i] = 'x';
    }
    CHECK_STATUS(weft_memory_measure(memory, &process, NULL), WEFT_OK);
    /* The quick counters may be some pages behind on each CPU. */
    CHECK(amount(&process) + 2 * MIB >= before + OWN_BYTES);
    process = find_self();
    CHECK(process.resident_bytes + 2 * MIB >= OWN_BYTES);
}

/* A loop that uses it for as long as this process is seen to have used it. */
static void test_cpu(void)
{
    uint64_t deadline = weft_now_ns() + UINT64_C(20000000000);
    weft_memory_process first = find_self();
    weft_memory_process now;

    check_case("CPU time is told, and grows with use");
    do {
        now = find_self();
    } while (now.cpu_ns < first.cpu_ns + 50000000 && weft_now_ns() < deadline);
    CHECK((now.valid & WEFT_MEMORY_PROCESS_CPU) != 0);
    CHECK(now.cpu_ns >= first.cpu_ns + 50000000);
}

static void test_others(void)
{
    weft_memory_process process = find_self();
    weft_memory_process kept;

    check_case("who is not there is not measured, and what is known stays");
    process.started++;
    kept = process;
    CHECK_STATUS(weft_memory_measure(memory, &process, NULL), WEFT_ENOENT);
    CHECK(process.valid == kept.valid &&
          process.resident_bytes == kept.resident_bytes);
    process.pid = -1;
    CHECK_STATUS(weft_memory_measure(memory, &process, NULL), WEFT_ENOENT);
    process.pid = INT64_MAX;
    CHECK_STATUS(weft_memory_measure(memory, &process, NULL), WEFT_ENOENT);
    process.pid = 0;
    CHECK_STATUS(weft_memory_measure(memory, &process, NULL), WEFT_ENOENT);
}

void test_main(void)
{
    REQUIRE(weft_memory_open(&memory, NULL) == WEFT_OK);
    test_room();
    test_self();
    test_cpu();
    test_others();
    weft_memory_close(&memory);
}
