/* SPDX-License-Identifier: MIT
 *
 * weft pub - publishes standard input on a topic: a message for each line, for
 * each NUL-terminated record, or for each block.
 *
 * The newline is no part of a message: it says where one ends, as the topic
 * does by itself. If the command fails or is interrupted it leaves the topic
 * without closing it, so no subscriber can take what it got for the whole.
 */
#include "records.h"
#include "sys.h"
#include "transfer.h"

/* Standard input is read in pieces of this size at least. */
#define PIECE_BYTES ((size_t)64 * 1024)

/* How often --wait-for looks. */
#define LOOK_NS UINT64_C(5000000)

typedef struct pub_values {
    transfer_values common;
    uint64_t size_bytes;
    uint64_t wait_for;
    uint64_t cut_off_ns;
} pub_values;

static const tool_option options[] = {
    {.name = "lines",
     .kind = TOOL_SET,
     .offset = offsetof(transfer_values, mode),
     .value = TRANSFER_LINES,
     .help = "publish each line, without its newline (default)"},
    {.name = "null",
     .letter = '0',
     .kind = TOOL_SET,
     .offset = offsetof(transfer_values, mode),
     .value = TRANSFER_NULL,
     .help = "publish what NUL bytes end, instead of lines"},
    {.name = "size",
     .letter = 's',
     .kind = TOOL_SIZE,
     .offset = offsetof(pub_values, size_bytes),
     .label = "SIZE",
     .least = 1,
     .most = WEFT_MESSAGE_MAX,
     .help = "publish blocks of this size, instead of lines"},
    {.name = "count",
     .letter = 'n',
     .kind = TOOL_COUNT,
     .offset = offsetof(transfer_values, count),
     .label = "N",
     .least = 1,
     .help = "end after N messages"},
    {.name = "wait-for",
     .kind = TOOL_COUNT,
     .offset = offsetof(pub_values, wait_for),
     .label = "N",
     .least = 1,
     .most = UINT32_MAX,
     .help = "publish nothing until there are N subscribers"},
    {.name = "cut-off",
     .kind = TOOL_DURATION,
     .offset = offsetof(pub_values, cut_off_ns),
     .label = "D",
     .least = 1,
     .help = "let go of a reliable subscriber that keeps the publisher "
             "waiting for so long (default: wait for it)"},
    {.name = "ring",
     .kind = TOOL_SIZE,
     .offset = offsetof(transfer_values, ring_bytes),
     .label = "SIZE",
     .least = 16 * 1024,
     .most = WEFT_MESSAGE_MAX,
     .power_of_two = true,
     .help = "the ring, a power of two (default 1M); a message has less than "
             "half of it"},
    TRANSFER_TIMEOUT_ROW,
    TRANSFER_JSON_ROW,
    TRANSFER_QUIET_ROW,
};

static const tool_syntax syntax = {
    .command = "pub",
    .usage = "[options] TOPIC",
    .about = "Publishes each line of standard input on TOPIC, for all who "
             "subscribe to it.\nWho comes later gets what is published from "
             "then on.\n",
    .options = options,
    .option_count = TOOL_COUNT_OF(options),
    .operands_least = 1,
    .operands_most = 1,
};

/* A topic and what is published on it. */
typedef struct pub {
    transfer job;
    const pub_values *values;
    weft_publisher *publisher;
    records input;
    bool regular; /* input is a regular file, which never makes us wait */
} pub;

static int open_publisher(pub *me)
{
    transfer *job = &me->job;
    weft_publisher_options publisher_options = WEFT_PUBLISHER_OPTIONS_INIT;
    weft_detail detail = {WEFT_OK, 0, NULL};

    publisher_options.ring_bytes = (size_t)job->values->ring_bytes;
    publisher_options.cut_off_ns = me->values->cut_off_ns;
    return weft_publisher_open(job->name, &publisher_options, &me->publisher,
                               &detail) == WEFT_OK
               ? TOOL_OK
               : transfer_open_failed(job, "publish on", &detail);
}

/*
 * A publisher is not told that somebody has come, as it has no need to know;
 * so this looks, while nothing else is going on.
 */
static int wait_for_subscribers(pub *me, bool *interrupted)
{
    transfer *job = &me->job;
    weft_publisher_stats stats = {.size = sizeof(stats)};

    for (;;) {
        uint64_t look_ns = weft_after_ns(LOOK_NS);
        char text[128];
        int code = 0;
        sys_event event;

        if (weft_publisher_get_stats(me->publisher, &stats) == WEFT_OK &&
            stats.subscribers >= me->values->wait_for) {
            return TOOL_OK;
        }
        if (weft_now_ns() >= job->deadline_ns) {
            return transfer_timed_out(job);
        }
        event = sys_wait_handle(WEFT_HANDLE_NONE, look_ns, &code);
        if (event == SYS_INTERRUPTED) {
            *interrupted = true;
            return TOOL_FAILED;
        }
        if (event == SYS_ERROR) {
            return transfer_failed(job, "cannot wait for subscribers: %s",
                                   sys_error_text(code, text, sizeof(text)));
        }
    }
}

