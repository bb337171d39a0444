/* SPDX-License-Identifier: MIT
 *
 * weft tap - writes the messages of a topic to stdout, unnoticed by those who
 * publish.
 */
#include "listing.h"

static const tool_option options[] = {
    LISTING_ROWS,
    {.name = "every",
     .kind = TOOL_DURATION,
     .offset = offsetof(subscription_values, every_ns),
     .label = "D",
     .least = 1,
     .most = UINT64_C(3600000000000),
     .help = "look for messages so often, and less where there are none, down "
             "to a 20th (default 1ms)"},
    SUBSCRIPTION_ROWS,
    TRANSFER_TIMEOUT_ROW,
    TRANSFER_QUIET_ROW,
};

static const tool_syntax syntax = {
    .command = "tap",
    .usage = "[options] TOPIC",
    .about = "Writes each message of TOPIC to standard output, as a line, "
             "without being a\nsubscriber: no publisher waits for it, wakes it "
             "or knows of it. It looks for\nmessages now and then, and tells "
             "how many of them it came too late for. Ends\nwhen the last "
             "publisher ends.\n",
    .options = options,
    .option_count = TOOL_COUNT_OF(options),
    .operands_least = 1,
    .operands_most = 1,
};

int cmd_tap(int argc, char **argv)
{
    subscription_values values = {.every_ns = 1000000};
    subscription me = {.subscriber = NULL};
    tool_operands operands;
    int exit_code;

    if (!tool_parse(&syntax, argc, argv, &values, &operands, &exit_code)) {
        return exit_code;
    }
    return listing_run(
        &me, subscription_open_tap(&me, &values, "tap", operands.items[0]));
}
