/* SPDX-License-Identifier: MIT
 *
 * weft runs - which of its commands it is.
 */
#include <string.h>

#include "tool.h"

static const tool_command commands[] = {
    {"list", "the runs", cmd_runs},
    {"show", "one run", cmd_runs_show},
    {"stats", "what many runs say", cmd_runs_stats},
    {"suggest", "limits for a program", cmd_runs_suggest},
    {"prune", "remove old runs", cmd_runs_prune},
};

int cmd_runs_any(int argc, char **argv)
{
    const char *nearest;

    if (argc < 2 || argv[1][0] == '-') {
        return cmd_runs(argc, argv);
    }
    for (size_t i = 0; i < TOOL_COUNT_OF(commands); i++) {
        if (strcmp(argv[1], commands[i].name) == 0) {
            return commands[i].run(argc - 1, argv + 1);
        }
    }
    nearest = tool_nearest(argv[1], commands, TOOL_COUNT_OF(commands),
                           sizeof(commands[0]));
    return tool_usage_error("runs", "unknown word '%s'%s%s%s", argv[1],
                            nearest ? "; did you mean '" : "",
                            nearest ? nearest : "", nearest ? "'?" : "");
}
