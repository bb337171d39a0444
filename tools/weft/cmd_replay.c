/* SPDX-License-Identifier: MIT
 *
 * weft replay - publishes what weft record has kept, at the times at which it
 * came, or checks a recording.
 *
 * What is damaged is told and passed over, and makes the exit code 1 though
 * the rest is published. Who subscribes sees an ordinary topic.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "publication.h"
#include "recording.h"
#include "sys.h"

#define SPEED_MOST 1e6

/* Behind the last sum that a uint64_t of nanoseconds can take. */
#define NS_LIMIT 1.8e19

typedef struct replay_values {
    publication_values to;
    double speed; /* 0: as fast as possible */
    uint64_t from_ns;
    uint64_t to_ns;
    uint64_t skip;
    bool check;
} replay_values;

static const char *take_speed(void *place, const char *argument)
{
    double *speed = place;
    char *end;

    if (strcmp(argument, "max") == 0) {
        *speed = 0;
        return NULL;
    }
    *speed = strtod(argument, &end);
    return *argument >= '0' && *argument <= '9' && *end == '\0' && *speed > 0 &&
                   *speed <= SPEED_MOST
               ? NULL
               : "is not a speed (such as 1, 0.5, 10 or max)";
}

static const tool_option options[] = {
    {.name = "check",
     .kind = TOOL_FLAG,
     .offset = offsetof(replay_values, check),
     .help = "publish nothing; check all of FILE, and print what is in it"},
    {.name = "speed",
     .kind = TOOL_CALL,
     .offset = offsetof(replay_values, speed),
     .label = "X",
     .call = take_speed,
     .help = "X times as fast as it was recorded; max: without any pause"},
    {.name = "from",
     .kind = TOOL_DURATION,
     .offset = offsetof(replay_values, from_ns),
     .label = "D",
     .help = "begin D after the beginning of the recording"},
    {.name = "to",
     .kind = TOOL_DURATION,
     .offset = offsetof(replay_values, to_ns),
     .label = "D",
     .least = 1,
     .help = "end D after the beginning of the recording"},
    {.name = "skip",
     .kind = TOOL_COUNT,
     .offset = offsetof(replay_values, skip),
     .label = "N",
     .help = "leave the first N messages out"},
    {.name = "count",
     .letter = 'n',
     .kind = TOOL_COUNT,
     .offset = offsetof(transfer_values, count),
     .label = "N",
     .least = 1,
     .help = "end after N messages"},
    PUBLICATION_ROWS,
    TRANSFER_TIMEOUT_ROW,
    {.name = "json",
     .kind = TOOL_FLAG,
     .offset = offsetof(transfer_values, json),
     .help = "print statistics on stderr at the end, or the result of "
             "'--check', as a JSON object"},
    TRANSFER_QUIET_ROW,
};

static const tool_syntax syntax = {
    .command = "replay",
    .usage = "[options] FILE [TOPIC]",
    .about = "Publishes the messages that 'weft record' has kept in FILE, on "
             "TOPIC or the one\nthat they came from, at the times at which "
             "they came.\n",
    .options = options,
    .option_count = TOOL_COUNT_OF(options),
    .operands_least = 1,
    .operands_most = 2,
};

typedef struct player {
    publication to;
    const replay_values *values;
    recording from;
    uint64_t start_ns; /* the clock at the time below */
    uint64_t time_ns;  /* of the first message that is published */
    uint64_t skipped;
    bool has_started;
} player;

static int open_file(player *me, const char *path)
{
    transfer *job = &me->to.job;
    int code = sys_file_open(path, SYS_FILE_READ, &me->from.file);

    me->from.job = job;
    me->from.path = path;
    return code == 0 ? recording_open(&me->from)
                     : recording_failed(job, "open", path, code);
}

/* --------------------------------------------------------------- replay --- */

/* Waits until a message is due. */
static int wait_for_time(player *me, uint64_t time_ns)
{
    transfer *job = &me->to.job;
    uint64_t since_ns = time_ns > me->time_ns ? time_ns - me->time_ns : 0;
    double wait_ns =
        me->values->speed > 0 ? (double)since_ns / me->values->speed : 0;
    uint64_t due_ns;
    sys_event event = SYS_DEADLINE;
    char text[128];
    int code = 0;

    due_ns = wait_ns < NS_LIMIT - (double)me->start_ns
                 ? me->start_ns + (uint64_t)wait_ns
                 : WEFT_FOREVER;
    if (weft_now_ns() >= due_ns) {
        return TOOL_OK;
    }
    progress_look(&job->bar, job->bytes);
    sys_hold_signals();
    event = sys_wait_handle(
        WEFT_HANDLE_NONE, due_ns < job->deadline_ns ? due_ns : job->deadline_ns,
        &code);
    if (event == SYS_INTERRUPTED) {
        (void)transfer_failed(job, "interrupted");
    }
    sys_release_signals();
    if (event == SYS_ERROR) {
        return transfer_failed(job, "cannot wait: %s",
                               sys_error_text(code, text, sizeof(text)));
    }
    return weft_now_ns() < due_ns ? transfer_timed_out(job) : TOOL_OK;
}

/* Is this message to be published? */
static bool is_chosen(player *me, const record_frame *frame)
{
    if (frame->kind != RECORD_MESSAGE || frame->time_ns < me->values->from_ns) {
        return false;
    }
    if (me->skipped < me->values->skip) {
        me->skipped++;
        return false;
    }
    return true;
}

