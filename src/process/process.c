/* SPDX-License-Identifier: MIT
 *
 * The host's side of a program that runs under a helper.
 *
 * Each program has a socket of its own to the helper. What the helper says on
 * it is read in the calls that wait: nothing is between the program's end and
 * the host but the kernel.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../ipc/handshake.h"
#include "../os/run.h"
#include "spec.h"

struct weft_process {
    uint64_t token; /* of the process that started it */
    weft_handle socket;
    weft_handle ended; /* ready at the end; WEFTOS_NONE: the socket tells */
    int64_t pid;
    weft_channel *channel;
    const struct wefti_run_report *shared; /* the helper's, read only */
    size_t shared_bytes;
    struct wefti_run_report report; /* a copy; valid once it has ended */
    bool has_ended;
};

/* ------------------------------------------------------------- messages --- */

static weft_status say(weft_handle socket, uint32_t type, int64_t number,
                       uint32_t flags)
{
    struct wefti_run_message message = {.magic = WEFTI_RUN_MAGIC,
                                        .type = type,
                                        .number = number,
                                        .flags = flags};

    return weftos_socket_send(socket, &message, sizeof(message), NULL, 0, NULL);
}

/*
 * Hears one message of the helper's; `carried`, which may be NULL, has room for
 * the handles in it, and for WEFTOS_NONE where there is none. WEFT_EPEERDIED:
 * the helper has hung up.
 */
static weft_status hear(weft_handle socket, uint64_t deadline_ns,
                        struct wefti_run_message *message, weft_handle *carried,
                        weft_detail *detail)
{
    weftos_received received = {.handle_count = 0};
    weft_status status;

    for (;;) {
        status = weftos_socket_recv(socket, &received, detail);
        if (status != WEFT_EAGAIN || deadline_ns == WEFT_NOW) {
            break;
        }
        status = weftos_socket_wait(socket, false, WEFTOS_NONE, deadline_ns,
                                    false, detail);
        if (status != WEFT_OK && status != WEFT_EAGAIN) {
            break;
        }
    }
    if (status != WEFT_OK) {
        return status == WEFT_ECLOSED ? WEFT_EPEERDIED : status;
    }
    weftos_close(received.process);
    for (size_t i = 0; i < received.handle_count; i++) {
        if (carried != NULL && i < WEFTI_RUN_CARRIED) {
            carried[i] = received.handles[i];
        } else {
            weftos_close(received.handles[i]);
        }
    }
    if (received.bytes != sizeof(*message)) {
        return wefti_fail(detail, WEFT_EPROTO, "understand the helper");
    }
    memcpy(message, received.data, sizeof(*message));
    message->text[sizeof(message->text) - 1] = '\0';
    return message->magic == WEFTI_RUN_MAGIC
               ? WEFT_OK
               : wefti_fail(detail, WEFT_EPROTO, "understand the helper");
}

/* ---------------------------------------------------------------- start --- */

static weft_status start_helper(weft_process_spec *spec, weft_detail *detail)
{
    weft_handle ends[2] = {WEFTOS_NONE, WEFTOS_NONE};
    weft_status status;

    if (spec->helper != WEFTOS_NONE) {
        return WEFT_OK;
    }
    status = weftos_socket_pair(ends, detail);
    if (status != WEFT_OK) {
        return status;
    }
    status = weftos_helper_start(spec->helper_path, spec->forks_helper, ends[1],
                                 detail);
    weftos_close(ends[1]);
    if (status != WEFT_OK) {
        weftos_close(ends[0]);
        return status;
    }
    spec->helper = ends[0];
    return WEFT_OK;
}

/* What goes with a start; all are copies, or made for it. */
struct cargo {
    weft_handle handles[WEFTI_RUN_HANDLES];
    weft_handle socket; /* our end of the program's own */
    weft_handle ended;
    const void *request;
    size_t request_bytes;
    weft_channel *channel;
};

