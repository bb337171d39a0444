/* SPDX-License-Identifier: MIT
 *
 * weft echo - a service that answers each call with what it was called with.
 */
#include <string.h>

#include <weft/service.h>

#include "sys.h"
#include "transfer.h"

static const tool_option options[] = {
    {.name = "count",
     .letter = 'n',
     .kind = TOOL_COUNT,
     .offset = offsetof(transfer_values, count),
     .label = "N",
     .least = 1,
     .help = "end after N calls"},
    TRANSFER_ROWS,
};

static const tool_syntax syntax = {
    .command = "echo",
    .usage = "[options] NAME",
    .about = "Is the service NAME, and answers each call with what it was "
             "called with: to try\nclients with, and to measure.\n",
    .options = options,
    .option_count = TOOL_COUNT_OF(options),
    .operands_least = 1,
    .operands_most = 1,
};

static int open_service(transfer *job, weft_service **service)
{
    weft_service_options service_options = WEFT_SERVICE_OPTIONS_INIT;
    weft_detail detail = {WEFT_OK, 0, NULL};

    service_options.wait = (weft_wait)job->values->wait;
    return weft_service_open(job->name, &service_options, service, &detail) ==
                   WEFT_OK
               ? TOOL_OK
               : transfer_open_failed(job, "serve", &detail);
}

/* Waits in a way that a signal can end, see sys.h. */
static int wait_for_clients(transfer *job, const weft_service *service,
                            bool *interrupted)
{
    char text[128];
    int code = 0;

    progress_look(&job->bar, job->bytes);
    switch (sys_wait_handle(weft_service_handle(service), job->deadline_ns,
                            &code)) {
    case SYS_DEADLINE:
        return transfer_timed_out(job);
    case SYS_INTERRUPTED:
        *interrupted = true;
        return TOOL_FAILED;
    case SYS_ERROR:
        return transfer_failed(job, "cannot wait for a client: %s",
                               sys_error_text(code, text, sizeof(text)));
    case SYS_READY:
    case SYS_OTHER:
        break;
    }
    return TOOL_OK;
}

/* True: that was the last one. */
static bool answer(transfer *job, weft_service *service,
                   const weft_request *request)
{
    weft_message message = {.data = (void *)(uintptr_t)request->data,
                            .bytes = request->bytes};

    if (request->kind != WEFT_REQUEST_CALL) {
        return false;
    }
    /* A client that has gone, or takes no answers, is its own affair. */
    (void)weft_service_reply(service, request->client, request->call, WEFT_OK,
                             0, &message);
    return transfer_count(job, request->bytes);
}

static int serve(transfer *job, weft_service *service, bool *interrupted)
{
    int exit_code = TOOL_OK;
    bool enough = false;

    while (exit_code == TOOL_OK && !enough) {
        weft_detail detail = {WEFT_OK, 0, NULL};
        weft_request request;
        char text[256];

        switch (weft_service_next(service, &request, WEFT_NOW, &detail)) {
        case WEFT_OK:
            enough = answer(job, service, &request);
            break;
        case WEFT_EAGAIN:
            exit_code = wait_for_clients(job, service, interrupted);
            break;
        default:
            weft_detail_text(&detail, text, sizeof(text));
            exit_code =
                transfer_failed(job, "cannot serve '%s': %s", job->name, text);
            break;
        }
    }
    return exit_code;
}

int cmd_echo(int argc, char **argv)
{
    transfer_values values = {0};
    transfer job;
    tool_operands operands;
    weft_service *service = NULL;
    bool interrupted = false;
    int exit_code;

    if (!tool_parse(&syntax, argc, argv, &values, &operands, &exit_code)) {
        return exit_code;
    }
    transfer_begin(&job, &values, "echo", operands.items[0], "client");
    sys_hold_signals();
    exit_code = open_service(&job, &service);
    if (exit_code == TOOL_OK) {
        transfer_start(&job, 0);
        exit_code = serve(&job, service, &interrupted);
    }
    transfer_summary(&job, exit_code);
    weft_service_close(&service);
    sys_release_signals();
    return interrupted ? transfer_failed(&job, "interrupted") : exit_code;
}
