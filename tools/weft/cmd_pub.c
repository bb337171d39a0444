/* SPDX-License-Identifier: MIT
 *
 * weft pub - publishes standard input on a topic: a message for each line, for
 * each NUL-terminated record, or for each block.
 *
 * The newline is no part of a message: it says where one ends, as the topic
 * does by itself. If the command fails or is interrupted it leaves the topic
 * without closing it, so no subscriber can take what it got for the whole.
 */
#include "publication.h"
#include "records.h"
#include "sys.h"

/* Standard input is read in pieces of this size at least. */
#define PIECE_BYTES ((size_t)64 * 1024)

typedef struct pub_values {
    publication_values to;
    uint64_t size_bytes;
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
    PUBLICATION_ROWS,
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
    publication to;
    records input;
    bool regular; /* input is a regular file, which never makes us wait */
} pub;

/* ---------------------------------------------------------------- input --- */

static int wait_input(pub *me)
{
    transfer *job = &me->to.job;
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
    return why == NULL ? TOOL_OK : transfer_failed(&me->to.job, "%s", why);
}

static int publish_all(pub *me)
{
    bool enough = false;
    int exit_code = TOOL_OK;

    while (exit_code == TOOL_OK && !enough) {
        const char *data;
        size_t bytes;

        if (records_next(&me->input, &data, &bytes)) {
            exit_code = publication_send(&me->to, data, bytes);
            enough = exit_code == TOOL_OK && transfer_count(&me->to.job, bytes);
        } else if (me->input.at_end) {
            break;
        } else {
            exit_code = read_input(me);
        }
    }
    return exit_code;
}

static void open_input(pub *me, const pub_values *values)
{
    uint64_t total_bytes = 0;

    me->regular = sys_input_left(&total_bytes);
    me->input.block = PIECE_BYTES;
    me->input.delimiter = values->to.common.mode == TRANSFER_NULL ? '\0' : '\n';
    if (values->size_bytes != 0) {
        me->input.delimiter = RECORDS_OF_BLOCK;
        me->input.block = (size_t)values->size_bytes;
    }
    transfer_start(&me->to.job, total_bytes);
}

int cmd_pub(int argc, char **argv)
{
    pub_values values = {.size_bytes = 0};
    const transfer_values *common = &values.to.common;
    pub me = {.regular = false};
    tool_operands operands;
    int exit_code;

    if (!tool_parse(&syntax, argc, argv, &values, &operands, &exit_code)) {
        return exit_code;
    }
    if (values.size_bytes != 0 && common->mode != 0) {
        return tool_usage_error(
            "pub", "options '--size' and '--%s' exclude each other",
            common->mode == TRANSFER_NULL ? "null" : "lines");
    }
    exit_code = publication_open(&me.to, &values.to, "pub", operands.items[0]);
    if (exit_code == TOOL_OK) {
        open_input(&me, &values);
        exit_code = publish_all(&me);
    }
    records_free(&me.input);
    publication_end(&me.to, exit_code);
    return exit_code;
}
