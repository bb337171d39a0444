/* SPDX-License-Identifier: MIT
 *
 * weft send - connects to a name and sends standard input.
 *
 * Raw blocks are read straight into the ring, unless the ring is too small
 * for one. Lines go through a buffer that grows to the longest line; the
 * newline stays part of the message, so the messages joined are the input.
 *
 * At the end the sender waits until the receiver has taken everything and has
 * closed its end: exit code 0 means that all of it was written there.
 */
#include <stdlib.h>

#include "records.h"
#include "sys.h"
#include "transfer.h"

/*
 * The default blocks. A read of a pipe seldom gives more than 64K; for files
 * 256K was measured to be half as fast again.
 */
#define FILE_BLOCK_BYTES ((size_t)256 * 1024)
#define PIPE_BLOCK_BYTES ((size_t)64 * 1024)

static const tool_option options[] = {
    {.name = "lines",
     .kind = TOOL_SET,
     .offset = offsetof(transfer_values, mode),
     .value = TRANSFER_LINES,
     .help = "send each line as a message, its newline included"},
    {.name = "raw",
     .kind = TOOL_SET,
     .offset = offsetof(transfer_values, mode),
     .value = TRANSFER_RAW,
     .help = "send blocks as they are read (default)"},
    {.name = "block",
     .letter = 'b',
     .kind = TOOL_SIZE,
     .offset = offsetof(transfer_values, block_bytes),
     .label = "SIZE",
     .least = 1,
     .most = WEFT_MESSAGE_MAX,
     .help = "the largest block (default 256K from a file, else 64K)"},
    {.name = "count",
     .letter = 'n',
     .kind = TOOL_COUNT,
     .offset = offsetof(transfer_values, count),
     .label = "N",
     .least = 1,
     .help = "end after N messages"},
    {.name = "wait",
     .letter = 'w',
     .kind = TOOL_FLAG,
     .offset = offsetof(transfer_values, await),
     .help = "wait until somebody listens at NAME"},
    {.name = "ring",
     .kind = TOOL_SIZE,
     .offset = offsetof(transfer_values, ring_bytes),
     .label = "SIZE",
     .least = 1,
     .most = WEFT_MESSAGE_MAX,
     .power_of_two = true,
     .help = "a ring of this fixed size, a power of two (default: it grows "
             "up to 4M)"},
    TRANSFER_ROWS,
};

static const tool_syntax syntax = {
    .command = "send",
    .usage = "[options] NAME",
    .about = "Connects to the receiver that listens at NAME and sends it "
             "standard input.\nEnds when the receiver has taken everything.\n",
    .options = options,
    .option_count = TOOL_COUNT_OF(options),
    .operands_least = 1,
    .operands_most = 1,
};

/* A transfer and its input. */
typedef struct sender {
    transfer job;
    bool regular;      /* input is a regular file, which never makes us wait */
    weft_handle watch; /* readable when the receiver has closed or died */
    size_t block;      /* how much to read at a time */
    char *buffer;      /* raw: NULL while blocks fit into the ring */
    records lines;
} sender;

/* ---------------------------------------------------------------- input --- */

/*
 * The receiver did something while there was nothing to send. If it closed in
 * order it may have had enough: as with a pipe, this is an error only if more
 * is to be sent, so the watch ends and the input decides.
 */
static int hear_receiver(sender *me)
{
    transfer *job = &me->job;
    char words[256];
    weft_status status = transfer_hear(job, WEFT_NOW, words, sizeof(words));

    if (*words != '\0') {
        return transfer_failed(job, "the receiver failed: %s", words);
    }
    if (status == WEFT_ECLOSED) {
        me->watch = WEFT_HANDLE_NONE;
        return TOOL_OK;
    }
    if (status == WEFT_OK || status == WEFT_EAGAIN) {
        return TOOL_OK;
    }
    return transfer_channel_failed(job, status);
}

