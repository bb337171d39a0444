/* SPDX-License-Identifier: MIT
 *
 * subscription.h - what the commands that subscribe to a topic, or tap it, have
 * in common: options, waiting, losses told as they happen, and how it ends.
 */
#ifndef WEFT_SUBSCRIPTION_H
#define WEFT_SUBSCRIPTION_H

#include "transfer.h"

typedef struct subscription_values {
    transfer_values common;
    bool reliable;
    bool history;
    uint64_t every_ns; /* of a tap: the shortest pause between two looks */
} subscription_values;

/* Rows of the option tables; the values begin with a subscription_values. */
#define SUBSCRIPTION_RELIABLE_ROW                                              \
    {                                                                          \
        .name = "reliable", .letter = 'r', .kind = TOOL_FLAG,                  \
        .offset = offsetof(subscription_values, reliable),                     \
        .help = "get every message: the publisher waits for this command"      \
    }

#define SUBSCRIPTION_ROWS                                                      \
    {.name = "history",                                                        \
     .kind = TOOL_FLAG,                                                        \
     .offset = offsetof(subscription_values, history),                         \
     .help = "begin with what the publisher still has"},                       \
        {.name = "wait",                                                       \
         .letter = 'w',                                                        \
         .kind = TOOL_FLAG,                                                    \
         .offset = offsetof(transfer_values, await),                           \
         .help = "wait for the topic to appear"},                              \
        {.name = "count",                                                      \
         .letter = 'n',                                                        \
         .kind = TOOL_COUNT,                                                   \
         .offset = offsetof(transfer_values, count),                           \
         .label = "N",                                                         \
         .least = 1,                                                           \
         .help = "end after N messages"},                                      \
    {                                                                          \
        .name = "ring", .kind = TOOL_SIZE,                                     \
        .offset = offsetof(transfer_values, ring_bytes), .label = "SIZE",      \
        .least = 1, .most = WEFT_MESSAGE_MAX,                                  \
        .help = "the largest ring that the publisher may have (default 64M)"   \
    }

typedef struct subscription {
    transfer job;
    weft_subscriber *subscriber;
    weft_tap *tap;      /* one of these two is NULL */
    weft_handle handle; /* to wait for; a tap has none */
    uint64_t every_ns;  /* of a tap: the first pause, and the next one */
    uint64_t pause_ns;
    char *data; /* the last message, and the room there */
    size_t room;
    uint64_t told_lost; /* messages whose loss was told on stderr */
    uint64_t tell_ns;   /* the next loss is told from then on */
    unsigned bad_ends;  /* publishers that failed while there were others */
    unsigned unlooked;  /* messages since the last look for a signal */
    uint64_t wake_ns;   /* when a wait is to end early, for `idle`; 0: never */
    bool is_held;       /* signals are held all the time, not just in waits */
    bool interrupted;   /* by a signal, which takes effect when it is let in */
} subscription;

/* Connects. The exit code, as all of these. */
int subscription_open(subscription *me, const subscription_values *values,
                      const char *command, const char *name);

/* The same as a tap. */
int subscription_open_tap(subscription *me, const subscription_values *values,
                          const char *command, const char *name);

/*
 * Called before the command waits for a message, to write what it has
 * gathered, and again at wake_ns.
 */
typedef int subscription_idle(void *context);

/* What subscription_next has found. */
typedef enum subscription_result {
    SUBSCRIPTION_MESSAGE,
    SUBSCRIPTION_END,   /* all have closed the topic, and all was taken */
    SUBSCRIPTION_FAILED /* `*exit_code` says how; it was told */
} subscription_result;

/*
 * The next message; its data is valid until the next call. Losses are told
 * on stderr, at most once a second while messages come.
 */
subscription_result subscription_next(subscription *me,
                                      weft_publication *publication,
                                      subscription_idle *idle, void *context,
                                      int *exit_code);

/*
 * Tells the losses that were not told yet and prints the statistics. The
 * caller may add to them if this is true, and then calls tool_json_end.
 */
bool subscription_summary_begin(subscription *me, int exit_code,
                                tool_json *json);

/* Leaves the topic. A signal that has ended it takes effect. */
void subscription_close(subscription *me);

#endif
