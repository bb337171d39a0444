/* SPDX-License-Identifier: MIT
 *
 * What the rounds of synchronisation objects add up to.
 */
#include <stdlib.h>
#include <string.h>

#include "bench_options.h"
#include "bench_stats.h"
#include "bench_sync.h"

#define MIN offsetof(sync_result, min_ns)
#define P50 offsetof(sync_result, p50_ns)
#define P99 offsetof(sync_result, p99_ns)

/* All that is printed, and room to reckon in: three numbers for each round. */
typedef struct report {
    const sync_series *series;
    size_t count;
    const sync_case *test;
    size_t rounds;
    double *room;
} report;

static bench_rounds rounds_of(const report *all, const sync_series *series)
{
    return (bench_rounds){series->results, sizeof(sync_result), all->rounds};
}

static double median_of(const report *all, const sync_series *series,
                        size_t figure)
{
    bench_rounds rounds = rounds_of(all, series);

    return bench_rounds_median(&rounds, figure, all->room);
}

static double ratio_of(const report *all, const sync_series *series,
                       const sync_series *base, size_t figure)
{
    bench_rounds rounds = rounds_of(all, series);
    bench_rounds bases = rounds_of(all, base);

    return bench_rounds_ratio(&rounds, &bases, figure, all->room);
}

static double smallest(const report *all, const sync_series *series)
{
    bench_rounds rounds = rounds_of(all, series);

    return bench_rounds_least(&rounds, MIN);
}

static const sync_series *find(const report *all, const char *name)
{
    for (size_t i = 0; i < all->count; i++) {
        if (strcmp(all->series[i].family->name, name) == 0) {
            return &all->series[i];
        }
    }
    return NULL;
}

/* ----------------------------------------------------------------- JSON --- */

/* One ratio for each family of the run, its own among them. */
static void print_json_ratios(tool_json *json, const report *all,
                              const sync_series *series)
{
    for (size_t i = 0; i < all->count; i++) {
        const sync_series *base = &all->series[i];
        char key[64];

        snprintf(key, sizeof(key), "ratio_to_%s", base->family->name);
        tool_json_double(json, key, ratio_of(all, series, base, P50));
        snprintf(key, sizeof(key), "p99_ratio_to_%s", base->family->name);
        tool_json_double(json, key, ratio_of(all, series, base, P99));
    }
}

static void print_json(const report *all, const sync_series *series)
{
    const sync_case *test = all->test;
    char pin[32];
    tool_json json;

    snprintf(pin, sizeof(pin), "%u,%u", test->cpus[0], test->cpus[1]);
    tool_json_begin(&json, stdout);
    tool_json_text(&json, "bench", "sync");
    tool_json_text(&json, "test", sync_test_texts[test->test].name);
    tool_json_text(&json, "object", series->family->name);
    tool_json_u64(&json, "rounds", all->rounds);
    tool_json_u64(&json, "count", test->count);
    tool_json_double(&json, "min_ns", smallest(all, series));
    tool_json_double(&json, "p50_ns", median_of(all, series, P50));
    tool_json_double(&json, "p99_ns", median_of(all, series, P99));
    print_json_ratios(&json, all, series);
    if (test->test == SYNC_HANDOVER) {
        tool_json_u64(&json, "hold_ns", test->hold_ns);
    }
    tool_json_text(&json, "pin", pin);
    tool_json_end(&json);
}

/* ---------------------------------------------------------------- table --- */

static void print_title(const report *all)
{
    const sync_case *test = all->test;

    printf("%s, %zu rounds, CPUs %u and %u", sync_test_texts[test->test].title,
           all->rounds, test->cpus[0], test->cpus[1]);
    if (test->test == SYNC_HANDOVER) {
        printf(", held for %g us", (double)test->hold_ns / 1e3);
    }
    putchar('\n');
    printf("%-10s %10s %10s %10s%s%s\n", "", "min ns", "p50 ns", "p99 ns",
           find(all, "weft") != NULL ? "   weft/it" : "",
           find(all, "raw") != NULL ? "   p50/raw" : "");
}

static void print_row(const report *all, const sync_series *series)
{
    const sync_series *weft = find(all, "weft");
    const sync_series *raw = find(all, "raw");

    printf("%-10s %10.1f %10.1f %10.1f", series->family->name,
           smallest(all, series), median_of(all, series, P50),
           median_of(all, series, P99));
    if (weft != NULL) {
        printf(" %9.2f", ratio_of(all, weft, series, P50));
    }
    if (raw != NULL) {
        printf(" %9.2f", ratio_of(all, series, raw, P50));
    }
    putchar('\n');
}

bool sync_print(const sync_series *series, size_t count, const sync_case *test,
                size_t rounds, bool json)
{
    report all = {series, count, test, rounds, NULL};

    all.room = bench_allocate(3 * rounds, sizeof(*all.room));
    if (all.room == NULL) {
        return false;
    }
    if (!json) {
        print_title(&all);
    }
    for (size_t i = 0; i < count; i++) {
        if (json) {
            print_json(&all, &series[i]);
        } else {
            print_row(&all, &series[i]);
        }
    }
    free(all.room);
    return true;
}
