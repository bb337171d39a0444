/* SPDX-License-Identifier: MIT
 *
 * weft memory leaks - processes that grow and do not stop.
 */
#include <stdlib.h>
#include <string.h>

#include "leak_watch.h"
#include "memory_pace.h"

typedef struct leaks_values {
    uint64_t interval_ns;
    uint64_t duration_ns;
    uint64_t least_ns;
    double level;
    bool all;
    bool json;
} leaks_values;

#define SECOND_NS UINT64_C(1000000000)

/*
 * Half as long as most programs take to warm up is too short: they would all
 * be suspected.
 */
#define LEAST_NS (300 * SECOND_NS)

static const tool_option options[] = {
    {.name = "interval",
     .letter = 'i',
     .kind = TOOL_DURATION,
     .offset = offsetof(leaks_values, interval_ns),
     .label = "TIME",
     .help = "take a sample so often (default 5s)",
     .least = SECOND_NS / 100},
    {.name = "duration",
     .letter = 'd',
     .kind = TOOL_DURATION,
     .offset = offsetof(leaks_values, duration_ns),
     .label = "TIME",
     .help = "watch for so long (default: as long as --min-duration)",
     .least = SECOND_NS / 10},
    {.name = "min-duration",
     .kind = TOOL_DURATION,
     .offset = offsetof(leaks_values, least_ns),
     .label = "TIME",
     .help = "who was watched for less is not judged (default 5m)",
     .least = SECOND_NS / 10},
    {.name = "p",
     .kind = TOOL_CALL,
     .call = memory_take_level,
     .offset = offsetof(leaks_values, level),
     .label = "P",
     .help = "how likely one false alarm among all may be (default 0.01)"},
    {.name = "all",
     .letter = 'a',
     .kind = TOOL_FLAG,
     .offset = offsetof(leaks_values, all),
     .help = "show all that were watched, not the suspected alone"},
    {.name = "json",
     .kind = TOOL_FLAG,
     .offset = offsetof(leaks_values, json),
     .help = "print one JSON object a line"},
};

static const tool_syntax syntax = {
    .command = "memory leaks",
    .usage = "[PID|NAME...] [options]",
    .about = "Watches what processes allocate for themselves, and tells which "
             "ones grow\nand do not stop. What grew and then stayed is no "
             "leak, nor what comes\nback down. Without a PID or a NAME all "
             "processes are watched.\n",
    .options = options,
    .option_count = TOOL_COUNT_OF(options),
    .operands_most = 256,
};

/* ---------------------------------------------------------------- print --- */

static bool is_shown(const leak_subject *subject, bool all)
{
    return all || subject->is_named ||
           subject->finding.verdict == LEAK_SUSPECTED;
}

/* The suspected ones first, and of those the fastest. */
static int compare(const void *left, const void *right)
{
    const leak_finding *a = &((const leak_subject *)left)->finding;
    const leak_finding *b = &((const leak_subject *)right)->finding;
    double first = a->has_line ? a->line.slope : 0;
    double second = b->has_line ? b->line.slope : 0;

    if (a->verdict != b->verdict) {
        return (a->verdict < b->verdict) - (a->verdict > b->verdict);
    }
    return (first < second) - (first > second);
}

static void print_subject(const leak_subject *subject)
{
    const leak_finding *finding = &subject->finding;
    char name[sizeof(subject->process.name)];
    char speed[48] = "-";
    char low[48] = "-";
    char high[48] = "-";
    char p[32] = "-";

    (void)snprintf(name, sizeof(name), "%s", subject->process.name);
    tool_clean(name);
    if (finding->has_line) {
        memory_format_speed(finding->line.slope, speed, sizeof(speed));
        memory_format_speed(finding->line.low, low, sizeof(low));
        memory_format_speed(finding->line.high, high, sizeof(high));
        (void)snprintf(p, sizeof(p), "%.2g", finding->p);
    }
    printf("%8lld %13s %13s %13s %8s  %s\n", (long long)subject->process.pid,
           speed, low, high, p, name);
    printf("%8s %s: %s%s\n", "", leak_text(finding->verdict), finding->reason,
           subject->has_ended ? "; it has ended" : "");
}

typedef struct counts {
    size_t all;
    size_t of[LEAK_SUSPECTED + 1];
    size_t shown;
} counts;

static counts count(const leak_watch *watch, bool all)
{
    counts found = {.all = watch->count};

    for (size_t i = 0; i < watch->count; i++) {
        found.of[watch->subjects[i].finding.verdict]++;
        found.shown += is_shown(&watch->subjects[i], all);
    }
    return found;
}

static void print_text(const leak_watch *watch, bool all)
{
    counts found = count(watch, all);

    if (found.shown > 0) {
        printf("%8s %13s %13s %13s %8s  %s\n", "PID", "GROWTH", "AT LEAST",
               "AT MOST", "P", "NAME");
    }
    for (size_t i = 0; i < watch->count; i++) {
        if (is_shown(&watch->subjects[i], all)) {
            print_subject(&watch->subjects[i]);
        }
    }
    printf("%zu watched: %zu suspected, %zu not", found.all,
           found.of[LEAK_SUSPECTED], found.of[LEAK_NONE]);
    if (found.of[LEAK_TOO_SHORT] > 0) {
        printf(", %zu for too short to tell", found.of[LEAK_TOO_SHORT]);
    }
    if (found.of[LEAK_NOT_ENOUGH] > 0) {
        printf(", %zu with too few samples", found.of[LEAK_NOT_ENOUGH]);
    }
    putchar('\n');
}

