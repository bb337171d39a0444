/* SPDX-License-Identifier: MIT
 *
 * transfer.h - what the commands that move messages have in common.
 *
 * Each prints one message about the first thing that went wrong and ends with
 * an exit code. A receiver that fails says why to the sender in its last
 * words, a message that goes against the stream. A sender that fails leaves
 * without closing the channel, so the receiver can't take what it got for
 * the whole.
 */
#ifndef WEFT_TRANSFER_H
#define WEFT_TRANSFER_H

#include "progress.h"
#include "tool.h"

/* How the stream is cut into messages, or written: --raw, --lines, --null.
 */
enum { TRANSFER_RAW = 1, TRANSFER_LINES = 2, TRANSFER_NULL = 3 };

/* The options that most of them have. */
typedef struct transfer_values {
    int mode;
    int wait; /* weft_wait */
    uint64_t count;
    uint64_t block_bytes;
    uint64_t ring_bytes;
    uint64_t timeout_ns;
    bool await;
    bool json;
    bool quiet;
} transfer_values;

/* The rows of the option table that all have. */
#define TRANSFER_ROWS                                                          \
    TRANSFER_TIMEOUT_ROW,                                                      \
        {.name = "wait-mode",                                                  \
         .kind = TOOL_CHOICE,                                                  \
         .offset = offsetof(transfer_values, wait),                            \
         .label = "spin|adaptive|block",                                       \
         .choices = tool_wait_modes,                                           \
         .help = "how to wait: busy, at first busy (default), or asleep"},     \
        TRANSFER_JSON_ROW, TRANSFER_QUIET_ROW

#define TRANSFER_TIMEOUT_ROW                                                   \
    {                                                                          \
        .name = "timeout", .letter = 't', .kind = TOOL_DURATION,               \
        .offset = offsetof(transfer_values, timeout_ns), .label = "D",         \
        .least = 1,                                                            \
        .help = "give up after this time in total, with exit code 124"         \
    }

#define TRANSFER_JSON_ROW                                                      \
    {                                                                          \
        .name = "json", .kind = TOOL_FLAG,                                     \
        .offset = offsetof(transfer_values, json),                             \
        .help = "print statistics on stderr at the end, as a JSON object"      \
    }

#define TRANSFER_QUIET_ROW                                                     \
    {                                                                          \
        .name = "quiet", .letter = 'q', .kind = TOOL_FLAG,                     \
        .offset = offsetof(transfer_values, quiet), .help = "show no progress" \
    }

/* One transfer under way. */
typedef struct transfer {
    const transfer_values *values;
    const char *command;
    const char *name;
    const char *peer_role; /* "receiver" or "sender" */
    weft_channel *channel;
    uint64_t start_ns;
    uint64_t deadline_ns;
    uint64_t messages;
    uint64_t bytes;
    progress bar;
} transfer;

/* Sets the deadline. */
void transfer_begin(transfer *job, const transfer_values *values,
                    const char *command, const char *name,
                    const char *peer_role);

/* The channel is open: measures from here on. `total_bytes` 0: not known. */
void transfer_start(transfer *job, uint64_t total_bytes);

/* Counts a message, and says whether --count is reached. */
bool transfer_count(transfer *job, size_t bytes);

/*
 * Each of these prints why the transfer failed and returns the exit code:
 * for a local reason; because of --timeout; because opening the name failed;
 * because a call on the channel failed.
 */
TOOL_PRINTF(2, 3)
int transfer_failed(transfer *job, const char *format, ...);
int transfer_timed_out(transfer *job);
int transfer_open_failed(transfer *job, const char *action,
                         const weft_detail *detail);
int transfer_channel_failed(transfer *job, weft_status status);

/* Tells the sender why the receiver ends; best effort, does not wait. */
void transfer_say(transfer *job, const char *words);

/*
 * Takes one message that came against the stream, or the news that none can.
 * WEFT_OK: if it was last words they are in `words`, else that is "".
 */
weft_status transfer_hear(transfer *job, uint64_t deadline_ns, char *words,
                          size_t room);

/* Ends the progress line and prints the statistics, if they are wanted. */
void transfer_summary(transfer *job, int exit_code);

/*
 * The same, for a command with figures of its own: it adds them, and calls
 * tool_json_end. False: none are wanted.
 */
bool transfer_summary_begin(transfer *job, int exit_code, tool_json *json);

#endif
