/* SPDX-License-Identifier: MIT
 *
 * The figures of macOS: from what vm_stat and vm.swapusage of real machines
 * have told, and from counts that can't be.
 *
 * vm_stat prints free pages without speculative ones, which the kernel counts
 * with them.
 */
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "memory/pressure.h"
#include "os/macos/meter_counts.h"

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

static const struct recording {
    const char *what;
    struct weftos_counts counts;
    /* What Activity Monitor would call used, of apps and cached: pages. */
    uint64_t used;
    uint64_t apps;
    uint64_t cached;
} recordings[] = {
    {"Intel, macOS 13.2, 16 GiB",
     {.total_bytes = 16 * GIB,
      .page_bytes = 4096,
      .has_pages = true,
      .free = 77936 + 45972,
      .speculative = 45972,
      .wired = 620324,
      .purgeable = 18622,
      .external = 786795,
      .internal = 2672832,
      .compressor = 35785,
      .stored = 105679,
      .has_swap = true,
      .has_level = true,
      .level = 1},
     2672832 - 18622 + 620324 + 35785,
     2672832 - 18622,
     786795 + 18622},
    {"Apple silicon, 48 GiB, swapping",
     {.total_bytes = 48 * GIB,
      .page_bytes = 16384,
      .has_pages = true,
      .free = 64712 + 1744,
      .speculative = 1744,
      .wired = 353323,
      .purgeable = 22116,
      .external = 468696,
      .internal = 1524663,
      .compressor = 678569,
      .stored = 2068175,
      .has_swap = true,
      .swap_total_bytes = 5120 * MIB,
      .swap_free_bytes = 881408 * UINT64_C(1024), /* 860.75 MiB */
      .has_level = true,
      .level = 2},
     1524663 - 22116 + 353323 + 678569,
     1524663 - 22116,
     468696 + 22116},
    {"Apple silicon, 16 GiB, compressing",
     {.total_bytes = 16 * GIB,
      .page_bytes = 16384,
      .has_pages = true,
      .free = 4518 + 3014,
      .speculative = 3014,
      .wired = 159117,
      .purgeable = 630,
      .external = 141843,
      .internal = 247311,
      .compressor = 454496,
      .stored = 1022243,
      .has_swapped = true,
      .swapped = 458914,
      .has_swap = true,
      .swap_total_bytes = 8192 * MIB,
      .swap_free_bytes = 1021 * MIB},
     247311 - 630 + 159117 + 454496,
     247311 - 630,
     141843 + 630},
};

static bool has(const weft_memory_figures *figures, weft_memory_figure figure)
{
    return wefti_knows(figures, figure);
}

/* As a look does it. */
static weft_memory_figures conclude(const struct weftos_counts *counts)
{
    weft_memory_figures figures = {.size = sizeof(figures)};

    weftos_counts_conclude(counts, &figures);
    wefti_pressure_judge(&figures);
    return figures;
}

static void test_recordings(void)
{
    for (size_t i = 0; i < sizeof(recordings) / sizeof(recordings[0]); i++) {
        const struct recording *one = &recordings[i];
        const struct weftos_counts *counts = &one->counts;
        uint64_t page = counts->page_bytes;
        weft_memory_figures figures = conclude(counts);
        uint64_t firmware;

        check_case(one->what);
        CHECK(figures.total_bytes == counts->total_bytes);
        CHECK(figures.free_bytes ==
              (counts->free - counts->speculative) * page);
        CHECK(figures.cached_bytes == one->cached * page);
        CHECK(figures.anonymous_bytes == one->apps * page);
        CHECK(figures.kernel_bytes == counts->wired * page);
        CHECK(figures.pack_bytes == counts->compressor * page);
        CHECK(figures.available_bytes ==
              figures.free_bytes + figures.cached_bytes);
        CHECK(strcmp(figures.available_method,
                     "free, file-backed and purgeable memory") == 0);

        /* The parts make up all but what the firmware has. */
        firmware = figures.used_bytes - one->used * page;
        CHECK(figures.used_bytes >= one->used * page);
        CHECK(firmware < figures.total_bytes / 20);
        CHECK(figures.swap_total_bytes == counts->swap_total_bytes);
        CHECK(figures.swap_free_bytes == counts->swap_free_bytes);
        for (unsigned k = 0; k < 32; k++) {
            CHECK((figures.valid >> k & 1) == 0 ||
                  k < WEFT_MEMORY_FIGURE_COUNT);
        }
        CHECK(!has(&figures, WEFT_MEMORY_LISTED));
        CHECK(!has(&figures, WEFT_MEMORY_COMMITTED));
        CHECK(!has(&figures, WEFT_MEMORY_LIMIT));
    }
}

static void test_packed(void)
{
    weft_memory_figures figures = conclude(&recordings[0].counts);
    struct weftos_counts counts = recordings[2].counts;

    check_case("without swap all that is stored is in memory");
    CHECK(figures.packed_bytes == 105679 * UINT64_C(4096));

    check_case("of what is stored the part in swap is not in memory");
    figures = conclude(&counts);
    CHECK(figures.packed_bytes == (1022243 - 458914) * UINT64_C(16384));

    check_case("while it swaps, and does not tell how much, nobody knows");
    figures = conclude(&recordings[1].counts);
    CHECK(!has(&figures, WEFT_MEMORY_PACKED));
    CHECK(has(&figures, WEFT_MEMORY_PACK));

    check_case("nor where more is in swap than is stored");
    counts.swapped = counts.stored + 1;
    figures = conclude(&counts);
    CHECK(!has(&figures, WEFT_MEMORY_PACKED));

    check_case("more can be packed than there is memory");
    counts.stored = 4 * UINT64_C(1048576);
    counts.swapped = 0;
    figures = conclude(&counts);
    CHECK(figures.packed_bytes == 64 * GIB);
    counts.stored = UINT64_MAX / 16384 + 1;
    figures = conclude(&counts);
    CHECK(!has(&figures, WEFT_MEMORY_PACKED));
}

