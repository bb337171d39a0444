/* SPDX-License-Identifier: MIT
 *
 * weft record - subscribes to a topic and keeps its messages in a file.
 *
 * The publisher is not slowed down: what this is too slow for is lost, and the
 * file says how many messages, and where. Frames are gathered and written as
 * soon as no further message is waiting. If a write fails the file is cut
 * behind the last whole frame that is in it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "recording.h"
#include "subscription.h"
#include "sys.h"

/* Frames smaller than this are gathered up to GATHER_BYTES. */
#define SMALL_BYTES ((size_t)32 * 1024)
#define GATHER_BYTES ((size_t)256 * 1024)
#define GATHER_FRAMES (GATHER_BYTES / RECORD_FRAME_BYTES)

typedef struct record_values {
    subscription_values from;
    bool append;
    uint64_t sync_ns;
} record_values;

static const tool_option options[] = {
    {.name = "append",
     .letter = 'a',
     .kind = TOOL_FLAG,
     .offset = offsetof(record_values, append),
     .help = "go on with FILE, behind the last whole message in it"},
    {.name = "sync",
     .kind = TOOL_DURATION,
     .offset = offsetof(record_values, sync_ns),
     .label = "D",
     .least = 1,
     .help = "have the system bring what is new to the disk, every D"},
    SUBSCRIPTION_RELIABLE_ROW,
    SUBSCRIPTION_ROWS,
    TRANSFER_TIMEOUT_ROW,
    TRANSFER_JSON_ROW,
    TRANSFER_QUIET_ROW,
};

static const tool_syntax syntax = {
    .command = "record",
    .usage = "[options] TOPIC FILE",
    .about = "Subscribes to TOPIC and keeps its messages in FILE, with the "
             "time of each, for\n'weft replay'. The publisher is not slowed "
             "down; the file says where messages\nwere lost, and how many.\n",
    .options = options,
    .option_count = TOOL_COUNT_OF(options),
    .operands_least = 2,
    .operands_most = 2,
};

typedef struct recorder {
    subscription from;
    const record_values *values;
    const char *topic;
    const char *path;
    weft_handle file;
    bool is_new;         /* the file was made by this command */
    uint64_t end;        /* of the whole frames in the file */
    uint64_t start_ns;   /* the clock at the time below */
    uint64_t time_ns;    /* of the recording, when this command began */
    uint64_t lost;       /* messages whose loss is in a frame */
    uint64_t sync_at_ns; /* 0: nothing was written since the last time */
    bool has_failed;     /* the file can't be written */
    uint64_t kept;       /* messages in the file */
    size_t gathered;
    size_t frames;
    size_t ends[GATHER_FRAMES]; /* of each frame that is gathered */
    unsigned char gather[GATHER_BYTES];
} recorder;

/* -------------------------------------------------------------- writing --- */

/* The file ends with a whole frame, also on a disk that is full. */
static int write_failed(recorder *me, int code)
{
    int cut = sys_file_cut(me->file, me->end);

    me->has_failed = true;
    if (cut != 0) {
        (void)recording_failed(&me->from.job, "cut", me->path, cut);
    }
    (void)recording_failed(&me->from.job, "write", me->path, code);
    return transfer_failed(&me->from.job,
                           "'%s' has %" PRIu64 " messages of this recording",
                           me->path, me->kept);
}

static void note_written(recorder *me)
{
    if (me->sync_at_ns == 0 && me->values->sync_ns != 0) {
        me->sync_at_ns = weft_after_ns(me->values->sync_ns);
        me->from.wake_ns = me->sync_at_ns;
    }
}

static int sync_when_due(recorder *me, bool now)
{
    int code;

    if (me->sync_at_ns == 0 || (!now && weft_now_ns() < me->sync_at_ns)) {
        return TOOL_OK;
    }
    me->sync_at_ns = 0;
    me->from.wake_ns = 0;
    code = sys_file_sync(me->file);
    return code == 0 ? TOOL_OK
                     : recording_failed(&me->from.job, "sync", me->path, code);
}

