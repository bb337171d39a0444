/* SPDX-License-Identifier: MIT
 *
 * What the rounds add up to, as a table for people or as JSON.
 */
#include <stdlib.h>
#include <string.h>

#include "bench_report.h"
#include "bench_stats.h"
#include "tool.h"

/* What is printed of a transport. */
typedef struct summary {
    bench_result median;
    bool has_ratio;
    double ratio;       /* to raw: of p50, or of the rate */
    double p99_ratio;   /* RTT */
    double handover_ns; /* 0: not measured */
} summary;

/* A figure of a round. */
typedef double figure(const bench_result *result);

static double pick_p50(const bench_result *result)
{
    return result->p50_ns;
}

static double pick_p99(const bench_result *result)
{
    return result->p99_ns;
}

static double pick_p999(const bench_result *result)
{
    return result->p999_ns;
}

static double pick_rate(const bench_result *result)
{
    return result->msgs_per_s;
}

static double median_of(const bench_result *results, size_t rounds,
                        figure *pick, double *room)
{
    for (size_t i = 0; i < rounds; i++) {
        room[i] = pick(&results[i]);
    }
    return bench_median(room, rounds);
}

/* `room` is for three times `rounds` numbers. */
static double ratio_of(const bench_result *results, const bench_result *raw,
                       size_t rounds, figure *pick, double *room)
{
    double *values = room;
    double *bases = room + rounds;

    for (size_t i = 0; i < rounds; i++) {
        values[i] = pick(&results[i]);
        bases[i] = pick(&raw[i]);
    }
    return bench_paired_ratio(values, bases, rounds, room + 2 * rounds);
}

static double smallest(const bench_result *results, size_t rounds)
{
    double least = results[0].min_ns;

    for (size_t i = 1; i < rounds; i++) {
        if (results[i].min_ns < least) {
            least = results[i].min_ns;
        }
    }
    return least;
}

static summary summarise(const bench_series *series, const bench_series *raw,
                         size_t rounds, double *room)
{
    const bench_result *results = series->results;
    summary sum = {.has_ratio = raw != NULL};

    sum.median.min_ns = smallest(results, rounds);
    sum.median.p50_ns = median_of(results, rounds, pick_p50, room);
    sum.median.p99_ns = median_of(results, rounds, pick_p99, room);
    sum.median.p999_ns = median_of(results, rounds, pick_p999, room);
    sum.median.msgs_per_s = median_of(results, rounds, pick_rate, room);
    sum.median.ring_bytes = results[rounds - 1].ring_bytes;
    if (raw != NULL && series->test.kind == BENCH_RTT) {
        sum.ratio = ratio_of(results, raw->results, rounds, pick_p50, room);
        sum.p99_ratio = ratio_of(results, raw->results, rounds, pick_p99, room);
    } else if (raw != NULL) {
        sum.ratio = ratio_of(results, raw->results, rounds, pick_rate, room);
    }
    return sum;
}

/* ----------------------------------------------------------------- JSON --- */

static const char *wait_word(weft_wait wait)
{
    for (const tool_choice *mode = tool_wait_modes; mode->word != NULL;
         mode++) {
        if (mode->value == (int)wait) {
            return mode->word;
        }
    }
    return "default";
}

static void print_json_rtt(tool_json *json, const summary *sum)
{
    tool_json_double(json, "min_ns", sum->median.min_ns);
    tool_json_double(json, "p50_ns", sum->median.p50_ns);
    tool_json_double(json, "p99_ns", sum->median.p99_ns);
    tool_json_double(json, "p999_ns", sum->median.p999_ns);
    if (sum->has_ratio) {
        tool_json_double(json, "ratio_to_raw", sum->ratio);
        tool_json_double(json, "p99_ratio_to_raw", sum->p99_ratio);
    }
}

static void print_json_throughput(tool_json *json, const bench_case *test,
                                  const summary *sum)
{
    tool_json_double(json, "msgs_per_s", sum->median.msgs_per_s);
    tool_json_double(json, "bytes_per_s",
                     sum->median.msgs_per_s * (double)test->size_bytes);
    if (sum->has_ratio) {
        tool_json_double(json, "ratio_to_raw", sum->ratio);
    }
}

