/* SPDX-License-Identifier: MIT
 *
 * What many runs say, and that too few say nothing.
 */
#include "check.h"
#include "run_figures.h"

static run_figures figures;

/* `count` figures, of which number I, the newest being 0, is `at(I)`. */
static void fill(size_t count, uint64_t at(size_t))
{
    run_figures_free(&figures);
    for (size_t i = 0; i < count; i++) {
        REQUIRE(run_figures_add(&figures, at(i)));
    }
}

static uint64_t growing(size_t i)
{
    return 1000 - i;
}

static uint64_t shrinking(size_t i)
{
    return 1000 + i;
}

static uint64_t same(size_t i)
{
    (void)i;
    return 7;
}

static uint64_t mixed(size_t i)
{
    return i * 7919 % 1009;
}

static uint64_t old_growth(size_t i)
{
    return i < 200 ? 5000 : 5000 - i;
}

static uint64_t quantile(unsigned percent)
{
    uint64_t value = 0;

    return run_figures_quantile(&figures, percent, &value) ? value : 0;
}

static void check_quantiles(void)
{
    check_case("nothing has no median");
    fill(0, same);
    run_figures_sort(&figures);
    CHECK(quantile(50) == 0);
    check_case("one is the median, and no more");
    fill(1, same);
    run_figures_sort(&figures);
    CHECK(quantile(50) == 7 && quantile(90) == 0 && quantile(99) == 0);
    check_case("a quantile is one of the figures");
    fill(9, shrinking);
    run_figures_sort(&figures);
    CHECK(quantile(50) == 1004 && quantile(90) == 0);
    fill(10, growing);
    run_figures_sort(&figures);
    CHECK(quantile(50) == 995 && quantile(90) == 999 && quantile(99) == 0);
    fill(99, growing);
    run_figures_sort(&figures);
    CHECK(quantile(99) == 0);
    fill(100, growing);
    run_figures_sort(&figures);
    CHECK(quantile(99) == 999 && figures.values[99] == 1000);
}

static int trend(void)
{
    int found = 5;

    return run_figures_trend(&figures, &found) ? found : 5;
}

static void check_trends(void)
{
    check_case("few runs have no trend");
    fill(FIGURES_TREND_LEAST - 1, growing);
    CHECK(trend() == 5);
    check_case("what grows or shrinks is seen");
    fill(FIGURES_TREND_LEAST, growing);
    CHECK(trend() == 1);
    fill(FIGURES_TREND_LEAST, shrinking);
    CHECK(trend() == -1);
    check_case("chance is not");
    fill(500, mixed);
    CHECK(trend() == 0);
    fill(500, same);
    CHECK(trend() == 0);
    check_case("what is long ago does not count");
    fill(1000, old_growth);
    CHECK(trend() == 0);
}

void test_main(void)
{
    check_quantiles();
    check_trends();
    run_figures_free(&figures);
}