static void print_subject_json(const leak_subject *subject)
{
    const leak_finding *finding = &subject->finding;
    tool_json json;

    tool_json_begin(&json, stdout);
    tool_json_text(&json, "kind", "process");
    tool_json_u64(&json, "pid", (uint64_t)subject->process.pid);
    tool_json_text(&json, "name", subject->process.name);
    tool_json_bool(&json, "ended", subject->has_ended);
    tool_json_text(&json, "verdict", leak_word(finding->verdict));
    tool_json_text(&json, "reason", finding->reason);
    tool_json_u64(&json, "own_bytes", subject->process.own_bytes);
    tool_json_u64(&json, "samples", subject->series->count);
    tool_json_u64(&json, "watched_ns", (uint64_t)(finding->span * 1e9));
    if (finding->has_line) {
        tool_json_double(&json, "growth_bytes_per_s", finding->line.slope);
        tool_json_double(&json, "growth_low_bytes_per_s", finding->line.low);
        tool_json_double(&json, "growth_high_bytes_per_s", finding->line.high);
        tool_json_double(&json, "p", finding->p);
        tool_json_double(&json, "p_alone", finding->test.rise);
        tool_json_bool(&json, "levelled_off", finding->is_over);
        tool_json_bool(&json, "comes_down", finding->falls);
    }
    tool_json_end(&json);
}

static void print_json(const leak_watch *watch, bool all)
{
    counts found = count(watch, all);
    tool_json json;

    for (size_t i = 0; i < watch->count; i++) {
        if (is_shown(&watch->subjects[i], all)) {
            print_subject_json(&watch->subjects[i]);
        }
    }
    tool_json_begin(&json, stdout);
    tool_json_text(&json, "kind", "summary");
    tool_json_u64(&json, "watched", found.all);
    for (size_t i = 0; i < TOOL_COUNT_OF(found.of); i++) {
        tool_json_u64(&json, leak_word((leak_verdict)i), found.of[i]);
    }
    tool_json_end(&json);
}

/* ---------------------------------------------------------------- whole --- */

/* Who names a process that is not there is told so at once. */
static weft_status sample(void *context, double time, weft_detail *detail)
{
    leak_watch *watch = context;
    weft_status status = leak_watch_sample(watch, time, detail);

    if (status == WEFT_OK && watch->count == 0) {
        *detail = (weft_detail){WEFT_ENOENT, 0, "find the processes"};
        status = WEFT_ENOENT;
    }
    return status;
}

static weft_status watch_all(leak_watch *watch, const leaks_values *values,
                             weft_detail *detail)
{
    memory_pace pace = {.interval_ns = values->interval_ns,
                        .duration_ns = values->duration_ns > 0
                                           ? values->duration_ns
                                           : values->least_ns,
                        .what = "watching processes",
                        .sample = sample,
                        .context = watch};
    weft_status status = weft_memory_open(&watch->memory, detail);

    if (status == WEFT_OK) {
        status = memory_keep_pace(&pace, detail);
        weft_memory_close(&watch->memory);
    }
    /* The last sample may come a little earlier than the span is long. */
    if (status == WEFT_OK &&
        !leak_watch_judge(watch, values->level,
                          (double)values->least_ns / 1e9 * 0.99)) {
        *detail = (weft_detail){WEFT_ENOMEM, 0, "allocate memory"};
        status = WEFT_ENOMEM;
    }
    return status;
}

int cmd_memory_leaks(int argc, char **argv)
{
    leaks_values values = {
        .interval_ns = 5 * SECOND_NS, .least_ns = LEAST_NS, .level = 0.01};
    leak_watch watch = {.memory = NULL};
    weft_detail detail = {WEFT_OK, 0, NULL};
    tool_operands operands;
    weft_status status;
    char text[256];
    int exit_code;

    if (!tool_parse(&syntax, argc, argv, &values, &operands, &exit_code)) {
        return exit_code;
    }
    watch.names = operands.items;
    watch.name_count = (size_t)operands.count;
    status = watch_all(&watch, &values, &detail);
    if (status == WEFT_ENOENT && watch.count == 0) {
        tool_error("there is no such process");
        exit_code = TOOL_FAILED;
    } else if (status != WEFT_OK) {
        weft_detail_text(&detail, text, sizeof(text));
        tool_error("cannot watch the processes: %s", text);
        exit_code = TOOL_FAILED;
    } else {
        qsort(watch.subjects, watch.count, sizeof(*watch.subjects), compare);
        if (values.json) {
            print_json(&watch, values.all);
        } else {
            print_text(&watch, values.all);
        }
        exit_code = TOOL_OK;
    }
    leak_watch_end(&watch);
    return exit_code;
}