static void print_json(const bench_series *series, size_t rounds,
                       const summary *sum)
{
    const bench_case *test = &series->test;
    char pin[32];
    tool_json json;

    snprintf(pin, sizeof(pin), "%u,%u", test->cpus[0], test->cpus[1]);
    tool_json_begin(&json, stdout);
    tool_json_text(&json, "bench",
                   test->kind == BENCH_RTT ? "rtt" : "throughput");
    tool_json_text(&json, "transport", series->transport->name);
    tool_json_u64(&json, "size_bytes", test->size_bytes);
    tool_json_text(&json, "wait", wait_word(test->wait));
    tool_json_u64(&json, "rounds", rounds);
    tool_json_u64(&json, "count", test->count);
    if (test->kind == BENCH_RTT) {
        print_json_rtt(&json, sum);
        tool_json_u64(&json, "pace_ns", test->pace_ns);
    } else {
        print_json_throughput(&json, test, sum);
    }
    tool_json_bool(&json, "zero_copy", test->zero_copy);
    tool_json_text(&json, "pin", pin);
    if (sum->median.ring_bytes != 0) {
        tool_json_u64(&json, "ring_bytes", sum->median.ring_bytes);
    }
    if (sum->handover_ns > 0) {
        tool_json_double(&json, "handover_p50_ns", sum->handover_ns);
    }
    tool_json_end(&json);
}

/* ---------------------------------------------------------------- table --- */

static void print_title(const bench_case *test, size_t rounds,
                        double handover_ns)
{
    printf("%s, %zu bytes, %s, %zu rounds, CPUs %u and %u",
           test->kind == BENCH_RTT ? "round trip" : "throughput",
           test->size_bytes, wait_word(test->wait), rounds, test->cpus[0],
           test->cpus[1]);
    if (test->pace_ns != 0) {
        printf(", a ping every %g us", (double)test->pace_ns / 1e3);
    }
    if (handover_ns > 0) {
        printf(", hand-over %.0f ns", handover_ns);
    }
    putchar('\n');
}

static void print_ratio(const summary *sum, double ratio)
{
    if (sum->has_ratio) {
        printf(" %8.2f", ratio);
    }
}

static void print_head(const bench_case *test, bool has_ratio)
{
    if (test->kind == BENCH_RTT) {
        printf("%-10s %10s %10s %10s %10s%s\n", "", "min ns", "p50 ns",
               "p99 ns", "p99.9 ns", has_ratio ? "  p50/raw  p99/raw" : "");
    } else {
        printf("%-10s %14s %12s %12s%s\n", "", "messages/s", "MB/s", "ring",
               has_ratio ? "   to raw" : "");
    }
}

static void print_row(const bench_series *series, const summary *sum)
{
    const bench_result *median = &sum->median;
    char ring[32] = "-";

    printf("%-10s", series->transport->name);
    if (series->test.kind == BENCH_RTT) {
        printf(" %10.0f %10.0f %10.0f %10.0f", median->min_ns, median->p50_ns,
               median->p99_ns, median->p999_ns);
        print_ratio(sum, sum->ratio);
        print_ratio(sum, sum->p99_ratio);
    } else {
        if (median->ring_bytes != 0) {
            tool_format_bytes((double)median->ring_bytes, ring, sizeof(ring));
        }
        printf(" %14.0f %12.0f %12s", median->msgs_per_s,
               median->msgs_per_s * (double)series->test.size_bytes / 1e6,
               ring);
        print_ratio(sum, sum->ratio);
    }
    putchar('\n');
}

/* --------------------------------------------------------------- report --- */

bool bench_print(const bench_series *series, size_t count, size_t rounds,
                 const double *handovers, bool json)
{
    double *room = calloc(3 * rounds, sizeof(*room));
    const bench_series *raw = NULL;
    double handover_ns;

    if (room == NULL) {
        tool_error("bench: out of memory");
        return false;
    }
    memcpy(room, handovers, rounds * sizeof(*room));
    handover_ns = bench_median(room, rounds);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(series[i].transport->name, "raw") == 0) {
            raw = &series[i];
        }
    }
    if (!json) {
        print_title(&series[0].test, rounds, handover_ns);
        print_head(&series[0].test, raw != NULL);
    }
    for (size_t i = 0; i < count; i++) {
        summary sum = summarise(&series[i], raw, rounds, room);

        sum.handover_ns = handover_ns;
        if (json) {
            print_json(&series[i], rounds, &sum);
        } else {
            print_row(&series[i], &sum);
        }
    }
    free(room);
    return true;
}
