/* SPDX-License-Identifier: MIT
 *
 * weft memory bench - what it costs to look at the memory.
 *
 * Each call takes turns with the least that a program can do to know the same,
 * so that both see the same machine. Nothing is compared across machines, and
 * no figure is known before it was measured.
 */
#include <stdlib.h>
#include <string.h>

#include "bench_memory.h"
#include "bench_stats.h"
#include "bench_sys.h"
#include "memory_processes.h"

typedef struct bench_values {
    uint64_t iterations;
    uint64_t idle_ns;
    bool json;
} bench_values;

static const tool_option options[] = {
    {.name = "iterations",
     .letter = 'n',
     .kind = TOOL_COUNT,
     .offset = offsetof(bench_values, iterations),
     .label = "N",
     .help = "do each N times (default 300)",
     .least = 10,
     .most = 100000},
    {.name = "idle",
     .kind = TOOL_DURATION,
     .offset = offsetof(bench_values, idle_ns),
     .label = "TIME",
     .help = "look for so long what a watch costs (default 2s)",
     .least = 1000000},
    {.name = "json",
     .kind = TOOL_FLAG,
     .offset = offsetof(bench_values, json),
     .help = "print one JSON object a line"},
};

static const tool_syntax syntax = {
    .command = "memory bench",
    .usage = "[options]",
    .about =
        "Measures what weft's calls on memory cost on this machine, beside the "
        "least\nthat a program can do to know as much: the figures of the "
        "system (look),\nall processes (list), one of them exactly (measure) "
        "or by counters (glance),\nand who it is (identify).\n",
    .options = options,
    .option_count = TOOL_COUNT_OF(options),
};

/* --------------------------------------------------------------- measured ---
 */

typedef struct bench_subject {
    weft_memory *memory;
    memory_processes processes; /* room that is there already */
    weft_memory_process self;
} bench_subject;

typedef weft_status bench_call(bench_subject *bench);

static weft_status look(bench_subject *bench)
{
    weft_memory_figures figures = {.size = sizeof(figures)};

    return weft_memory_look(bench->memory, &figures, NULL);
}

static weft_status list(bench_subject *bench)
{
    size_t count;

    return weft_memory_processes(bench->memory, bench->processes.items,
                                 bench->processes.count, &count, NULL);
}

static weft_status measure(bench_subject *bench)
{
    return weft_memory_measure(bench->memory, &bench->self, NULL);
}

static weft_status glance(bench_subject *bench)
{
    return weft_memory_glance(bench->memory, &bench->self, NULL);
}

static weft_status identify(bench_subject *bench)
{
    weft_memory_identity identity = {.size = sizeof(identity)};

    return weft_memory_identify(bench->memory, bench->self.pid, &identity,
                                NULL);
}

static const struct {
    const char *name;
    bench_call *call;
    const char *const *baseline_name;
    bench_baseline *baseline;
} rows[] = {
    {"look", look, &bench_figures_name, bench_read_figures},
    {"list", list, &bench_processes_name, bench_read_processes},
    {"measure", measure, &bench_mappings_name, bench_read_mappings},
    {"glance", glance, &bench_counters_name, bench_read_counters},
    {"identify", identify, NULL, NULL},
};

/* The times of one row, in the order in which they were taken. */
typedef struct samples {
    uint64_t *ours;
    uint64_t *least;
    double *ratios;
    size_t count;
    bool has_baseline;
    weft_status status;
} samples;

static void take(bench_subject *bench, size_t row, samples *taken)
{
    bench_baseline *baseline = rows[row].baseline;

    taken->has_baseline = baseline != NULL && baseline();
    taken->status = rows[row].call(bench);
    for (size_t i = 0; taken->status == WEFT_OK && i < taken->count; i++) {
        uint64_t began = weft_now_ns();
        uint64_t middle;

        taken->status = rows[row].call(bench);
        middle = weft_now_ns();
        taken->ours[i] = middle - began;
        if (taken->has_baseline) {
            taken->has_baseline = baseline();
            taken->least[i] = weft_now_ns() - middle;
        }
    }
    for (size_t i = 0; i < taken->count && taken->has_baseline; i++) {
        uint64_t least = taken->least[i] > 0 ? taken->least[i] : 1;

        taken->ratios[i] = (double)taken->ours[i] / (double)least;
    }
}