/* Writes what was gathered. */
static int flush(recorder *me)
{
    size_t written = 0;
    size_t whole = 0;
    size_t frames = 0;
    int code;

    if (me->gathered == 0) {
        return TOOL_OK;
    }
    code =
        sys_file_write(me->file, me->end, me->gather, me->gathered, &written);
    while (frames < me->frames && me->ends[frames] <= written) {
        whole = me->ends[frames++];
    }
    me->end += whole;
    me->kept += frames;
    me->gathered = 0;
    me->frames = 0;
    note_written(me);
    return code == 0 ? TOOL_OK : write_failed(me, code);
}

/* Before this waits for a message. */
static int idle(void *context)
{
    int exit_code = flush(context);

    return exit_code == TOOL_OK ? sync_when_due(context, false) : exit_code;
}

/* Writes a frame that is too large to be gathered. */
static int write_large(recorder *me, const record_frame *frame,
                       const unsigned char head[RECORD_FRAME_BYTES])
{
    static const unsigned char zeros[8] = {0};
    uint64_t at = me->end;
    size_t written;
    int code = sys_file_write(me->file, at, head, RECORD_FRAME_BYTES, &written);

    at += RECORD_FRAME_BYTES;
    if (code == 0) {
        code =
            sys_file_write(me->file, at, frame->data, frame->bytes, &written);
        at += frame->bytes;
    }
    if (code == 0) {
        code = sys_file_write(me->file, at, zeros, record_padding(frame->bytes),
                              &written);
        at += record_padding(frame->bytes);
    }
    if (code != 0) {
        return write_failed(me, code);
    }
    me->end = at;
    me->kept++;
    note_written(me);
    return TOOL_OK;
}

static int write_frame(recorder *me, record_frame *frame)
{
    unsigned char head[RECORD_FRAME_BYTES];
    uint64_t size = record_frame_size(frame->bytes);
    int exit_code = TOOL_OK;

    if (me->gathered + size > GATHER_BYTES || frame->bytes >= SMALL_BYTES) {
        exit_code = flush(me);
    }
    if (exit_code != TOOL_OK) {
        return exit_code;
    }
    frame->time_ns = me->time_ns + (weft_now_ns() - me->start_ns);
    frame->position = me->end + me->gathered;
    record_put_frame(frame, head);
    if (frame->bytes >= SMALL_BYTES) {
        return write_large(me, frame, head);
    }
    memset(me->gather + me->gathered, 0, (size_t)size);
    memcpy(me->gather + me->gathered, head, sizeof(head));
    if (frame->bytes > 0) {
        memcpy(me->gather + me->gathered + sizeof(head), frame->data,
               frame->bytes);
    }
    me->gathered += (size_t)size;
    me->ends[me->frames++] = me->gathered;
    return TOOL_OK;
}

static int write_message(recorder *me, const weft_publication *message)
{
    record_frame frame = {.kind = RECORD_MESSAGE,
                          .publisher = message->publisher,
                          .sequence = message->sequence,
                          .lost = message->lost,
                          .data = message->data,
                          .bytes = message->bytes};

    me->lost += message->lost;
    return write_frame(me, &frame);
}

/* Says that the recording was ended, and what was lost after its last message.
 */
static int write_stop(recorder *me)
{
    weft_subscriber_stats stats = {.size = sizeof(stats)};
    record_frame frame = {.kind = RECORD_STOP};
    int exit_code;

    (void)weft_subscriber_get_stats(me->from.subscriber, &stats);
    frame.lost = stats.lost - me->lost;
    exit_code = write_frame(me, &frame);
    if (exit_code == TOOL_OK) {
        exit_code = flush(me);
    }
    if (exit_code == TOOL_OK) {
        me->kept--; /* it is no message */
        exit_code = sync_when_due(me, true);
    }
    return exit_code;
}

/* ----------------------------------------------------------------- file --- */

static int begin_file(recorder *me)
{
    unsigned char bytes[RECORD_HEADER_MAX];
    record_header header = {.base_unix_ns = sys_unix_ns()};
    size_t size;
    size_t written;
    int code;

    snprintf(header.topic, sizeof(header.topic), "%s", me->topic);
    size = record_put_header(&header, bytes);
    code = sys_file_cut(me->file, 0);
    if (code == 0) {
        code = sys_file_write(me->file, 0, bytes, size, &written);
    }
    if (code != 0) {
        return write_failed(me, code);
    }
    me->end = size;
    return TOOL_OK;
}

