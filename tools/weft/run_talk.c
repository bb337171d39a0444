/* SPDX-License-Identifier: MIT
 *
 * A program's channel, joined to standard input and output.
 */
#include <stdlib.h>
#include <string.h>

#include "run_talk.h"

/* What is read of standard input at a time. */
#define PIECE_BYTES ((size_t)64 * 1024)

/* Messages smaller than this are gathered, up to a piece. */
#define SMALL_BYTES ((size_t)8 * 1024)

/* Messages until the other things have their turn. */
#define MESSAGES_MOST 256

bool run_talk_begin(run_talk *talk, const run_values *values,
                    weft_process_spec *spec)
{
    weft_status status = WEFT_OK;

    *talk = (run_talk){
        .sends = true,
        .is_raw = !values->lines && values->block_bytes == 0,
        .input = {.delimiter = values->lines ? '\n' : RECORDS_OF_BLOCK,
                  .keep = true,
                  .block = values->lines ? PIECE_BYTES
                                         : (size_t)values->block_bytes},
    };
    talk->gathered = malloc(PIECE_BYTES);
    talk->raw = malloc(PIECE_BYTES);
    if (talk->gathered == NULL || talk->raw == NULL) {
        status = WEFT_ENOMEM;
    }
    if (status == WEFT_OK && values->streams[0] == NULL) {
        status = weft_process_spec_stream(spec, 0, WEFT_STREAM_NULL,
                                          WEFT_HANDLE_NONE);
    }
    if (status == WEFT_OK && values->streams[1] == NULL) {
        status = weft_process_spec_stream(spec, 1, WEFT_STREAM_HANDLE,
                                          sys_error_stream());
    }
    if (status != WEFT_OK) {
        tool_error("cannot set up the channel: %s", weft_status_text(status));
    }
    return status == WEFT_OK;
}

void run_talk_started(run_talk *talk, weft_process *process, run_status *line)
{
    talk->channel = weft_process_take_channel(process);
    talk->line = line;
}

/* --------------------------------------------------------------- failures --
 */

static void fail(run_talk *talk, const char *what, const char *why)
{
    if (talk->line != NULL) {
        run_status_hide(talk->line);
    }
    tool_error("%s: %s", what, why);
    talk->has_failed = true;
}

/* No more goes to the program, which may still send. */
static void end_input(run_talk *talk)
{
    talk->sends = false;
    talk->unsent = NULL;
    if (talk->channel != NULL && talk->is_greeted) {
        (void)weft_channel_shutdown(talk->channel);
    }
}

/*
 * A call on the channel failed, perhaps as the program has ended or has closed
 * its end, which is the program's own affair.
 */
static void leave(run_talk *talk, weft_status status)
{
    if (status != WEFT_ECLOSED && status != WEFT_EPEERDIED) {
        fail(talk, "the channel to the program failed",
             weft_status_text(status));
    }
    talk->sends = false;
    weft_channel_close(&talk->channel);
}

/* ---------------------------------------------------------------- sending --
 */

/* Sends what is kept; false: there is no room for it, or no channel. */
static bool send_unsent(run_talk *talk)
{
    weft_status status;

    if (talk->unsent == NULL) {
        return true;
    }
    status =
        weft_channel_try_send(talk->channel, talk->unsent, talk->unsent_bytes);
    if (status == WEFT_OK) {
        talk->unsent = NULL;
        return true;
    }
    if (status == WEFT_ECLOSED || status == WEFT_EPEERDIED) {
        /* It has had enough; what it sent before is still to be read. */
        talk->sends = false;
        talk->unsent = NULL;
    } else if (status != WEFT_EAGAIN) {
        leave(talk, status);
    }
    return false;
}

/* Sends until there is no more of the input, or no room; true: not yet. */
static bool send_records(run_talk *talk)
{
    for (int i = 0; i < MESSAGES_MOST && talk->sends; i++) {
        if (!send_unsent(talk)) {
            return false;
        }
        if (talk->is_raw ||
            !records_next(&talk->input, &talk->unsent, &talk->unsent_bytes)) {
            talk->unsent = NULL;
            if (talk->input.at_end) {
                end_input(talk);
            }
            return false;
        }
    }
    return talk->sends;
}

static void read_raw(run_talk *talk)
{
    char text[128];
    size_t bytes = 0;
    int code = sys_read(talk->raw, PIECE_BYTES, &bytes);

    if (code != 0) {
        fail(talk, "cannot read stdin",
             sys_error_text(code, text, sizeof(text)));
    }
    if (bytes > 0) {
        talk->unsent = talk->raw;
        talk->unsent_bytes = bytes;
    } else {
        talk->input.at_end = true;
    }
}

void run_talk_hear(run_talk *talk, const sys_waits *waits)
{
    char text[192];
    const char *why;

    if (!waits->has_input || !talk->sends || talk->unsent != NULL) {
        return;
    }
    if (talk->is_raw) {
        read_raw(talk);
        return;
    }
    why = records_read(&talk->input, text, sizeof(text));
    if (why != NULL) {
        fail(talk, "cannot send the input", why);
        talk->input.at_end = true;
    }
}

/* -------------------------------------------------------------- receiving --
 */

