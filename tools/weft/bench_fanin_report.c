/* SPDX-License-Identifier: MIT
 *
 * What the rounds of `weft bench fanin` add up to.
 */
#include <stdlib.h>

#include "bench_fanin.h"
#include "bench_options.h"
#include "bench_stats.h"

/* A figure of a round. */
#define FIGURE(member) offsetof(fanin_result, member)

/* All that is printed, and room to reckon in: three numbers for each round. */
typedef struct report {
    const fanin_series *series;
    size_t count;
    const fanin_case *test;
    size_t rounds;
    double *room;
} report;

static bench_rounds rounds_of(const report *all, const fanin_series *series)
{
    return (bench_rounds){series->results, sizeof(fanin_result), all->rounds};
}

static double median_of(const report *all, const fanin_series *series,
                        size_t figure)
{
    bench_rounds rounds = rounds_of(all, series);

    return bench_rounds_median(&rounds, figure, all->room);
}

/* Of the calls a second. */
static double ratio_of(const report *all, const fanin_series *series,
                       const fanin_series *base)
{
    bench_rounds rounds = rounds_of(all, series);
    bench_rounds bases = rounds_of(all, base);

    return bench_rounds_ratio(&rounds, &bases, FIGURE(calls_per_s), all->room);
}

/* ----------------------------------------------------------------- JSON --- */

/* One ratio for each transport of the run, its own among them. */
static void print_json_ratios(tool_json *json, const report *all,
                              const fanin_series *series)
{
    for (size_t i = 0; i < all->count; i++) {
        const fanin_series *base = &all->series[i];
        char key[64];

        snprintf(key, sizeof(key), "ratio_to_%s", base->transport->name);
        bench_print_known(json, key, ratio_of(all, series, base));
    }
}

static void print_json_figures(tool_json *json, const report *all,
                               const fanin_series *series)
{
    static const struct {
        const char *key;
        size_t figure;
    } figures[] = {
        {"connect_p50_ns", FIGURE(connect_p50_ns)},
        {"server_pss_bytes", FIGURE(server_pss_bytes)},
        {"client_pss_bytes", FIGURE(client_pss_bytes)},
        {"server_more_pss_bytes", FIGURE(server_more_pss_bytes)},
        {"client_more_pss_bytes", FIGURE(client_more_pss_bytes)},
    };

    for (size_t i = 0; i < TOOL_COUNT_OF(figures); i++) {
        bench_print_known(json, figures[i].key,
                          median_of(all, series, figures[i].figure));
    }
}

static void print_json(const report *all, const fanin_series *series)
{
    const fanin_case *test = all->test;
    tool_json json;

    tool_json_begin(&json, stdout);
    tool_json_text(&json, "bench", "fanin");
    tool_json_text(&json, "transport", series->transport->name);
    tool_json_u64(&json, "clients", test->clients);
    tool_json_u64(&json, "size_bytes", test->size_bytes);
    tool_json_text(&json, "wait",
                   series->transport->has_wait ? tool_wait_word(test->wait)
                                               : "block");
    tool_json_u64(&json, "rounds", all->rounds);
    if (test->count != 0) {
        tool_json_u64(&json, "count", test->count);
    } else {
        tool_json_u64(&json, "duration_ns", test->duration_ns);
    }
    tool_json_double(&json, "calls_per_s",
                     median_of(all, series, FIGURE(calls_per_s)));
    tool_json_double(&json, "p50_ns", median_of(all, series, FIGURE(p50_ns)));
    tool_json_double(&json, "p99_ns", median_of(all, series, FIGURE(p99_ns)));
    tool_json_double(&json, "slowest_ratio",
                     median_of(all, series, FIGURE(slowest_ratio)));
    print_json_ratios(&json, all, series);
    print_json_figures(&json, all, series);
    if (test->idle_ns != 0) {
        tool_json_u64(&json, "idle_ns", test->idle_ns);
        bench_print_known(&json, "idle_cpu_ms",
                          median_of(all, series, FIGURE(idle_cpu_ms)));
    }
    tool_json_end(&json);
}

/* ---------------------------------------------------------------- table --- */

static void print_title(const report *all)
{
    const fanin_case *test = all->test;

    printf("%u client%s, calls of %zu bytes, %zu rounds of ", test->clients,
           test->clients == 1 ? "" : "s", test->size_bytes, all->rounds);
    if (test->count != 0) {
        printf("%llu calls each", (unsigned long long)test->count);
    } else {
        printf("%g s", (double)test->duration_ns / 1e9);
    }
    printf("\n%-6s %10s %9s %9s %8s %10s %10s %10s", "", "calls/s", "p50 us",
           "p99 us", "slowest", "connect us", "server B", "client B");
    if (test->idle_ns != 0) {
        printf(" %10s", "idle ms");
    }
    if (all->count > 1) {
        printf(" %8s", "weft/it");
    }
    putchar('\n');
}

static void print_row(const report *all, const fanin_series *series)
{
    printf("%-6s %10.0f %9.2f %9.2f %8.2f %10.1f", series->transport->name,
           median_of(all, series, FIGURE(calls_per_s)),
           median_of(all, series, FIGURE(p50_ns)) / 1e3,
           median_of(all, series, FIGURE(p99_ns)) / 1e3,
           median_of(all, series, FIGURE(slowest_ratio)),
           median_of(all, series, FIGURE(connect_p50_ns)) / 1e3);
    bench_print_column(median_of(all, series, FIGURE(server_pss_bytes)), 0);
    bench_print_column(median_of(all, series, FIGURE(client_pss_bytes)), 0);
    if (all->test->idle_ns != 0) {
        bench_print_column(median_of(all, series, FIGURE(idle_cpu_ms)), 3);
    }
    if (all->count > 1) {
        printf(" %8.2f", ratio_of(all, &all->series[0], series));
    }
    putchar('\n');
}

bool fanin_print(const fanin_series *series, size_t count,
                 const fanin_case *test, size_t rounds, bool json)
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
