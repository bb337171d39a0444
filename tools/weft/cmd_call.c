/* SPDX-License-Identifier: MIT
 *
 * weft call - makes one call to a service and writes the answer to stdout.
 *
 * The request is the second operand, or all of standard input. An answer that
 * comes as a stream is written as it comes.
 */
#include <stdlib.h>
#include <string.h>

#include <weft/service.h>

#include "sys.h"
#include "transfer.h"

/* Standard input is read in pieces of this size at least. */
#define PIECE_BYTES ((size_t)64 * 1024)

enum { CALL_ONE_WAY = 1 };

static const tool_option options[] = {
    {.name = "one-way",
     .kind = TOOL_SET,
     .offset = offsetof(transfer_values, mode),
     .value = CALL_ONE_WAY,
     .help = "send a message that wants no answer"},
    {.name = "wait",
     .letter = 'w',
     .kind = TOOL_FLAG,
     .offset = offsetof(transfer_values, await),
     .help = "wait for the service to appear"},
    TRANSFER_ROWS,
};

static const tool_syntax syntax = {
    .command = "call",
    .usage = "[options] NAME [DATA]",
    .about = "Calls the service NAME with DATA, or with all of standard input, "
             "and writes\nits answer to standard output, byte for byte.\n",
    .options = options,
    .option_count = TOOL_COUNT_OF(options),
    .operands_least = 1,
    .operands_most = 2,
};

/* A call under way. */
typedef struct caller {
    transfer job;
    weft_client *client;
    char *request;
    size_t bytes;
} caller;

static int open_client(caller *me)
{
    transfer *job = &me->job;
    weft_channel_options channel_options = WEFT_CHANNEL_OPTIONS_INIT;
    weft_detail detail = {WEFT_OK, 0, NULL};

    channel_options.wait = (weft_wait)job->values->wait;
    channel_options.flags = job->values->await ? WEFT_CHANNEL_AWAIT_NAME : 0;
    return weft_client_open(job->name, &channel_options, job->deadline_ns,
                            &me->client, &detail) == WEFT_OK
               ? TOOL_OK
               : transfer_open_failed(job, "call", &detail);
}

/* -------------------------------------------------------------- request --- */

static int input_failed(caller *me, int code)
{
    char text[128];

    return transfer_failed(&me->job, "cannot read stdin: %s",
                           sys_error_text(code, text, sizeof(text)));
}

static int make_room(caller *me, size_t *room)
{
    char *larger;

    if (*room - me->bytes >= PIECE_BYTES) {
        return TOOL_OK;
    }
    if (me->bytes > WEFT_MESSAGE_MAX) {
        return transfer_failed(&me->job, "the request is longer than 1 GiB");
    }
    *room = *room == 0 ? 2 * PIECE_BYTES : 2 * *room;
    larger = realloc(me->request, *room);
    if (larger == NULL) {
        return transfer_failed(&me->job, "out of memory for the request");
    }
    me->request = larger;
    return TOOL_OK;
}

static int wait_input(caller *me)
{
    int code = 0;

    switch (sys_wait_input(WEFT_HANDLE_NONE, me->job.deadline_ns, &code)) {
    case SYS_DEADLINE:
        return transfer_timed_out(&me->job);
    case SYS_ERROR:
        return input_failed(me, code);
    case SYS_READY:
    case SYS_OTHER:
    case SYS_INTERRUPTED:
        break;
    }
    return TOOL_OK;
}

static int read_request(caller *me)
{
    size_t room = 0;
    size_t bytes = 1;

    while (bytes != 0) {
        int exit_code = make_room(me, &room);
        int code;

        if (exit_code == TOOL_OK) {
            exit_code = wait_input(me);
        }
        if (exit_code != TOOL_OK) {
            return exit_code;
        }
        code = sys_read(me->request + me->bytes, room - me->bytes, &bytes);
        if (code != 0) {
            return input_failed(me, code);
        }
        me->bytes += bytes;
    }
    return TOOL_OK;
}

/* ---------------------------------------------------------------- answer ---
 */