/* False: standard output takes no more now, or nothing ever. */
static bool write_unwritten(run_talk *talk)
{
    size_t written = 0;
    char text[128];
    int code;

    if (talk->line != NULL) {
        run_status_hide(talk->line);
    }
    code = sys_write_some(talk->unwritten, talk->unwritten_bytes, &written);
    talk->unwritten += written;
    talk->unwritten_bytes -= written;
    if (code != 0) {
        fail(talk, "cannot write to stdout",
             sys_error_text(code, text, sizeof(text)));
        talk->unwritten = NULL;
        leave(talk, WEFT_ECLOSED);
        return false;
    }
    if (talk->unwritten_bytes == 0) {
        talk->unwritten = NULL;
    }
    return talk->unwritten == NULL;
}

/* Writes this, as far as it can now; nothing else is being written. */
static bool write_these(run_talk *talk, const void *data, size_t bytes)
{
    talk->unwritten = bytes > 0 ? data : NULL;
    talk->unwritten_bytes = bytes;
    return bytes == 0 || write_unwritten(talk);
}

static bool write_gathered(run_talk *talk)
{
    size_t bytes = talk->gathered_bytes;

    talk->gathered_bytes = 0;
    return write_these(talk, talk->gathered, bytes);
}

static void release(run_talk *talk)
{
    weft_channel_release(talk->channel);
    talk->held = NULL;
}

/* Writes the held message behind those that are gathered, or gathers it. */
static bool take_held(run_talk *talk)
{
    size_t bytes = talk->held_bytes;

    if (bytes < SMALL_BYTES && talk->gathered_bytes + bytes <= PIECE_BYTES) {
        memcpy(talk->gathered + talk->gathered_bytes, talk->held, bytes);
        talk->gathered_bytes += bytes;
        release(talk);
        return true;
    }
    if (talk->gathered_bytes > 0) {
        return write_gathered(talk);
    }
    talk->is_held_written = true;
    if (!write_these(talk, talk->held, bytes)) {
        return false;
    }
    talk->is_held_written = false;
    release(talk);
    return true;
}

/* Goes on with what the output had no room for. */
static bool finish_writing(run_talk *talk)
{
    if (talk->unwritten != NULL && !write_unwritten(talk)) {
        return false;
    }
    if (talk->is_held_written) {
        talk->is_held_written = false;
        release(talk);
    }
    return true;
}

/*
 * Takes messages until there are none, or it would have to wait for the output;
 * true: not yet.
 */
static bool receive(run_talk *talk)
{
    weft_status status = WEFT_OK;

    if (!finish_writing(talk)) {
        return false;
    }
    for (int i = 0; i < MESSAGES_MOST && talk->channel != NULL; i++) {
        if (talk->held == NULL) {
            status = weft_channel_peek(talk->channel, &talk->held,
                                       &talk->held_bytes, WEFT_NOW);
        }
        if (status != WEFT_OK) {
            talk->held = NULL;
            if (write_gathered(talk) && status != WEFT_EAGAIN) {
                leave(talk, status);
            }
            return false;
        }
        if (!take_held(talk)) {
            return false;
        }
    }
    return talk->channel != NULL;
}

/* ------------------------------------------------------------------ waiting */

static void add_handle(run_talk *talk, sys_waits *waits, weft_status status,
                       weft_handle handle)
{
    if (status == WEFT_OK) {
        waits->handles[waits->count++] = handle;
    } else {
        leave(talk, status);
    }
}

/* Until the program has opened its end there is nothing else to wait for. */
static bool await_greeting(run_talk *talk, sys_waits *waits)
{
    weft_handle handle = WEFT_HANDLE_NONE;
    size_t bytes;
    weft_status status = weft_channel_try_recv(talk->channel, NULL, 0, &bytes);

    /* A message that is there is too long for this, and stays. */
    if (status != WEFT_OK && status != WEFT_EMSGSIZE && status != WEFT_EAGAIN) {
        leave(talk, status);
        return false;
    }
    status = weft_channel_pair_handle(talk->channel, &handle);
    if (status == WEFT_ENOENT) {
        talk->is_greeted = true;
        return true;
    }
    add_handle(talk, waits, status, handle);
    return false;
}

static void add_waits(run_talk *talk, sys_waits *waits)
{
    weft_handle handle = WEFT_HANDLE_NONE;
    weft_status status;

    if (talk->unwritten != NULL) {
        waits->for_output = true;
    } else {
        status = weft_channel_recv_handle(talk->channel, &handle);
        add_handle(talk, waits, status, handle);
    }
    if (talk->channel != NULL && talk->unsent != NULL) {
        status = weft_channel_send_handle(talk->channel, &handle);
        add_handle(talk, waits, status, handle);
    }
    waits->for_input =
        talk->sends && talk->unsent == NULL && !talk->input.at_end;
}

bool run_talk_prepare(run_talk *talk, sys_waits *waits)
{
    bool has_more;

    if (talk->channel == NULL ||
        (!talk->is_greeted && !await_greeting(talk, waits))) {
        return false;
    }
    has_more = receive(talk);
    if (talk->channel != NULL && talk->sends) {
        has_more = send_records(talk) || has_more;
    }
    if (talk->channel != NULL) {
        add_waits(talk, waits);
    }
    return has_more;
}

void run_talk_end(run_talk *talk)
{
    while (receive(talk) || talk->unwritten != NULL) {
        sys_waits waits = {.for_output = talk->unwritten != NULL};
        int code = 0;

        if (waits.for_output &&
            sys_wait_several(&waits, WEFT_FOREVER, &code) == SYS_INTERRUPTED) {
            fail(talk, "cannot write all that the program sent", "interrupted");
            return;
        }
    }
}

void run_talk_free(run_talk *talk)
{
    weft_channel_close(&talk->channel);
    free(talk->gathered);
    free(talk->raw);
    records_free(&talk->input);
}
