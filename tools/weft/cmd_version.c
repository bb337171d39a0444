/* SPDX-License-Identifier: MIT
 *
 * weft version - which tool and which library this is.
 */
#include "tool.h"

typedef struct version_values {
    bool json;
} version_values;

static const tool_option options[] = {
    {.name = "json",
     .kind = TOOL_FLAG,
     .offset = offsetof(version_values, json),
     .help = "print one JSON object"},
};

static const tool_syntax syntax = {
    .command = "version",
    .usage = "[options]",
    .about = "Prints the version of the library in use.\n",
    .options = options,
    .option_count = TOOL_COUNT_OF(options),
};

int cmd_version(int argc, char **argv)
{
    version_values values = {false};
    tool_operands operands;
    int exit_code;

    if (!tool_parse(&syntax, argc, argv, &values, &operands, &exit_code)) {
        return exit_code;
    }
    if (values.json) {
        tool_json json;

        tool_json_begin(&json, stdout);
        tool_json_text(&json, "version", weft_version());
        tool_json_end(&json);
    } else {
        printf("weft %s\n", weft_version());
    }
    return TOOL_OK;
}