static int call_failed(caller *me, weft_status status)
{
    transfer *job = &me->job;
    weft_detail detail = {WEFT_OK, 0, NULL};
    char text[256];

    switch (status) {
    case WEFT_ETIMEDOUT:
        return transfer_timed_out(job);
    case WEFT_ECLOSED:
        return transfer_failed(job,
                               "the service '%s' closed before it "
                               "answered",
                               job->name);
    case WEFT_EPEERDIED:
        return transfer_failed(job, "the service '%s' died before it answered",
                               job->name);
    case WEFT_EMSGSIZE:
        return transfer_failed(job,
                               "the service '%s' takes no request of %zu "
                               "bytes",
                               job->name, me->bytes);
    default:
        weft_client_detail(me->client, &detail);
        detail.operation = detail.status == status ? detail.operation : "call";
        detail.os_code = detail.status == status ? detail.os_code : 0;
        detail.status = status;
        weft_detail_text(&detail, text, sizeof(text));
        return transfer_failed(job, "cannot call '%s': %s", job->name, text);
    }
}

static int write_answer(caller *me, const weft_reply *reply)
{
    char text[128];
    size_t written;
    int code =
        sys_write(reply->data, reply->bytes, me->job.deadline_ns, &written);

    if (code == SYS_TIMED_OUT) {
        return transfer_timed_out(&me->job);
    }
    return code == 0
               ? TOOL_OK
               : transfer_failed(&me->job, "cannot write to stdout: %s",
                                 sys_error_text(code, text, sizeof(text)));
}

/* Writes what has come, and what follows of a stream. */
static int take_answer(caller *me, weft_reply *reply)
{
    transfer *job = &me->job;

    for (;;) {
        uint64_t call = reply->call;
        int exit_code = write_answer(me, reply);
        weft_status status = WEFT_OK;

        (void)transfer_count(job, reply->bytes);
        if (exit_code != TOOL_OK) {
            return exit_code;
        }
        if (reply->status != WEFT_OK) {
            return transfer_failed(job, "the service '%s' answered: %s",
                                   job->name, weft_status_text(reply->status));
        }
        if ((reply->flags & WEFT_REPLY_MORE) == 0) {
            return TOOL_OK;
        }
        do {
            status = weft_client_next(me->client, reply, job->deadline_ns);
        } while (status == WEFT_OK && reply->call != call);
        if (status != WEFT_OK) {
            return call_failed(me, status);
        }
    }
}

static int send_one_way(caller *me)
{
    weft_message message = {.data = me->request, .bytes = me->bytes};
    weft_status status =
        weft_client_send(me->client, &message, me->job.deadline_ns);

    return status == WEFT_OK ? TOOL_OK : call_failed(me, status);
}

static int call(caller *me)
{
    weft_reply reply;
    weft_status status;

    if (me->job.values->mode == CALL_ONE_WAY) {
        return send_one_way(me);
    }
    status = weft_client_call(me->client, me->request, me->bytes, &reply,
                              me->job.deadline_ns);
    return status == WEFT_OK ? take_answer(me, &reply)
                             : call_failed(me, status);
}

int cmd_call(int argc, char **argv)
{
    transfer_values values = {0};
    caller me = {.client = NULL};
    tool_operands operands;
    bool is_given;
    int exit_code;

    if (!tool_parse(&syntax, argc, argv, &values, &operands, &exit_code)) {
        return exit_code;
    }
    is_given = operands.count > 1;
    transfer_begin(&me.job, &values, "call", operands.items[0], "service");
    exit_code = open_client(&me);
    transfer_start(&me.job, 0);
    if (exit_code == TOOL_OK && is_given) {
        me.request = operands.items[1];
        me.bytes = strlen(operands.items[1]);
    } else if (exit_code == TOOL_OK) {
        exit_code = read_request(&me);
    }
    if (exit_code == TOOL_OK) {
        exit_code = call(&me);
    }
    transfer_summary(&me.job, exit_code);
    weft_client_close(&me.client);
    if (!is_given) {
        free(me.request);
    }
    return exit_code;
}
