/* SPDX-License-Identifier: MIT
 *
 * What the rounds of `weft bench fanin` add up to.
 */
#include <float.h>
#include <stdlib.h>
#include <string.h>

#include "bench_fanin.h"
#include "bench_stats.h"

/* No figure is as small. */
#define UNKNOWN (-DBL_MAX)

/* A figure of a round, or UNKNOWN. */
typedef double figure(const fanin_result *result);

static double pick_rate(const fanin_result *result)
{
    return result->calls_per_s;
}

static double pick_p50(const fanin_result *result)
{
    return result->p50_ns;
}

static double pick_p99(const fanin_result *result)
{
    return result->p99_ns;
}

static double pick_slowest(const fanin_result *result)
{
    return result->slowest_ratio;
}

static double pick_connect(const fanin_result *result)
{
    return result->connect_p50_ns;
}

static double pick_server_pss(const fanin_result *result)
{
    return result->has_pss ? result->server_pss_bytes : UNKNOWN;
}

static double pick_client_pss(const fanin_result *result)
{
    return result->has_pss ? result->client_pss_bytes : UNKNOWN;
}

static double pick_server_more(const fanin_result *result)
{
    return result->has_pss ? result->server_more_pss_bytes : UNKNOWN;
}

static double pick_client_more(const fanin_result *result)
{
    return result->has_pss ? result->client_more_pss_bytes : UNKNOWN;
}

static double pick_idle(const fanin_result *result)
{
    return result->has_idle ? result->idle_cpu_ms : UNKNOWN;
}

/* All that is printed, and room to reckon in: three numbers for each round. */
typedef struct report {
    const fanin_series *series;
    size_t count;
    const fanin_case *test;
    size_t rounds;
    double *room;
} report;

/* The median of the rounds that know it; UNKNOWN if none does. */
static double median_of(const report *all, const fanin_series *series,
                        figure *pick)
{
    size_t known = 0;

    for (size_t i = 0; i < all->rounds; i++) {
        double found = pick(&series->results[i]);

        if (found > UNKNOWN) {
            all->room[known++] = found;
        }
    }
    return known == 0 ? UNKNOWN : bench_median(all->room, known);
}

static double ratio_of(const report *all, const fanin_series *series,
                       const fanin_series *base)
{
    double *values = all->room;
    double *bases = values + all->rounds;

    for (size_t i = 0; i < all->rounds; i++) {
        values[i] = pick_rate(&series->results[i]);
        bases[i] = pick_rate(&base->results[i]);
    }
    return bench_paired_ratio(values, bases, all->rounds, bases + all->rounds);
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
        tool_json_double(json, key, ratio_of(all, series, base));
    }
}

static void print_json_known(tool_json *json, const char *key, double value)
{
    if (value > UNKNOWN) {
        tool_json_double(json, key, value);
    }
}

static const char *wait_word(weft_wait wait)
{
    for (const tool_choice *mode = tool_wait_modes; mode->word != NULL;
         mode++) {
        if (mode->value == (int)wait) {
            return mode->word;
        }
    }
    return "";
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
                   series->transport->has_wait ? wait_word(test->wait)
                                               : "block");
    tool_json_u64(&json, "rounds", all->rounds);
    if (test->count != 0) {
        tool_json_u64(&json, "count", test->count);
    } else {
        tool_json_u64(&json, "duration_ns", test->duration_ns);
    }
    tool_json_double(&json, "calls_per_s", median_of(all, series, pick_rate));
    tool_json_double(&json, "p50_ns", median_of(all, series, pick_p50));
    tool_json_double(&json, "p99_ns", median_of(all, series, pick_p99));
    tool_json_double(&json, "slowest_ratio",
                     median_of(all, series, pick_slowest));
    print_json_ratios(&json, all, series);
    tool_json_double(&json, "connect_p50_ns",
                     median_of(all, series, pick_connect));
    print_json_known(&json, "server_pss_bytes",
                     median_of(all, series, pick_server_pss));
    print_json_known(&json, "client_pss_bytes",
                     median_of(all, series, pick_client_pss));
    print_json_known(&json, "server_more_pss_bytes",
                     median_of(all, series, pick_server_more));
    print_json_known(&json, "client_more_pss_bytes",
                     median_of(all, series, pick_client_more));
    if (test->idle_ns != 0) {
        tool_json_u64(&json, "idle_ns", test->idle_ns);
        print_json_known(&json, "idle_cpu_ms",
                         median_of(all, series, pick_idle));
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

/* A figure that is not known is a dash. */
static void print_known(double value, unsigned digits)
{
    if (value <= UNKNOWN) {
        printf(" %10s", "-");
    } else {
        printf(" %10.*f", (int)digits, value);
    }
}

static void print_row(const report *all, const fanin_series *series)
{
    printf("%-6s %10.0f %9.2f %9.2f %8.2f %10.1f", series->transport->name,
           median_of(all, series, pick_rate),
           median_of(all, series, pick_p50) / 1e3,
           median_of(all, series, pick_p99) / 1e3,
           median_of(all, series, pick_slowest),
           median_of(all, series, pick_connect) / 1e3);
    print_known(median_of(all, series, pick_server_pss), 0);
    print_known(median_of(all, series, pick_client_pss), 0);
    if (all->test->idle_ns != 0) {
        print_known(median_of(all, series, pick_idle), 3);
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
