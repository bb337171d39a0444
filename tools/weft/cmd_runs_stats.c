/* SPDX-License-Identifier: MIT
 *
 * weft runs stats - what many runs say together.
 *
 * Peaks that were measured in different ways are not compared: those of the way
 * of the newest run count.
 */
#include <inttypes.h>
#include <string.h>

#include "run_figures.h"
#include "runs.h"

#define REASONS_MAX 24
#define REASON_ROOM 32
#define METRIC_ROOM 80

static const tool_option options[] = {
    RUNS_COMMAND_ROW,
    RUNS_LABEL_ROW,
    RUNS_SINCE_ROW,
    RUNS_FILE_ROW,
    RUNS_JSON_ROW("print one JSON object a line"),
};

static const tool_syntax syntax = {
    .command = "runs stats",
    .usage = "[options]",
    .about = "Says how many runs there are, how they ended, and what they "
             "needed: the\nmedian, what 90 % and 99 % of them did not exceed, "
             "and the most. What too few\nruns can't tell is left out: 90 % "
             "takes 10 of them, 99 % takes 100, a trend\ntakes 20.\n",
    .options = options,
    .option_count = TOOL_COUNT_OF(options),
};

enum { WALL, CPU, PEAK, KINDS };

static const char *const names[KINDS] = {"wall", "cpu", "peak"};
static const char *const units[KINDS] = {"ns", "ns", "bytes"};

typedef struct reason_count {
    char word[REASON_ROOM];
    uint64_t runs;
} reason_count;

typedef struct statistics {
    run_figures figures[KINDS];
    reason_count reasons[REASONS_MAX];
    size_t reason_count;
    uint64_t runs;
    uint64_t succeeded;
    uint64_t other_peaks; /* that were measured in another way */
    char metric[METRIC_ROOM];
    bool has_metric;
    bool has_failed; /* out of memory */
} statistics;

/* ------------------------------------------------------------- counting --- */

static void count_reason(statistics *me, const char *reason)
{
    char word[REASON_ROOM];
    size_t i = 0;

    (void)snprintf(word, sizeof(word), "%s", reason);
    tool_clean(word);
    while (i < me->reason_count && strcmp(me->reasons[i].word, word) != 0) {
        i++;
    }
    if (i == REASONS_MAX) {
        return; /* there are fewer words, and this one is none of them */
    }
    if (i == me->reason_count) {
        me->reason_count++;
        (void)snprintf(me->reasons[i].word, sizeof(me->reasons[i].word), "%s",
                       word);
    }
    me->reasons[i].runs++;
}

static bool is_same_metric(statistics *me, const char *metric)
{
    char text[METRIC_ROOM];

    (void)snprintf(text, sizeof(text), "%s", metric);
    tool_clean(text);
    if (!me->has_metric) {
        (void)snprintf(me->metric, sizeof(me->metric), "%s", text);
        me->has_metric = true;
    }
    return strcmp(me->metric, text) == 0;
}

static void add(statistics *me, int kind, uint64_t value)
{
    if (!run_figures_add(&me->figures[kind], value)) {
        me->has_failed = true;
    }
}

static bool count(void *context, const history_run *run)
{
    statistics *me = context;
    const weft_usage *usage = &run->result.usage;

    me->runs++;
    me->succeeded += run->has_result &&
                     run->result.reason == WEFT_REASON_EXITED &&
                     run->result.exit_code == 0;
    count_reason(me, run->reason);
    if ((usage->valid & WEFT_USAGE_WALL) != 0) {
        add(me, WALL, usage->wall_ns);
    }
    if ((usage->valid & WEFT_USAGE_CPU) != 0) {
        add(me, CPU, usage->cpu_ns);
    }
    if ((usage->valid & WEFT_USAGE_PEAK) != 0) {
        if (is_same_metric(me, usage->memory_metric)) {
            add(me, PEAK, usage->memory_peak_bytes);
        } else {
            me->other_peaks++;
        }
    }
    return !me->has_failed;
}

/* ------------------------------------------------------------- printing --- */

static void value_text(int kind, bool is_known, uint64_t value, char *text,
                       size_t room)
{
    if (kind == PEAK) {
        runs_size_text(is_known, value, text, room);
    } else {
        runs_time_text(is_known, value, text, room);
    }
}

static const char *trend_word(bool is_known, int trend)
{
    if (!is_known) {
        return "-";
    }
    return trend > 0 ? "rising" : trend < 0 ? "falling" : "none";
}

static void print_figures(statistics *me, int kind)
{
    static const unsigned percents[] = {50, 90, 99, 100};
    run_figures *figures = &me->figures[kind];
    char cells[TOOL_COUNT_OF(percents)][32];
    int trend = 0;
    bool has_trend = run_figures_trend(figures, &trend);

    run_figures_sort(figures);
    for (size_t i = 0; i < TOOL_COUNT_OF(percents); i++) {
        uint64_t value = 0;
        bool is_known =
            percents[i] == 100
                ? figures->count > 0
                : run_figures_quantile(figures, percents[i], &value);

        if (percents[i] == 100 && is_known) {
            value = figures->values[figures->count - 1];
        }
        value_text(kind, is_known, value, cells[i], sizeof(cells[i]));
    }
    printf("%-6s %6zu  %10s  %10s  %10s  %10s  %s\n", names[kind],
           figures->count, cells[0], cells[1], cells[2], cells[3],
           trend_word(has_trend, trend));
}

