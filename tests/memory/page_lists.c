/* SPDX-License-Identifier: MIT
 *
 * The figures of Windows that follow from its lists of pages.
 */
#include "check.h"
#include "memory/pressure.h"
#include "os/windows/meter_lists.h"

#define GIB (UINT64_C(1) << 30)
#define PAGE UINT64_C(4096)
#define OLDER offsetof(struct weftos_page_lists, modified_page_file)

/* As RAMMap shows them of a machine with 16 GiB. */
static const struct weftos_page_lists recorded = {
    .zero = 301245,
    .free = 2876,
    .modified = 61207,
    .modified_no_write = 12,
    .standby = {118034, 7781, 21003, 4410, 9981, 1208847, 88011, 301},
    .modified_page_file = 58100};

static weft_memory_figures conclude(const struct weftos_page_lists *lists,
                                    size_t bytes, uint64_t page_bytes)
{
    weft_memory_figures figures = {.valid = UINT32_C(1) << WEFT_MEMORY_TOTAL,
                                   .total_bytes = 16 * GIB};

    weftos_page_lists_conclude(lists, bytes, page_bytes, &figures);
    return figures;
}

static bool has(const weft_memory_figures *figures, weft_memory_figure figure)
{
    return wefti_knows(figures, figure);
}

static void test_figures(void)
{
    weft_memory_figures figures = conclude(&recorded, sizeof(recorded), PAGE);

    check_case("free pages, and those of files that are to be written");
    CHECK(sizeof(recorded) == 176);
    CHECK(figures.free_bytes == (301245 + 2876) * PAGE);
    CHECK(figures.dirty_bytes == (61207 - 58100) * PAGE);

    check_case("Windows 7 does not tell which of them are of files");
    figures = conclude(&recorded, OLDER, PAGE);
    CHECK(has(&figures, WEFT_MEMORY_FREE));
    CHECK(!has(&figures, WEFT_MEMORY_DIRTY));
}

static void test_odd(void)
{
    static const uint64_t values[] = {16 * GIB / PAGE + 1, UINT64_MAX,
                                      UINT64_MAX / 2 + 1};
    weft_memory_figures figures;

    check_case("what can't be is not taken");
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        struct weftos_page_lists lists = recorded;

        lists.zero = values[i];
        figures = conclude(&lists, sizeof(lists), PAGE);
        CHECK(figures.valid == UINT32_C(1) << WEFT_MEMORY_TOTAL);
        lists.zero = 0;
        lists.free = values[i];
        figures = conclude(&lists, sizeof(lists), PAGE);
        CHECK(figures.valid == UINT32_C(1) << WEFT_MEMORY_TOTAL);
        lists.free = 0;
        lists.modified = values[i];
        figures = conclude(&lists, sizeof(lists), PAGE);
        CHECK(!has(&figures, WEFT_MEMORY_DIRTY));
        lists.modified = 1;
        lists.modified_page_file = 2;
        figures = conclude(&lists, sizeof(lists), PAGE);
        CHECK(!has(&figures, WEFT_MEMORY_DIRTY));
    }
    figures = conclude(&recorded, OLDER - 8, PAGE);
    CHECK(figures.valid == UINT32_C(1) << WEFT_MEMORY_TOTAL);
    figures = conclude(&recorded, sizeof(recorded), 0);
    CHECK(figures.valid == UINT32_C(1) << WEFT_MEMORY_TOTAL);
}

void test_main(void)
{
    test_figures();
    test_odd();
}