/* ------------------------------------------------------------------ rows ---
 */

static void print_times(const samples *taken, const char *name,
                        const char *baseline)
{
    printf("%-9s %9.1f %9.1f", name,
           bench_percentile(taken->ours, taken->count, 500, 0) / 1000,
           bench_percentile(taken->ours, taken->count, 990, 0) / 1000);
    if (taken->has_baseline) {
        printf(" %9.1f %6.2f  %s\n",
               bench_percentile(taken->least, taken->count, 500, 0) / 1000,
               bench_median(taken->ratios, taken->count), baseline);
    } else {
        printf(" %9s %6s  %s\n", "-", "-", "-");
    }
}

static void print_times_json(const bench_subject *bench, samples *taken,
                             const char *name, const char *baseline)
{
    tool_json json;
    double median = bench_percentile(taken->ours, taken->count, 500, 0);

    tool_json_begin(&json, stdout);
    tool_json_text(&json, "figure", name);
    tool_json_u64(&json, "samples", taken->count);
    tool_json_double(&json, "p50_ns", median);
    tool_json_double(&json, "p99_ns",
                     bench_percentile(taken->ours, taken->count, 990, 0));
    if (strcmp(name, "list") == 0 && bench->processes.count > 0) {
        tool_json_u64(&json, "processes", bench->processes.count);
        tool_json_double(&json, "p50_ns_per_100",
                         median * 100 / (double)bench->processes.count);
    }
    if (taken->has_baseline) {
        tool_json_text(&json, "baseline", baseline);
        tool_json_double(&json, "baseline_p50_ns",
                         bench_percentile(taken->least, taken->count, 500, 0));
        tool_json_double(&json, "baseline_p99_ns",
                         bench_percentile(taken->least, taken->count, 990, 0));
        tool_json_double(&json, "ratio",
                         bench_median(taken->ratios, taken->count));
    }
    tool_json_end(&json);
}

static void print_row(const bench_subject *bench, samples *taken, size_t row,
                      bool json)
{
    const char *baseline =
        rows[row].baseline_name != NULL ? *rows[row].baseline_name : "";

    bench_sort(taken->ours, taken->count);
    bench_sort(taken->least, taken->count);
    if (json) {
        print_times_json(bench, taken, rows[row].name, baseline);
    } else {
        print_times(taken, rows[row].name, baseline);
    }
}

static weft_status measure_rows(bench_subject *bench,
                                const bench_values *values)
{
    size_t count = (size_t)values->iterations;
    samples taken = {.ours = calloc(count, sizeof(uint64_t)),
                     .least = calloc(count, sizeof(uint64_t)),
                     .ratios = calloc(count, sizeof(double)),
                     .count = count};
    weft_status status =
        taken.ours != NULL && taken.least != NULL && taken.ratios != NULL
            ? WEFT_OK
            : WEFT_ENOMEM;

    for (size_t i = 0; status == WEFT_OK && i < TOOL_COUNT_OF(rows); i++) {
        take(bench, i, &taken);
        if (taken.status == WEFT_OK) {
            print_row(bench, &taken, i, values->json);
        } else if (taken.status != WEFT_ENOTSUP) {
            status = taken.status;
        }
        /* What this system can't do is not measured. */
    }
    free(taken.ours);
    free(taken.least);
    free(taken.ratios);
    return status;
}

/* ------------------------------------------------------------------ rest ---
 */

static uint64_t cpu_ns(void)
{
    weft_self self = {.size = sizeof(self)};

    return weft_self_usage(&self) == WEFT_OK &&
                   (self.valid & WEFT_SELF_CPU) != 0
               ? self.user_ns + self.system_ns
               : 0;
}