static void print_text(statistics *me)
{
    printf("%" PRIu64 " runs, %" PRIu64 " of them succeeded (%.1f %%)\n",
           me->runs, me->succeeded,
           100.0 * (double)me->succeeded / (double)me->runs);
    for (size_t i = 0; i < me->reason_count; i++) {
        printf("%s%s %" PRIu64, i > 0 ? ", " : "", me->reasons[i].word,
               me->reasons[i].runs);
    }
    printf("\n\n%-6s %6s  %10s  %10s  %10s  %10s  %s\n", "", "RUNS", "MEDIAN",
           "P90", "P99", "MAX", "TREND");
    for (int kind = 0; kind < KINDS; kind++) {
        print_figures(me, kind);
    }
    if (me->has_metric) {
        printf("\npeak: %s", me->metric);
        if (me->other_peaks > 0) {
            printf("; %" PRIu64 " were measured in other ways, and are not in "
                   "it",
                   me->other_peaks);
        }
        putchar('\n');
    }
}

static void json_quantile(tool_json *json, const run_figures *figures, int kind,
                          unsigned percent)
{
    char key[32];
    uint64_t value = 0;

    (void)snprintf(key, sizeof(key), "%s_p%u_%s", names[kind], percent,
                   units[kind]);
    if (run_figures_quantile(figures, percent, &value)) {
        tool_json_u64(json, key, value);
    }
}

static void json_figures(tool_json *json, statistics *me, int kind)
{
    run_figures *figures = &me->figures[kind];
    char key[32];
    int trend = 0;

    (void)snprintf(key, sizeof(key), "%s_runs", names[kind]);
    tool_json_u64(json, key, figures->count);
    if (run_figures_trend(figures, &trend)) {
        (void)snprintf(key, sizeof(key), "%s_trend", names[kind]);
        tool_json_text(json, key, trend_word(true, trend));
    }
    run_figures_sort(figures);
    json_quantile(json, figures, kind, 50);
    json_quantile(json, figures, kind, 90);
    json_quantile(json, figures, kind, 99);
    if (figures->count > 0) {
        (void)snprintf(key, sizeof(key), "%s_max_%s", names[kind], units[kind]);
        tool_json_u64(json, key, figures->values[figures->count - 1]);
    }
}

static void print_json(statistics *me)
{
    tool_json json;

    tool_json_begin(&json, stdout);
    tool_json_text(&json, "type", "stats");
    tool_json_u64(&json, "runs", me->runs);
    tool_json_u64(&json, "succeeded", me->succeeded);
    for (int kind = 0; kind < KINDS; kind++) {
        json_figures(&json, me, kind);
    }
    if (me->has_metric) {
        tool_json_text(&json, "memory_metric", me->metric);
        tool_json_u64(&json, "peaks_left_out", me->other_peaks);
    }
    tool_json_end(&json);
    for (size_t i = 0; i < me->reason_count; i++) {
        tool_json_begin(&json, stdout);
        tool_json_text(&json, "type", "reason");
        tool_json_text(&json, "reason", me->reasons[i].word);
        tool_json_u64(&json, "runs", me->reasons[i].runs);
        tool_json_end(&json);
    }
}

static int tell(statistics *me, const runs_values *values)
{
    if (me->has_failed) {
        tool_error("%s", weft_status_text(WEFT_ENOMEM));
        return TOOL_FAILED;
    }
    if (values->json) {
        print_json(me);
    } else if (me->runs == 0) {
        tool_error("no run is like that");
    } else {
        print_text(me);
    }
    return TOOL_OK;
}

int cmd_runs_stats(int argc, char **argv)
{
    static statistics me;
    runs_values values = {.limit = 0};
    history_problem problem = {""};
    history *file = NULL;
    history_filter filter;
    history_state state;
    tool_operands operands;
    int exit_code = TOOL_OK;

    if (!tool_parse(&syntax, argc, argv, &values, &operands, &exit_code)) {
        return exit_code;
    }
    state = runs_open(&values, HISTORY_READ, &file);
    if (state != HISTORY_OPEN) {
        return state == HISTORY_EMPTY ? TOOL_OK : TOOL_FAILED;
    }
    filter = runs_filter(&values);
    exit_code = history_each(file, &filter, count, &me, &problem)
                    ? tell(&me, &values)
                    : runs_failed(&problem);
    for (int kind = 0; kind < KINDS; kind++) {
        run_figures_free(&me.figures[kind]);
    }
    history_close(&file);
    return exit_code;
}
