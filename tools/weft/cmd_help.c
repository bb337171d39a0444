/* SPDX-License-Identifier: MIT
 *
 * weft help - the list of commands, or the help of one.
 */
#include "tool.h"

static const tool_syntax syntax = {
    .command = "help",
    .usage = "[COMMAND]",
    .about = "Lists the commands, or explains one. The manual pages weft(1) "
             "and\nweft-COMMAND(1) tell more.\n",
    .operands_most = 1,
};

int cmd_help(int argc, char **argv)
{
    static char help[] = "--help";
    const tool_command *command;
    tool_operands operands;
    int exit_code;

    if (!tool_parse(&syntax, argc, argv, NULL, &operands, &exit_code)) {
        return exit_code;
    }
    if (operands.count == 0) {
        tool_print_overview(stdout);
        return TOOL_OK;
    }
    command = tool_find_command(operands.items[0]);
    if (command == NULL) {
        return tool_unknown_command(operands.items[0]);
    }
    return command->run(2, (char *[]){operands.items[0], help, NULL});
}