static void drop_cargo(struct cargo *cargo)
{
    for (unsigned i = 0; i < WEFTI_RUN_HANDLES; i++) {
        weftos_close(cargo->handles[i]);
        cargo->handles[i] = WEFTOS_NONE;
    }
    weftos_shm_unmap(cargo->request, cargo->request_bytes);
    cargo->request = NULL;
}

static weft_status pack_streams(const weft_process_spec *spec,
                                struct cargo *cargo, weft_detail *detail)
{
    weft_status status = WEFT_OK;

    for (unsigned i = 0; i < 3 && status == WEFT_OK; i++) {
        weft_handle *copy = &cargo->handles[WEFTI_RUN_INPUT + i];

        if (spec->streams[i].stream == WEFT_STREAM_HANDLE) {
            status = weftos_handle_copy(spec->streams[i].handle, copy, detail);
        } else if (spec->streams[i].stream == WEFT_STREAM_INHERIT) {
            status = weftos_stream_copy(i, copy, detail);
            if (status == WEFT_ENOENT) {
                status = WEFT_OK; /* it is closed here: nothing to read */
            }
        }
    }
    return status;
}

/* The caller's handles first: a number that is closed must not be ours. */
static weft_status pack(const weft_process_spec *spec, char *const *arguments,
                        struct cargo *cargo, weft_detail *detail)
{
    weft_handle ends[2] = {WEFTOS_NONE, WEFTOS_NONE};
    weft_status status =
        arguments != NULL ? pack_streams(spec, cargo, detail) : WEFT_OK;

    if (status == WEFT_OK) {
        status = wefti_request_create(
            spec, arguments, &cargo->handles[WEFTI_RUN_REQUEST],
            &cargo->request, &cargo->request_bytes, detail);
    }
    if (status == WEFT_OK) {
        status = weftos_socket_pair(ends, detail);
        cargo->socket = ends[0];
        cargo->handles[WEFTI_RUN_SOCKET] = ends[1];
    }
    if (status == WEFT_OK) {
        status = weftos_directory_open(
            spec->directory != NULL ? spec->directory : ".",
            &cargo->handles[WEFTI_RUN_DIRECTORY], detail);
    }
    if (status == WEFT_OK && spec->has_channel && arguments != NULL) {
        status = weft_channel_pair(&spec->channel, &cargo->channel,
                                   &cargo->handles[WEFTI_RUN_CHANNEL], detail);
    }
    return status;
}

/* Hands it all to the helper, which may be slow to take it. */
static weft_status ship(weft_process_spec *spec, const struct cargo *cargo,
                        weft_detail *detail)
{
    struct wefti_run_message message = {.magic = WEFTI_RUN_MAGIC,
                                        .type = WEFTI_RUN_START,
                                        .bytes = cargo->request_bytes};
    weft_handle handles[WEFTI_RUN_HANDLES];
    size_t count = 0;
    weft_status status;

    for (unsigned i = 0; i < WEFTI_RUN_HANDLES; i++) {
        if (cargo->handles[i] != WEFTOS_NONE) {
            message.flags |= 1u << i;
            handles[count++] = cargo->handles[i];
        }
    }
    for (;;) {
        status = weftos_socket_send(spec->helper, &message, sizeof(message),
                                    handles, count, detail);
        if (status != WEFT_EAGAIN) {
            return status;
        }
        status = weftos_socket_wait(spec->helper, true, WEFTOS_NONE,
                                    WEFT_FOREVER, false, detail);
        if (status != WEFT_OK) {
            return status;
        }
    }
}

/* The helper's words go into the spec, for who wants to read them. */
static weft_status refuse(weft_process_spec *spec,
                          const struct wefti_run_message *message,
                          weft_detail *detail)
{
    weft_status status = (weft_status)message->number;

    memcpy(spec->refusal, message->text, sizeof(spec->refusal));
    if (status >= WEFT_OK || status < WEFT_ENOTRECOVERABLE) {
        status = WEFT_EPROTO;
    }
    if (detail != NULL) {
        *detail = (weft_detail){status, message->code,
                                message->flags != 0 ? "execute the program"
                                                    : "run a program"};
    }
    return status;
}