/* Takes the name, which is given back if a signal comes before the stream. */
static int begin(pub *me)
{
    bool interrupted = false;
    int exit_code;

    sys_hold_signals();
    exit_code = open_publisher(me);
    if (exit_code == TOOL_OK) {
        exit_code = wait_for_subscribers(me, &interrupted);
    }
    if (exit_code != TOOL_OK) {
        weft_publisher_close(&me->publisher);
    }
    sys_release_signals();
    return interrupted ? transfer_failed(&me->job, "interrupted") : exit_code;
}

/* ---------------------------------------------------------------- input --- */

static int wait_input(pub *me)
{
    transfer *job = &me->job;
    char text[128];
    int code = 0;
    sys_event event;

    if (me->regular) {
        return TOOL_OK;
    }
    progress_look(&job->bar, job->bytes);
    event = sys_wait_input(WEFT_HANDLE_NONE, job->deadline_ns, &code);
    if (event == SYS_DEADLINE) {
        return transfer_timed_out(job);
    }
    return event != SYS_ERROR
               ? TOOL_OK
               : transfer_failed(job, "cannot read stdin: %s",
                                 sys_error_text(code, text, sizeof(text)));
}

static int read_input(pub *me)
{
    char text[192];
    const char *why;
    int exit_code = wait_input(me);

    if (exit_code != TOOL_OK) {
        return exit_code;
    }
    why = records_read(&me->input, text, sizeof(text));
    return why == NULL ? TOOL_OK : transfer_failed(&me->job, "%s", why);
}

static int publish(pub *me, const char *data, size_t bytes)
{
    transfer *job = &me->job;
    weft_status status =
        weft_publisher_send(me->publisher, data, bytes, job->deadline_ns);

    switch (status) {
    case WEFT_OK:
        return TOOL_OK;
    case WEFT_ETIMEDOUT:
        return transfer_timed_out(job);
    case WEFT_EMSGSIZE:
        return transfer_failed(
            job, "a message of %zu bytes: the ring takes %zu; see '--ring'",
            bytes, weft_publisher_message_max(me->publisher));
    default:
        return transfer_failed(job, "cannot publish on '%s': %s", job->name,
                               weft_status_text(status));
    }
}

static int publish_all(pub *me)
{
    bool enough = false;
    int exit_code = TOOL_OK;

    while (exit_code == TOOL_OK && !enough) {
        const char *data;
        size_t bytes;

        if (records_next(&me->input, &data, &bytes)) {
            exit_code = publish(me, data, bytes);
            enough = exit_code == TOOL_OK && transfer_count(&me->job, bytes);
        } else if (me->input.at_end) {
            break;
        } else {
            exit_code = read_input(me);
        }
    }
    return exit_code;
}

static void open_input(pub *me)
{
    const pub_values *values = me->values;
    uint64_t total_bytes = 0;

    me->regular = sys_input_left(&total_bytes);
    me->input.block = PIECE_BYTES;
    me->input.delimiter = values->common.mode == TRANSFER_NULL ? '\0' : '\n';
    if (values->size_bytes != 0) {
        me->input.delimiter = RECORDS_OF_BLOCK;
        me->input.block = (size_t)values->size_bytes;
    }
    transfer_start(&me->job, total_bytes);
}

static void summarise(pub *me, int exit_code)
{
    weft_publisher_stats stats = {.size = sizeof(stats)};
    tool_json json;

    if (!transfer_summary_begin(&me->job, exit_code, &json)) {
        return;
    }
    if (me->publisher != NULL &&
        weft_publisher_get_stats(me->publisher, &stats) == WEFT_OK) {
        tool_json_u64(&json, "subscribers", stats.subscribers);
        tool_json_u64(&json, "cut_off", stats.cut_off);
        tool_json_u64(&json, "full", stats.full);
        tool_json_u64(&json, "wakes", stats.wakes);
    }
    tool_json_end(&json);
}

int cmd_pub(int argc, char **argv)
{
    pub_values values = {.wait_for = 0};
    pub me = {.values = &values};
    tool_operands operands;
    int exit_code;

    if (!tool_parse(&syntax, argc, argv, &values, &operands, &exit_code)) {
        return exit_code;
    }
    if (values.size_bytes != 0 && values.common.mode != 0) {
        return tool_usage_error("pub",
                                "options '--size' and '--%s' exclude "
                                "each other",
                                values.common.mode == TRANSFER_NULL ? "null"
                                                                    : "lines");
    }
    transfer_begin(&me.job, &values.common, "pub", operands.items[0],
                   "subscriber");
    exit_code = begin(&me);
    if (exit_code == TOOL_OK) {
        open_input(&me);
        exit_code = publish_all(&me);
    }
    summarise(&me, exit_code);
    records_free(&me.input);
    if (exit_code != TOOL_OK) {
        sys_abandon(exit_code);
    }
    weft_publisher_close(&me.publisher);
    return exit_code;
}