static int publish(player *me, const record_frame *frame)
{
    int exit_code;

    if (!me->has_started) {
        me->has_started = true;
        me->start_ns = weft_now_ns();
        me->time_ns = frame->time_ns;
    }
    exit_code = wait_for_time(me, frame->time_ns);
    return exit_code == TOOL_OK
               ? publication_send(&me->to, frame->data, frame->bytes)
               : exit_code;
}

static int publish_all(player *me)
{
    const replay_values *values = me->values;
    record_frame frame;
    bool enough = false;
    int exit_code = TOOL_OK;

    transfer_start(&me->to.job, 0);
    while (exit_code == TOOL_OK && !enough &&
           recording_next(&me->from, &frame, &exit_code)) {
        if (values->to_ns != 0 && frame.time_ns > values->to_ns) {
            break;
        }
        if (is_chosen(me, &frame)) {
            exit_code = publish(me, &frame);
            enough = exit_code == TOOL_OK &&
                     transfer_count(&me->to.job, frame.bytes);
        }
    }
    return exit_code;
}

static int replay(player *me, const char *topic)
{
    int exit_code;

    if (topic == NULL) {
        topic = me->from.reader.header.topic;
    }
    if (*topic == '\0') {
        return transfer_failed(&me->to.job,
                               "'%s' does not say its topic: name one",
                               me->from.path);
    }
    exit_code = publication_open(&me->to, &me->values->to, "replay", topic);
    if (exit_code == TOOL_OK) {
        exit_code = publish_all(me);
    }
    publication_end(&me->to, exit_code);
    return exit_code;
}

/* ---------------------------------------------------------------- check --- */

static double duration_s(const recording *from)
{
    return from->messages > 0 ? (double)(from->last_ns - from->first_ns) / 1e9
                              : 0;
}

static void print_text(const recording *from)
{
    const record_header *header = &from->reader.header;
    time_t begun = (time_t)(header->base_unix_ns / 1000000000);
    const struct tm *utc = gmtime(&begun);
    char topic[RECORD_TOPIC_MAX + 1];
    char text[64] = "?";

    snprintf(topic, sizeof(topic), "%s", header->topic);
    tool_clean(topic);
    if (utc != NULL) {
        (void)strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S UTC", utc);
    }
    printf("topic     %s\n", topic);
    printf("begun     %s\n", text);
    printf("duration  %.3f s\n", duration_s(from));
    printf("messages  %" PRIu64 "\n", from->messages);
    tool_format_bytes((double)from->bytes, text, sizeof(text));
    printf("data      %s\n", text);
    printf("lost      %" PRIu64 " in %" PRIu64 " gaps\n", from->lost,
           from->gaps);
    printf("damage    %" PRIu64 " bytes in %" PRIu64 " places\n",
           from->damaged_bytes, from->damages);
    printf("torn      %" PRIu64 " bytes at the end\n", from->torn_bytes);
}

static void print_object(const recording *from)
{
    tool_json json;

    tool_json_begin(&json, stdout);
    tool_json_text(&json, "command", "replay");
    tool_json_text(&json, "file", from->path);
    tool_json_text(&json, "topic", from->reader.header.topic);
    tool_json_bool(&json, "whole", recording_is_whole(from));
    tool_json_u64(&json, "begun_unix_ns", from->reader.header.base_unix_ns);
    tool_json_u64(&json, "first_ns", from->first_ns);
    tool_json_u64(&json, "last_ns", from->last_ns);
    tool_json_u64(&json, "messages", from->messages);
    tool_json_u64(&json, "bytes", from->bytes);
    tool_json_u64(&json, "lost", from->lost);
    tool_json_u64(&json, "gaps", from->gaps);
    tool_json_u64(&json, "damages", from->damages);
    tool_json_u64(&json, "damaged_bytes", from->damaged_bytes);
    tool_json_u64(&json, "torn_bytes", from->torn_bytes);
    tool_json_end(&json);
}

static int check(player *me)
{
    record_frame frame;
    int exit_code = TOOL_OK;

    while (recording_next(&me->from, &frame, &exit_code)) {
    }
    if (exit_code != TOOL_OK) {
        return exit_code;
    }
    if (me->values->to.common.json) {
        print_object(&me->from);
    } else {
        print_text(&me->from);
    }
    return TOOL_OK;
}

int cmd_replay(int argc, char **argv)
{
    static player me;
    replay_values values = {.speed = 1};
    tool_operands operands;
    int exit_code;

    if (!tool_parse(&syntax, argc, argv, &values, &operands, &exit_code)) {
        return exit_code;
    }
    me.values = &values;
    transfer_begin(&me.to.job, &values.to.common, "replay", operands.items[0],
                   "subscriber");
    exit_code = open_file(&me, operands.items[0]);
    if (exit_code != TOOL_OK) {
        return exit_code;
    }
    exit_code =
        values.check
            ? check(&me)
            : replay(&me, operands.count > 1 ? operands.items[1] : NULL);
    record_close(&me.from.reader);
    (void)sys_file_close(me.from.file);
    return exit_code == TOOL_OK && !recording_is_whole(&me.from) ? TOOL_FAILED
                                                                 : exit_code;
}
