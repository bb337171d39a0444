/* SPDX-License-Identifier: MIT
 *
 * weft recv - listens at a name and writes what one sender sends to stdout.
 *
 * Small messages are gathered, so that many short lines cost few writes; what
 * is gathered goes out as soon as no further message is waiting. Large ones
 * are written straight from the sender's ring. With --raw each message is a
 * write of its own. The name is removed once the sender is in.
 */
#include <string.h>

#include "sys.h"
#include "transfer.h"

/* Messages smaller than SMALL_BYTES are gathered up to GATHER_BYTES. */
#define GATHER_BYTES ((size_t)64 * 1024)
#define SMALL_BYTES ((size_t)8 * 1024)

static const tool_option options[] = {
    {.name = "lines",
     .kind = TOOL_SET,
     .offset = offsetof(transfer_values, mode),
     .value = TRANSFER_LINES,
     .help = "gather small messages into large writes (default)"},
    {.name = "raw",
     .kind = TOOL_SET,
     .offset = offsetof(transfer_values, mode),
     .value = TRANSFER_RAW,
     .help = "write each message by itself"},
    {.name = "count",
     .letter = 'n',
     .kind = TOOL_COUNT,
     .offset = offsetof(transfer_values, count),
     .label = "N",
     .least = 1,
     .help = "end after N messages"},
    {.name = "ring",
     .kind = TOOL_SIZE,
     .offset = offsetof(transfer_values, ring_bytes),
     .label = "SIZE",
     .least = 1,
     .most = WEFT_MESSAGE_MAX,
     .help = "the largest ring that the sender may use (default 64M)"},
    TRANSFER_ROWS,
};

static const tool_syntax syntax = {
    .command = "recv",
    .usage = "[options] NAME",
    .about = "Listens at NAME, lets one sender in, and writes what it sends to "
             "standard\noutput, byte for byte. Ends when the sender ends.\n",
    .options = options,
    .option_count = TOOL_COUNT_OF(options),
    .operands_least = 1,
    .operands_most = 1,
};

/* A transfer and the small messages that wait to be written. */
typedef struct receiver {
    transfer job;
    size_t gathered;
    char gather[GATHER_BYTES];
} receiver;

/* -------------------------------------------------------------- opening --- */

/* Waits for a sender in a way that a signal can end, see sys.h. */
static int accept_one(transfer *job, weft_listener *listener, bool *interrupted)
{
    weft_handle handle = weft_listener_handle(listener);
    weft_detail detail = {WEFT_OK, 0, NULL};

    for (;;) {
        char text[256];
        int code = 0;
        sys_event event = sys_wait_handle(handle, job->deadline_ns, &code);

        if (event == SYS_DEADLINE) {
            return transfer_timed_out(job);
        }
        if (event == SYS_INTERRUPTED) {
            *interrupted = true;
            return TOOL_FAILED;
        }
        if (event == SYS_ERROR) {
            return transfer_failed(job, "cannot wait for a sender: %s",
                                   sys_error_text(code, text, sizeof(text)));
        }
        if (weft_channel_accept(listener, WEFT_NOW, &job->channel, &detail) ==
            WEFT_OK) {
            return TOOL_OK;
        }
        if (detail.status != WEFT_EAGAIN) {
            return transfer_open_failed(job, "accept a sender at", &detail);
        }
    }
}

static int open_channel(transfer *job)
{
    weft_channel_options channel_options = WEFT_CHANNEL_OPTIONS_INIT;
    weft_listener *listener;
    weft_detail detail = {WEFT_OK, 0, NULL};
    bool interrupted = false;
    int exit_code;

    channel_options.wait = (weft_wait)job->values->wait;
    channel_options.peer_ring_max_bytes = (size_t)job->values->ring_bytes;
    sys_hold_signals();
    if (weft_channel_listen(job->name, &channel_options, &listener, &detail) !=
        WEFT_OK) {
        exit_code = transfer_open_failed(job, "listen at", &detail);
    } else {
        exit_code = accept_one(job, listener, &interrupted);
        weft_listener_close(&listener);
    }
    sys_release_signals();
    if (interrupted) {
        return transfer_failed(job, "interrupted");
    }
    return exit_code;
}