/* A send failed. If the receiver said why it left, that is the better text. */
static int send_failed(transfer *job, weft_status status)
{
    char words[256] = "";

    if (status == WEFT_ECLOSED) {
        (void)transfer_hear(job, WEFT_NOW, words, sizeof(words));
    }
    if (*words != '\0') {
        return transfer_failed(job, "the receiver failed: %s", words);
    }
    return transfer_channel_failed(job, status);
}

static int input_failed(transfer *job, int code)
{
    char text[128];

    return transfer_failed(job, "cannot read stdin: %s",
                           sys_error_text(code, text, sizeof(text)));
}

/* Waits for input, and listens to the receiver meanwhile. */
static int wait_input(sender *me)
{
    transfer *job = &me->job;

    while (!me->regular) {
        int code = 0;
        int exit_code;

        progress_look(&job->bar, job->bytes);
        switch (sys_wait_input(me->watch, job->deadline_ns, &code)) {
        case SYS_OTHER:
            exit_code = hear_receiver(me);
            if (exit_code != TOOL_OK) {
                return exit_code;
            }
            break;
        case SYS_DEADLINE:
            return transfer_timed_out(job);
        case SYS_ERROR:
            return input_failed(job, code);
        case SYS_READY:
        case SYS_INTERRUPTED:
            return TOOL_OK;
        }
    }
    return TOOL_OK;
}

/* Reads at most `room` bytes; `*bytes` is 0 at the end of the input. */
static int read_input(sender *me, void *space, size_t room, size_t *bytes)
{
    int code = sys_read(space, room, bytes);

    return code == 0 ? TOOL_OK : input_failed(&me->job, code);
}

/* ------------------------------------------------------------------ raw --- */

/* Room for a block: in the ring, or in a buffer if it is too large for that. */
static weft_status open_block(sender *me, void **space)
{
    transfer *job = &me->job;

    if (me->buffer == NULL) {
        weft_status status = weft_channel_reserve(job->channel, me->block,
                                                  space, job->deadline_ns);

        if (status != WEFT_EMSGSIZE) {
            return status;
        }
        me->buffer = malloc(me->block);
    }
    *space = me->buffer;
    return me->buffer != NULL ? WEFT_OK : WEFT_ENOMEM;
}

/* What was read into the room is sent. */
static weft_status send_block(sender *me, size_t bytes)
{
    transfer *job = &me->job;

    if (me->buffer == NULL) {
        return weft_channel_commit(job->channel, bytes);
    }
    return weft_channel_send_until(job->channel, me->buffer, bytes,
                                   job->deadline_ns);
}

static int send_raw(sender *me)
{
    transfer *job = &me->job;
    bool enough = false;

    while (!enough) {
        void *space;
        size_t bytes = 0;
        weft_status status;
        int exit_code = wait_input(me);

        if (exit_code != TOOL_OK) {
            return exit_code;
        }
        status = open_block(me, &space);
        if (status != WEFT_OK) {
            return send_failed(job, status);
        }
        exit_code = read_input(me, space, me->block, &bytes);
        if (exit_code != TOOL_OK || bytes == 0) {
            weft_channel_cancel(job->channel);
            return exit_code;
        }
        status = send_block(me, bytes);
        if (status != WEFT_OK) {
            return send_failed(job, status);
        }
        enough = transfer_count(job, bytes);
    }
    return TOOL_OK;
}

/* ---------------------------------------------------------------- lines --- */

/* Adds more input to what is cut into lines. */
static int read_lines(sender *me)
{
    char text[192];
    const char *why;
    int exit_code = wait_input(me);

    if (exit_code != TOOL_OK) {
        return exit_code;
    }
    why = records_read(&me->lines, text, sizeof(text));
    return why == NULL ? TOOL_OK : transfer_failed(&me->job, "%s", why);
}

static int send_line(sender *me, const char *line, size_t bytes, bool *enough)
{
    transfer *job = &me->job;
    weft_status status =
        weft_channel_send_until(job->channel, line, bytes, job->deadline_ns);

    if (status != WEFT_OK) {
        return send_failed(job, status);
    }
    *enough = transfer_count(job, bytes);
    return TOOL_OK;
}