/* ------------------------------------------------------------- pressure --- */

static const struct {
    int level;
    weft_pressure pressure;
    const char *reason;
} levels[] = {
    {1, WEFT_PRESSURE_CALM, "21 % available, macOS says: normal"},
    {2, WEFT_PRESSURE_TIGHT, "21 % available, macOS says: warning"},
    {4, WEFT_PRESSURE_EMERGENCY, "21 % available, macOS says: critical"},
};

static void test_levels(void)
{
    static const int unknown[] = {0, 3, 5, 8, -1, INT32_MAX, INT32_MIN};
    struct weftos_counts counts = recordings[0].counts;
    weft_memory_figures figures;

    check_case("the kernel's levels are 1, 2 and 4");
    for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
        counts.level = levels[i].level;
        figures = conclude(&counts);
        CHECK(figures.pressure == levels[i].pressure);
        if (!CHECK(strcmp(figures.pressure_reason, levels[i].reason) == 0)) {
            printf("# '%s'\n", figures.pressure_reason);
        }
    }

    check_case("any other means nothing: what is available decides");
    for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
        counts.level = unknown[i];
        figures = conclude(&counts);
        CHECK(figures.pressure == WEFT_PRESSURE_CALM);
        CHECK(strstr(figures.pressure_reason, "macOS") == NULL);
        CHECK(strstr(figures.pressure_reason, "available") != NULL);
    }

    check_case("the level is told without the counts, too");
    counts.level = 4;
    counts.has_pages = false;
    figures = conclude(&counts);
    CHECK(figures.pressure == WEFT_PRESSURE_EMERGENCY);
    CHECK(strcmp(figures.pressure_reason, "macOS says: critical") == 0);
}

/* ------------------------------------------------------------ impossible ---
 */

static void test_missing(void)
{
    struct weftos_counts counts = {.total_bytes = 8 * GIB};
    weft_memory_figures figures = conclude(&counts);

    check_case("what is not told is not known");
    CHECK(figures.valid == UINT32_C(1) << WEFT_MEMORY_TOTAL);
    CHECK(figures.pressure_reason[0] == '\0');

    check_case("without a size of pages their counts are nothing");
    counts = recordings[0].counts;
    counts.page_bytes = 0;
    counts.has_level = false;
    figures = conclude(&counts);
    CHECK(figures.valid == (UINT32_C(1) << WEFT_MEMORY_TOTAL |
                            UINT32_C(1) << WEFT_MEMORY_SWAP_TOTAL |
                            UINT32_C(1) << WEFT_MEMORY_SWAP_FREE));

    check_case("without a total nothing is");
    counts = recordings[0].counts;
    counts.total_bytes = 0;
    figures = conclude(&counts);
    CHECK(figures.valid == 0);
}

/* Of all figures that are told none is above what can be. */
static void check_sane(const weft_memory_figures *figures)
{
    CHECK(figures->available_bytes <= figures->total_bytes);
    CHECK(figures->used_bytes <= figures->total_bytes);
    CHECK(figures->free_bytes <= figures->total_bytes);
    CHECK(figures->cached_bytes <= figures->total_bytes);
    CHECK(figures->anonymous_bytes <= figures->total_bytes);
    CHECK(figures->kernel_bytes <= figures->total_bytes);
    CHECK(figures->pack_bytes <= figures->total_bytes);
    CHECK(figures->swap_free_bytes <= figures->swap_total_bytes);
}

static void test_differences(void)
{
    struct weftos_counts counts = recordings[0].counts;
    weft_memory_figures figures;

    check_case("a difference below nothing is no figure");
    counts.speculative = counts.free + 1;
    figures = conclude(&counts);
    CHECK(!has(&figures, WEFT_MEMORY_FREE));
    CHECK(!has(&figures, WEFT_MEMORY_AVAILABLE));
    CHECK(!has(&figures, WEFT_MEMORY_USED));
    CHECK(has(&figures, WEFT_MEMORY_KERNEL));
    counts = recordings[0].counts;
    counts.purgeable = counts.internal + 1;
    figures = conclude(&counts);
    CHECK(!has(&figures, WEFT_MEMORY_ANONYMOUS));
    counts = recordings[0].counts;
    counts.swap_free_bytes = counts.swap_total_bytes + 1;
    figures = conclude(&counts);
    CHECK(!has(&figures, WEFT_MEMORY_SWAP_FREE));
}

static void test_extremes(void)
{
    static const uint64_t values[] = {
        0, 1, 0xffff, UINT32_MAX - 1, UINT32_MAX, UINT64_MAX - 1, UINT64_MAX};
    const size_t count = sizeof(values) / sizeof(values[0]);

    check_case("no counts make more than there is");
    for (size_t field = 0; field < 9; field++) {
        for (size_t i = 0; i < count * count; i++) {
            struct weftos_counts counts = recordings[1].counts;
            uint64_t *fields[] = {
                &counts.free,     &counts.speculative, &counts.wired,
                &counts.external, &counts.internal,    &counts.purgeable,
                &counts.stored,   &counts.compressor,  &counts.swapped};
            weft_memory_figures figures;

            *fields[field] = values[i / count];
            *fields[(field + 1) % 9] = values[i % count];
            counts.has_swapped = i % 2 == 0;
            figures = conclude(&counts);
            check_sane(&figures);
        }
    }
}

void test_main(void)
{
    test_recordings();
    test_packed();
    test_levels();
    test_missing();
    test_differences();
    test_extremes();
}
