/* SPDX-License-Identifier: MIT
 *
 * What macOS is asked about its memory: each source that fails leaves out its
 * own figures alone.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "memory/pressure.h"
#include "os/meter.h"

static bool has(const weft_memory_figures *figures, weft_memory_figure figure)
{
    return wefti_knows(figures, figure);
}

static weft_memory_figures look(weft_memory *memory)
{
    weft_memory_figures figures = {.size = sizeof(figures)};

    CHECK_STATUS(weft_memory_look(memory, &figures, NULL), WEFT_OK);
    return figures;
}

static void test_sources(weft_memory *memory)
{
    weft_memory_figures figures = look(memory);
    weft_detail detail = {WEFT_OK, 0, NULL};

    check_case("all sources tell");
    CHECK(has(&figures, WEFT_MEMORY_AVAILABLE));
    CHECK(has(&figures, WEFT_MEMORY_KERNEL));
    CHECK(has(&figures, WEFT_MEMORY_SWAP_TOTAL));
    CHECK(figures.free_bytes + figures.cached_bytes + figures.anonymous_bytes +
              figures.kernel_bytes + figures.pack_bytes <=
          figures.total_bytes);
    CHECK(strstr(figures.pressure_reason, "macOS says: normal") != NULL);

    check_case("without host_statistics64 there are no counts");
    CHECK(setenv("WEFT_DOUBLE_WITHOUT", "host_statistics64", 1) == 0);
    figures = look(memory);
    CHECK(!has(&figures, WEFT_MEMORY_AVAILABLE));
    CHECK(!has(&figures, WEFT_MEMORY_USED));
    CHECK(has(&figures, WEFT_MEMORY_SWAP_TOTAL));
    CHECK(strcmp(figures.pressure_reason, "macOS says: normal") == 0);

    check_case("without vm.swapusage nothing is known of swap");
    CHECK(setenv("WEFT_DOUBLE_WITHOUT", "vm.swapusage", 1) == 0);
    figures = look(memory);
    CHECK(has(&figures, WEFT_MEMORY_AVAILABLE));
    CHECK(!has(&figures, WEFT_MEMORY_SWAP_TOTAL));
    CHECK(!has(&figures, WEFT_MEMORY_PACKED));

    check_case("without the kernel's level what is available decides");
    CHECK(setenv("WEFT_DOUBLE_WITHOUT", "kern.memorystatus_vm_pressure_level",
                 1) == 0);
    figures = look(memory);
    CHECK(strstr(figures.pressure_reason, "macOS") == NULL);
    CHECK(strstr(figures.pressure_reason, "available") != NULL);

    check_case("without the total there is no look");
    CHECK(setenv("WEFT_DOUBLE_WITHOUT", "hw.memsize", 1) == 0);
    CHECK_STATUS(weft_memory_look(memory, &figures, &detail), WEFT_EOS);
    CHECK(strcmp(detail.operation, "read hw.memsize") == 0);
    CHECK(unsetenv("WEFT_DOUBLE_WITHOUT") == 0);
}

static void test_counters(weft_memory *memory)
{
    weft_memory_counters counters = {.size = sizeof(counters)};

    check_case(
        "what was compressed and needed again is counted, files are not");
    CHECK_STATUS(weft_memory_count(memory, &counters, NULL), WEFT_OK);
    CHECK(counters.valid == (UINT32_C(1) << WEFT_MEMORY_REFAULTED_ANONYMOUS |
                             UINT32_C(1) << WEFT_MEMORY_SWAPPED_IN |
                             UINT32_C(1) << WEFT_MEMORY_SWAPPED_OUT |
                             UINT32_C(1) << WEFT_MEMORY_MAJOR_FAULTS));
    CHECK(counters.major_faults > 0);
    CHECK(setenv("WEFT_DOUBLE_WITHOUT", "host_statistics64", 1) == 0);
    CHECK_STATUS(weft_memory_count(memory, &counters, NULL), WEFT_EOS);
    CHECK(unsetenv("WEFT_DOUBLE_WITHOUT") == 0);
}

static void test_levels(weft_memory *memory)
{
    static const struct {
        const char *level;
        weft_pressure pressure;
    } levels[] = {{"4", WEFT_PRESSURE_EMERGENCY},
                  {"2", WEFT_PRESSURE_TIGHT},
                  {"1", WEFT_PRESSURE_CALM}};

    check_case("the kernel's level is taken");
    for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
        weft_memory_figures figures;

        CHECK(setenv("WEFT_DOUBLE_PRESSURE", levels[i].level, 1) == 0);
        figures = look(memory);
        CHECK(figures.pressure == levels[i].pressure);
    }
    CHECK(unsetenv("WEFT_DOUBLE_PRESSURE") == 0);
}

/* The double ends a program that gives back more rights than it has. */
static void test_rights(void)
{
    weft_memory *first;
    weft_memory *second;

    check_case("each gives back the right to its port");
    REQUIRE(weft_memory_open(&first, NULL) == WEFT_OK);
    REQUIRE(weft_memory_open(&second, NULL) == WEFT_OK);
    weft_memory_close(&first);
    (void)look(second);
    weft_memory_close(&second);
    CHECK(second == NULL);
}

void test_main(void)
{
    weft_memory *memory;

    REQUIRE(weft_memory_open(&memory, NULL) == WEFT_OK);
    test_sources(memory);
    test_counters(memory);
    test_levels(memory);
    test_rights();
    weft_memory_close(&memory);
}
