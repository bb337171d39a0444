/* SPDX-License-Identifier: MIT
 *
 * weft runs suggest - limits that a program would have kept.
 *
 * They rest on runs that succeeded: what a limit has ended tells too little of
 * what it needed. Peaks count that were measured as those of the newest run.
 */
#include <inttypes.h>
#include <string.h>

#include "run_figures.h"
#include "runs.h"

/* Fewer runs tell nothing of the next one. */
#define RUNS_LEAST 20

/* From here on one run in a hundred may be left out. */
#define RUNS_FOR_P99 100

/* What is suggested for each unit that was seen, in hundredths. */
#define MEMORY_MARGIN 150
#define TIME_MARGIN 200

#define MIB (UINT64_C(1) << 20)
#define SECOND UINT64_C(1000000000)

static const tool_option options[] = {
    RUNS_LABEL_ROW,
    RUNS_SINCE_ROW,
    RUNS_FILE_ROW,
    RUNS_JSON_ROW("print one JSON object"),
};

static const tool_syntax syntax = {
    .command = "runs suggest",
    .usage = "GLOB [options]",
    .about = "Prints options for 'weft run' that the programs whose path or "
             "file name matches\nwould have kept: half as much memory again "
             "and twice the time that 99 % of the\nruns which succeeded have "
             "needed; of fewer than 100 runs, what all have needed.\nIt "
             "takes 20 runs. What the next input needs nobody knows.\n",
    .options = options,
    .option_count = TOOL_COUNT_OF(options),
    .operands_least = 1,
    .operands_most = 1,
};

typedef struct suggestion {
    run_figures wall;
    run_figures cpu;
    run_figures peak;
    char metric[80];
    uint64_t runs;
    bool has_failed;
} suggestion;

static bool gather(void *context, const history_run *run)
{
    suggestion *me = context;
    const weft_usage *usage = &run->result.usage;
    bool is_added = true;

    me->runs++;
    if ((usage->valid & WEFT_USAGE_WALL) != 0) {
        is_added = run_figures_add(&me->wall, usage->wall_ns);
    }
    if ((usage->valid & WEFT_USAGE_CPU) != 0) {
        is_added = is_added && run_figures_add(&me->cpu, usage->cpu_ns);
    }
    if (me->runs == 1) {
        (void)snprintf(me->metric, sizeof(me->metric), "%s",
                       usage->memory_metric);
    }
    if ((usage->valid & WEFT_USAGE_PEAK) != 0 &&
        strncmp(me->metric, usage->memory_metric, sizeof(me->metric) - 1) ==
            0) {
        is_added =
            is_added && run_figures_add(&me->peak, usage->memory_peak_bytes);
    }
    me->has_failed = !is_added;
    return is_added;
}

/* With the margin, in whole units. False: too few runs, or beyond all limits.
 */
static bool limit_of(run_figures *figures, uint64_t margin, uint64_t unit,
                     uint64_t *limit)
{
    uint64_t value = 0;

    if (figures->count < RUNS_LEAST) {
        return false;
    }
    run_figures_sort(figures);
    if (!run_figures_quantile(figures, 99, &value)) {
        value = figures->values[figures->count - 1];
    }
    if (value > INT64_MAX / margin) {
        return false;
    }
    *limit = (value * margin / 100 + unit - 1) / unit * unit;
    *limit = *limit > 0 ? *limit : unit;
    return true;
}

static void print_json(suggestion *me, bool has_peak, uint64_t peak,
                       bool has_cpu, uint64_t cpu, bool has_wall, uint64_t wall)
{
    tool_json json;

    tool_json_begin(&json, stdout);
    tool_json_text(&json, "type", "suggestion");
    tool_json_u64(&json, "runs", me->runs);
    tool_json_text(&json, "basis", me->runs < RUNS_FOR_P99 ? "max" : "p99");
    if (has_peak) {
        tool_json_u64(&json, "mem_bytes", peak);
        tool_json_text(&json, "memory_metric", me->metric);
    }
    if (has_cpu) {
        tool_json_u64(&json, "cpu_ns", cpu);
    }
    if (has_wall) {
        tool_json_u64(&json, "wall_ns", wall);
    }
    tool_json_end(&json);
}

static int tell(suggestion *me, const runs_values *values)
{
    uint64_t peak = 0;
    uint64_t cpu = 0;
    uint64_t wall = 0;
    bool has_peak;
    bool has_cpu;
    bool has_wall;

    if (me->has_failed) {
        tool_error("%s", weft_status_text(WEFT_ENOMEM));
        return TOOL_FAILED;
    }
    if (me->runs < RUNS_LEAST) {
        tool_error("too few: %" PRIu64 " of its runs have succeeded, and it "
                   "takes %d",
                   me->runs, RUNS_LEAST);
        return TOOL_FAILED;
    }
    has_peak = limit_of(&me->peak, MEMORY_MARGIN, MIB, &peak);
    has_cpu = limit_of(&me->cpu, TIME_MARGIN, SECOND, &cpu);
    has_wall = limit_of(&me->wall, TIME_MARGIN, SECOND, &wall);
    if (values->json) {
        print_json(me, has_peak, peak, has_cpu, cpu, has_wall, wall);
        return TOOL_OK;
    }
    if (has_peak) {
        printf("--mem %" PRIu64 "M ", peak / MIB);
    }
    if (has_cpu) {
        printf("--cpu %" PRIu64 "s ", cpu / SECOND);
    }
    if (has_wall) {
        printf("--wall %" PRIu64 "s", wall / SECOND);
    }
    putchar('\n');
    return TOOL_OK;
}

int cmd_runs_suggest(int argc, char **argv)
{
    suggestion me = {.runs = 0};
    runs_values values = {.limit = 0};
    history_problem problem = {""};
    history *file = NULL;
    history_filter filter;
    tool_operands operands;
    int exit_code = TOOL_OK;

    if (!tool_parse(&syntax, argc, argv, &values, &operands, &exit_code)) {
        return exit_code;
    }
    if (runs_open(&values, HISTORY_READ, &file) != HISTORY_OPEN) {
        return TOOL_FAILED;
    }
    filter = runs_filter(&values);
    filter.command = operands.items[0];
    filter.has_succeeded = true;
    exit_code = history_each(file, &filter, gather, &me, &problem)
                    ? tell(&me, &values)
                    : runs_failed(&problem);
    run_figures_free(&me.wall);
    run_figures_free(&me.cpu);
    run_figures_free(&me.peak);
    history_close(&file);
    return exit_code;
}
