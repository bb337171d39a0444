/* SPDX-License-Identifier: MIT
 *
 * weft sub - subscribes to a topic and writes its messages to stdout.
 */
#include "listing.h"

static const tool_option options[] = {
    LISTING_ROWS,         SUBSCRIPTION_RELIABLE_ROW, SUBSCRIPTION_ROWS,
    TRANSFER_TIMEOUT_ROW, TRANSFER_QUIET_ROW,
};

static const tool_syntax syntax = {
    .command = "sub",
    .usage = "[options] TOPIC",
    .about = "Subscribes to TOPIC and writes each message to standard output, "
             "as a line.\nEnds when the last publisher ends. It never slows a "
             "publisher down, and tells\nhow many messages it lost, unless "
             "it is to get all of them: '--reliable'.\n",
    .options = options,
    .option_count = TOOL_COUNT_OF(options),
    .operands_least = 1,
    .operands_most = 1,
};

int cmd_sub(int argc, char **argv)
{
    subscription_values values = {.reliable = false};
    subscription me = {.subscriber = NULL};
    tool_operands operands;
    int exit_code;

    if (!tool_parse(&syntax, argc, argv, &values, &operands, &exit_code)) {
        return exit_code;
    }
    return listing_run(
        &me, subscription_open(&me, &values, "sub", operands.items[0]));
}