/* Sends the request and hears the answer; `*report` is mapped on success. */
static weft_status request_start(weft_process_spec *spec, struct cargo *cargo,
                                 struct wefti_run_message *answer,
                                 const void **report, weft_detail *detail)
{
    weft_handle carried[WEFTI_RUN_CARRIED] = {WEFTOS_NONE, WEFTOS_NONE};
    weft_status status = ship(spec, cargo, detail);

    /*
     * The helper has them. Who holds the other end of the program's socket
     * can't hear it hang up; the rest can wait until the program runs.
     */
    weftos_close(cargo->handles[WEFTI_RUN_SOCKET]);
    cargo->handles[WEFTI_RUN_SOCKET] = WEFTOS_NONE;
    if (status == WEFT_OK) {
        status = hear(cargo->socket, WEFT_FOREVER, answer, carried, detail);
    }
    drop_cargo(cargo);
    if (status == WEFT_ECLOSED || status == WEFT_EPEERDIED) {
        status = wefti_fail(detail, WEFT_EPEERDIED, "hear of the helper");
        weftos_close(spec->helper); /* the next start has another one */
        spec->helper = WEFTOS_NONE;
    }
    if (status == WEFT_OK && answer->type == WEFTI_RUN_REFUSED) {
        status = refuse(spec, answer, detail);
    } else if (status == WEFT_OK &&
               (answer->type != WEFTI_RUN_STARTED ||
                answer->bytes < sizeof(struct wefti_run_report) ||
                answer->bytes > SIZE_MAX)) {
        status = wefti_fail(detail, WEFT_EPROTO, "understand the helper");
    }
    if (status == WEFT_OK) {
        status = weftos_shm_attach(carried[0], (size_t)answer->bytes, report,
                                   detail);
    }
    weftos_close(carried[0]);
    cargo->ended = carried[1];
    return status;
}

/* Both a start and a probe, which has no arguments. */
static weft_status run(weft_process_spec *spec, char *const *arguments,
                       weft_process *process, weft_detail *detail)
{
    struct wefti_run_message answer = {0};
    struct cargo cargo = {.socket = WEFTOS_NONE, .ended = WEFTOS_NONE};
    const void *report = NULL;
    weft_status status;

    for (unsigned i = 0; i < WEFTI_RUN_HANDLES; i++) {
        cargo.handles[i] = WEFTOS_NONE;
    }
    spec->refusal[0] = '\0';
    status = start_helper(spec, detail);
    if (status == WEFT_OK) {
        status = pack(spec, arguments, &cargo, detail);
    }
    if (status == WEFT_OK) {
        status = request_start(spec, &cargo, &answer, &report, detail);
    }
    if (status != WEFT_OK) {
        drop_cargo(&cargo);
        weftos_close(cargo.socket);
        weftos_close(cargo.ended);
        weft_channel_close(&cargo.channel);
        return status;
    }
    process->socket = cargo.socket;
    process->ended = cargo.ended;
    process->channel = cargo.channel;
    process->pid = answer.number;
    process->shared = report;
    process->shared_bytes = (size_t)answer.bytes;
    return WEFT_OK;
}

static void take_report(weft_process *process)
{
    struct wefti_run_report *report = &process->report;

    memcpy(report, process->shared, sizeof(*report));
    if (report->row_count > WEFT_FENCE_COUNT) {
        report->row_count = WEFT_FENCE_COUNT;
    }
    report->evidence[sizeof(report->evidence) - 1] = '\0';
    report->cpu_method[sizeof(report->cpu_method) - 1] = '\0';
    report->memory_metric[sizeof(report->memory_metric) - 1] = '\0';
}

