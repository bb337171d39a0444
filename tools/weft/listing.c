/* SPDX-License-Identifier: MIT
 *
 * Messages are gathered in stdout's buffer, which goes out as soon as no
 * further message is waiting.
 */
#include <errno.h>
#include <string.h>

#include "listing.h"
#include "sys.h"

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

int listing_run(subscription *me, int exit_code)
{
    tool_json json;

    if (exit_code == TOOL_OK) {
        exit_code = receive_all(me);
    }
    if (subscription_summary_begin(me, exit_code, &json)) {
        tool_json_end(&json);
    }
    subscription_close(me);
    if (ferror(stdout)) {
        sys_abandon(exit_code); /* it was said why; main() would say it again */
    }
    return exit_code;
}