static int send_lines(sender *me)
{
    bool enough = false;
    int exit_code = TOOL_OK;

    me->lines = (records){.delimiter = '\n', .keep = true, .block = me->block};
    while (exit_code == TOOL_OK && !enough) {
        const char *line;
        size_t bytes;

        if (records_next(&me->lines, &line, &bytes)) {
            exit_code = send_line(me, line, bytes, &enough);
        } else if (me->lines.at_end) {
            break;
        } else {
            exit_code = read_lines(me);
        }
    }
    return exit_code;
}

/* -------------------------------------------------------------- the end --- */

/* Ends the stream and waits until the receiver has closed its end. */
static int finish(transfer *job)
{
    char words[256] = "";
    weft_status status = weft_channel_flush(job->channel, job->deadline_ns);

    if (status == WEFT_OK) {
        status = weft_channel_shutdown(job->channel);
    }
    if (status != WEFT_OK) {
        return send_failed(job, status);
    }
    while (status == WEFT_OK && *words == '\0') {
        status = transfer_hear(job, job->deadline_ns, words, sizeof(words));
    }
    if (*words != '\0') {
        return transfer_failed(job, "the receiver failed: %s", words);
    }
    return status == WEFT_ECLOSED ? TOOL_OK
                                  : transfer_channel_failed(job, status);
}

static int open_channel(transfer *job)
{
    const transfer_values *values = job->values;
    weft_channel_options channel_options = WEFT_CHANNEL_OPTIONS_INIT;
    weft_detail detail = {WEFT_OK, 0, NULL};

    channel_options.wait = (weft_wait)values->wait;
    channel_options.flags = values->await ? WEFT_CHANNEL_AWAIT_NAME : 0;
    channel_options.ring_bytes = (size_t)values->ring_bytes;
    channel_options.ring_max_bytes = (size_t)values->ring_bytes;
    if (weft_channel_connect(job->name, &channel_options, job->deadline_ns,
                             &job->channel, &detail) != WEFT_OK) {
        return transfer_open_failed(job, "connect to", &detail);
    }
    return TOOL_OK;
}

/* Finds out what the input is, and how to read it. */
static int open_input(sender *me)
{
    transfer *job = &me->job;
    uint64_t total_bytes = 0;
    weft_status status = WEFT_OK;

    me->regular = sys_input_left(&total_bytes);
    me->block = me->regular ? FILE_BLOCK_BYTES : PIPE_BLOCK_BYTES;
    if (job->values->block_bytes != 0) {
        me->block = (size_t)job->values->block_bytes;
    }
    if (!me->regular) {
        status = weft_channel_recv_handle(job->channel, &me->watch);
    }
    transfer_start(job, total_bytes);
    return status == WEFT_OK ? TOOL_OK : transfer_channel_failed(job, status);
}

static int send_all(sender *me)
{
    transfer *job = &me->job;
    int exit_code = open_channel(job);

    if (exit_code == TOOL_OK) {
        exit_code = open_input(me);
    }
    if (exit_code == TOOL_OK) {
        exit_code =
            job->values->mode == TRANSFER_LINES ? send_lines(me) : send_raw(me);
    }
    return exit_code == TOOL_OK ? finish(job) : exit_code;
}

int cmd_send(int argc, char **argv)
{
    transfer_values values = {0};
    sender me = {.buffer = NULL};
    tool_operands operands;
    int exit_code;

    if (!tool_parse(&syntax, argc, argv, &values, &operands, &exit_code)) {
        return exit_code;
    }
    transfer_begin(&me.job, &values, "send", operands.items[0], "receiver");
    exit_code = send_all(&me);
    transfer_summary(&me.job, exit_code);
    free(me.buffer);
    records_free(&me.lines);
    if (exit_code != TOOL_OK) {
        sys_abandon(exit_code);
    }
    weft_channel_close(&me.job.channel);
    return exit_code;
}
