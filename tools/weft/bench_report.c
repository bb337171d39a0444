/* SPDX-License-Identifier: MIT
 *
 * What the rounds add up to, as a table for people or as JSON.
 */
#include <stdlib.h>
#include <string.h>

#include "bench_options.h"
#include "bench_report.h"
#include "bench_stats.h"

/* What is printed of a transport. */
typedef struct summary {
    bench_result median;
    bool has_ratio;
    double ratio;       /* to raw: of p50, or of the rate */
    double p99_ratio;   /* RTT */
    double handover_ns; /* 0: not measured */
} summary;

/* A figure of a round. */
#define FIGURE(member) offsetof(bench_result, member)

static summary summarise(const bench_series *series, const bench_series *raw,
                         size_t count, double *room)
{
    bench_rounds rounds = {series->results, sizeof(bench_result), count};
    summary sum = {.has_ratio = raw != NULL};

    sum.median.min_ns = bench_rounds_least(&rounds, FIGURE(min_ns));
    sum.median.p50_ns = bench_rounds_median(&rounds, FIGURE(p50_ns), room);
    sum.median.p99_ns = bench_rounds_median(&rounds, FIGURE(p99_ns), room);
    sum.median.p999_ns = bench_rounds_median(&rounds, FIGURE(p999_ns), room);
    sum.median.msgs_per_s =
        bench_rounds_median(&rounds, FIGURE(msgs_per_s), room);
    sum.median.ring_bytes = series->results[count - 1].ring_bytes;
    if (raw != NULL) {
        bool rtt = series->test.kind == BENCH_RTT;
        bench_rounds base = {raw->results, sizeof(bench_result), count};

        sum.ratio = bench_rounds_ratio(
            &rounds, &base, rtt ? FIGURE(p50_ns) : FIGURE(msgs_per_s), room);
        sum.p99_ratio =
            rtt ? bench_rounds_ratio(&rounds, &base, FIGURE(p99_ns), room) : 0;
    }
    return sum;
}

/* ----------------------------------------------------------------- JSON --- */

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
    tool_json_text(&json, "wait", tool_wait_word(test->wait));
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
           test->size_bytes, tool_wait_word(test->wait), rounds, test->cpus[0],
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
    double *room = bench_allocate(3 * rounds, sizeof(*room));
    const bench_series *raw = NULL;
    double handover_ns;

    if (room == NULL) {
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
