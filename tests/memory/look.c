/* SPDX-License-Identifier: MIT
 *
 * The figures of this machine: they fit each other, and wrong use is refused.
 */
#include <string.h>

#include <weft/memory.h>

#include "check.h"
#include "memory/pressure.h"

static void test_arguments(void)
{
    weft_memory *memory;
    weft_memory_figures figures = {.size = sizeof(figures)};
    weft_memory_counters counters = {.size = sizeof(counters)};
    weft_detail detail;

    check_case("wrong use is refused");
    CHECK_STATUS(weft_memory_open(NULL, &detail), WEFT_EINVAL);
    CHECK_STATUS(weft_memory_look(NULL, &figures, &detail), WEFT_EINVAL);
    weft_memory_close(NULL);
    CHECK_STATUS(weft_memory_open(&memory, &detail), WEFT_OK);
    CHECK_STATUS(weft_memory_look(memory, NULL, &detail), WEFT_EINVAL);
    figures.size--;
    CHECK_STATUS(weft_memory_look(memory, &figures, &detail), WEFT_EINVAL);
    CHECK_STATUS(weft_memory_count(NULL, &counters, &detail), WEFT_EINVAL);
    CHECK_STATUS(weft_memory_count(memory, NULL, &detail), WEFT_EINVAL);
    counters.size--;
    CHECK_STATUS(weft_memory_count(memory, &counters, &detail), WEFT_EINVAL);
    weft_memory_close(&memory);
    CHECK(memory == NULL);
    weft_memory_close(&memory);
}

static void test_figures(void)
{
    weft_memory *memory;
    weft_memory_figures figures;

    check_case("the figures of this machine fit each other");
    REQUIRE(weft_memory_open(&memory, NULL) == WEFT_OK);
    for (int i = 0; i < 3; i++) {
        memset(&figures, 0x5a, sizeof(figures));
        figures.size = sizeof(figures);
        CHECK_STATUS(weft_memory_look(memory, &figures, NULL), WEFT_OK);
        REQUIRE(wefti_knows(&figures, WEFT_MEMORY_TOTAL));
        REQUIRE(wefti_knows(&figures, WEFT_MEMORY_AVAILABLE));
        REQUIRE(wefti_knows(&figures, WEFT_MEMORY_USED));
        CHECK(figures.total_bytes > 0);
        CHECK(figures.available_bytes + figures.used_bytes ==
              figures.total_bytes);
        CHECK(figures.valid >> WEFT_MEMORY_FIGURE_COUNT == 0);
        CHECK(figures.swap_free_bytes <= figures.swap_total_bytes);
        CHECK(figures.stall_all_ns <= figures.stall_some_ns);
        CHECK(figures.available_method[0] != '\0');
        CHECK(figures.pressure_reason[0] != '\0');
        CHECK(strcmp(weft_pressure_name(figures.pressure), "unknown") != 0);
    }
    weft_memory_close(&memory);
}

static void test_names(void)
{
    check_case("names of what there is, and of what there is not");
    CHECK(strcmp(weft_memory_figure_name(WEFT_MEMORY_TOTAL), "total") == 0);
    CHECK(strcmp(weft_memory_figure_name(WEFT_MEMORY_LIMIT_USED),
                 "limit_used") == 0);
    CHECK(weft_memory_figure_name((weft_memory_figure)99)[0] == '\0');
    CHECK(strcmp(weft_pressure_name(WEFT_PRESSURE_TIGHT), "tight") == 0);
    CHECK(strcmp(weft_pressure_name((weft_pressure)9), "unknown") == 0);
}

/* ------------------------------------------------------------- pressure --- */

#define GIB (UINT64_C(1) << 30)
#define BIT(figure) (UINT32_C(1) << (figure))
#define NO_STALLS UINT32_MAX