weft_status weft_process_start(weft_process_spec *spec, char *const *arguments,
                               weft_process **out, weft_detail *detail)
{
    weft_process *process;
    weft_status status;

    if (out != NULL) {
        *out = NULL;
    }
    if (spec == NULL || out == NULL || arguments == NULL ||
        arguments[0] == NULL || arguments[0][0] == '\0') {
        return wefti_fail(detail, WEFT_EINVAL, "start a program");
    }
    if (spec->token != weftos_process_token()) {
        return wefti_fail(detail, WEFT_EFORKED, "start a program");
    }
    process = calloc(1, sizeof(*process));
    if (process == NULL) {
        return wefti_fail(detail, WEFT_ENOMEM, "start a program");
    }
    status = run(spec, arguments, process, detail);
    if (status != WEFT_OK) {
        free(process);
        return status;
    }
    process->token = spec->token;
    take_report(process);
    *out = process;
    return WEFT_OK;
}

weft_status weft_process_spec_probe(weft_process_spec *spec,
                                    weft_enforcement *rows, size_t room,
                                    weft_detail *detail)
{
    weft_process probe = {.socket = WEFTOS_NONE, .ended = WEFTOS_NONE};
    weft_status status;

    if (spec == NULL || rows == NULL || room < WEFT_FENCE_COUNT) {
        return wefti_fail(detail, WEFT_EINVAL, "probe");
    }
    if (spec->token != weftos_process_token()) {
        return wefti_fail(detail, WEFT_EFORKED, "probe");
    }
    status = run(spec, NULL, &probe, detail);
    if (status != WEFT_OK) {
        return status;
    }
    take_report(&probe);
    memcpy(rows, probe.report.rows, sizeof(probe.report.rows));
    weftos_shm_unmap(probe.shared, probe.shared_bytes);
    weftos_close(probe.socket);
    weftos_close(probe.ended);
    return WEFT_OK;
}

/* -------------------------------------------------------------- queries --- */

int64_t weft_process_pid(const weft_process *process)
{
    return process != NULL ? process->pid : 0;
}

weft_channel *weft_process_channel(const weft_process *process)
{
    return process != NULL ? process->channel : NULL;
}

weft_channel *weft_process_take_channel(weft_process *process)
{
    weft_channel *channel = weft_process_channel(process);

    if (channel != NULL) {
        process->channel = NULL;
    }
    return channel;
}

weft_handle weft_process_handle(const weft_process *process)
{
    if (process == NULL) {
        return WEFT_HANDLE_NONE;
    }
    return process->ended != WEFTOS_NONE ? process->ended : process->socket;
}

const weft_enforcement *weft_process_enforcement(const weft_process *process,
                                                 size_t *count)
{
    if (count != NULL) {
        *count = process != NULL ? process->report.row_count : 0;
    }
    return process != NULL ? process->report.rows : NULL;
}

static weft_status check_process(const weft_process *process)
{
    if (process == NULL) {
        return WEFT_EINVAL;
    }
    return process->token == weftos_process_token() ? WEFT_OK : WEFT_EFORKED;
}

/*
 * The end, as the helper or its death tells it. What stays unknown then is
 * said to be: the tree's processes are the kernel's to kill.
 */
static void end(weft_process *process, bool is_lost)
{
    if (is_lost) {
        take_report(process);
        process->report.reason = WEFT_REASON_LOST;
        process->report.exited = 0;
        process->report.exit_code = -1;
        process->report.survivors = -1;
        process->report.evidence_bytes = (uint32_t)snprintf(
            process->report.evidence, sizeof(process->report.evidence),
            "the helper hung up before the end\n");
    } else {
        take_report(process);
    }
    process->has_ended = true;
}

/*
 * Hears what the helper says until it is `type`, or the end. WEFT_ENOENT: the
 * tree has ended.
 */
static weft_status await(weft_process *process, uint32_t type,
                         uint64_t deadline_ns)
{
    struct wefti_run_message message = {0};
    weft_status status;

    while (!process->has_ended) {
        status = hear(process->socket, deadline_ns, &message, NULL, NULL);
        if (status == WEFT_EPEERDIED || status == WEFT_EPROTO) {
            end(process, true);
        } else if (status != WEFT_OK) {
            return status;
        } else if (message.type == WEFTI_RUN_ENDED) {
            end(process, false);
        } else if (message.type == type) {
            return WEFT_OK;
        }
    }
    return WEFT_ENOENT;
}

