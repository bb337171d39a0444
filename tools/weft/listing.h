/* SPDX-License-Identifier: MIT
 *
 * listing.h - what the commands that write the messages of a topic to standard
 * output have in common: `weft sub` and `weft tap`.
 */
#ifndef WEFT_LISTING_H
#define WEFT_LISTING_H

#include "subscription.h"

/* Rows of the option tables: how the messages are written. */
#define LISTING_ROWS                                                           \
    {.name = "lines",                                                          \
     .kind = TOOL_SET,                                                         \
     .offset = offsetof(transfer_values, mode),                                \
     .value = TRANSFER_LINES,                                                  \
     .help = "write a newline after each message (default)"},                  \
        {.name = "null",                                                       \
         .letter = '0',                                                        \
         .kind = TOOL_SET,                                                     \
         .offset = offsetof(transfer_values, mode),                            \
         .value = TRANSFER_NULL,                                               \
         .help = "write a NUL byte after each message"},                       \
        {.name = "raw",                                                        \
         .kind = TOOL_SET,                                                     \
         .offset = offsetof(transfer_values, mode),                            \
         .value = TRANSFER_RAW,                                                \
         .help = "write nothing between messages"},                            \
    {                                                                          \
        .name = "json", .kind = TOOL_FLAG,                                     \
        .offset = offsetof(transfer_values, json),                             \
        .help =                                                                \
            "write each message as a JSON object on a line; statistics on "    \
            "stderr at the end, as another"                                    \
    }

/*
 * Writes all messages of a subscription, unless the exit code says that it was
 * not opened, and ends it. The exit code.
 */
int listing_run(subscription *me, int exit_code);

#endif
