/* SPDX-License-Identifier: MIT
 *
 * weft runs - the runs that were recorded, the newest one first.
 */
#include <inttypes.h>

#include "runs.h"
#include "sys.h"

/* Of a command, in a line for people. */
#define COMMAND_MOST 100

static const tool_option options[] = {
    {.name = "limit",
     .letter = 'n',
     .kind = TOOL_COUNT,
     .offset = offsetof(runs_values, limit),
     .label = "N",
     .help = "so many at most (default 20; 0: all)"},
    RUNS_COMMAND_ROW,
    {.name = "reason",
     .letter = 'r',
     .kind = TOOL_TEXT,
     .offset = offsetof(runs_values, reason),
     .label = "WORD",
     .help = "that ended so: exited, signalled, memory, wall, refused..."},
    RUNS_LABEL_ROW,
    RUNS_SINCE_ROW,
    {.name = "failed",
     .letter = 'f',
     .kind = TOOL_FLAG,
     .offset = offsetof(runs_values, failed),
     .help = "that did not exit with 0"},
    RUNS_FILE_ROW,
    RUNS_JSON_ROW("print one JSON object a line"),
};

static const tool_syntax syntax = {
    .command = "runs",
    .usage = "[list | show ID | stats | suggest GLOB | prune] [options]",
    .about = "Tells what was run by 'weft run --record', and what came of it. "
             "Without a word\nit lists the runs, the newest one first.\n\n"
             "  show      prints all that is known of a run\n"
             "  stats     says what many runs have needed\n"
             "  suggest   says which limits a program would keep\n"
             "  prune     removes old runs\n\n"
             "'weft runs WORD --help' explains each. The options of the "
             "list:\n",
    .options = options,
    .option_count = TOOL_COUNT_OF(options),
};

typedef struct listing {
    history *file;
    bool json;
    bool has_begun;
    history_problem problem;
    bool is_read;
} listing;

static bool knows(const history_run *run, uint32_t what)
{
    return (run->result.usage.valid & what) != 0;
}

static void print_line(const history_run *run)
{
    const weft_usage *usage = &run->result.usage;
    char date[32];
    char result[20];
    char wall[32];
    char cpu[32];
    char peak[32];

    runs_date_text(run, date, sizeof(date));
    runs_result_text(run, result, sizeof(result));
    runs_time_text(knows(run, WEFT_USAGE_WALL), usage->wall_ns, wall,
                   sizeof(wall));
    runs_time_text(knows(run, WEFT_USAGE_CPU), usage->cpu_ns, cpu, sizeof(cpu));
    runs_size_text(knows(run, WEFT_USAGE_PEAK), usage->memory_peak_bytes, peak,
                   sizeof(peak));
    printf("%6" PRId64 "  %-19s  %-10s  %8s  %8s  %10s  ", run->id, date,
           result, wall, cpu, peak);
    runs_print_command(run, COMMAND_MOST);
    putchar('\n');
}

static bool print_run(void *context, const history_run *run)
{
    listing *me = context;

    if (me->json) {
        me->is_read = runs_json(me->file, run, &me->problem);
        return me->is_read && !ferror(stdout);
    }
    if (!me->has_begun) {
        printf("%6s  %-19s  %-10s  %8s  %8s  %10s  %s\n", "ID", "STARTED",
               "RESULT", "WALL", "CPU", "PEAK", "COMMAND");
        me->has_begun = true;
    }
    print_line(run);
    return !ferror(stdout);
}

int cmd_runs(int argc, char **argv)
{
    runs_values values = {.limit = 20};
    listing me = {.is_read = true};
    history_filter filter;
    tool_operands operands;
    int exit_code = TOOL_OK;

    if (!tool_parse(&syntax, argc, argv, &values, &operands, &exit_code)) {
        return exit_code;
    }
    switch (runs_open(&values, HISTORY_READ, &me.file)) {
    case HISTORY_FAILED:
        return TOOL_FAILED;
    case HISTORY_EMPTY:
        return TOOL_OK;
    default:
        break;
    }
    me.json = values.json;
    filter = runs_filter(&values);
    if (!history_each(me.file, &filter, print_run, &me, &me.problem) ||
        !me.is_read) {
        exit_code = runs_failed(&me.problem);
    } else {
        exit_code = TOOL_OK;
    }
    history_close(&me.file);
    return exit_code;
}