/* Says something of a tree that has not ended, as far as is known. */
static weft_status tell(weft_process *process, uint32_t type, int64_t number,
                        uint32_t flags)
{
    weft_status status = check_process(process);

    if (status != WEFT_OK) {
        return status;
    }
    status = await(process, 0, WEFT_NOW);
    if (status != WEFT_EAGAIN) {
        return status;
    }
    status = say(process->socket, type, number, flags);
    return status == WEFT_ECLOSED ? WEFT_ENOENT : status;
}

static void take_usage(const struct wefti_run_report *report, weft_usage *usage,
                       size_t size)
{
    weft_usage found = report->usage;

    found.size = size;
    found.cpu_method = report->cpu_method;
    found.memory_metric = report->memory_metric;
    memcpy(usage, &found, size);
}

weft_status weft_process_usage(weft_process *process, weft_usage *usage)
{
    weft_status status;

    if (usage == NULL || usage->size < sizeof(usage->size) ||
        usage->size > sizeof(*usage)) {
        return WEFT_EINVAL;
    }
    status = tell(process, WEFTI_RUN_ASK_USAGE, 0, 0);
    if (status == WEFT_OK) {
        status = await(process, WEFTI_RUN_USAGE, WEFT_FOREVER);
    }
    if (status != WEFT_OK) {
        return status;
    }
    take_report(process);
    take_usage(&process->report, usage, usage->size);
    return WEFT_OK;
}

weft_status weft_process_signal(weft_process *process, int number,
                                bool whole_tree)
{
    if (number <= 0 || number > 64) {
        return WEFT_EINVAL;
    }
    if (!weftos_signal_is_known(number)) {
        return WEFT_ENOTSUP;
    }
    return tell(process, WEFTI_RUN_SIGNAL, number, whole_tree ? 1 : 0);
}

weft_status weft_process_kill(weft_process *process)
{
    return tell(process, WEFTI_RUN_KILL, 0, 0);
}

weft_status weft_process_wait(weft_process *process, uint64_t deadline_ns,
                              weft_process_result *result)
{
    weft_status status = check_process(process);
    weft_process_result found;

    if (status != WEFT_OK) {
        return status;
    }
    if (result == NULL || result->size < sizeof(result->size) ||
        result->size > sizeof(*result)) {
        return WEFT_EINVAL;
    }
    status = await(process, 0, deadline_ns);
    if (status != WEFT_ENOENT) {
        return status;
    }
    found = (weft_process_result){
        .size = result->size,
        .reason = (weft_reason)process->report.reason,
        .exited = process->report.exited != 0,
        .exit_code = process->report.exit_code,
        .signal_number = process->report.signal_number,
        .dumped_core = process->report.dumped_core != 0,
        .was_killed = process->report.was_killed != 0,
        .exceeded = process->report.exceeded,
        .survivors = process->report.survivors,
        .enforcement_count = process->report.row_count,
        .enforcement = process->report.rows,
        .evidence = process->report.evidence,
    };
    take_usage(&process->report, &found.usage, sizeof(found.usage));
    memcpy(result, &found, result->size);
    return WEFT_OK;
}

void weft_process_close(weft_process **process_)
{
    weft_process *process;

    if (process_ == NULL || *process_ == NULL) {
        return;
    }
    process = *process_;
    if (check_process(process) == WEFT_OK && !process->has_ended) {
        while (weft_process_kill(process) == WEFT_EAGAIN &&
               weftos_socket_wait(process->socket, true, WEFTOS_NONE,
                                  WEFT_FOREVER, false, NULL) == WEFT_OK) {
        }
        (void)await(process, 0, WEFT_FOREVER);
    }
    weft_channel_close(&process->channel);
    weftos_shm_unmap(process->shared, process->shared_bytes);
    weftos_close(process->socket);
    weftos_close(process->ended);
    free(process);
    *process_ = NULL;
}
