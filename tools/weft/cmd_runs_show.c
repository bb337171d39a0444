/* SPDX-License-Identifier: MIT
 *
 * weft runs show - all that is known of one run.
 */
#include <inttypes.h>
#include <string.h>

#include "running.h"
#include "runs.h"

static const tool_option options[] = {
    RUNS_FILE_ROW,
    RUNS_JSON_ROW("print JSON: the enforcements, then the run"),
};

static const tool_syntax syntax = {
    .command = "runs show",
    .usage = "ID|last [options]",
    .about = "Prints all that is known of one run: what it was, how it ended "
             "and why, what it\nused, and how each limit was enforced.\n",
    .options = options,
    .option_count = TOOL_COUNT_OF(options),
    .operands_least = 1,
    .operands_most = 1,
};

typedef struct showing {
    history *file;
    bool json;
    bool is_found;
    bool is_read;
    history_problem problem;
} showing;

static void print_label(void *context, const char *label)
{
    char text[256];

    (void)context;
    (void)snprintf(text, sizeof(text), "%s", label);
    tool_clean(text);
    printf("label       %s\n", text);
}

/* Each line of it in the right-hand column. */
static void print_lines(const char *title, const char *text)
{
    for (size_t length; *text != '\0'; title = "") {
        char line[512];

        length = strcspn(text, "\n");
        (void)snprintf(line, sizeof(line), "%.*s", (int)length, text);
        tool_clean(line);
        printf("%-12s%s\n", title, line);
        text += length + (text[length] == '\n');
    }
}

static void print_size(const history_run *run, uint32_t what, const char *title,
                       uint64_t bytes, const char *note)
{
    char text[32];
    char clean[80];

    if ((run->result.usage.valid & what) != 0) {
        runs_size_text(true, bytes, text, sizeof(text));
        (void)snprintf(clean, sizeof(clean), "%s", note);
        tool_clean(clean);
        printf("%-12s%s%s%s%s\n", title, text, clean[0] != '\0' ? " (" : "",
               clean, clean[0] != '\0' ? ")" : "");
    }
}

static void print_time(const history_run *run, uint32_t what, const char *title,
                       uint64_t ns)
{
    char text[32];

    if ((run->result.usage.valid & what) != 0) {
        runs_time_text(true, ns, text, sizeof(text));
        printf("%-12s%s\n", title, text);
    }
}

static void print_usage(const history_run *run)
{
    const weft_usage *usage = &run->result.usage;

    print_time(run, WEFT_USAGE_WALL, "wall", usage->wall_ns);
    print_time(run, WEFT_USAGE_CPU, "cpu", usage->cpu_ns);
    print_time(run, WEFT_USAGE_CPU_SPLIT, "  user", usage->user_ns);
    print_time(run, WEFT_USAGE_CPU_SPLIT, "  system", usage->system_ns);
    print_size(run, WEFT_USAGE_PEAK, "peak", usage->memory_peak_bytes,
               usage->memory_metric);
    print_size(run, WEFT_USAGE_RSS_PEAK, "peak rss", usage->rss_peak_bytes,
               "the largest process");
    print_size(run, WEFT_USAGE_OUTPUT, "output", usage->output_bytes, "");
    if (usage->processes_peak != 0) {
        printf("%-12s%" PRIu64 " at one time\n", "processes",
               usage->processes_peak);
    }
}

static void print_text(showing *me, const history_run *run,
                       const weft_enforcement *rows, size_t count)
{
    char text[96];

    printf("run         %" PRId64 "\ncommand     ", run->id);
    runs_print_command(run, HISTORY_TEXT_MAX);
    if (run->argument_state == HISTORY_ARGUMENTS_HIDDEN) {
        fputs(" (the arguments were not recorded)", stdout);
    }
    runs_date_text(run, text, sizeof(text));
    printf("\nstarted     %s\n", text);
    print_lines("directory", run->directory);
    me->is_read =
        history_labels(me->file, run->id, print_label, NULL, &me->problem) &&
        me->is_read;
    if (run->has_result) {
        running_reason_text(&run->result, text, sizeof(text));
        printf("result      %s\n", text);
    } else {
        printf("result      was not started\n");
    }
    printf("exit status %d\n", run->exit_code);
    print_lines("exceeded", run->exceeded);
    print_usage(run);
    print_lines("evidence", run->result.evidence);
    if (count > 0) {
        putchar('\n');
        running_print_rows(stdout, rows, count, true);
    }
}

static bool show(void *context, const history_run *run)
{
    showing *me = context;
    weft_enforcement rows[WEFT_FENCE_COUNT];
    size_t count = 0;

    me->is_found = true;
    me->is_read = history_rows(me->file, run->id, rows, &count, &me->problem);
    if (me->json) {
        running_json_rows(stdout, rows, count);
        me->is_read = runs_json(me->file, run, &me->problem) && me->is_read;
    } else {
        print_text(me, run, rows, count);
    }
    return false;
}

/* False: it was said that this is none. */
static bool parse_id(const char *text, int64_t *id)
{
    uint64_t number = 0;

    if (strcmp(text, "last") == 0) {
        *id = -1;
        return true;
    }
    if (!tool_parse_count(text, &number) || number == 0 || number > INT64_MAX) {
        tool_usage_error("runs show", "'%s' is neither an ID nor last", text);
        return false;
    }
    *id = (int64_t)number;
    return true;
}

static int find(showing *me, int64_t id)
{
    history_filter filter = {.id = id};

    if (!history_each(me->file, &filter, show, me, &me->problem) ||
        !me->is_read) {
        return runs_failed(&me->problem);
    }
    if (!me->is_found && id < 0) {
        tool_error("no run is recorded");
    } else if (!me->is_found) {
        tool_error("there is no run %" PRId64 ": it was pruned, or never was",
                   id);
    }
    return me->is_found ? TOOL_OK : TOOL_FAILED;
}

int cmd_runs_show(int argc, char **argv)
{
    runs_values values = {.history = NULL};
    showing me = {.is_read = true};
    tool_operands operands;
    int exit_code = TOOL_OK;
    int64_t id = 0;

    if (!tool_parse(&syntax, argc, argv, &values, &operands, &exit_code)) {
        return exit_code;
    }
    if (!parse_id(operands.items[0], &id)) {
        return TOOL_USAGE;
    }
    me.json = values.json;
    values.json = false; /* that there is none is to be said */
    if (runs_open(&values, HISTORY_READ, &me.file) != HISTORY_OPEN) {
        return TOOL_FAILED;
    }
    exit_code = find(&me, id);
    history_close(&me.file);
    return exit_code;
}
