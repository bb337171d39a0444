/* SPDX-License-Identifier: MIT
 *
 * weft ls - which names are in use, and by whom.
 *
 * All endpoints are asked at once, and then have half of the interval to
 * answer. The rates are those of what is left of it.
 */
#include "names_list.h"

typedef struct ls_values {
    bool json;
    uint64_t interval_ns;
} ls_values;

static const tool_option options[] = {
    {.name = "interval",
     .letter = 'i',
     .kind = TOOL_DURATION,
     .offset = offsetof(ls_values, interval_ns),
     .label = "D",
     .least = 2000000,
     .help = "take so long, for all names together (default 200ms)"},
    {.name = "json",
     .kind = TOOL_FLAG,
     .offset = offsetof(ls_values, json),
     .help = "print one JSON object a line"},
};

static const tool_syntax syntax = {
    .command = "ls",
    .usage = "[options]",
    .about = "Lists the names that are in use in the run-time directory: "
             "endpoints and who\nowns them, states, and synchronisation "
             "objects. The rate is that of messages a\nsecond: requests of a "
             "service, messages published on a topic.\n",
    .options = options,
    .option_count = TOOL_COUNT_OF(options),
};

int cmd_ls(int argc, char **argv)
{
    ls_values values = {.interval_ns = 200000000};
    tool_operands operands;
    names_list list;
    int exit_code;

    if (!tool_parse(&syntax, argc, argv, &values, &operands, &exit_code)) {
        return exit_code;
    }
    exit_code =
        names_list_read(&list, values.interval_ns) ? TOOL_OK : TOOL_FAILED;
    if (exit_code == TOOL_OK && values.json) {
        names_list_json(&list);
    } else if (exit_code == TOOL_OK) {
        names_list_print(&list, SIZE_MAX, "");
    }
    names_list_free(&list);
    return exit_code;
}
