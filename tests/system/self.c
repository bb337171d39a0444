/* SPDX-License-Identifier: MIT
 *
 * What a process uses: its memory now and at most, and time.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weft/weft.h>

#include "check.h"
#include "peer.h"

#define MIB (UINT64_C(1) << 20)
#define MUCH (50 * MIB)
#define BURN_NS UINT64_C(200000000)

static weft_self measure(void)
{
    weft_self self = {.size = sizeof(self)};

    REQUIRE(weft_self_usage(&self) == WEFT_OK);
    return self;
}

/* Memory that is really there; the caller frees it. */
static volatile char *touch(size_t bytes)
{
    volatile char *memory = malloc(bytes);

    REQUIRE(memory != NULL);
    if (memory == NULL) {
        return NULL; /* for the analyzer */
    }
    for (size_t i = 0; i < bytes; i += 1024) {
        memory[i] = 1;
    }
    return memory;
}

static void test_arguments(void)
{
    weft_self self = {.size = 1};

    check_case("wrong arguments are refused");
    CHECK_STATUS(weft_self_usage(NULL), WEFT_EINVAL);
    CHECK_STATUS(weft_self_usage(&self), WEFT_EINVAL);
}

static void use_memory(void *context)
{
    weft_self before = measure();
    volatile char *memory = touch(MUCH);
    weft_self during = measure();
    weft_self after;

    (void)context;
    free((void *)memory);
    after = measure();
    CHECK((during.valid & WEFT_SELF_MEMORY) != 0);
    CHECK((during.valid & WEFT_SELF_PEAK) != 0);
    CHECK(during.memory_metric != NULL && during.memory_metric[0] != '\0');
    CHECK(during.memory_bytes >= before.memory_bytes + MUCH - 5 * MIB);
    CHECK(during.memory_bytes < before.memory_bytes + MUCH + 50 * MIB);
    CHECK(during.memory_peak_bytes >= during.memory_bytes);
    CHECK(after.memory_peak_bytes >= MUCH);
    CHECK(CHECK_SANITIZED ||
          after.memory_bytes < after.memory_peak_bytes - MUCH + 10 * MIB);
    printf("# %s: %llu, %llu, %llu, peak %llu\n", during.memory_metric,
           (unsigned long long)before.memory_bytes,
           (unsigned long long)during.memory_bytes,
           (unsigned long long)after.memory_bytes,
           (unsigned long long)after.memory_peak_bytes);
}

static void test_memory(void)
{
    peer_process child;

    check_case("memory is told in bytes, now and at most");
    child = peer_run(use_memory, NULL, 0);
    CHECK(peer_ended_well(&child));
}

/* What was started by a large process is small all the same. */
static void test_inherited(void)
{
    volatile char *memory = touch(2 * MUCH);
    peer_process child;

    check_case("the peak is not that of who has started this process");
    child = peer_execute("small");
    CHECK(peer_ended_well(&child));
    CHECK(measure().memory_peak_bytes >= 2 * MUCH);
    free((void *)memory);
}

static void be_small(void)
{
    weft_self self = measure();

    printf("# a new process had %llu at most\n",
           (unsigned long long)self.memory_peak_bytes);
    CHECK(self.memory_peak_bytes < 2 * MUCH);
    CHECK(self.memory_peak_bytes >= self.memory_bytes);
}

static void test_time(void)
{
    weft_self before = measure();
    uint64_t start = weft_now_ns();
    uint64_t used = 0;
    uint64_t took;

    check_case("time is told in nanoseconds");
    CHECK((before.valid & WEFT_SELF_CPU) != 0);
    while (used < BURN_NS && weft_now_ns() - start < peer_rounds(1) * PEER_S) {
        weft_self after = measure();

        used =
            after.user_ns + after.system_ns - before.user_ns - before.system_ns;
    }
    took = weft_now_ns() - start;
    printf("# %llu ns used in %llu ns\n", (unsigned long long)used,
           (unsigned long long)took);
    CHECK(used > 0);
    /* The system counts in ticks, of 16 ms at most. */
    CHECK(used <= took + UINT64_C(40000000));
}

static void test_rest(void)
{
    weft_self self = measure();

    check_case("the rest is known or absent");
    CHECK(((self.valid & WEFT_SELF_THREADS) != 0) == (self.threads > 0));
    CHECK(((self.valid & WEFT_SELF_ADDRESS_SPACE) != 0) ==
          (self.address_space_bytes > 0));
    CHECK(((self.valid & WEFT_SELF_HIGHEST) != 0) == (self.handle_highest > 0));
    CHECK((self.limits_exceeded & ~self.limits_known) == 0);
    if ((self.valid & WEFT_SELF_HIGHEST) != 0) {
        /* The list that is counted there has itself in it, `.` and `..`. */
        CHECK(self.handles + 3 == (uint64_t)check_open_handles());
        CHECK(self.handles <= self.handle_highest);
    }
    CHECK(strcmp(weft_resource_name(WEFT_RESOURCE_FILES), "files") == 0);
    CHECK(strcmp(weft_resource_unit(WEFT_RESOURCE_CPU), "ns") == 0);
    CHECK(weft_resource_name((weft_resource)99)[0] == '\0');
}

void test_main(void)
{
    if (check_arguments[1] != NULL) {
        check_case("a new process");
        be_small();
        return;
    }
    test_arguments();
    test_memory();
    test_inherited();
    test_time();
    test_rest();
}
