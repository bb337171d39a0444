/* SPDX-License-Identifier: MIT
 *
 * publication.h - what the commands that publish on a topic have in common:
 * options, waiting for subscribers, messages, statistics.
 */
#ifndef WEFT_PUBLICATION_H
#define WEFT_PUBLICATION_H

#include "transfer.h"

typedef struct publication_values {
    transfer_values common;
    uint64_t wait_for;
    uint64_t cut_off_ns;
} publication_values;

/* Rows of the option tables; the values begin with a publication_values. */
#define PUBLICATION_ROWS                                                       \
    {.name = "wait-for",                                                       \
     .kind = TOOL_COUNT,                                                       \
     .offset = offsetof(publication_values, wait_for),                         \
     .label = "N",                                                             \
     .least = 1,                                                               \
     .most = UINT32_MAX,                                                       \
     .help = "publish nothing until there are N subscribers"},                 \
        {.name = "cut-off",                                                    \
         .kind = TOOL_DURATION,                                                \
         .offset = offsetof(publication_values, cut_off_ns),                   \
         .label = "D",                                                         \
         .least = 1,                                                           \
         .help = "let go of a reliable subscriber that keeps the publisher "   \
                 "waiting for so long (default: wait for it)"},                \
    {                                                                          \
        .name = "ring", .kind = TOOL_SIZE,                                     \
        .offset = offsetof(transfer_values, ring_bytes), .label = "SIZE",      \
        .least = UINT64_C(16) * 1024, .most = WEFT_MESSAGE_MAX,                \
        .power_of_two = true,                                                  \
        .help = "the ring, a power of two (default 1M); a message has less "   \
                "than half of it"                                              \
    }

typedef struct publication {
    transfer job;
    const publication_values *values;
    weft_publisher *publisher;
} publication;

/*
 * Takes the name and waits for subscribers; the name is given back if a signal
 * comes meanwhile. The exit code, as both of these.
 */
int publication_open(publication *me, const publication_values *values,
                     const char *command, const char *name);

int publication_send(publication *me, const void *data, size_t bytes);

/*
 * Prints the statistics and ends the publisher: in order, or, after a failure,
 * the whole process at once, so that no subscriber can take what it got for
 * the whole.
 */
void publication_end(publication *me, int exit_code);

#endif