/* What a watch costs while nothing happens. */
static void measure_idle(const bench_values *values)
{
    weft_memory_watch *watch = NULL;
    uint64_t cpu = cpu_ns();
    uint64_t began = weft_now_ns();
    unsigned events = 0;
    double part;

    if (weft_memory_watch_open(NULL, &watch, NULL) != WEFT_OK) {
        return; /* the system does not tell */
    }
    while (weft_memory_watch_next(watch, began + values->idle_ns, NULL) ==
           WEFT_OK) {
        events++;
    }
    weft_memory_watch_close(&watch);
    part = (double)(cpu_ns() - cpu) / (double)(weft_now_ns() - began);
    if (values->json) {
        tool_json json;

        tool_json_begin(&json, stdout);
        tool_json_text(&json, "figure", "watch_idle");
        tool_json_u64(&json, "watched_ns", weft_now_ns() - began);
        tool_json_u64(&json, "events", events);
        tool_json_double(&json, "cpu_ppm", part * 1e6);
        tool_json_end(&json);
    } else {
        printf("watch     %9.4f %% of a CPU, %u events\n", part * 100, events);
    }
}

/* What this process itself takes, with all that was loaded for the bench. */
static void measure_self(bench_subject *bench, bool json)
{
    char text[32];

    if (weft_memory_measure(bench->memory, &bench->self, NULL) != WEFT_OK ||
        (bench->self.valid & WEFT_MEMORY_PROCESS_PRIVATE) == 0) {
        return;
    }
    if (json) {
        tool_json line;

        tool_json_begin(&line, stdout);
        tool_json_text(&line, "figure", "own_memory");
        tool_json_u64(&line, "private_bytes", bench->self.private_bytes);
        tool_json_end(&line);
    } else {
        tool_format_bytes((double)bench->self.private_bytes, text,
                          sizeof(text));
        printf("memory    %11s that this command has for itself\n", text);
    }
}

/* Finds this process in the list. */
static weft_status prepare(bench_subject *bench, weft_detail *detail)
{
    weft_status status = weft_memory_open(&bench->memory, detail);
    const weft_memory_process *self;

    if (status == WEFT_OK) {
        status =
            memory_read_processes(bench->memory, &bench->processes, detail);
    }
    if (status == WEFT_OK) {
        self = memory_find_process(&bench->processes,
                                   (int64_t)bench_sys_process());
        if (self == NULL) {
            *detail = (weft_detail){WEFT_ENOENT, 0, "find this process"};
            return WEFT_ENOENT;
        }
        bench->self = *self;
    }
    return status;
}

int cmd_memory_bench(int argc, char **argv)
{
    bench_values values = {.iterations = 300, .idle_ns = 2000000000};
    bench_subject bench = {.memory = NULL};
    weft_detail detail = {WEFT_OK, 0, NULL};
    tool_operands operands;
    weft_status status;
    char text[256];
    int exit_code;

    if (!tool_parse(&syntax, argc, argv, &values, &operands, &exit_code)) {
        return exit_code;
    }
    status = prepare(&bench, &detail);
    if (status == WEFT_OK) {
        if (!values.json) {
            printf("%-9s %9s %9s %9s %6s  %s\n", "CALL", "P50 US", "P99 US",
                   "LEAST US", "RATIO", "THE LEAST");
        }
        status = measure_rows(&bench, &values);
        detail = (weft_detail){status, 0, "measure"};
    }
    if (status == WEFT_OK) {
        if (!values.json) {
            printf("\nlist      %9zu processes\n", bench.processes.count);
        }
        measure_idle(&values);
        measure_self(&bench, values.json);
    } else {
        weft_detail_text(&detail, text, sizeof(text));
        tool_error("cannot measure the calls on memory: %s", text);
    }
    weft_memory_close(&bench.memory);
    free(bench.processes.items);
    return status == WEFT_OK ? TOOL_OK : TOOL_FAILED;
}