/* Finds the end of a recording that is there, and checks all of it. */
static int continue_file(recorder *me)
{
    recording before = {
        .job = &me->from.job, .path = me->path, .file = me->file};
    const record_header *header = &before.reader.header;
    record_frame frame;
    uint64_t now_ns;
    int exit_code = recording_open(&before);

    while (exit_code == TOOL_OK &&
           recording_next(&before, &frame, &exit_code)) {
    }
    record_close(&before.reader);
    if (exit_code != TOOL_OK) {
        return exit_code;
    }
    if (before.end == 0 && before.damages == 0) {
        return begin_file(me);
    }
    if (strcmp(header->topic, me->topic) != 0) {
        return transfer_failed(&me->from.job,
                               "'%s' is a recording of the topic '%s'",
                               me->path, header->topic);
    }
    now_ns = sys_unix_ns() - header->base_unix_ns;
    me->time_ns =
        now_ns > before.last_ns && sys_unix_ns() > header->base_unix_ns
            ? now_ns
            : before.last_ns;
    me->end = before.reader.position;
    if (before.torn_bytes > 0) {
        int code = sys_file_cut(me->file, me->end);

        return code == 0
                   ? TOOL_OK
                   : recording_failed(&me->from.job, "cut", me->path, code);
    }
    return TOOL_OK;
}

static int open_file(recorder *me)
{
    int code = sys_file_open(
        me->path, me->values->append ? SYS_FILE_APPEND : SYS_FILE_NEW,
        &me->file);

    if (code != 0) {
        me->file = WEFT_HANDLE_NONE;
        return recording_failed(&me->from.job, "record to", me->path, code);
    }
    me->is_new = !me->values->append;
    return me->is_new ? begin_file(me) : continue_file(me);
}

/* ------------------------------------------------------------ recording --- */

static int record(recorder *me)
{
    weft_publication message = {.data = NULL};
    bool enough = false;
    int exit_code = TOOL_OK;

    me->start_ns = weft_now_ns();
    while (exit_code == TOOL_OK && !enough &&
           subscription_next(&me->from, &message, idle, me, &exit_code) ==
               SUBSCRIPTION_MESSAGE) {
        exit_code = write_message(me, &message);
        enough = transfer_count(&me->from.job, message.bytes);
        if (exit_code == TOOL_OK) {
            exit_code = sync_when_due(me, false);
        }
    }
    if (!me->has_failed) {
        int stopped = write_stop(me);

        exit_code = exit_code == TOOL_OK ? stopped : exit_code;
    }
    return exit_code;
}

static int close_file(recorder *me)
{
    int code = sys_file_close(me->file);

    return code == 0 ? TOOL_OK
                     : recording_failed(&me->from.job, "close", me->path, code);
}

static int record_all(recorder *me)
{
    bool has_begun = false;
    int exit_code = open_file(me);
    int closed = TOOL_OK;

    if (exit_code == TOOL_OK) {
        exit_code = subscription_open(&me->from, &me->values->from, "record",
                                      me->topic);
    }
    if (exit_code == TOOL_OK) {
        has_begun = true;
        sys_hold_signals();
        me->from.is_held = true;
        exit_code = record(me);
    }
    if (me->file != WEFT_HANDLE_NONE) {
        closed = close_file(me);
    }
    if (me->is_new && !has_begun) {
        (void)remove(me->path);
    }
    return exit_code == TOOL_OK ? closed : exit_code;
}

int cmd_record(int argc, char **argv)
{
    static recorder me;
    record_values values = {.append = false};
    tool_operands operands;
    tool_json json;
    int exit_code;

    me.file = WEFT_HANDLE_NONE;
    if (!tool_parse(&syntax, argc, argv, &values, &operands, &exit_code)) {
        return exit_code;
    }
    me.values = &values;
    me.topic = operands.items[0];
    me.path = operands.items[1];
    transfer_begin(&me.from.job, &values.from.common, "record", me.topic,
                   "publisher");
    exit_code = record_all(&me);
    if (subscription_summary_begin(&me.from, exit_code, &json)) {
        tool_json_u64(&json, "kept", me.kept);
        tool_json_u64(&json, "file_bytes", me.end);
        tool_json_end(&json);
    }
    subscription_close(&me.from);
    if (me.from.is_held) {
        sys_release_signals();
    }
    return exit_code;
}
