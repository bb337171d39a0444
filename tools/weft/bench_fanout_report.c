/* SPDX-License-Identifier: MIT
 *
 * What the rounds of `weft bench fanout` add up to.
 */
#include <stdlib.h>

#include "bench_fanout.h"
#include "bench_options.h"
#include "bench_stats.h"

/* A figure of a round. */
#define FIGURE(member) offsetof(fanout_result, member)

/* All that is printed, and room to reckon in: three numbers for each round. */
typedef struct report {
    const fanout_series *series;
    size_t count;
    size_t rounds;
    double *room;
} report;

static bench_rounds rounds_of(const report *all, const fanout_series *series)
{
    return (bench_rounds){series->results, sizeof(fanout_result), all->rounds};
}

static double median_of(const report *all, const fanout_series *series,
                        size_t figure)
{
    bench_rounds rounds = rounds_of(all, series);

    return bench_rounds_median(&rounds, figure, all->room);
}

static double ratio_of(const report *all, const fanout_series *series,
                       const fanout_series *base, size_t figure)
{
    bench_rounds rounds = rounds_of(all, series);
    bench_rounds bases = rounds_of(all, base);

    return bench_rounds_ratio(&rounds, &bases, figure, all->room);
}

/* The CPU time of a message, by that with the first number of subscribers. */
static double cpu_ratio(const report *all, const fanout_series *series)
{
    return ratio_of(all, series, series->first, FIGURE(cpu_ns_per_msg));
}

/* Of all rounds together. */
static fanout_result totals_of(const report *all, const fanout_series *series)
{
    fanout_result sum = {0};

    for (size_t i = 0; i < all->rounds; i++) {
        sum.published += series->results[i].published;
        sum.received += series->results[i].received;
        sum.lost += series->results[i].lost;
    }
    return sum;
}

/* ----------------------------------------------------------------- JSON --- */

typedef struct named_figure {
    const char *key;
    size_t figure;
} named_figure;

static void print_figures(tool_json *json, const report *all,
                          const fanout_series *series,
                          const named_figure *figures, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        bench_print_known(json, figures[i].key,
                          median_of(all, series, figures[i].figure));
    }
}

/* What was measured. */
static void print_json_case(tool_json *json, const report *all,
                            const fanout_series *series)
{
    const fanout_case *test = &series->test;

    tool_json_text(json, "bench", "fanout");
    tool_json_text(json, "transport", series->transport->name);
    tool_json_u64(json, "subscribers", test->subscribers);
    tool_json_u64(json, "size_bytes", test->size_bytes);
    tool_json_text(json, "wait",
                   series->transport->has_wait ? tool_wait_word(test->wait)
                                               : "block");
    tool_json_u64(json, "rounds", all->rounds);
    if (test->count != 0) {
        tool_json_u64(json, "count", test->count);
    } else {
        tool_json_u64(json, "duration_ns", test->duration_ns);
    }
    tool_json_u64(json, "paced_count", test->paced);
    tool_json_u64(json, "pace_ns", test->pace_ns);
}

/* One ratio for each transport with as many subscribers, its own among them. */
static void print_json_ratios(tool_json *json, const report *all,
                              const fanout_series *series)
{
    for (size_t i = 0; i < all->count; i++) {
        const fanout_series *base = &all->series[i];
        char key[64];

        if (base->test.subscribers != series->test.subscribers) {
            continue;
        }
        snprintf(key, sizeof(key), "ratio_to_%s", base->transport->name);
        bench_print_known(
            json, key,
            ratio_of(all, series, base, FIGURE(subscriber_msgs_per_s)));
    }
}

