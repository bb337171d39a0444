/* SPDX-License-Identifier: MIT
 *
 * weft sub - subscribes to a topic and writes its messages to stdout.
 *
 * Messages are gathered in stdout's buffer, which goes out as soon as no
 * further message is waiting.
 */
#include <errno.h>
#include <string.h>

#include "subscription.h"
#include "sys.h"

static const tool_option options[] = {
    {.name = "lines",
     .kind = TOOL_SET,
     .offset = offsetof(transfer_values, mode),
     .value = TRANSFER_LINES,
     .help = "write a newline after each message (default)"},
    {.name = "null",
     .letter = '0',
     .kind = TOOL_SET,
     .offset = offsetof(transfer_values, mode),
     .value = TRANSFER_NULL,
     .help = "write a NUL byte after each message"},
    {.name = "raw",
     .kind = TOOL_SET,
     .offset = offsetof(transfer_values, mode),
     .value = TRANSFER_RAW,
     .help = "write nothing between messages"},
    {.name = "json",
     .kind = TOOL_FLAG,
     .offset = offsetof(transfer_values, json),
     .help = "write each message as a JSON object on a line; statistics on "
             "stderr at the end, as another"},
    SUBSCRIPTION_ROWS,
    TRANSFER_TIMEOUT_ROW,
    TRANSFER_QUIET_ROW,
};

static const tool_syntax syntax = {
    .command = "sub",
    .usage = "[options] TOPIC",
    .about = "Subscribes to TOPIC and writes each message to standard output, "
             "as a line.\nEnds when the last publisher ends. It never slows a "
             "publisher down, and tells\nhow many messages it lost, unless "
             "it is to get all of them: '--reliable'.\n",
    .options = options,
    .option_count = TOOL_COUNT_OF(options),
    .operands_least = 1,
    .operands_most = 1,
};

static int write_failed(subscription *me)
{
    return transfer_failed(&me->job, "cannot write to stdout: %s",
                           strerror(errno));
}

static int flush(void *context)
{
    return fflush(stdout) == 0 ? TOOL_OK : write_failed(context);
}

static void print_object(const weft_publication *message)
{
    tool_json json;

    tool_json_begin(&json, stdout);
    tool_json_u64(&json, "publisher", message->publisher);
    tool_json_u64(&json, "sequence", message->sequence);
    tool_json_u64(&json, "lost", message->lost);
    tool_json_u64(&json, "received_unix_ns", sys_unix_ns());
    tool_json_u64(&json, "bytes", message->bytes);
    tool_json_data(&json, message->data, message->bytes);
    tool_json_end(&json);
}

static int write_message(subscription *me, const weft_publication *message)
{
    const transfer_values *values = me->job.values;

    if (values->json) {
        print_object(message);
    } else {
        fwrite(message->data, 1, message->bytes, stdout);
        if (values->mode != TRANSFER_RAW) {
            fputc(values->mode == TRANSFER_NULL ? '\0' : '\n', stdout);
        }
    }
    return ferror(stdout) ? write_failed(me) : TOOL_OK;
}

static int receive_all(subscription *me)
{
    weft_publication message = {.data = NULL};
    bool enough = false;
    int exit_code = TOOL_OK;

    while (exit_code == TOOL_OK && !enough &&
           subscription_next(me, &message, flush, me, &exit_code) ==
               SUBSCRIPTION_MESSAGE) {
        exit_code = write_message(me, &message);
        enough =
            exit_code == TOOL_OK && transfer_count(&me->job, message.bytes);
    }
    if (!ferror(stdout) && fflush(stdout) != 0) {
        exit_code = write_failed(me);
    }
    return exit_code;
}

int cmd_sub(int argc, char **argv)
{
    subscription_values values = {.reliable = false};
    subscription me = {.subscriber = NULL};
    tool_operands operands;
    tool_json json;
    int exit_code;

    if (!tool_parse(&syntax, argc, argv, &values, &operands, &exit_code)) {
        return exit_code;
    }
    exit_code = subscription_open(&me, &values, "sub", operands.items[0]);
    if (exit_code == TOOL_OK) {
        exit_code = receive_all(&me);
    }
    if (subscription_summary_begin(&me, exit_code, &json)) {
        tool_json_end(&json);
    }
    subscription_close(&me);
    if (ferror(stdout)) {
        sys_abandon(exit_code); /* it was said why; main() would say it again */
    }
    return exit_code;
}