/* In percent of 100 GiB, and millionths. */
static const struct {
    const char *what;
    unsigned available;
    unsigned swap; /* what is free of 100 GiB; 0: there is none */
    uint32_t some;
    uint32_t all;
    weft_pressure pressure;
} levels[] = {
    {"plenty", 90, 0, 0, 0, WEFT_PRESSURE_CALM},
    {"a fifth", 20, 0, 0, 0, WEFT_PRESSURE_CALM},
    {"below a fifth", 19, 0, 0, 0, WEFT_PRESSURE_WATCH},
    {"below a fifth, and some wait", 19, 0, 1000, 0, WEFT_PRESSURE_TIGHT},
    {"some wait a little", 19, 0, 999, 0, WEFT_PRESSURE_WATCH},
    {"all wait with plenty", 90, 0, 900000, 900000, WEFT_PRESSURE_CALM},
    {"a tenth", 10, 0, 0, 0, WEFT_PRESSURE_WATCH},
    {"below a tenth", 9, 0, 0, 0, WEFT_PRESSURE_TIGHT},
    {"next to nothing, nobody waits", 1, 0, 0, 0, WEFT_PRESSURE_TIGHT},
    {"next to nothing, all wait", 2, 0, 100000, 100000,
     WEFT_PRESSURE_EMERGENCY},
    {"all wait less", 2, 0, 100000, 99999, WEFT_PRESSURE_TIGHT},
    {"swap is left", 2, 50, 100000, 100000, WEFT_PRESSURE_TIGHT},
    {"swap is full", 2, 4, 100000, 100000, WEFT_PRESSURE_EMERGENCY},
    {"nobody tells who waits", 2, 0, NO_STALLS, 0, WEFT_PRESSURE_TIGHT},
};

static void test_levels(void)
{
    for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
        weft_memory_figures figures = {
            .valid = BIT(WEFT_MEMORY_TOTAL) | BIT(WEFT_MEMORY_AVAILABLE),
            .total_bytes = 100 * GIB,
            .available_bytes = levels[i].available * GIB,
            .has_stalls = levels[i].some != NO_STALLS};

        if (levels[i].swap > 0) {
            figures.valid |=
                BIT(WEFT_MEMORY_SWAP_TOTAL) | BIT(WEFT_MEMORY_SWAP_FREE);
            figures.swap_total_bytes = 100 * GIB;
            figures.swap_free_bytes = levels[i].swap * GIB;
        }
        if (figures.has_stalls) {
            figures.stall_some_ppm = levels[i].some;
            figures.stall_all_ppm = levels[i].all;
        }
        check_case(levels[i].what);
        wefti_pressure_judge(&figures);
        CHECK(figures.pressure == levels[i].pressure);
        CHECK(figures.used_bytes == (100 - levels[i].available) * GIB);
    }
}

static void test_odd(void)
{
    weft_memory_figures more = {.valid = BIT(WEFT_MEMORY_TOTAL) |
                                         BIT(WEFT_MEMORY_AVAILABLE),
                                .total_bytes = GIB,
                                .available_bytes = 2 * GIB};
    weft_memory_figures told = {.valid = BIT(WEFT_MEMORY_TOTAL) |
                                         BIT(WEFT_MEMORY_AVAILABLE),
                                .total_bytes = GIB,
                                .available_bytes = GIB,
                                .pressure = WEFT_PRESSURE_EMERGENCY,
                                .pressure_reason = "the system says so"};
    weft_memory_figures huge = {.valid = BIT(WEFT_MEMORY_TOTAL) |
                                         BIT(WEFT_MEMORY_AVAILABLE),
                                .total_bytes = UINT64_MAX,
                                .available_bytes = UINT64_MAX / 10 * 9};
    weft_memory_figures none = {.valid = BIT(WEFT_MEMORY_TOTAL)};

    check_case("no more is available than there is");
    wefti_pressure_judge(&more);
    CHECK(more.available_bytes == GIB && more.used_bytes == 0);

    check_case("what the system says itself stays");
    wefti_pressure_judge(&told);
    CHECK(told.pressure == WEFT_PRESSURE_EMERGENCY);
    CHECK(strcmp(told.pressure_reason, "the system says so") == 0);

    check_case("large figures do not overflow");
    wefti_pressure_judge(&huge);
    CHECK(huge.pressure == WEFT_PRESSURE_CALM);

    check_case("nothing is concluded from what is not known");
    wefti_pressure_judge(&none);
    CHECK(none.valid == BIT(WEFT_MEMORY_TOTAL));
    CHECK(none.pressure_reason[0] == '\0');
}

void test_main(void)
{
    test_arguments();
    test_names();
    test_figures();
    test_levels();
    test_odd();
}