static void print_json(const report *all, const fanout_series *series)
{
    static const named_figure rates[] = {
        {"msgs_per_s", FIGURE(msgs_per_s)},
        {"subscriber_msgs_per_s", FIGURE(subscriber_msgs_per_s)},
        {"slowest_msgs_per_s", FIGURE(slowest_msgs_per_s)},
        {"slowest_ratio", FIGURE(slowest_ratio)},
    };
    static const named_figure costs[] = {
        {"cpu_ns_per_msg", FIGURE(cpu_ns_per_msg)},
        {"process_cpu_ns_per_msg", FIGURE(process_cpu_ns_per_msg)},
        {"syscalls_per_msg", FIGURE(syscalls_per_msg)},
        {"paced_cpu_ns_per_msg", FIGURE(paced_cpu_ns_per_msg)},
        {"paced_syscalls_per_msg", FIGURE(paced_syscalls_per_msg)},
        {"p50_ns", FIGURE(p50_ns)},
        {"p99_ns", FIGURE(p99_ns)},
        {"p999_ns", FIGURE(p999_ns)},
        {"flood_p50_ns", FIGURE(flood_p50_ns)},
        {"flood_p99_ns", FIGURE(flood_p99_ns)},
        {"flood_p999_ns", FIGURE(flood_p999_ns)},
        {"connect_p50_ns", FIGURE(connect_p50_ns)},
        {"publisher_pss_bytes", FIGURE(publisher_pss_bytes)},
        {"subscriber_pss_bytes", FIGURE(subscriber_pss_bytes)},
    };
    fanout_result sum = totals_of(all, series);
    tool_json json;

    tool_json_begin(&json, stdout);
    print_json_case(&json, all, series);
    print_figures(&json, all, series, rates, TOOL_COUNT_OF(rates));
    print_json_ratios(&json, all, series);
    tool_json_u64(&json, "published", sum.published);
    tool_json_u64(&json, "received", sum.received);
    tool_json_u64(&json, "lost", sum.lost);
    bench_print_known(&json, "cpu_ratio_to_first", cpu_ratio(all, series));
    print_figures(&json, all, series, costs, TOOL_COUNT_OF(costs));
    if (series->test.idle_ns != 0) {
        tool_json_u64(&json, "idle_ns", series->test.idle_ns);
        bench_print_known(&json, "idle_cpu_ms",
                          median_of(all, series, FIGURE(idle_cpu_ms)));
    }
    tool_json_end(&json);
}

/* ---------------------------------------------------------------- table --- */

/* Are there several numbers of subscribers? */
static bool is_sweep(const report *all)
{
    return all->series[all->count - 1].first != &all->series[all->count - 1];
}

static void print_title(const report *all)
{
    const fanout_case *test = &all->series[0].test;

    printf("messages of %zu bytes, %zu rounds of ", test->size_bytes,
           all->rounds);
    if (test->count != 0) {
        printf("%llu messages", (unsigned long long)test->count);
    } else {
        printf("%g s", (double)test->duration_ns / 1e9);
    }
    printf(", then %llu single ones every %g us\n",
           (unsigned long long)test->paced, (double)test->pace_ns / 1e3);
    printf("%-13s %4s %9s %9s %7s %6s %10s %10s", "", "subs", "msgs/s",
           "each gets", "slowest", "lost %", "CPU ns", "process ns");
    if (is_sweep(all)) {
        printf(" %10s", "by first");
    }
    printf(" %10s %10s %10s", "calls/msg", "p50 us", "p99 us");
    if (test->idle_ns != 0) {
        printf(" %10s", "idle ms");
    }
    putchar('\n');
}

/* The figure divided by `unit`, unless it is unknown. */
static double in_unit(double figure, double unit)
{
    return figure > BENCH_UNKNOWN ? figure / unit : figure;
}

static void print_row(const report *all, const fanout_series *series)
{
    fanout_result sum = totals_of(all, series);
    double due = (double)sum.received + (double)sum.lost;

    printf("%-13s %4u %9.0f %9.0f %7.2f %6.2f", series->transport->name,
           series->test.subscribers, median_of(all, series, FIGURE(msgs_per_s)),
           median_of(all, series, FIGURE(subscriber_msgs_per_s)),
           median_of(all, series, FIGURE(slowest_ratio)),
           due > 0 ? (double)sum.lost * 100 / due : 0);
    bench_print_column(median_of(all, series, FIGURE(cpu_ns_per_msg)), 1);
    bench_print_column(median_of(all, series, FIGURE(process_cpu_ns_per_msg)),
                       1);
    if (is_sweep(all)) {
        bench_print_column(cpu_ratio(all, series), 2);
    }
    bench_print_column(median_of(all, series, FIGURE(syscalls_per_msg)), 4);
    bench_print_column(in_unit(median_of(all, series, FIGURE(p50_ns)), 1e3), 1);
    bench_print_column(in_unit(median_of(all, series, FIGURE(p99_ns)), 1e3), 1);
    if (series->test.idle_ns != 0) {
        bench_print_column(median_of(all, series, FIGURE(idle_cpu_ms)), 3);
    }
    putchar('\n');
}

bool fanout_print(const fanout_series *series, size_t count, size_t rounds,
                  bool json)
{
    report all = {series, count, rounds, NULL};

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
