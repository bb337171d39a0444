/* SPDX-License-Identifier: MIT
 *
 * weft runs prune - old runs go.
 */
#include <inttypes.h>

#include "runs.h"
#include "sys.h"

#define KEEP_UNSET UINT64_MAX

typedef struct prune_values {
    runs_values shared;
    uint64_t older_ns;
    uint64_t keep;
} prune_values;

static const tool_option options[] = {
    {.name = "older",
     .kind = TOOL_CALL,
     .offset = offsetof(prune_values, older_ns),
     .label = "AGE",
     .call = runs_take_age,
     .help = "those that started longer ago, such as 30d"},
    {.name = "keep",
     .kind = TOOL_COUNT,
     .offset = offsetof(prune_values, keep),
     .label = "N",
     .help = "all but the newest N; 0: all of them"},
    RUNS_FILE_ROW,
    RUNS_JSON_ROW("print the number as JSON"),
};

static const tool_syntax syntax = {
    .command = "runs prune",
    .usage = "[--older AGE] [--keep N] [options]",
    .about = "Removes runs from the history, and gives the room back. Of "
             "itself the history\nkeeps the newest 10000.\n",
    .options = options,
    .option_count = TOOL_COUNT_OF(options),
};

static void print_removed(bool json, uint64_t removed)
{
    tool_json object;

    if (!json) {
        printf("%" PRIu64 " runs removed\n", removed);
        return;
    }
    tool_json_begin(&object, stdout);
    tool_json_text(&object, "type", "pruned");
    tool_json_u64(&object, "removed", removed);
    tool_json_end(&object);
}

int cmd_runs_prune(int argc, char **argv)
{
    prune_values values = {.keep = KEEP_UNSET};
    uint64_t now = sys_unix_ns();
    uint64_t removed = 0;
    history_problem problem = {""};
    history *file = NULL;
    history_state state;
    tool_operands operands;
    int exit_code = TOOL_OK;

    if (!tool_parse(&syntax, argc, argv, &values, &operands, &exit_code)) {
        return exit_code;
    }
    if (values.older_ns == 0 && values.keep == KEEP_UNSET) {
        return tool_usage_error("runs prune", "which ones? (--older, --keep)");
    }
    state = runs_open(&values.shared, HISTORY_CHANGE, &file);
    if (state == HISTORY_FAILED) {
        return TOOL_FAILED;
    }
    if (state == HISTORY_OPEN) {
        uint64_t before = values.older_ns > 0 && values.older_ns < now
                              ? now - values.older_ns
                              : 0;

        if (!history_prune(file, before, values.keep, &removed, &problem)) {
            tool_error("cannot prune the history of runs: %s", problem.text);
            history_close(&file);
            return TOOL_FAILED;
        }
        history_close(&file);
    }
    print_removed(values.shared.json, removed);
    return TOOL_OK;
}
