/* SPDX-License-Identifier: MIT
 *
 * weft memory patterns - where memory goes: trends, steps, periods, and when
 * it would be used up.
 */
#include <stdlib.h>
#include <string.h>

#include "leak_watch.h"
#include "memory_pace.h"
#include "pattern_trace.h"

typedef struct patterns_values {
    uint64_t interval_ns;
    uint64_t duration_ns;
    uint64_t limit;
    double level;
    const char *from;
    bool json;
} patterns_values;

#define SECOND_NS UINT64_C(1000000000)

static const tool_option options[] = {
    {.name = "interval",
     .letter = 'i',
     .kind = TOOL_DURATION,
     .offset = offsetof(patterns_values, interval_ns),
     .label = "TIME",
     .help = "take a sample so often (default 1s)",
     .least = SECOND_NS / 100},
    {.name = "duration",
     .letter = 'd',
     .kind = TOOL_DURATION,
     .offset = offsetof(patterns_values, duration_ns),
     .label = "TIME",
     .help = "watch for so long (default 1m)",
     .least = SECOND_NS / 10},
    {.name = "from",
     .kind = TOOL_TEXT,
     .offset = offsetof(patterns_values, from),
     .label = "FILE",
     .help = "look at what weft memory record has written instead"},
    {.name = "limit",
     .letter = 'n',
     .kind = TOOL_COUNT,
     .offset = offsetof(patterns_values, limit),
     .label = "N",
     .help = "show the N processes that have most for themselves (default 5)",
     .most = 10000},
    {.name = "p",
     .kind = TOOL_CALL,
     .call = memory_take_level,
     .offset = offsetof(patterns_values, level),
     .label = "P",
     .help = "how likely a pattern by chance may be (default 0.01)"},
    {.name = "json",
     .kind = TOOL_FLAG,
     .offset = offsetof(patterns_values, json),
     .help = "print one JSON object a line"},
};

static const tool_syntax syntax = {
    .command = "memory patterns",
    .usage = "[options]",
    .about = "Watches what is available, and the processes that have most for "
             "themselves,\nand tells where they go: trends, steps, periods, "
             "and when memory would be\nused up. What chance explains is not "
             "told.\n",
    .options = options,
    .option_count = TOOL_COUNT_OF(options),
};

/* --------------------------------------------------------------- sampling ---
 */

typedef struct sampler {
    leak_watch watch;
    pattern_set *set;
} sampler;

static weft_status sample(void *context, double time, weft_detail *detail)
{
    sampler *me = context;
    weft_memory_figures figures = {.size = sizeof(figures)};
    weft_status status = weft_memory_look(me->watch.memory, &figures, detail);

    if (status != WEFT_OK) {
        return status;
    }
    if ((figures.valid >> WEFT_MEMORY_AVAILABLE & 1) == 0) {
        *detail = (weft_detail){WEFT_ENOTSUP, 0, "find what is available"};
        return WEFT_ENOTSUP;
    }
    me->set->total = (double)figures.total_bytes;
    leak_add(&me->set->available, time, (double)figures.available_bytes);
    status = leak_watch_sample(&me->watch, time, detail);
    /* Where processes can't be listed yet, memory alone is watched. */
    return status == WEFT_ENOTSUP ? WEFT_OK : status;
}

/* Those that live still; their series change hands. */
static bool take_subjects(sampler *me)
{
    for (size_t i = 0; i < me->watch.count; i++) {
        leak_subject *from = &me->watch.subjects[i];
        pattern_subject *to;
        leak_series *empty;

        if (from->has_ended) {
            continue;
        }
        to = pattern_add(me->set, (uint64_t)from->process.pid,
                         from->process.name);
        if (to == NULL) {
            return false;
        }
        empty = to->series;
        to->series = from->series;
        from->series = empty;
    }
    return true;
}

static weft_status watch_live(const patterns_values *values, pattern_set *set,
                              weft_detail *detail)
{
    sampler me = {.set = set};
    memory_pace pace = {values->interval_ns, values->duration_ns,
                        "watching the memory", sample, &me};
    weft_status status = weft_memory_open(&me.watch.memory, detail);

    if (status == WEFT_OK) {
        status = memory_keep_pace(&pace, detail);
        weft_memory_close(&me.watch.memory);
    }
    if (status == WEFT_OK && !take_subjects(&me)) {
        *detail = (weft_detail){WEFT_ENOMEM, 0, "allocate memory"};
        status = WEFT_ENOMEM;
    }
    leak_watch_end(&me.watch);
    return status;
}

/* ------------------------------------------------------------------ text ---
 */

static void print_trend(const pattern *found)
{
    char speed[48];
    char low[48];
    char high[48];
    bool falls = found->line.slope < 0;

    if (!found->has_trend) {
        puts("  no trend that chance does not explain");
        return;
    }
    memory_format_speed(falls ? -found->line.slope : found->line.slope, speed,
                        sizeof(speed));
    memory_format_speed(falls ? -found->line.high : found->line.low, low,
                        sizeof(low));
    memory_format_speed(falls ? -found->line.low : found->line.high, high,
                        sizeof(high));
    printf("  %s by %s (%s to %s), p %.2g\n", falls ? "falls" : "rises", speed,
           low, high, found->p);
}

static void print_step(const pattern *found)
{
    char size[32];
    char at[32];

    if (found->has_step) {
        tool_format_bytes(found->step < 0 ? -found->step : found->step, size,
                          sizeof(size));
        memory_format_time(found->step_at, at, sizeof(at));
        printf("  a step %s by %s after %s, p %.2g\n",
               found->step < 0 ? "down" : "up", size, at, found->step_p);
    }
}

