/* SPDX-License-Identifier: MIT
 *
 * What the rounds of synchronisation objects add up to.
 */
#include <stdlib.h>
#include <string.h>

#include "bench_stats.h"
#include "bench_sync.h"

/* A figure of a round. */
typedef double figure(const sync_result *result);

static double pick_min(const sync_result *result)
{
    return result->min_ns;
}

static double pick_p50(const sync_result *result)
{
    return result->p50_ns;
}

static double pick_p99(const sync_result *result)
{
    return result->p99_ns;
}

/* All that is printed, and room to reckon in: three numbers for each round. */
typedef struct report {
    const sync_series *series;
    size_t count;
    const sync_case *test;
    size_t rounds;
    double *room;
} report;

static double median_of(const report *all, const sync_series *series,
                        figure *pick)
{
    for (size_t i = 0; i < all->rounds; i++) {
        all->room[i] = pick(&series->results[i]);
    }
    return bench_median(all->room, all->rounds);
}

static double ratio_of(const report *all, const sync_series *series,
                       const sync_series *base, figure *pick)
{
    double *values = all->room;
    double *bases = values + all->rounds;

    for (size_t i = 0; i < all->rounds; i++) {
        values[i] = pick(&series->results[i]);
        bases[i] = pick(&base->results[i]);
    }
    return bench_paired_ratio(values, bases, all->rounds, bases + all->rounds);
}

static double smallest(const report *all, const sync_series *series)
{
    double least = series->results[0].min_ns;

    for (size_t i = 1; i < all->rounds; i++) {
        double found = pick_min(&series->results[i]);

        least = found < least ? found : least;
    }
    return least;
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
        tool_json_double(json, key, ratio_of(all, series, base, pick_p50));
        snprintf(key, sizeof(key), "p99_ratio_to_%s", base->family->name);
        tool_json_double(json, key, ratio_of(all, series, base, pick_p99));
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
    tool_json_double(&json, "p50_ns", median_of(all, series, pick_p50));
    tool_json_double(&json, "p99_ns", median_of(all, series, pick_p99));
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
           smallest(all, series), median_of(all, series, pick_p50),
           median_of(all, series, pick_p99));
    if (weft != NULL) {
        printf(" %9.2f", ratio_of(all, weft, series, pick_p50));
    }
    if (raw != NULL) {
        printf(" %9.2f", ratio_of(all, series, raw, pick_p50));
    }
    putchar('\n');
}

bool sync_print(const sync_series *series, size_t count, const sync_case *test,
                size_t rounds, bool json)
{
    report all = {series, count, test, rounds, NULL};

    all.room = calloc(3 * rounds, sizeof(*all.room));
    if (all.room == NULL) {
        tool_error("bench: out of memory");
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