/* -------------------------------------------------------------- writing --- */

/* What the sender is told is what is printed here. */
static int write_failed(transfer *job, int code)
{
    char cause[128];
    char text[192];

    if (code == SYS_TIMED_OUT) {
        return transfer_timed_out(job);
    }
    snprintf(text, sizeof(text), "cannot write to stdout: %s",
             sys_error_text(code, cause, sizeof(cause)));
    transfer_say(job, text);
    return transfer_failed(job, "%s", text);
}

static int write_all(transfer *job, const void *data, size_t bytes)
{
    size_t written;
    int code = sys_write(data, bytes, job->deadline_ns, &written);

    return code == 0 ? TOOL_OK : write_failed(job, code);
}

static int write_gathered(receiver *me)
{
    size_t bytes = me->gathered;

    me->gathered = 0;
    return write_all(&me->job, me->gather, bytes);
}

static int write_message(receiver *me, const void *data, size_t bytes)
{
    transfer *job = &me->job;
    int exit_code = TOOL_OK;

    if (job->values->mode == TRANSFER_RAW) {
        return write_all(job, data, bytes);
    }
    if (bytes >= SMALL_BYTES || me->gathered + bytes > GATHER_BYTES) {
        exit_code = write_gathered(me);
    }
    if (exit_code == TOOL_OK && bytes >= SMALL_BYTES) {
        return write_all(job, data, bytes);
    }
    memcpy(me->gather + me->gathered, data, bytes);
    me->gathered += bytes;
    return exit_code;
}

/* ------------------------------------------------------------ receiving --- */

/* The next message; before it waits for one it writes what it has. */
static int next_message(receiver *me, const void **data, size_t *bytes,
                        weft_status *status)
{
    transfer *job = &me->job;
    int exit_code;

    *status = weft_channel_peek(job->channel, data, bytes, WEFT_NOW);
    if (*status != WEFT_EAGAIN) {
        return TOOL_OK;
    }
    exit_code = write_gathered(me);
    if (exit_code == TOOL_OK) {
        progress_look(&job->bar, job->bytes);
        *status =
            weft_channel_peek(job->channel, data, bytes, job->deadline_ns);
    }
    return exit_code;
}

/* Receives and writes until the end of the stream, or --count messages. */
static int receive_stream(receiver *me)
{
    transfer *job = &me->job;
    weft_status status = WEFT_OK;
    bool enough = false;
    int exit_code = TOOL_OK;

    while (exit_code == TOOL_OK && status == WEFT_OK && !enough) {
        const void *data;
        size_t bytes;

        exit_code = next_message(me, &data, &bytes, &status);
        if (exit_code == TOOL_OK && status == WEFT_OK) {
            exit_code = write_message(me, data, bytes);
            weft_channel_release(job->channel);
            enough = transfer_count(job, bytes);
        }
    }
    if (exit_code == TOOL_OK) {
        exit_code = write_gathered(me);
    }
    if (exit_code == TOOL_OK && status != WEFT_OK && status != WEFT_ECLOSED) {
        exit_code = transfer_channel_failed(job, status);
    }
    return exit_code;
}

/* Some systems report a write that failed only when the file is closed. */
static int receive_all(receiver *me)
{
    int exit_code = receive_stream(me);
    int code = 0;

    if (exit_code == TOOL_OK) {
        code = sys_close_output();
    } else if (exit_code == TOOL_TIMEOUT) {
        transfer_say(&me->job, "timed out");
    }
    return code != 0 ? write_failed(&me->job, code) : exit_code;
}

int cmd_recv(int argc, char **argv)
{
    static receiver me;
    transfer *job = &me.job;
    transfer_values values = {0};
    tool_operands operands;
    int exit_code;

    if (!tool_parse(&syntax, argc, argv, &values, &operands, &exit_code)) {
        return exit_code;
    }
    transfer_begin(job, &values, "recv", operands.items[0], "sender");
    exit_code = open_channel(job);
    if (exit_code == TOOL_OK) {
        transfer_start(job, 0);
        exit_code = receive_all(&me);
    }
    transfer_summary(job, exit_code);
    weft_channel_close(&job->channel);
    return exit_code;
}