static void print_period(const pattern *found)
{
    char text[32];

    if (found->has_period) {
        memory_format_time(found->period, text, sizeof(text));
        printf("  repeats itself every %s\n", text);
    }
}

static void print_end(const pattern *found)
{
    trend_eta eta;
    char likely[32];
    char early[32];
    char late[32] = "never";

    if (!pattern_end(found, &eta)) {
        puts("  used up: none in sight");
        return;
    }
    memory_format_time(eta.likely, likely, sizeof(likely));
    memory_format_time(eta.early, early, sizeof(early));
    if (eta.has_late) {
        memory_format_time(eta.late, late, sizeof(late));
    }
    printf("  used up in %s (%s to %s), if it goes on so\n", likely, early,
           late);
}

static void print_pattern(const char *name, const pattern *found, bool with_end)
{
    char size[32];
    char span[32];

    tool_format_bytes(found->now, size, sizeof(size));
    memory_format_time(found->span, span, sizeof(span));
    printf("%s: %s now, watched for %s\n", name, size, span);
    if (!found->is_known) {
        puts("  too few samples");
        return;
    }
    print_trend(found);
    print_step(found);
    print_period(found);
    if (with_end) {
        print_end(found);
    }
}

static void print_text(const pattern_set *set)
{
    print_pattern("available", &set->found, true);
    for (size_t i = 0; i < set->count; i++) {
        char name[96];

        if (set->is_recorded) {
            (void)snprintf(name, sizeof(name), "%s", set->subjects[i].name);
        } else {
            (void)snprintf(name, sizeof(name), "%llu %s",
                           (unsigned long long)set->subjects[i].id,
                           set->subjects[i].name);
        }
        tool_clean(name);
        print_pattern(name, &set->subjects[i].found, false);
    }
}

/* ------------------------------------------------------------------ JSON ---
 */

static void add_pattern(tool_json *json, const pattern *found)
{
    tool_json_u64(json, "now_bytes", (uint64_t)found->now);
    tool_json_u64(json, "watched_ns", (uint64_t)(found->span * 1e9));
    tool_json_bool(json, "known", found->is_known);
    if (!found->is_known) {
        return;
    }
    tool_json_double(json, "smoothed_bytes", found->level);
    tool_json_text(json, "trend",
                   !found->has_trend       ? "none"
                   : found->line.slope < 0 ? "falls"
                                           : "rises");
    tool_json_double(json, "slope_bytes_per_s", found->line.slope);
    tool_json_double(json, "slope_low_bytes_per_s", found->line.low);
    tool_json_double(json, "slope_high_bytes_per_s", found->line.high);
    tool_json_double(json, "p", found->p);
    if (found->has_step) {
        tool_json_double(json, "step_bytes", found->step);
        tool_json_double(json, "step_after_s", found->step_at);
        tool_json_double(json, "step_p", found->step_p);
    }
    if (found->has_period) {
        tool_json_double(json, "period_s", found->period);
    }
}

static void print_json(const pattern_set *set)
{
    trend_eta eta;
    tool_json json;

    tool_json_begin(&json, stdout);
    tool_json_text(&json, "kind", "available");
    add_pattern(&json, &set->found);
    if (pattern_end(&set->found, &eta)) {
        tool_json_double(&json, "used_up_in_s", eta.likely);
        tool_json_double(&json, "used_up_early_s", eta.early);
        if (eta.has_late) {
            tool_json_double(&json, "used_up_late_s", eta.late);
        }
    }
    tool_json_end(&json);
    for (size_t i = 0; i < set->count; i++) {
        tool_json_begin(&json, stdout);
        tool_json_text(&json, "kind", "process");
        if (!set->is_recorded) {
            tool_json_u64(&json, "pid", set->subjects[i].id);
        }
        tool_json_text(&json, "name", set->subjects[i].name);
        add_pattern(&json, &set->subjects[i].found);
        tool_json_end(&json);
    }
}

int cmd_memory_patterns(int argc, char **argv)
{
    patterns_values values = {.interval_ns = SECOND_NS,
                              .duration_ns = 60 * SECOND_NS,
                              .limit = 5,
                              .level = 0.01};
    weft_detail detail = {WEFT_OK, 0, NULL};
    tool_operands operands;
    pattern_set *set;
    weft_status status;
    char text[256];
    int exit_code;

    if (!tool_parse(&syntax, argc, argv, &values, &operands, &exit_code)) {
        return exit_code;
    }
    set = calloc(1, sizeof(*set));
    if (set == NULL) {
        tool_error("out of memory");
        return TOOL_FAILED;
    }
    if (values.from != NULL) {
        if (!pattern_read_trace(values.from, set, text, sizeof(text))) {
            tool_error("cannot read '%s': %s", values.from, text);
            pattern_free(set);
            free(set);
            return TOOL_FAILED;
        }
        status = WEFT_OK;
    } else {
        status = watch_live(&values, set, &detail);
    }
    if (status == WEFT_OK &&
        !pattern_judge(set, values.level, (size_t)values.limit)) {
        detail = (weft_detail){WEFT_ENOMEM, 0, "allocate memory"};
        status = WEFT_ENOMEM;
    }
    if (status != WEFT_OK) {
        weft_detail_text(&detail, text, sizeof(text));
        tool_error("cannot watch the memory: %s", text);
    } else if (values.json) {
        print_json(set);
    } else {
        print_text(set);
    }
    pattern_free(set);
    free(set);
    return status == WEFT_OK ? TOOL_OK : TOOL_FAILED;
}
